"""Alerts: mass look-ups, night, failed verifications; once a span, handled with an opinion, no personal value."""

from datetime import UTC, datetime

import pytest

from exchange.access import Actor
from exchange.auditing import alerts
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.rules.book import book
from tests.auditing.conftest import AUDITOR, OFFICE, SECURITY, add

HOUR, DAY = int(book().number("ALERT_PERSONS_HOUR")), int(book().number("ALERT_PERSONS_DAY"))
ROW = int(book().number("ALERT_FAILED_VERIFIES"))


def persons(count: int, start: int = 0) -> list[str]:
    """Makes key hashes."""
    return [f"{number:064x}" for number in range(start, start + count)]


def raised(hub):
    """Lists (rule, account, measured) of all alerts."""
    return {(each.rule, each.actor_id, each.measured) for each in alerts.list_alerts(hub, AUDITOR).alerts}


def test_many_persons_in_an_hour(hub):
    """More different persons than the rule allows raise an alert; the same persons again don't."""
    for _ in range(3):
        add(hub, 1, subject_key_hashes=persons(HOUR))
    assert alerts.look(hub) == 0
    add(hub, 1, subject_key_hashes=persons(1, HOUR))
    assert alerts.look(hub) == 1 and raised(hub) == {("persons_hour", "clerk", HOUR + 1)}
    add(hub, 1, subject_key_hashes=persons(5, 5000))
    assert alerts.look(hub) == 0  # the same span: brought up to date, not raised again
    assert raised(hub) == {("persons_hour", "clerk", HOUR + 6)}


def test_many_persons_in_a_day(hub, clock):
    """What stays below the hour's threshold adds up over the day of Beijing time."""
    for number in range(DAY // HOUR + 1):
        add(hub, 1, subject_key_hashes=persons(HOUR, number * HOUR))
        clock.forward(hours=1)
    alerts.look(hub)
    assert raised(hub) == {("persons_day", "clerk", (DAY // HOUR + 1) * HOUR)}


def test_rows_of_files_count_as_persons(hub):
    """An export whose subjects are not listed counts its rows; denied and scheduled ones count for nothing."""
    add(hub, 1, action="EXPORT", row_count=HOUR + 1)
    add(hub, 1, action="EXPORT", row_count=HOUR + 1, result="denied", actor_id="refused")
    add(hub, 1, action="EXPORT", row_count=HOUR + 1, channel="scheduler", actor_id="timer")
    alerts.look(hub)
    assert raised(hub) == {("persons_hour", "clerk", HOUR + 1)}


def test_rows_of_queries_count_as_persons(hub):
    """A query's rows count like a file's; those of a refused one, or of a list of another kind, count for nothing."""
    add(hub, 1, row_count=HOUR + 1, detail={"use_case": "query.run"})
    add(hub, 1, row_count=HOUR + 1, detail={"use_case": "query.run"}, result="denied", actor_id="refused")
    add(hub, 1, row_count=HOUR + 1, detail={"use_case": "dataset.list"}, actor_id="reader")
    alerts.look(hub)
    assert raised(hub) == {("persons_hour", "clerk", HOUR + 1)}


def test_access_at_night(hub, clock):
    """22:00 to 06:00 in Beijing is night, whatever the day in UTC."""
    for hour, minute in ((13, 59), (14, 0), (17, 0), (21, 59), (22, 0), (2, 0)):
        clock.moment = datetime(2026, 11, 22, hour, minute, tzinfo=UTC)
        add(hub, 1, actor_id=f"at{hour}", subject_key_hashes=persons(1))
    alerts.look(hub)
    assert raised(hub) == {("night", f"at{hour}", 1) for hour in (14, 17, 21)}


def test_failed_verifications_in_a_row(hub):
    """So many failures in a row raise an alert; a match in between begins the count anew, per account."""
    for outcome in ["mismatch"] * (ROW - 1) + ["match"] + ["not_found"] * (ROW - 1):
        add(hub, 1, detail={"way": "verify", "outcome": outcome})
    add(hub, 1, actor_id="other", detail={"way": "verify", "outcome": "mismatch"})
    assert alerts.look(hub) == 0
    add(hub, 1, result="denied", detail={"way": "verify"})
    assert alerts.look(hub) == 1 and raised(hub) == {("failed_verifies", "clerk", ROW)}


def test_an_alert_is_handled_once_with_an_opinion(hub):
    """Auditor or security administrator say what they found; nobody else, not twice, not without words."""
    add(hub, 1, subject_key_hashes=persons(HOUR + 1))
    alerts.look(hub)
    [one] = alerts.list_alerts(hub, SECURITY, "open").alerts
    assert f"{0:064x}" not in repr(one) and one.event_id == 1
    with pytest.raises(InputError):
        alerts.handle_alert(hub, AUDITOR, one.id, " ")
    with pytest.raises(NotFound):
        alerts.handle_alert(hub, AUDITOR, 999, "已电话核实")
    done = alerts.handle_alert(hub, SECURITY, one.id, "已电话核实，批量办理")
    assert (done.state_name, done.handled_by) == ("已处置", "security")
    with pytest.raises(StateError):
        alerts.handle_alert(hub, AUDITOR, one.id, "已电话核实")
    add(hub, 1, subject_key_hashes=persons(5, 7000))
    assert alerts.look(hub) == 0
    for role in ("administrator", "data_admin", "system_admin", "window"):
        with pytest.raises(Denied):
            alerts.list_alerts(hub, Actor("x", frozenset({role}), OFFICE))
