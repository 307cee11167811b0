"""The audit log over the API: reading, verifying, sealing, exporting, alerts."""

from datetime import date

from exchange.access import Actor
from exchange.auditing import alerts, anchors, events, export, sealing, statements, verification
from exchange.auditing.events import EventPage, Search
from exchange.hub import Hub
from portal.routes import Download
from portal.service import Api

api = Api("操作日志")
router = api.router


def list_events(
    hub: Hub, actor: Actor, search: Search, before: int | None = None, limit: int = events.PAGE
) -> EventPage:
    """Lists the events that a search finds, newest first, a page at a time."""
    return events.list_events(hub, actor, search, before, limit)


def find_person(hub: Hub, actor: Actor, key: str, before: int | None = None, limit: int = events.PAGE) -> EventPage:
    """Lists who did what with the data of one person or company; the number is in the body, never in an address."""
    return events.find_person(hub, actor, key, "", before, limit)


def export_range(hub: Hub, actor: Actor, since: date, until: date) -> Download:
    """Exports the batches of a span of days with the script that verifies them, as a zip file."""
    made = export.export_range(hub, actor, since, until)
    return Download(f"{made.name}.zip", made.content, "application/zip")


list_events.action = events.list_events.action  # type: ignore[attr-defined]
find_person.action = events.find_person.action  # type: ignore[attr-defined]
export_range.action = export.export_range.action  # type: ignore[attr-defined]

api.post("/audit/events/search", list_events)
api.get("/audit/events/{seq}", events.show_event)
api.post("/audit/persons/search", find_person)
api.post("/audit/statements", statements.make_statement)
api.get("/audit/statements", statements.list_statements)
api.get("/audit/verification", verification.verify)
api.get("/audit/standing", sealing.standing)
api.post("/audit/seal", sealing.seal)
api.get("/audit/export", export_range)
api.get("/alerts", alerts.list_alerts)
api.post("/alerts/find", alerts.find_alerts)
api.post("/alerts/{alert_id}", alerts.handle_alert)
api.post("/audit/anchors", anchors.make_anchor)
