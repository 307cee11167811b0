"""Which grants bind (授权): one indexed query, asked anew each time, so that every revocation and freeze binds at once.

    found = in_force(connection, consumer, dataset, at, account=actor.account)
    if not found: raise no_grant(hub, connection, actor, dataset)

Grants are made in exchange/sharing/granting.py alone, by a step of an approved request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import datasets, departments, entries, share_holds
from catalog.stores import grants as store
from catalog.stores.grants import StoredGrant
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.scope import reach_of, unknown_entry
from exchange.sharing.freezes import is_frozen
from exchange.sharing.granting import end
from exchange.sharing.parties import require_request
from exchange.sharing.steps import MovedRequest, open_case, recorded, title_of
from exchange.sharing.table import COMMANDS, Stage
from exchange.tasks import open_task
from schemas.errors import Denied, HubError, InputError
from schemas.grants import ITEM_STATES, PURPOSES, WAYS, Grant, GrantedItem, Predicate, Quota, RowFilter
from schemas.sharing import Terms, read_terms

STATE_NAMES = {"active": "有效", "expired": "已到期", "revoked": "已收回", "given_back": "已交回"}
_SHORTEST_NOTICE = 10


def in_force(
    connection: Connection, consumer: str, dataset: str, at: datetime, *, account: str | None = None
) -> list[Grant]:
    """Lists the grants of a dataset to a department that bind at a moment, oldest first.

    None binds while the department, the dataset or the reader's account is frozen, or the current version recalled.
    """
    return [_grant(row) for row in store.in_force(connection, consumer, dataset, at, account)]


def _grant(row: Mapping[str, Any]) -> Grant:
    # Written out: this runs once a look-up, and the stored JSON was validated when the grant was made.
    terms = row["terms"]
    rows = terms["rows"]
    return Grant(
        number=row["number"],
        dataset=row["dataset"],
        consumer=row["consumer"],
        items=tuple(GrantedItem(**each | {"comparisons": tuple(each["comparisons"])}) for each in terms["items"]),
        rows=RowFilter(
            rows["region_item"],
            tuple(rows["region_prefixes"]),
            tuple(Predicate(each["item"], each["comparison"], tuple(each["values"])) for each in rows["predicates"]),
        ),
        purposes=tuple(terms["purposes"]),
        ways=tuple(terms["ways"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        quota=Quota(**terms["quota"]),
        minimum_rows=terms["minimum_rows"],
        entry_version=row["entry_version"],
        request=row["request"],
        provider_reviews_exports=terms.get("provider_reviews_exports", False),
    )


def emergency(connection: Connection, actor: Actor, dataset: str, at: datetime) -> Grant | None:
    """Returns the grant that a confirmed emergency opening is to the person who asked for it, while it lasts.

    What is frozen or recalled after the confirmation is not open any more.
    """
    opening = share_holds.opening_in_force(connection, actor.name, dataset, at)
    stored, held = entries.find(connection, dataset), datasets.find(connection, dataset)
    if is_frozen(connection, actor, dataset) or (
        held is not None and share_holds.is_recalled(connection, dataset, held.current_version)
    ):
        return None
    if opening is None or stored is None or stored.published_version is None:
        return None
    version = entries.find_version(connection, dataset, stored.published_version)
    assert version is not None and opening.confirmed_at is not None and opening.ends_at is not None  # noqa: S101
    items = entry_from(version.contract, dataset).items
    return Grant(
        number=opening.number, dataset=dataset, consumer=opening.department_code or "",
        items=tuple(GrantedItem(item.name, "plain") for item in items), rows=RowFilter(), purposes=("basis",),
        ways=("lookup", "query"), valid_from=opening.confirmed_at, valid_until=opening.ends_at,
        entry_version=stored.published_version,
    )  # fmt: skip


def no_grant(connection: Connection, actor: Actor, dataset: str) -> HubError:
    """Returns the refusal of a read without a grant: the entry code to apply for, where the reader may find it.

    On anything else the answer is the one for what is not there, so that it tells nothing.
    """
    stored = entries.find(connection, dataset) or entries.find_by_code(connection, dataset)
    if stored is None or stored.published_version is None or not reach_of(connection, actor).sees(stored):
        return unknown_entry(connection, dataset)
    return Denied(
        f"没有使用“{stored.title}”的有效授权",
        "按授权使用数据；授权到期、收回、冻结或数据召回后不能使用",
        f"请由本部门申请目录条目 {stored.code}",
        code="GRANT_NONE",
    )


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as both sides see it."""

    number: str
    request: str
    dataset: str
    entry_title: str
    entry_code: str | None
    consumer: str
    consumer_name: str
    provider: str
    provider_name: str
    state: str
    state_name: str
    frozen: bool
    items: Sequence[str]
    ways: Sequence[str]
    purposes: Sequence[str]
    valid_from: datetime
    valid_until: datetime
    last_day: date
    ended_at: datetime | None
    ended_reason: str | None


