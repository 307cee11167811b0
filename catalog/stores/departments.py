"""Departments (政务部门) that provide data, known by their unified social credit code."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import departments, entries
from catalog.tables_people import accounts


@dataclass(frozen=True, slots=True)
class Department:
    """A department."""

    code: str
    name: str
    short_name: str | None
    region_code: str | None
    parent_code: str | None
    is_authority: bool
    active: bool
    created_at: datetime


def save(connection: Connection, code: str, name: str, now: datetime) -> None:
    """Records a department or its new name."""
    statement = insert(departments).values(code=code, name=name, created_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_={"name": name}))


def list_all(connection: Connection) -> list[Department]:
    """Lists the departments by code."""
    rows = connection.execute(select(departments).order_by(departments.c.code))
    return [Department(**row._asdict()) for row in rows]


def find(connection: Connection, code: str) -> Department | None:
    """Finds a department by code."""
    row = connection.execute(select(departments).where(departments.c.code == code)).one_or_none()
    return None if row is None else Department(**row._asdict())


def add(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Records a new department; says whether its code was free."""
    statement = insert(departments).values(**values).on_conflict_do_nothing(index_elements=["code"])
    return connection.execute(statement.returning(departments.c.code)).one_or_none() is not None


def change(connection: Connection, code: str, **values: Any) -> None:
    """Changes facts of a department."""
    connection.execute(update(departments).where(departments.c.code == code).values(**values))


def count_people(connection: Connection) -> dict[str, int]:
    """Counts the open accounts of each department."""
    counted = select(accounts.c.department_code, func.count()).where(accounts.c.active)
    return {row[0]: row[1] for row in connection.execute(counted.group_by(accounts.c.department_code))}


def count_entries(connection: Connection, states: tuple[int, ...]) -> dict[str, int]:
    """Counts the entries of each department that are in one of the states."""
    counted = select(entries.c.provider_code, func.count()).where(entries.c.state.in_(states))
    return {row[0]: row[1] for row in connection.execute(counted.group_by(entries.c.provider_code))}
