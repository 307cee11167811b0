"""Uploads (文件填报): each file that a department has checked or submitted, and each declaration of no change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from catalog.tables_work import uploads


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload; `report` names faults by their places, it holds no value."""

    id: str
    dataset: str
    kind: str
    state: str
    uploaded_by: str
    uploaded_at: datetime
    file_name: str | None = None
    rows: int = 0
    faulty_rows: int = 0
    report: Mapping[str, Any] | None = None
    run_id: str | None = None
    period: str | None = None
    submitted_at: datetime | None = None


_COLUMNS = [uploads.c[field.name] for field in fields(Upload)]


def add(connection: Connection, upload: Upload) -> None:
    """Records an upload."""
    connection.execute(uploads.insert().values(**{field.name: getattr(upload, field.name) for field in fields(Upload)}))


def change(connection: Connection, upload_id: str, **values: Any) -> None:
    """Changes facts of an upload."""
    connection.execute(update(uploads).where(uploads.c.id == upload_id).values(**values))


def find(connection: Connection, upload_id: str) -> Upload | None:
    """Finds an upload by id."""
    row = connection.execute(select(*_COLUMNS).where(uploads.c.id == upload_id)).one_or_none()
    return None if row is None else Upload(**row._asdict())


def list_recent(connection: Connection, datasets: Sequence[str], limit: int) -> list[Upload]:
    """Lists the uploads of datasets, newest first."""
    query = select(*_COLUMNS).where(uploads.c.dataset.in_(datasets)).order_by(uploads.c.uploaded_at.desc())
    return [Upload(**row._asdict()) for row in connection.execute(query.limit(limit))]
