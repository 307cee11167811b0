"""Use-cases of directory entries (目录条目): check, apply, publish, revoke, list, show."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import entries as store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.audit import record, require, use_case
from exchange.connections import adopt_connection, require_source
from exchange.contracts import entry_from
from exchange.directory import write_dags_file
from exchange.entry_events import note
from exchange.entry_publication import put_in_force
from exchange.hub import Hub
from exchange.scope import Reach, reach_of, require_department, require_entry, unknown_entry
from exchange.search_words import refresh_words
from quality.plan import compile_plan
from schemas import contract
from schemas.contract import Contract, Problem
from schemas.contract.changes import changes
from schemas.entry import Entry
from schemas.errors import ContractError, InputError, StateError

_SHANGHAI = ZoneInfo("Asia/Shanghai")
STATE_NAMES = {
    State.DRAFT: "草稿",
    State.PENDING: "发布待审核",
    State.REJECTED: "发布已驳回",
    State.PUBLISHED: "已发布",
    State.REVOKE_PENDING: "撤销待审核",
    State.REVOKE_REJECTED: "撤销已驳回",
    State.REVOKED: "已撤销",
    State.DELETED: "已删除",
}


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry with its newest version."""

    dataset: str
    code: str | None
    title: str
    state: int
    state_name: str
    version: int
    contract_version: str
    published_version: int | None
    publish_date: date | None
    provider_name: str
    provider_code: str
    update_cycle: str
    schedule: str | None
    connection: str | None
    changes: Sequence[dict[str, Any]] = ()
    items: Sequence[dict[str, Any]] = field(default=())
    text: str | None = None


def check(text: str, name: str) -> list[Problem]:
    """Lists everything wrong or doubtful in a contract, with its lines; changes nothing."""
    found = contract.problems(text, name)
    if any(problem.severity == "error" for problem in found):
        return found
    try:
        compile_plan(entry_from(text, name))
    except ContractError as error:
        found.append(Problem(1, 1, "quality", error.code, error.got, error.allowed, error.next_step))
    return found


@use_case("entry.apply")
def apply(hub: Hub, actor: Actor, text: str, name: str, *, publish: bool = False) -> EntryView:
    """Registers a contract or its new version; `publish` puts it in force. The same text again changes nothing."""
    loaded = contract.load(text, name)
    entry = loaded.entry
    if publish:
        require(hub, actor, "entry.publish", entry.dataset)
    require_department(hub, actor, "entry.apply", entry.provider_code, entry.dataset)
    require_entry(hub, actor, "entry.apply", entry.dataset)
    plan = compile_plan(entry)
    require_source(entry, hub, actor, "entry.apply")
    with hub.transaction() as connection:
        stored = _registered(hub, connection, actor, entry)
        adopt_connection(connection, actor, entry)
        version = _version(hub, actor, connection, stored, loaded)
        record(connection, hub, actor, "entry.apply", entry.dataset, detail={"version": version.number})
        if publish and version.state != State.PUBLISHED:
            code = put_in_force(hub, connection, stored, loaded, version, plan)
            detail = {"version": version.number}
            states = (version.state, State.PUBLISHED)
            number = version.number
            note(connection, hub, actor, dataset=entry.dataset, version=number, command="publish", states=states)
            record(connection, hub, actor, "entry.publish", entry.dataset, entry_code=code, detail=detail)
    if publish:
        write_dags_file(hub)
    return _shown(hub, actor, entry.dataset)


