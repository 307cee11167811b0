"""Use-cases of emergency openings (应急查询): one person asks, another confirms, for hours; in a daily report."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from sqlalchemy import Connection

from catalog.stores import entries
from catalog.stores import share_holds as store
from catalog.stores.share_holds import Opening
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.lifecycle_steps import same_person
from exchange.scope import reach_of, require_entry, unknown_entry
from exchange.sharing import clock
from exchange.sharing.freezes import refuse_frozen_opening
from exchange.tasks import open_task
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.rules.book import book

_SHORTEST, _LONGEST = 10, 500
_LINK = "/sharing/emergencies"


@dataclass(frozen=True, slots=True)
class OpeningView:
    """An emergency opening: asked for, confirmed, over or closed."""

    number: str
    dataset: str
    entry_title: str
    person: str
    reason: str
    hours: int
    state_name: str
    opened_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ends_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None


@use_case("emergency.open")
def open_emergency(hub: Hub, actor: Actor, dataset: str, reason: str, hours: int = 2) -> OpeningView:
    """Asks for an opening of a dataset to the actor; it binds once a security administrator has confirmed it."""
    words, most = reason.strip(), int(book().number("EMERGENCY_HOURS"))
    if not _SHORTEST <= len(words) <= _LONGEST:
        raise InputError(f"理由有{len(words)}字", f"{_SHORTEST}至{_LONGEST}字", "请写明应急事由", code="REASON")
    if not 1 <= hours <= most:
        raise InputError(f"应急查询{hours}小时", f"1至{most}小时", "请改正时长", code="EMERGENCY_HOURS")
    require_entry(hub, actor, "emergency.open", dataset)
    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        if stored is None or stored.published_version is None:
            raise unknown_entry(connection, dataset)
        refuse_frozen_opening(connection, actor, dataset)
        now = hub.clock.now()
        number = f"YJ{clock.day_of(now):%Y%m%d}{entries.next_code_number(connection, 'emergency'):06d}"
        values = {"number": number, "dataset": dataset, "person": actor.name, "department_code": actor.department}
        store.add_opening(connection, values | {"reason": words, "hours": hours, "opened_at": now})
        open_task(connection, hub, kind="share_emergency", title=f"确认应急查询：{stored.title}", link=_LINK,
                  role="security_admin", detail={"opening": number})  # fmt: skip
        record(connection, hub, actor, "emergency.open", number, entry_code=stored.code, detail={"dataset": dataset})
        return _shown(hub, connection, number)


@use_case("emergency.confirm")
def confirm(hub: Hub, actor: Actor, number: str) -> OpeningView:
    """Confirms an opening as its second person; the hours begin."""
    _require(hub, actor, "emergency.confirm", number)
    with hub.transaction() as connection:
        found = cast(Opening, store.find_opening(connection, number))
        if found.person == actor.name or same_person(connection, actor, {found.person}):
            raise Denied(
                "不能确认本人申请的应急查询", "申请与确认须是两个人", "请由其他安全管理员确认", code="SAME_PERSON"
            )
        if found.confirmed_at is not None or found.closed_at is not None:
            raise StateError("该应急查询已经确认或结束", "", "请刷新页面", code="EMERGENCY_STATE")
        now = hub.clock.now()
        ends = now + timedelta(hours=found.hours)
        store.change_opening(connection, number, confirmed_by=actor.name, confirmed_at=now, ends_at=ends)
        store.close_emergency_task(connection, number, actor.name, now)
        record(connection, hub, actor, "emergency.confirm", number, detail={"dataset": found.dataset})
        return _shown(hub, connection, number)


@use_case("emergency.close")
def close(hub: Hub, actor: Actor, number: str) -> OpeningView:
    """Ends an opening before its time, or turns it down before it is confirmed."""
    _require(hub, actor, "emergency.close", number)
    with hub.transaction() as connection:
        found = cast(Opening, store.find_opening(connection, number))
        if found.closed_at is not None:
            raise StateError("该应急查询已经结束", "", "请刷新页面", code="EMERGENCY_STATE")
        now = hub.clock.now()
        store.change_opening(connection, number, closed_by=actor.name, closed_at=now)
        store.close_emergency_task(connection, number, actor.name, now)
        record(connection, hub, actor, "emergency.close", number, detail={"dataset": found.dataset})
        return _shown(hub, connection, number)


def _require(hub: Hub, actor: Actor, action: str, number: str) -> None:
    with hub.transaction() as connection:
        found = store.find_opening(connection, number)
        stored = entries.find(connection, found.dataset) if found else None
        fits = stored is not None and reach_of(connection, actor).covers(stored.provider_code)
        if found is not None and not fits:
            record(connection, hub, actor, action, number, result="denied", error_code="SCOPE")
    if not fits:
        raise NotFound(f"没有应急查询 {number[:40]}", "", "请从应急查询列表中选择", code="EMERGENCY_UNKNOWN")


@use_case("emergency.list")
def report(hub: Hub, actor: Actor, day: date | None = None) -> list[OpeningView]:
    """Lists the openings that were asked for, confirmed or in force on a day in Beijing; all of them without a day."""
    since = clock.moment(day) if day else None
    until = clock.moment(day + timedelta(days=1)) if day else None
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        found = []
        for each in store.openings(connection, since, until):
            stored = entries.find(connection, each.dataset)
            if stored is not None and reach.covers(stored.provider_code):
                found.append(_view(hub, each, stored.title))
        record(connection, hub, actor, "emergency.list", None, row_count=len(found))
    return found


def _shown(hub: Hub, connection: Connection, number: str) -> OpeningView:
    found = cast(Opening, store.find_opening(connection, number))
    stored = entries.find(connection, found.dataset)
    return _view(hub, found, stored.title if stored else found.dataset)


def _view(hub: Hub, found: Opening, title: str) -> OpeningView:
    if found.closed_at is not None:
        state = "已结束"
    elif found.ends_at is None:
        state = "待确认"
    else:
        state = "使用中" if found.ends_at > hub.clock.now() else "已到期"
    return OpeningView(
        found.number, found.dataset, title, found.person, found.reason, found.hours, state, found.opened_at,
        found.confirmed_by, found.confirmed_at, found.ends_at, found.closed_by, found.closed_at,
    )  # fmt: skip
