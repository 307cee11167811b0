"""One step of an entry's life: lock it, check the table, write state, event and task. Use-cases are in lifecycle.py."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from catalog.stores import accounts
from catalog.stores import entries as store
from catalog.stores import entry_events as event_store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.entries import STATE_NAMES
from exchange.entry_events import note
from exchange.hub import Hub
from exchange.lifecycle_table import COMMANDS, OF_ENTRY, STAGE_NAMES, STATES, Command, Stage
from exchange.scope import unknown_entry
from exchange.tasks import due_in, open_task
from schemas.errors import Denied, InputError, StateError

_LONGEST_OPINION = 1000
#: Kinds of the tasks that an entry's life opens.
REVIEWS = ("entry_registration", "entry_publication")
_FOLLOWING = {
    "entry_registration": ("dept_reviewer", "部门审核", "REVIEW_DEPARTMENT"),
    "entry_publication": ("data_admin", "发布审核", "REVIEW_AUTHORITY"),
    "entry_revise": ("editor", "", ""),
    "entry_revocation": ("data_admin", "撤销审核", "REVIEW_AUTHORITY"),
    "entry_kept": ("editor", "撤销已驳回，请确认继续提供", ""),
}
#: What ends when an entry's content is in force.
ALL_KINDS = (*_FOLLOWING, "directory_update", "extension_review")


@dataclass(frozen=True, slots=True)
class Moved:
    """Where an entry stands after a command."""

    dataset: str
    version: int
    code: str | None
    state: int
    state_name: str
    stage: str
    stage_name: str


@dataclass(frozen=True, slots=True)
class Case:
    """An entry under the hand of a command: locked, with the version that the command is about."""

    stored: StoredEntry
    version: EntryVersion
    stage: Stage
    command: Command
    opinion: str

    @property
    def link(self) -> str:
        """Returns the entry's page."""
        return f"/entries/{self.stored.dataset}"


def stage_of(connection: Connection, stored: StoredEntry, version: EntryVersion) -> Stage:
    """Returns the stage of an entry's newest version; of the entry where it is about to end or has ended."""
    whole = {
        State.REVOKE_PENDING: Stage.REVOKE_PENDING,
        State.REVOKED: Stage.REVOKED,
        State.DELETED: Stage.DELETED,
    }
    if stored.state in whole:
        return whole[State(stored.state)]
    if version.state == State.PENDING:
        return _step(connection, version)
    if version.state == State.PUBLISHED:
        return Stage.REVOKE_REJECTED if stored.state == State.REVOKE_REJECTED else Stage.PUBLISHED
    return Stage.REJECTED if version.state == State.REJECTED else Stage.DRAFT


def _step(connection: Connection, version: EntryVersion) -> Stage:
    """Says at which step of review a version is, by the newest event about it."""
    of_version = [e for e in event_store.history(connection, version.dataset) if e.version == version.number]
    endorsed = bool(of_version) and of_version[-1].command == "endorse"
    return Stage.PUBLICATION if endorsed else Stage.REGISTRATION


def open_case(connection: Connection, actor: Actor, name: str, dataset: str, opinion: str) -> Case:
    """Locks the entry and checks that the command is possible now; raises NotFound, StateError, InputError."""
    stored = store.find_locked(connection, dataset)
    version = store.latest_version(connection, dataset)
    if stored is None or version is None:
        raise unknown_entry(connection, dataset)
    command, stage = COMMANDS[name], stage_of(connection, stored, version)
    if name in OF_ENTRY and stored.state in (State.PUBLISHED, State.REVOKE_REJECTED):
        _refuse_change_under_review(stored, version)
        stage = Stage.PUBLISHED if stored.state == State.PUBLISHED else Stage.REVOKE_REJECTED
    fits = command.of_change in (None, stored.published_version is not None)
    if stage not in command.sources or not fits:
        allowed = "、".join(STAGE_NAMES[each] for each in Stage if each in command.sources)
        only = {None: "", True: "，且曾经发布", False: "，且从未发布"}[command.of_change]
        now = f"目录条目 {dataset} 现为“{STAGE_NAMES[stage]}”，不能{command.title}"
        raise StateError(now, f"{command.title}只适用于：{allowed}{only}", "请刷新页面，按现状办理", code="ENTRY_STATE")
    words = opinion.strip()
    if command.reason and not words:
        raise InputError(f"没有写明理由，不能{command.title}", "须写明理由", "请写明理由", code="REASON")
    if len(words) > _LONGEST_OPINION:
        raise InputError(f"意见长{len(words)}字", f"不超过{_LONGEST_OPINION}字", "请缩短", code="OPINION")
    return Case(stored, version, stage, command, words)