def _registered(hub: Hub, connection: Connection, actor: Actor, entry: Entry) -> StoredEntry:
    """Returns the entry's record, made when it is new, and locked. Only the local administrator renames departments."""
    now = hub.clock.now()
    known = {each.code for each in departments.list_all(connection)}
    if "administrator" in actor.roles or entry.provider_code not in known:
        departments.save(connection, entry.provider_code, entry.provider_name, now)
    store.insert_entry(connection, entry.dataset, entry.title, entry.provider_code, now)
    stored = store.find_locked(connection, entry.dataset)
    assert stored is not None  # noqa: S101 - inserted above
    if stored.state in (State.REVOKED, State.DELETED):
        name = STATE_NAMES[State(stored.state)]
        raise StateError(
            f"目录条目 {entry.dataset} {name}",
            f"{name[1:]}后的条目不能再登记",
            "请换一个数据集名称登记新条目",
            code="ENTRY_REVOKED",
        )
    return stored


def _version(hub: Hub, actor: Actor, connection: Connection, stored: StoredEntry, loaded: Contract) -> EntryVersion:
    """Returns the version with this text: the newest one when it is the same, a mended draft, or a new version."""
    latest = store.latest_version(connection, stored.dataset)
    if latest is not None and latest.contract == loaded.text:
        return latest
    _refuse_under_review(stored, latest)
    now = hub.clock.now()
    found = _changes(connection, stored, loaded)
    if latest is not None and latest.state in (State.DRAFT, State.REJECTED):
        mended: dict[str, Any] = {"contract": loaded.text, "contract_version": loaded.entry.version}
        store.update_version(connection, stored.dataset, latest.number, **mended, changes=found, state=State.DRAFT)
        number, states = latest.number, (latest.state, State.DRAFT)
    else:
        number, states = store.count_versions(connection, stored.dataset) + 1, (stored.state, State.DRAFT)
        values = (stored.dataset, number, loaded.entry.version, loaded.text, State.DRAFT, None, None, found)
        store.add_version(connection, EntryVersion(*values, actor.name, now, None))
    if stored.published_version is None:
        title, provider = loaded.entry.title, loaded.entry.provider_code
        store.update_entry(
            connection, stored.dataset, title=title, provider_code=provider, state=State.DRAFT, updated_at=now
        )
    command = "edit" if latest is not None and latest.number == number else "draft"
    note(connection, hub, actor, dataset=stored.dataset, version=number, command=command, states=states)
    refresh_words(connection, stored.dataset)
    version = store.find_version(connection, stored.dataset, number)
    assert version is not None  # noqa: S101 - written above
    return version


def _refuse_under_review(stored: StoredEntry, latest: EntryVersion | None) -> None:
    if stored.state == State.REVOKE_PENDING or (latest is not None and latest.state == State.PENDING):
        name = STATE_NAMES[State.REVOKE_PENDING if stored.state == State.REVOKE_PENDING else State.PENDING]
        step = "请等待审核结果，或先撤回再修改"
        raise StateError(f"目录条目 {stored.dataset} {name}", "审核期间不能修改", step, code="ENTRY_UNDER_REVIEW")


def _changes(connection: Connection, stored: StoredEntry, loaded: Contract) -> list[dict[str, Any]]:
    """Lists what changed against the version in force."""
    if stored.published_version is None:
        return []
    published = store.find_version(connection, stored.dataset, stored.published_version)
    before = entry_from(published.contract, stored.dataset) if published else None
    return [_change(change) for change in changes(before, loaded.entry)] if before else []


def _change(change: Any) -> dict[str, Any]:
    facts = {"place": change.place, "compatible": change.compatible, "says": change.says}
    return facts | {"before": _brief(change.before), "after": _brief(change.after)}


def _brief(value: Any) -> str | None:
    """Writes a value of a change in short; what has an inner structure is only said to have changed."""
    if isinstance(value, list | tuple):
        return "、".join(str(each) for each in value)[:200]
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value)[:200] if isinstance(value, str | int | float) else None


