"""Audit events: adding, reading. Events are only ever added; the chain over them is catalog/stores/audit_chain.py's."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from catalog.tables_auditing import audit_events

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One event: who did what to which object, with what result (domain.md 7.4). Never a plaintext key or value."""

    ts: datetime
    actor_id: str
    actor_name: str
    role: str
    channel: str
    action: str
    object_type: str
    object_id: str | None
    result: str = "success"
    dept_code: str | None = None
    entry_code: str | None = None
    items: Sequence[str] = ()
    subject_key_hashes: Sequence[str] = ()
    row_count: int | None = None
    error_code: str | None = None
    duration_ms: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    client_ip: str | None = None
    purpose_code: str | None = None
    grant_id: str | None = None
    case_no: str | None = None
    request_sm3: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log."""

    seq: int
    event: Event


_NAMES = tuple(f.name for f in fields(Event))
#: The columns of an event, in its own order.
EVENT = tuple(audit_events.c[name] for name in _NAMES)
# Made once: each answered call writes one, and building a statement costs more than running it.
_APPEND = audit_events.insert().returning(audit_events.c.seq)


def append(connection: Connection, event: Event) -> int:
    """Adds an event; returns its sequence number."""
    return int(connection.execute(_APPEND, values_of(event)).scalar_one())


def values_of(event: Event) -> dict[str, Any]:
    """Returns an event's values by column."""
    values = {name: getattr(event, name) for name in _NAMES}
    return values | {"items": list(event.items), "subject_key_hashes": list(event.subject_key_hashes)}


def read(connection: Connection, *, after: int = 0, limit: int = 10_000) -> list[Recorded]:
    """Lists events in the order of their numbers."""
    query = select(audit_events.c.seq, *EVENT).where(audit_events.c.seq > after)
    rows = connection.execute(query.order_by(audit_events.c.seq).limit(limit))
    return [recorded(row._asdict()) for row in rows]


def recorded(values: dict[str, Any]) -> Recorded:
    """Makes an event of a row's values: `seq` and those of EVENT."""
    seq = values.pop("seq")
    values["items"] = tuple(values["items"])
    values["subject_key_hashes"] = tuple(values["subject_key_hashes"])
    return Recorded(seq, Event(**values))
