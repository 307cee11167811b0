"""Whether a call may go out: grant, purpose, quota, circuit, rate, calls under way. Every refusal is in the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from catalog.stores import interface_calls, keyed_calls
from catalog.stores import interfaces as store
from catalog.stores.interfaces import StoredInterface
from exchange.access import Actor
from exchange.audit import record, request_digest
from exchange.hub import Hub
from exchange.interfaces.answering import require_fitting
from exchange.interfaces.circuit import suspended
from exchange.interfaces.keys import Key
from exchange.interfaces.opened import bounds_of, mapped_of
from exchange.interfaces.states import Found, found_of
from exchange.keyed.why import Ground, MachineActor, caller_of, replayed, settle
from exchange.sharing import clock
from exchange.sharing.grants import in_force, no_grant
from exchange.sharing.usage import Use, count_uses
from lake.disclosure import Disclosure
from lake.layout import Layout
from schemas.errors import Busy, Denied, HubError, StateError
from schemas.grants import PURPOSES, Grant, Purpose, Way
from schemas.rules.book import book

WAY: Way = "interface"
_SLACK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Permitted:
    """An entry with its interface, and the grant and plan under which it may be called."""

    found: Found
    interface: StoredInterface
    grant: Grant
    plan: Disclosure


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call asks for and why; `request_id` is the caller's own number of it."""

    keys: Sequence[Key]
    reasons: Ground
    request_id: str

    def detail(self, actor: Actor) -> dict[str, Any]:
        """Returns what the log says beside the columns of an event."""
        said: dict[str, Any] = {"way": WAY, **self.reasons.facts()}
        if isinstance(actor, MachineActor):
            said["client"] = actor.name
        return said | ({"request_id": self.request_id} if self.request_id else {})


@dataclass(frozen=True, slots=True)
class Admission:
    """A place among the calls under way; `probe` when the call tries whether a suspended interface is well again."""

    lease: int
    probe: bool
    interface: StoredInterface
    case_no: str | None


def permitted(dataset: str, purpose: str, hub: Hub, actor: Actor) -> Permitted:
    """Returns the grant for a call; else records the denial and raises. No grant tells nothing of the interface."""
    with hub.transaction() as connection:
        outcome = _permitted(connection, hub, actor, dataset, purpose)
        if isinstance(outcome, HubError):
            record(connection, hub, actor, "interface.call", dataset[:64], result="denied", error_code=outcome.code)
    if isinstance(outcome, HubError):
        raise outcome
    return outcome


def _permitted(connection: Connection, hub: Hub, actor: Actor, dataset: str, purpose: str) -> Permitted | HubError:
    now = hub.clock.now()
    grants = in_force(connection, actor.department or "", dataset, now, account=actor.account)
    if not grants:
        return no_grant(connection, actor, dataset)
    by_way = [grant for grant in grants if WAY in grant.ways]
    if not by_way:
        return Denied("授权不含接口方式", "按授权的共享方式使用", "请由本部门申请接口方式", code="GRANT_WAY")
    grant = next((each for each in by_way if purpose in each.purposes), None)
    if grant is None:
        allowed = "、".join(PURPOSES[each] for each in by_way[0].purposes)
        return Denied("使用用途与授权不符", f"授权的用途：{allowed}", "请按授权的用途使用", code="GRANT_PURPOSE")
    try:
        return _callable(connection, dataset, grant)
    except HubError as error:
        return error


def _callable(connection: Connection, dataset: str, grant: Grant) -> Permitted:
    """Returns what the grant gives of the interface; raises StateError, Denied."""
    found = found_of(connection, dataset)
    if found.interface is None or found.interface.state != "active":
        raise StateError("该条目没有启用的接口", "", "请联系提供部门启用接口", code="INTERFACE_INACTIVE")
    plan = Disclosure.of(grant, found.entry, Layout.of(found.entry))
    mapped = mapped_of(found.interface)
    require_fitting(plan, mapped.items)
    if not set(mapped.keys) <= {item.name for item in plan.items}:
        raise Denied("授权不含接口的查询条件", "查询条件须在授权的数据项内", "请补充申请", code="GRANT_ITEMS")
    return Permitted(found, found.interface, grant, plan)


