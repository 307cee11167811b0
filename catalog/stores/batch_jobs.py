"""Batch verifications (批量核验): who ran what over which grant, and when its result goes. Holds no key."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, select, update

from catalog.tables_keyed import batch_jobs


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One batch; `counts` say how many rows had each outcome."""

    id: str
    kind: str
    department_code: str
    dataset: str
    other: str | None
    grant_number: str
    purpose: str
    case_no: str | None
    file_name: str
    rows: int
    counts: Mapping[str, int]
    made_by: str
    made_at: datetime
    kept_until: datetime
    removed_at: datetime | None = None


_COLUMNS = [batch_jobs.c[field.name] for field in fields(BatchJob)]


def add(connection: Connection, job: BatchJob) -> None:
    """Records a batch."""
    connection.execute(batch_jobs.insert().values(**{f.name: getattr(job, f.name) for f in fields(BatchJob)}))


def find(connection: Connection, job_id: str) -> BatchJob | None:
    """Finds a batch by id."""
    row = connection.execute(select(*_COLUMNS).where(batch_jobs.c.id == job_id)).one_or_none()
    return None if row is None else BatchJob(**row._asdict())


def list_of(connection: Connection, department: str, limit: int = 100) -> list[BatchJob]:
    """Lists the batches of a department, newest first."""
    query = select(*_COLUMNS).where(batch_jobs.c.department_code == department)
    rows = connection.execute(query.order_by(batch_jobs.c.made_at.desc(), batch_jobs.c.id).limit(limit))
    return [BatchJob(**row._asdict()) for row in rows]


def over(connection: Connection, now: datetime) -> list[BatchJob]:
    """Lists the batches whose result has been kept long enough."""
    query = select(*_COLUMNS).where(batch_jobs.c.kept_until <= now, batch_jobs.c.removed_at.is_(None))
    return [BatchJob(**row._asdict()) for row in connection.execute(query)]


def removed(connection: Connection, job_id: str, now: datetime) -> None:
    """Notes that a result is gone."""
    connection.execute(update(batch_jobs).where(batch_jobs.c.id == job_id).values(removed_at=now))
