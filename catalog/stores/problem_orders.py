"""Rectification orders (整改单): open problems of one dataset, sent to its provider with a due date."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, func, literal, select, text, update

from catalog.tables import open_problems
from catalog.tables_work import problem_order_rows, problem_orders

#: One more than the largest number of a row.
LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Order:
    """One order with how many of its problems there are and how many are still open."""

    id: int
    dataset: str
    department_code: str
    title: str
    state: str
    due_on: date
    provisional: bool
    sent_by: str
    sent_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    closed_at: datetime | None
    problems: int
    left: int


@dataclass(frozen=True, slots=True)
class OrderCount:
    """How many problems of a code and item an order has, and how many of them are still open."""

    code: str
    item: str
    problems: int
    left: int


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Records an order and returns its number."""
    return int(connection.execute(problem_orders.insert().values(**values).returning(problem_orders.c.id)).scalar_one())


def add_problems(connection: Connection, order_id: int, dataset: str, conditions: Collection[Any]) -> int:
    """Puts the problems that meet the conditions and are in no unfinished order into one; returns how many."""
    taken = (
        select(problem_order_rows.c.problem_id)
        .join(problem_orders, problem_orders.c.id == problem_order_rows.c.order_id)
        .where(problem_orders.c.state != "closed", problem_orders.c.dataset == dataset)
    )
    chosen = select(literal(order_id, BigInteger), open_problems.c.id).where(
        open_problems.c.dataset == dataset, open_problems.c.id.not_in(taken), *conditions
    )
    statement = problem_order_rows.insert().from_select(["order_id", "problem_id"], chosen)
    return int(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount)


def _counted() -> Select[Any]:
    left = func.count().filter(open_problems.c.closed_at.is_(None)).label("left")
    return (
        select(*problem_orders.c, func.count(open_problems.c.id).label("problems"), left)
        .outerjoin(problem_order_rows, problem_order_rows.c.order_id == problem_orders.c.id)
        .outerjoin(open_problems, open_problems.c.id == problem_order_rows.c.problem_id)
        .group_by(problem_orders.c.id)
    )


def find(connection: Connection, order_id: int) -> Order | None:
    """Finds an order by number."""
    if not 0 < order_id < LARGEST:
        return None
    row = connection.execute(_counted().where(problem_orders.c.id == order_id)).one_or_none()
    return None if row is None else Order(**row._asdict())


def list_of(connection: Connection, departments: Collection[str] | None) -> list[Order]:
    """Lists the orders of some departments (None: all), unfinished ones first, soonest due first."""
    query = _counted()
    if departments is not None:
        query = query.where(problem_orders.c.department_code.in_(sorted(departments)))
    unfinished = (problem_orders.c.state == "closed").asc()
    rows = connection.execute(query.order_by(unfinished, problem_orders.c.due_on, problem_orders.c.id))
    return [Order(**row._asdict()) for row in rows]


def counts(connection: Connection, order_id: int) -> list[OrderCount]:
    """Counts the problems of an order by code and item."""
    columns = (open_problems.c.code, open_problems.c.item)
    left = func.count().filter(open_problems.c.closed_at.is_(None)).label("left")
    query = (
        select(*columns, func.count().label("problems"), left)
        .join(problem_order_rows, problem_order_rows.c.problem_id == open_problems.c.id)
        .where(problem_order_rows.c.order_id == order_id)
        .group_by(*columns)
        .order_by(func.count().desc(), *columns)
    )
    return [OrderCount(**row._asdict()) for row in connection.execute(query)]


def change(connection: Connection, order_id: int, **values: Any) -> None:
    """Changes facts of an order."""
    connection.execute(update(problem_orders).where(problem_orders.c.id == order_id).values(**values))


def orders_of(connection: Connection, problems: Collection[int]) -> dict[int, int]:
    """Returns the unfinished order of each of the problems that are in one."""
    query = (
        select(problem_order_rows.c.problem_id, problem_order_rows.c.order_id)
        .join(problem_orders, problem_orders.c.id == problem_order_rows.c.order_id)
        .where(problem_orders.c.state != "closed", problem_order_rows.c.problem_id.in_(list(problems)))
    )
    return {row.problem_id: row.order_id for row in connection.execute(query)}


def close_finished(connection: Connection, dataset: str, now: datetime) -> list[int]:
    """Closes the dataset's orders whose problems have all closed, with the tasks about them; returns their numbers."""
    rows = connection.execute(
        text(
            """
            update hub.problem_orders o set state = 'closed', closed_at = :now
            where o.dataset = :dataset and o.state <> 'closed' and not exists (
                select 1 from hub.problem_order_rows r join hub.open_problems p on p.id = r.problem_id
                where r.order_id = o.id and p.closed_at is null)
            returning o.id
            """
        ),
        {"dataset": dataset, "now": now},
    )
    closed = sorted(row.id for row in rows)
    for order_id in closed:
        close_task(connection, order_id, "system", now)
    return closed


def close_task(connection: Connection, order_id: int, by: str, now: datetime) -> None:
    """Ends the open tasks that lead to an order."""
    close_tasks_at(connection, f"/orders/{order_id}", by, now)


def close_tasks_at(connection: Connection, link: str, by: str, now: datetime) -> None:
    """Ends the open tasks that lead to a place."""
    connection.execute(
        text(
            "update hub.tasks set state = 'done', done_at = :now, done_by = :by where state = 'open' and link = :link"
        ),
        {"now": now, "by": by, "link": link},
    )
