"""Interfaces (接口) of entries: what is attached, how far its review is, and its circuit. Secrets arrive sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_interfaces import interfaces


@dataclass(frozen=True, slots=True)
class StoredInterface:
    """One entry's interface."""

    dataset: str
    state: str
    description: str
    operation: str | None
    mapping: Mapping[str, Any]
    base_url: str | None
    local_address: bool
    plain_http: bool
    ca: str | None
    secret_kind: str
    secret_name: str | None
    token_url: str | None
    token_scope: str | None
    sealed_secret: bytes | None
    secret_at: datetime | None
    limits: Mapping[str, Any]
    sealed_sample: bytes | None
    test: Mapping[str, Any] | None
    tested_at: datetime | None
    failures: int
    trips: int
    suspended_code: str | None
    suspended_says: str | None
    suspended_at: datetime | None
    retry_at: datetime | None
    probe_until: datetime | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    submitted_by: str | None
    submitted_at: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None
    opinion: str | None


def find(connection: Connection, dataset: str, *, locked: bool = False) -> StoredInterface | None:
    """Finds the interface of an entry; `locked` keeps others from changing it until the transaction ends."""
    query = select(interfaces).where(interfaces.c.dataset == dataset)
    return _interface(connection.execute(query.with_for_update() if locked else query).one_or_none())


def list_all(connection: Connection) -> list[StoredInterface]:
    """Lists the interfaces by dataset."""
    rows = connection.execute(select(interfaces).order_by(interfaces.c.dataset))
    return [StoredInterface(**row._asdict()) for row in rows]


def _interface(row: Row[Any] | None) -> StoredInterface | None:
    return None if row is None else StoredInterface(**row._asdict())


def begin(connection: Connection, dataset: str, description: str, by: str, now: datetime) -> None:
    """Records an interface by its description, or replaces the description of the one that is there."""
    fresh = {"dataset": dataset, "state": "draft", "description": description, "created_by": by, "created_at": now}
    changed = {"state": "draft", "description": description, "updated_by": by, "updated_at": now}
    statement = insert(interfaces).values(**fresh | changed)
    connection.execute(statement.on_conflict_do_update(index_elements=["dataset"], set_=changed))


def change(connection: Connection, dataset: str, **values: Any) -> None:
    """Changes an interface."""
    connection.execute(update(interfaces).where(interfaces.c.dataset == dataset).values(**values))
