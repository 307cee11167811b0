"""Intake numbers (预受理号): under which a call was made before there was a case, until they are bound to one."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, select, true, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_keyed import intake_numbers


@dataclass(frozen=True, slots=True)
class Intake:
    """One intake number of a department; `case_no` is the case that it was bound to."""

    department_code: str
    number: str
    service_item: str | None
    handler: str
    first_at: datetime
    expires_at: datetime
    uses: int
    case_no: str | None
    bound_at: datetime | None
    bound_by: str | None


_COLUMNS = [intake_numbers.c[field.name] for field in fields(Intake)]


def use(connection: Connection, intake: Intake) -> Intake:
    """Counts a use of a number, which begins with its first; returns it as it stands."""
    values = {field.name: getattr(intake, field.name) for field in fields(Intake)}
    statement = insert(intake_numbers).values(**values)
    statement = statement.on_conflict_do_update(
        index_elements=["department_code", "number"], set_={"uses": intake_numbers.c.uses + 1}
    )
    return Intake(**connection.execute(statement.returning(*_COLUMNS)).one()._asdict())


def find(connection: Connection, department: str, number: str, *, locked: bool = False) -> Intake | None:
    """Finds a number."""
    query = select(*_COLUMNS).where(intake_numbers.c.department_code == department, intake_numbers.c.number == number)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else Intake(**row._asdict())


def bind(connection: Connection, department: str, number: str, case_no: str, by: str, now: datetime) -> None:
    """Binds a number to its case."""
    statement = update(intake_numbers).where(
        intake_numbers.c.department_code == department, intake_numbers.c.number == number
    )
    connection.execute(statement.values(case_no=case_no, bound_at=now, bound_by=by))


def list_of(connection: Connection, departments: Collection[str] | None, limit: int) -> list[Intake]:
    """Lists the numbers of some departments (None: all): unbound ones first, soonest to expire first."""
    mine = true() if departments is None else intake_numbers.c.department_code.in_(sorted(departments))
    query = select(*_COLUMNS).where(mine)
    query = query.order_by(intake_numbers.c.case_no.is_not(None), intake_numbers.c.expires_at, intake_numbers.c.number)
    return [Intake(**row._asdict()) for row in connection.execute(query.limit(limit))]
