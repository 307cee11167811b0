"""What waits for a person, for a role of a department, or for a role (待办)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, false, or_, select, true, update

from catalog.tables_work import tasks


@dataclass(frozen=True, slots=True)
class Task:
    """One task; `provisional` when its due date lies outside the calendar of working days."""

    id: int
    kind: str
    title: str
    dataset: str | None
    department_code: str | None
    role: str | None
    account_id: str | None
    event_id: int | None
    due_on: date | None
    provisional: bool
    state: str
    link: str
    detail: Mapping[str, Any]
    created_at: datetime
    done_at: datetime | None
    done_by: str | None


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Records a task and returns its number."""
    statement = tasks.insert().values(**values).returning(tasks.c.id)
    return int(connection.execute(statement).scalar_one())


def find_locked(connection: Connection, task_id: int) -> Task | None:
    """Finds a task and keeps others from changing it until the transaction ends."""
    row = connection.execute(select(tasks).where(tasks.c.id == task_id).with_for_update()).one_or_none()
    return None if row is None else Task(**row._asdict())


def change(connection: Connection, task_id: int, **values: Any) -> None:
    """Changes a task."""
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(**values))


def close(
    connection: Connection, kinds: Collection[str] | None, dataset: str | None, state: str, by: str, now: datetime
) -> int:
    """Closes the open tasks of these kinds, `None` for all, about a dataset; returns how many."""
    of_kind = true() if kinds is None else tasks.c.kind.in_(list(kinds))
    open_ones = (tasks.c.state == "open", of_kind, tasks.c.dataset == dataset)
    statement = update(tasks).where(*open_ones).values(state=state, done_at=now, done_by=by)
    return connection.execute(statement).rowcount


def open_for(
    connection: Connection, account: str | None, seats: Collection[tuple[str, frozenset[str] | None]] | None
) -> list[Task]:
    """Lists the open tasks of an account and of its seats (role and departments, None for all), soonest due first.

    No seats at all, `None`, lists every open task.
    """
    query = select(tasks).where(tasks.c.state == "open")
    if seats is not None:
        own = tasks.c.account_id == account if account is not None else false()
        query = query.where(or_(own, *(_of_seat(role, codes) for role, codes in seats)))
    rows = connection.execute(query.order_by(tasks.c.due_on.asc().nulls_last(), tasks.c.id))
    return [Task(**row._asdict()) for row in rows]


def _of_seat(role: str, codes: frozenset[str] | None) -> ColumnElement[bool]:
    found = tasks.c.account_id.is_(None) & (tasks.c.role == role)
    if codes is None:
        return found
    return found & (tasks.c.department_code.is_(None) | tasks.c.department_code.in_(sorted(codes)))


def about(connection: Connection, dataset: str) -> list[Task]:
    """Lists the open tasks about a dataset, soonest due first."""
    query = select(tasks).where(tasks.c.dataset == dataset, tasks.c.state == "open")
    rows = connection.execute(query.order_by(tasks.c.due_on.asc().nulls_last(), tasks.c.id))
    return [Task(**row._asdict()) for row in rows]


def of_event(connection: Connection, event_id: int) -> list[Task]:
    """Lists all tasks that a duty event made, open ones first."""
    query = select(tasks).where(tasks.c.event_id == event_id)
    rows = connection.execute(query.order_by(tasks.c.done_at.asc().nulls_first(), tasks.c.due_on, tasks.c.id))
    return [Task(**row._asdict()) for row in rows]
