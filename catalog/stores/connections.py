"""Registered connections to department systems. The URL arrives sealed: this room never sees a password."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import connections


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection; what may be shown of it stands in plain beside the sealed URL."""

    name: str
    kind: str
    host: str | None
    port: int | None
    database: str | None
    username: str | None
    sealed_url: bytes
    updated_by: str
    created_at: datetime
    updated_at: datetime
    department_code: str | None = None


def save(connection: Connection, stored: StoredConnection) -> None:
    """Records a connection or replaces the one of its name."""
    values = asdict(stored)
    changed = {name: value for name, value in values.items() if name not in {"name", "created_at"}}
    statement = insert(connections).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))


def find(connection: Connection, name: str) -> StoredConnection | None:
    """Finds a connection by name."""
    row = connection.execute(select(connections).where(connections.c.name == name)).one_or_none()
    return None if row is None else StoredConnection(**row._asdict())


def adopt(connection: Connection, name: str, department: str) -> None:
    """Gives a connection that belongs to nobody to a department."""
    nobody = (connections.c.name == name) & connections.c.department_code.is_(None)
    connection.execute(update(connections).where(nobody).values(department_code=department))


def list_all(connection: Connection) -> list[StoredConnection]:
    """Lists the connections by name."""
    rows = connection.execute(select(connections).order_by(connections.c.name))
    return [StoredConnection(**row._asdict()) for row in rows]
