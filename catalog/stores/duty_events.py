"""Changes of law, organ or duty after which directory entries must be brought up to date (R-03, R-21)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from catalog.tables_work import duty_events


@dataclass(frozen=True, slots=True)
class DutyEvent:
    """One change; `kind` is law, organ or duty."""

    id: int
    kind: str
    title: str
    document_no: str | None
    effective_on: date
    note: str | None
    recorded_by: str
    recorded_at: datetime


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Records an event and returns its number."""
    return int(connection.execute(duty_events.insert().values(**values).returning(duty_events.c.id)).scalar_one())


def find(connection: Connection, event_id: int) -> DutyEvent | None:
    """Finds an event."""
    row = connection.execute(select(duty_events).where(duty_events.c.id == event_id)).one_or_none()
    return None if row is None else DutyEvent(**row._asdict())


def list_all(connection: Connection) -> list[DutyEvent]:
    """Lists the events, newest first."""
    rows = connection.execute(select(duty_events).order_by(duty_events.c.id.desc()))
    return [DutyEvent(**row._asdict()) for row in rows]
