"""The auditors' pages: the log with filters, one record, search by person, statements, verification, export, alerts."""

from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Query
from pydantic import BaseModel, Field

from exchange.access import ROLE_NAMES
from exchange.auditing import alerts, events, export, sealing, statements, verification
from exchange.auditing.events import Search
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from schemas.errors import HubError, InputError, NotFound

pages = Pages()
router = pages.router
Word = Annotated[str, Query(max_length=200)]
Typed = Annotated[str, Form(max_length=200)]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        raise InputError("日期的写法不对", "年-月-日，如 2026-01-31", "请改正日期", code="DATE") from None


class Chosen(BaseModel):
    """The fields of the filter, as the address has them."""

    who: str = Field("", max_length=100)
    department: str = Field("", max_length=18)
    dataset: str = Field("", max_length=100)
    action: str = Field("", max_length=20)
    result: str = Field("", max_length=20)
    case_no: str = Field("", max_length=100)
    since: str = Field("", max_length=20)
    until: str = Field("", max_length=20)
    before: int | None = None


@pages.get("/audit", action="audit.list", title="操作日志", template="audit.html")
def listed(desk: Desk, chosen: Annotated[Chosen, Query()]) -> dict[str, Any]:
    """Lists the events that the filter finds."""
    fault, found = None, events.EventPage((), None)
    try:
        days = (_day(chosen.since), _day(chosen.until))
        fields = (chosen.who, chosen.department, chosen.dataset, chosen.action, chosen.result, chosen.case_no)
        found = events.list_events(desk.hub, desk.actor, Search(*fields, *days), chosen.before)
    except InputError as error:
        fault = error
    kept = {name: value for name, value in chosen.model_dump(exclude={"before"}).items() if value}
    return {
        "found": found, "chosen": chosen.model_dump(), "fault": fault, "actions": events.ACTION_NAMES,
        "more": urlencode({**kept, "before": found.next or ""}), "results": events.RESULT_NAMES,
    }  # fmt: skip


@pages.get("/audit/events/{seq}", action="audit.show", title="操作日志", template="audit_event.html")
def shown(desk: Desk, seq: int) -> dict[str, Any]:
    """Shows one event with its place in the chain."""
    return {"title": f"操作日志 {seq}", "event": events.show_event(desk.hub, desk.actor, seq)}


def _person_model(desk: Desk, subject: str, before: int | None, fault: HubError | None = None) -> dict[str, Any]:
    found = events.find_person(desk.hub, desk.actor, "", subject, before) if subject else None
    more = urlencode({"subject": subject, "before": found.next or ""}) if found else ""
    return {
        "title": "按主体查询", "found": found, "subject": subject, "fault": fault, "more": more, "before": before,
        "given": {},
    }  # fmt: skip


@pages.get("/audit/person", action="audit.person", title="按主体查询", template="audit_person.html")
def person(
    desk: Desk, subject: Annotated[str, Query(max_length=1400)] = "", before: int | None = None
) -> dict[str, Any]:
    """Shows who did what with the data of one person or company."""
    return _person_model(desk, subject, before)


@pages.post("/audit/person", action="audit.person")
def find_person(desk: Desk, key: Typed = "") -> Go | dict[str, Any]:
    """Turns a number into the hashes that the log knows it by: a number never stands in an address."""
    try:
        found = events.find_person(desk.hub, desk.actor, key, limit=1)
    except InputError as error:
        return _person_model(desk, "", None, error) | {"template": "audit_person.html"}
    return Go("/audit/person?" + urlencode({"subject": ",".join(found.subjects)}))


@pages.get("/audit/statements", action="audit.statements", title="查询记录证明", template="audit_statements.html")
def issued(desk: Desk, number: Word = "") -> dict[str, Any]:
    """Lists the statements made, offers to make one and to confirm one."""
    return _statements_model(desk, number)