@use_case("entry.revoke")
def revoke(hub: Hub, actor: Actor, dataset: str, reason: str) -> EntryView:
    """Revokes an entry (撤销): its data stays, its syncs stop, its code is never used again."""
    if not reason.strip():
        raise InputError("没有写明撤销理由", "撤销必须写明理由", "请写明理由", code="REASON")
    with hub.transaction() as connection:
        stored = store.find_locked(connection, dataset)
        if stored is None:
            raise unknown_entry(connection, dataset)
        if stored.state != State.PUBLISHED:
            raise StateError(f"目录条目 {dataset} 没有发布", "只有已发布的条目可以撤销", "", code="ENTRY_NOT_PUBLISHED")
        store.update_entry(connection, dataset, state=State.REVOKED, updated_at=hub.clock.now())
        version = stored.published_version or 1
        states = (stored.state, State.REVOKED)
        note(connection, hub, actor, dataset=dataset, version=version, command="revoke", states=states, opinion=reason)
        record(connection, hub, actor, "entry.revoke", dataset, entry_code=stored.code, detail={"reason": reason})
    write_dags_file(hub)
    return _shown(hub, actor, dataset)


@use_case("entry.list")
def list_entries(hub: Hub, actor: Actor) -> list[EntryView]:
    """Lists the entries that the actor may see: its own in every state, the published ones of all."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        seen = [each for each in store.list_all(connection) if each.state != State.DELETED and reach.sees(each)]
        found = [view_of(connection, stored, reach) for stored in seen]
        record(connection, hub, actor, "entry.list", None, row_count=len(found))
    return found


@use_case("entry.show")
def show_entry(hub: Hub, actor: Actor, code: str) -> EntryView:
    """Shows an entry by resource code or dataset name, with its items and its text; raises NotFound."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "entry.show", code[:80])
    return _shown(hub, actor, code, whole=True)


def _shown(hub: Hub, actor: Actor, code: str, *, whole: bool = False) -> EntryView:
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, code)
        return view_of(connection, stored, reach_of(connection, actor), whole=whole)


def seen_entry(connection: Connection, actor: Actor, code: str) -> StoredEntry:
    """Returns an entry, by code or dataset name, that the actor may see; raises NotFound, also for one it may not."""
    stored = store.find(connection, code) or store.find_by_code(connection, code)
    if stored is None or not reach_of(connection, actor).sees(stored):
        raise unknown_entry(connection, code)
    return stored


def view_of(connection: Connection, stored: StoredEntry, reach: Reach, *, whole: bool = False) -> EntryView:
    """Shows an entry: its newest version to its own people, the version in force, without its source, to others."""
    inside = reach.covers(stored.provider_code)
    version = store.latest_version(connection, stored.dataset)
    if not inside and stored.published_version is not None:
        version = store.find_version(connection, stored.dataset, stored.published_version)
    assert version is not None  # noqa: S101 - an entry is registered with its first version
    entry = entry_from(version.contract, stored.dataset)
    state = State(stored.state)
    return EntryView(
        dataset=stored.dataset,
        code=stored.code,
        title=entry.title,
        state=int(state),
        state_name=STATE_NAMES[state],
        version=version.number,
        contract_version=version.contract_version,
        published_version=stored.published_version,
        publish_date=stored.publish_date,
        provider_name=entry.provider_name,
        provider_code=entry.provider_code,
        update_cycle=entry.update_cycle,
        schedule=entry.schedule,
        connection=entry.attachment.connection if entry.attachment and inside else None,
        changes=tuple(dict(change) for change in version.changes) if inside else (),
        items=tuple(_item(item, inside=inside) for item in entry.items) if whole else (),
        text=version.contract if whole and inside else None,
    )


def _item(item: Any, *, inside: bool) -> dict[str, Any]:
    names = ("name", "title", "source", "type", "kind", "length", "required", "code_set", "level", "identifying")
    subject = asdict(item.subject) if item.subject else None
    facts = {name: getattr(item, name) for name in names} | {"subject": subject}
    return facts if inside else facts | {"source": None}


def moment_of(text: str) -> datetime:
    """Reads a moment a user wrote; one without a zone is Beijing time."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=_SHANGHAI)