def _refuse_change_under_review(stored: StoredEntry, version: EntryVersion) -> None:
    if version.state == State.PENDING:
        got = f"目录条目 {stored.dataset} 的变更正在审核"
        raise StateError(got, "变更审核期间不能办理撤销", "请先撤回变更", code="ENTRY_UNDER_REVIEW")


def move(connection: Connection, hub: Hub, actor: Actor, case: Case) -> Moved:
    """Writes the states and the event of a command that only moves the entry along."""
    dataset, target = case.stored.dataset, STATES[case.command.target]
    now = hub.clock.now()
    never_published = case.stored.published_version is None
    if case.command.name in OF_ENTRY or (never_published and case.command.name != "approve"):
        store.update_entry(connection, dataset, state=target, updated_at=now)
    if case.command.name not in OF_ENTRY and case.command.name not in ("approve", "delete"):
        state = State.DELETED if case.command.name == "abandon" else target
        store.update_version(connection, dataset, case.version.number, state=state)
    return noted(connection, hub, actor, case)


def noted(connection: Connection, hub: Hub, actor: Actor, case: Case) -> Moved:
    """Writes the event of a command whose states are written."""
    target = case.command.target
    kept = case.command.name == "abandon"
    states = (STATES[case.stage], case.stored.state if kept else STATES[target])
    note(
        connection, hub, actor, dataset=case.stored.dataset, version=case.version.number, command=case.command.name,
        states=states, opinion=case.opinion,
    )  # fmt: skip
    after = store.find(connection, case.stored.dataset)
    code, state = (after.code, State(after.state)) if after else (None, STATES[target])
    names = (STATE_NAMES[state], target.value, STAGE_NAMES[target])
    return Moved(case.stored.dataset, case.version.number, code, int(state), *names)


def facts_of(case: Case) -> dict[str, Any]:
    """Returns what the audit event says of a command: ids and stages, never an opinion."""
    return {"entry_code": case.stored.code, "detail": {"version": case.version.number, "from": case.stage.value}}


def refuse_own(connection: Connection, actor: Actor, case: Case, commands: tuple[str, ...]) -> None:
    """Raises Denied when the actor took part in what is to be reviewed: each review is another person's."""
    history = event_store.history(connection, case.stored.dataset)
    current = [event for event in history if event.version == case.version.number]
    took_part = {event.actor for event in current if event.command in commands}
    if "edit" in commands:
        took_part.add(case.version.created_by)
    if actor.name in took_part or same_person(connection, actor, took_part):
        raise Denied(
            "不能审核本人编制、提交或已审核过的内容",
            "编制、部门审核、主管部门审核须由不同的人办理",
            "请由其他审核人员办理；同名的不同人员，请由部门管理员在姓名中加以区分",
            code="REVIEWER_IS_AUTHOR",
        )


def same_person(connection: Connection, actor: Actor, logins: set[str]) -> bool:
    """Says whether one of these accounts is the actor's under another login name.

    That is an account of the same name in the same department, or one that was closed when the person moved.
    """
    name = "".join(actor.title.split())
    others = (accounts.find_by_login(connection, login) for login in logins if name and actor.account)
    return any(
        "".join(other.name.split()) == name and (other.department_code == actor.department or not other.active)
        for other in others
        if other is not None
    )


def ask_for(connection: Connection, hub: Hub, case: Case, kind: str) -> None:
    """Opens the task that follows a command."""
    role, title, rule = _FOLLOWING[kind]
    open_task(
        connection, hub, kind=kind, title=f"{title or case.command.title}：{case.stored.title}", link=case.link,
        role=role, department=case.stored.provider_code, dataset=case.stored.dataset,
        due_on=due_in(hub, rule) if rule else None,
    )  # fmt: skip