def _statements_model(desk: Desk, number: str = "", fault: HubError | None = None) -> dict[str, Any]:
    found = statements.list_statements(desk.hub, desk.actor, number)
    return {"title": "查询记录证明", "issued": found, "number": number, "fault": fault, "given": {}}


@pages.post("/audit/statements", action="audit.statement")
def make(desk: Desk, key: Typed = "", reference: Typed = "", since: Typed = "", until: Typed = "") -> dict[str, Any]:
    """Makes a statement and shows it for printing."""
    try:
        made = statements.make_statement(desk.hub, desk.actor, key, reference, _day(since), _day(until))
    except InputError as error:
        given = {"reference": reference, "since": since, "until": until}
        return _statements_model(desk, "", error) | {"template": "audit_statements.html", "given": given}
    return {"template": "audit_statement.html", "title": "查询记录证明", "made": made}


@pages.get("/audit/verification", action="audit.status", title="日志核验", template="audit_verification.html")
def standing(desk: Desk) -> dict[str, Any]:
    """Says how the log stands and offers to verify it."""
    return {"standing": sealing.standing(desk.hub, desk.actor), "found": None, "kinds": verification.KIND_NAMES}


@pages.post("/audit/verification", action="audit.verify")
def verify(desk: Desk) -> dict[str, Any]:
    """Verifies the log and shows what was found."""
    found = verification.verify(desk.hub, desk.actor)
    return {
        "template": "audit_verification.html", "title": "日志核验", "found": found,
        "standing": sealing.standing(desk.hub, desk.actor), "kinds": verification.KIND_NAMES,
    }  # fmt: skip


@pages.post("/audit/seal", action="audit.seal")
def seal(desk: Desk) -> Go:
    """Seals what is final."""
    made = sealing.seal(desk.hub, desk.actor)
    return Go("/audit/verification", f"已封存 {made.events} 条记录")


@pages.get("/audit/export", action="audit.export", title="导出操作日志", template="audit_export.html")
def export_form(desk: Desk) -> dict[str, Any]:
    """Offers to export a range."""
    return {"fault": None, "given": {}}


@pages.post("/audit/export", action="audit.export")
def export_range(desk: Desk, since: Typed = "", until: Typed = "") -> Download | dict[str, Any]:
    """Hands out a range with the script that verifies it."""
    try:
        begin, end = _day(since), _day(until)
        if begin is None or end is None:
            raise InputError("没有写明日期", "开始和结束日期都要", "请选择日期", code="DATE")
        made = export.export_range(desk.hub, desk.actor, begin, end)
    except (InputError, NotFound) as error:
        given = {"since": since, "until": until}
        return {"template": "audit_export.html", "title": "导出操作日志", "fault": error, "given": given}
    return Download(f"{made.name}.zip", made.content, "application/zip")


@pages.get("/alerts", action="alert.list", title="告警", template="audit_alerts.html")
def alarms(desk: Desk, state: Word = "open", before: int | None = None) -> dict[str, Any]:
    """Lists alerts, those to be handled first."""
    return _alerts_model(desk, state, before)


def _alerts_model(desk: Desk, state: str, before: int | None, fault: HubError | None = None) -> dict[str, Any]:
    found = alerts.list_alerts(desk.hub, desk.actor, state, before)
    more = urlencode({"state": state, "before": found.next or ""})
    return {
        "title": "告警", "found": found, "state": state, "states": alerts.STATE_NAMES, "more": more, "fault": fault,
        "roles": ROLE_NAMES,
    }  # fmt: skip


@pages.post("/alerts/{alert_id}", action="alert.handle")
def handle(desk: Desk, alert_id: int, opinion: Annotated[str, Form(max_length=1000)] = "") -> Go | dict[str, Any]:
    """Marks an alert as handled."""
    try:
        alerts.handle_alert(desk.hub, desk.actor, alert_id, opinion)
    except HubError as error:
        return _alerts_model(desk, "open", None, error) | {"template": "audit_alerts.html"}
    return Go("/alerts", "已记录处置意见")
