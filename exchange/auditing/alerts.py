"""Alerts over the log: mass look-ups, access at night, failed verifications in a row; seen and handled by auditors.

Thresholds are rules (`ALERT_*` of schemas/rules). An alert names the account and counts; whose data it was stays in
the log. `look` is what the standing sealer calls; it decides nothing about people and changes no event.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from catalog.stores import audit_alerts as store
from catalog.stores.audit_alerts import Alert, Measured
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.auditing.events import office_names
from exchange.hub import Hub
from schemas.errors import InputError, NotFound, StateError
from schemas.rules.book import book

Rule = Literal["persons_hour", "persons_day", "night", "failed_verifies"]
RULE_NAMES: dict[str, str] = {
    "persons_hour": "一小时内查询主体过多",
    "persons_day": "一天内查询主体过多",
    "night": "夜间查询",
    "failed_verifies": "连续核对不一致",
}
STATE_NAMES = {"open": "待处置", "handled": "已处置"}
PAGE = 50
_SHORTEST_OPINION = 4


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert with its words."""

    id: int
    rule: str
    rule_name: str
    actor_id: str
    actor_name: str
    dept_code: str | None
    span: str
    measured: int
    allowed: int
    event_id: int
    state: str
    state_name: str
    opinion: str | None
    handled_by: str | None
    raised_at: datetime
    handled_at: datetime | None
    dept_name: str = ""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One page of alerts; `next` is the number before which the next page begins."""

    alerts: tuple[AlertView, ...]
    next: int | None


def look(hub: Hub) -> int:
    """Measures the last two days against the thresholds; returns how many new alerts there are."""
    now = hub.clock.now()
    since = now - timedelta(hours=48)
    with hub.transaction() as connection:
        hour, day = _number("ALERT_PERSONS_HOUR"), _number("ALERT_PERSONS_DAY")
        night, failed = _number("ALERT_NIGHT_PERSONS"), _number("ALERT_FAILED_VERIFIES")
        hours = (_number("ALERT_NIGHT_FROM"), _number("ALERT_NIGHT_UNTIL"))
        found: list[tuple[Rule, int, list[Measured]]] = [
            ("persons_hour", hour, store.persons(connection, "hour", since, hour)),
            ("persons_day", day, store.persons(connection, "day", since, day)),
            ("night", night, store.at_night(connection, since, hours, night)),
            ("failed_verifies", failed, store.failed_verifies(connection, since, failed)),
        ]
        return sum(
            store.keep(connection, rule, each, allowed, now) for rule, allowed, measured in found for each in measured
        )


def _number(rule: str) -> int:
    return int(book().number(rule))


@use_case("alert.find")
def find_alerts(hub: Hub, actor: Actor) -> int:
    """Looks for alerts now; returns how many are new."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "alert.find", None)
    return look(hub)


@use_case("alert.list")
def list_alerts(hub: Hub, actor: Actor, state: str = "", before: int | None = None) -> AlertPage:
    """Lists alerts, newest first, a page at a time."""
    with hub.transaction() as connection:
        found = store.find(connection, state=state if state in STATE_NAMES else "", before=before, limit=PAGE + 1)
        record(connection, hub, actor, "alert.list", None, row_count=len(found[:PAGE]))
        offices = office_names(connection)
    page = tuple(_view(each, offices) for each in found[:PAGE])
    return AlertPage(page, page[-1].id if len(found) > PAGE else None)


@use_case("alert.handle")
def handle_alert(hub: Hub, actor: Actor, alert_id: int, opinion: str) -> AlertView:
    """Marks an alert as handled, with an opinion; raises InputError, NotFound, StateError."""
    words = opinion.strip()
    if not _SHORTEST_OPINION <= len(words) <= 500:
        raise InputError("没有写明处置意见", f"{_SHORTEST_OPINION}至500个字", "请写明核查情况", code="OPINION")
    with hub.transaction() as connection:
        alert = store.find_locked(connection, alert_id)
        if alert is None:
            raise NotFound(f"没有告警 {alert_id}", "", "请从告警列表中选择", code="ALERT_UNKNOWN")
        if alert.state != "open":
            raise StateError("该告警已处置", "只能处置待处置的告警", "请刷新告警列表", code="ALERT_HANDLED")
        store.handle(connection, alert_id, words, actor.name, hub.clock.now())
        record(connection, hub, actor, "alert.handle", str(alert_id))
        done, offices = store.find_locked(connection, alert_id), office_names(connection)
    assert done is not None  # noqa: S101 - it was there and is locked
    return _view(done, offices)


def _view(alert: Alert, offices: Mapping[str, str]) -> AlertView:
    rule, state = RULE_NAMES.get(alert.rule, alert.rule), STATE_NAMES[alert.state]
    return AlertView(
        **asdict(alert), rule_name=rule, state_name=state, dept_name=offices.get(alert.dept_code or "", "")
    )