@use_case("grant.list")
def list_grants(hub: Hub, actor: Actor, side: str = "") -> list[GrantView]:
    """Lists the grants to and from the departments within reach; `side` is `consumer`, `provider` or both."""
    with hub.transaction() as connection:
        codes = codes_of(connection, actor)
        found = store.list_of(connection, codes)
        if codes is not None and side in ("consumer", "provider"):
            found = [each for each in found if getattr(each, side) in codes]
        shown = views_of(connection, hub, found)
        record(connection, hub, actor, "grant.list", None, row_count=len(shown))
    return shown


def codes_of(connection: Connection, actor: Actor) -> frozenset[str] | None:
    """Returns the departments within reach and the actor's own; None means all."""
    codes = reach_of(connection, actor).codes
    own = {actor.department} if actor.department else set()
    return None if codes is None else codes | own


def views_of(connection: Connection, hub: Hub, found: Sequence[StoredGrant]) -> list[GrantView]:
    """Shows grants; one that is past its last moment is shown as expired, also before the daily run has noted it."""
    names = {each.code: each.name for each in departments.list_all(connection)}
    frozen = {(each.kind, each.target) for each in share_holds.freezes(connection, open_only=True)}
    titles = {each.dataset: each for each in entries.list_all(connection)}
    words: dict[tuple[str, int], dict[str, str]] = {}
    shown = []
    for each in found:
        terms = read_terms(each.terms)
        over = each.state == "active" and each.valid_until <= hub.clock.now()
        state = "expired" if over else each.state
        stored = titles[each.dataset]
        key = (each.dataset, each.entry_version)
        if key not in words:
            words[key] = _item_titles(connection, *key)
        held = ("department", each.consumer) in frozen or ("dataset", each.dataset) in frozen
        shown.append(GrantView(
            number=each.number, request=each.request, dataset=each.dataset, entry_title=stored.title,
            entry_code=stored.code, consumer=each.consumer, consumer_name=names.get(each.consumer, each.consumer),
            provider=each.provider, provider_name=names.get(each.provider, each.provider), state=state,
            state_name=STATE_NAMES[state], frozen=held and state == "active", items=items_in_words(terms, words[key]),
            ways=[WAYS[way] for way in terms.ways], purposes=[PURPOSES[each] for each in terms.purposes],
            valid_from=each.valid_from, valid_until=each.valid_until, last_day=terms.ends, ended_at=each.ended_at,
            ended_reason=each.ended_reason,
        ))  # fmt: skip
    return shown


def _item_titles(connection: Connection, dataset: str, version: int) -> dict[str, str]:
    found = entries.find_version(connection, dataset, version)
    return {item.name: item.title for item in entry_from(found.contract, dataset).items} if found else {}


def items_in_words(terms: Terms, titles: Mapping[str, str]) -> list[str]:
    """Writes each item by its title, with its state."""
    return [f"{titles.get(item.name, item.name)}（{ITEM_STATES[item.state]}）" for item in terms.items]


@use_case("share.give_back")
def give_back(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Gives a grant back that is no longer needed."""
    return _ended(hub, actor, "give_back", number, opinion)


@use_case("share.revoke")
def revoke(hub: Hub, actor: Actor, number: str, opinion: str, notice: str) -> MovedRequest:
    """Revokes a grant for its provider, with the reason and what was agreed with the consumer (R-37)."""
    if len(notice.strip()) < _SHORTEST_NOTICE:
        raise InputError(
            "没有写明与需求部门协商的情况",
            f"提供部门不得擅自停止共享，须先与需求部门协商，不少于{_SHORTEST_NOTICE}字",
            "请写明协商的时间和结果",
            code="REVOKE_NOTICE",
        )
    said = opinion.strip()
    return _ended(hub, actor, "revoke", number, f"{said}（协商情况：{notice.strip()}）" if said else "")


@use_case("share.revoke_by_authority")
def revoke_by_authority(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Revokes a grant for the authority, with the reason."""
    return _ended(hub, actor, "revoke_by_authority", number, opinion)


def _ended(hub: Hub, actor: Actor, name: str, number: str, opinion: str) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        moved = end(connection, hub, actor, case, Stage.REVOKED)
        if name == "revoke":  # filed with the authority
            title = f"提供部门收回授权备案：{title_of(connection, moved)}"
            open_task(connection, hub, kind="notice", title=title, link=f"/sharing/requests/{number}",
                      role="data_admin", department=moved.provider)  # fmt: skip
        return recorded(connection, hub, actor, case, moved)
