"""Information systems of departments as a survey found them (信息系统普查), known by department and name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import departments
from catalog.tables_work import information_systems


@dataclass(frozen=True, slots=True)
class InformationSystem:
    """One information system; `verdict` is keep, merge or clean."""

    id: int
    department_code: str
    department_name: str
    name: str
    verdict: str
    facts: Mapping[str, Any]
    recorded_by: str
    recorded_at: datetime


def list_all(connection: Connection) -> list[InformationSystem]:
    """Lists the systems by department and name."""
    query = (
        select(information_systems, departments.c.name.label("department_name"))
        .join(departments, departments.c.code == information_systems.c.department_code)
        .order_by(information_systems.c.department_code, information_systems.c.name)
    )
    return [InformationSystem(**row._asdict()) for row in connection.execute(query)]


def save(connection: Connection, systems: Sequence[Mapping[str, Any]], by: str, now: datetime) -> None:
    """Records systems or what has changed of them."""
    if not systems:
        return
    statement = insert(information_systems)
    changed = {name: statement.excluded[name] for name in ("verdict", "facts", "recorded_by", "recorded_at")}
    statement = statement.on_conflict_do_update(index_elements=["department_code", "name"], set_=changed)
    connection.execute(statement, [dict(each) | {"recorded_by": by, "recorded_at": now} for each in systems])