def admit(held: Permitted, asked: Asked, hub: Hub, actor: Actor) -> Admission:
    """Takes a place for the call and counts it; else records the denial and raises Busy, StateError, SourceDown."""
    dataset = held.interface.dataset
    with hub.transaction() as connection:
        outcome = _admitted(connection, hub, actor, held, asked)
        if isinstance(outcome, HubError):
            hashes = [key.key_hash for key in asked.keys]
            record(
                connection, hub, actor, "interface.call", dataset, result="denied", error_code=outcome.code,
                subject_key_hashes=hashes, grant_id=held.grant.number, detail=asked.detail(actor),
            )  # fmt: skip
    if isinstance(outcome, HubError):
        raise outcome
    return outcome


def _admitted(connection: Connection, hub: Hub, actor: Actor, held: Permitted, asked: Asked) -> Admission | HubError:
    now = hub.clock.now()
    dataset = held.interface.dataset
    interface = store.find(connection, dataset, locked=True)
    if interface is None or interface.state != "active" or interface.updated_at != held.interface.updated_at:
        return StateError("接口刚被修改", "", "请重试；仍然如此请联系提供部门", code="INTERFACE_CHANGED")
    refused = suspended(interface, now) or _over_rate(connection, interface, held.grant.consumer, now)
    case_no, expired = (None, refused) if refused else settle(connection, hub, actor, asked.reasons)
    if expired is not None:
        return expired
    bounds = bounds_of(interface)
    # A call whose process died gives its place back by itself.
    until = now + timedelta(seconds=2 * bounds.seconds + _SLACK_SECONDS)
    lease, under_way = interface_calls.lease(connection, dataset, now, until)
    if under_way > bounds.concurrent:
        interface_calls.release(connection, lease)
        return Busy(
            "接口正在处理的调用已满", f"同时不超过 {bounds.concurrent} 个", "请稍后重试", code="INTERFACE_CONCURRENT"
        )
    spent = _over_quota(connection, hub, held.grant, len(asked.keys))
    if spent is not None:
        interface_calls.release(connection, lease)
        return spent
    if asked.request_id and not _numbered(connection, hub, actor, dataset, asked):
        interface_calls.release(connection, lease)
        return replayed()
    probe = interface.suspended_at is not None
    if probe:
        store.change(connection, dataset, probe_until=until)
    count_uses(connection, hub, [Use(held.grant.number, "interface", 1, 1 if asked.keys else 0, 0)])
    return Admission(lease, probe, interface, case_no)


def _numbered(connection: Connection, hub: Hub, actor: Actor, dataset: str, asked: Asked) -> bool:
    """Takes the request id for this call; says whether it was free."""
    caller, said = caller_of(actor), [key.key_hash for key in asked.keys]
    digest = bytes.fromhex(request_digest(hub, "interface.call", dataset, *said))
    sealed = hub.crypto.seal().seal([b"{}"], [f"call:{caller}:{asked.request_id}".encode()])[0]
    values = {"caller": caller, "request_id": asked.request_id, "digest": digest, "sealed": sealed}
    return keyed_calls.add_call(connection, values | {"at": hub.clock.now()})


def _over_quota(connection: Connection, hub: Hub, grant: Grant, keys: int) -> HubError | None:
    """Takes a key of the grant's day, from the same account as calls by key."""
    most = grant.quota.keys_a_day or int(book().number("KEYS_A_DAY"))
    day = clock.day_of(hub.clock.now())
    if not keys or keyed_calls.reserve(connection, grant.number, day, 1, most):
        return None
    return Denied("今日查询的号码数已达授权的上限", f"每日 {most} 个", "请明日再查，或申请提高限额", code="GRANT_QUOTA")


def _over_rate(connection: Connection, interface: StoredInterface, consumer: str, now: datetime) -> HubError | None:
    bounds = bounds_of(interface)
    minute = now.replace(second=0, microsecond=0)
    for who, most in ((consumer, bounds.consumer_per_minute), ("", bounds.per_minute)):
        if interface_calls.count_in_minute(connection, interface.dataset, who, minute) > most:
            whose = "本部门" if who else "各部门合计"
            return Busy(
                f"接口每分钟的调用已达上限（{whose}）", f"每分钟 {most} 次", "请下一分钟再试", code="INTERFACE_RATE"
            )
    return None


def still_granted(connection: Connection, hub: Hub, actor: Actor, held: Permitted, purpose: Purpose) -> HubError | None:
    """Says why an answer may not leave any more: what was revoked or frozen meanwhile binds at once."""
    now = hub.clock.now()
    left = in_force(connection, held.grant.consumer, held.grant.dataset, now, account=actor.account)
    if any(grant.number == held.grant.number for grant in left) and purpose in held.grant.purposes:
        return None
    return no_grant(connection, actor, held.grant.dataset)
