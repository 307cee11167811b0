"""Verification slips (核验凭证): sealed, found by number or by the keyed hash of their code."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from catalog.tables_keyed import verification_slips


@dataclass(frozen=True, slots=True)
class StoredSlip:
    """One slip; what it says is sealed."""

    number: str
    department_code: str
    dataset: str
    made_by: str
    made_at: datetime
    kept_until: datetime
    prints: int
    sealed: bytes


_COLUMNS = [verification_slips.c[field.name] for field in fields(StoredSlip)]


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records a slip."""
    connection.execute(verification_slips.insert().values(**values))


def find(connection: Connection, number: str) -> StoredSlip | None:
    """Finds a slip by number."""
    row = connection.execute(select(*_COLUMNS).where(verification_slips.c.number == number)).one_or_none()
    return None if row is None else StoredSlip(**row._asdict())


def by_code(connection: Connection, code_hash: bytes) -> StoredSlip | None:
    """Finds a slip by the hash of its code."""
    row = connection.execute(select(*_COLUMNS).where(verification_slips.c.code_hash == code_hash)).one_or_none()
    return None if row is None else StoredSlip(**row._asdict())


def list_of(connection: Connection, department: str, limit: int) -> list[StoredSlip]:
    """Lists the slips of a department, newest first."""
    query = select(*_COLUMNS).where(verification_slips.c.department_code == department)
    rows = connection.execute(query.order_by(verification_slips.c.made_at.desc()).limit(limit))
    return [StoredSlip(**row._asdict()) for row in rows]


def printed(connection: Connection, number: str) -> int:
    """Counts one more print; returns how many there are."""
    statement = update(verification_slips).where(verification_slips.c.number == number)
    counted = statement.values(prints=verification_slips.c.prints + 1).returning(verification_slips.c.prints)
    return int(connection.execute(counted).scalar_one())


def drop_over(connection: Connection, now: datetime) -> int:
    """Removes slips that have been kept long enough."""
    return connection.execute(delete(verification_slips).where(verification_slips.c.kept_until <= now)).rowcount
