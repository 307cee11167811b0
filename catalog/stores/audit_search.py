"""Searching the audit log: by person's key hash, account, department, dataset, action, result, time; keyset pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, text

from catalog.stores.audit import EVENT, Recorded, recorded
from catalog.tables_auditing import audit_events


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; empty fields take no part. `subjects` are key hashes in hexadecimal, any of them."""

    actor: str = ""
    department: str = ""
    dataset: str = ""
    action: str = ""
    result: str = ""
    case_no: str = ""
    use_case: str = ""
    since: datetime | None = None
    until: datetime | None = None
    subjects: Sequence[str] = ()


def find(connection: Connection, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Recorded]:
    """Lists events newest first, those before a number."""
    query = select(audit_events.c.seq, *EVENT).where(*_conditions(wanted))
    if before is not None:
        query = query.where(audit_events.c.seq < before)
    rows = connection.execute(query.order_by(audit_events.c.seq.desc()).limit(limit))
    return [recorded(row._asdict()) for row in rows]


def find_one(connection: Connection, seq: int) -> Recorded | None:
    """Returns one event."""
    row = connection.execute(select(audit_events.c.seq, *EVENT).where(audit_events.c.seq == seq)).one_or_none()
    return recorded(row._asdict()) if row else None


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    table = audit_events.c
    equal: dict[Any, str] = {
        table.actor_id: wanted.actor,
        table.dept_code: wanted.department,
        table.action: wanted.action,
        table.result: wanted.result,
        table.case_no: wanted.case_no,
        table.detail["use_case"].astext: wanted.use_case,
    }
    out: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    if wanted.dataset:
        listed = table.detail["datasets"].contains([wanted.dataset])
        out.append(or_(table.object_id == wanted.dataset, table.entry_code == wanted.dataset, listed))
    if wanted.since is not None:
        out.append(table.ts >= wanted.since)
    if wanted.until is not None:
        out.append(table.ts < wanted.until)
    if wanted.subjects:
        # The first condition is that of the partial index.
        kept = text("audit_events.subject_key_hashes <> '{}'::text[]")
        out.append(and_(kept, table.subject_key_hashes.overlap(list(wanted.subjects))))
    return out
