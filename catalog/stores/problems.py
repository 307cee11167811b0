"""Open problems (未决问题): a row that keeps failing the same rule is one problem with a first and a last sighting."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, text, update

from catalog.stores import problem_orders
from catalog.tables import open_problems
from catalog.tables_work import problem_order_rows


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding of a row whose key could be read."""

    key_hash: bytes
    code: str
    item: str


@dataclass(frozen=True, slots=True)
class ProblemCount:
    """How many problems of a code and item are open in a dataset, and since when the oldest."""

    code: str
    item: str
    rows: int
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which open problems are meant; None does not narrow. `run` is the run that saw a problem last."""

    code: str | None = None
    item: str | None = None
    run: str | None = None
    order: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Open problems of one dataset, code and item: how many, since when, how often the most stubborn was seen."""

    dataset: str
    code: str
    item: str
    rows: int
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Open problems by the run that saw them last: how many, on how many rows."""

    dataset: str
    run: str
    problems: int
    rows: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    id: int
    dataset: str
    key_hash: bytes
    code: str
    item: str
    first_run: str
    last_run: str
    times: int
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None


_OPEN = open_problems.c.closed_at.is_(None)
EVERYTHING = Filter()


def record(connection: Connection, dataset: str, run_id: str, now: datetime, sightings: Iterable[Sighting]) -> None:
    """Opens new problems, moves the last sighting of known ones, closes those that a row no longer has; repeatable."""
    connection.execute(text("create temporary table sightings (key_hash bytea, code text, item text) on commit drop"))
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - a connection in use has its driver's
    with driver.cursor().copy("copy sightings from stdin (format binary)") as copy:
        copy.set_types(["bytea", "text", "text"])
        for seen in sightings:
            copy.write_row((seen.key_hash, seen.code, seen.item))
    facts = {"dataset": dataset, "run": run_id, "now": now}
    connection.execute(
        text(
            """
            insert into hub.open_problems
                (dataset, key_hash, code, item, first_run, last_run, times, first_seen, last_seen)
            select distinct :dataset, key_hash, code, item, :run, :run, 1, cast(:now as timestamptz),
                cast(:now as timestamptz) from sightings
            on conflict (dataset, key_hash, code, item) where closed_at is null do update
            set times = open_problems.times + case when open_problems.last_run = excluded.last_run then 0 else 1 end,
                last_run = excluded.last_run, last_seen = excluded.last_seen
            """
        ),
        facts,
    )
    connection.execute(
        text(
            """
            update hub.open_problems p set closed_at = :now
            where p.dataset = :dataset and p.closed_at is null and p.last_run <> :run
              and exists (select 1 from sightings s where s.key_hash = p.key_hash)
            """
        ),
        facts,
    )
    problem_orders.close_finished(connection, dataset, now)


def close_unseen(connection: Connection, dataset: str, run_id: str, now: datetime) -> int:
    """Closes every open problem that a full reading did not see again, and orders done by that; returns how many."""
    return _close(connection, dataset, run_id, now)


def close_keys(connection: Connection, dataset: str, run_id: str, now: datetime, keys: Sequence[bytes]) -> int:
    """Closes the open problems of the keys that an increment brought again without them; returns how many."""
    return _close(connection, dataset, run_id, now, open_problems.c.key_hash == func.any(list(keys)))


def _close(connection: Connection, dataset: str, run_id: str, now: datetime, *which: ColumnElement[bool]) -> int:
    done = connection.execute(
        update(open_problems)
        .where(open_problems.c.dataset == dataset, _OPEN, open_problems.c.last_run != run_id, *which)
        .values(closed_at=now)
    )
    problem_orders.close_finished(connection, dataset, now)
    return int(done.rowcount)


def open_keys(connection: Connection, dataset: str) -> list[bytes]:
    """Lists the row keys that have an open problem."""
    query = select(open_problems.c.key_hash).where(open_problems.c.dataset == dataset, _OPEN)
    return [bytes(key) for key in connection.execute(query.distinct()).scalars()]


def counts(connection: Connection, dataset: str) -> list[ProblemCount]:
    """Counts the open problems of a dataset by code and item, most frequent first."""
    columns = (open_problems.c.code, open_problems.c.item)
    query = (
        select(*columns, func.count().label("rows"), func.min(open_problems.c.first_seen).label("first_seen"))
        .where(open_problems.c.dataset == dataset, _OPEN)
        .group_by(*columns)
        .order_by(func.count().desc(), *columns)
    )
    return [ProblemCount(**row._asdict()) for row in connection.execute(query)]


def matching(which: Filter) -> list[ColumnElement[bool]]:
    """Returns the conditions of a filter on open problems."""
    given = {"code": which.code, "item": which.item, "last_run": which.run}
    found = [_OPEN, *(open_problems.c[name] == value for name, value in given.items() if value is not None)]
    if which.order is not None:
        of_order = select(problem_order_rows.c.problem_id).where(problem_order_rows.c.order_id == which.order)
        found.append(open_problems.c.id.in_(of_order))
    return found


def groups(connection: Connection, datasets: Collection[str], which: Filter = EVERYTHING) -> list[Group]:
    """Counts open problems by dataset, code and item, most frequent first."""
    columns = (open_problems.c.dataset, open_problems.c.code, open_problems.c.item)
    facts = (
        func.count().label("rows"),
        func.min(open_problems.c.first_seen).label("first_seen"),
        func.max(open_problems.c.last_seen).label("last_seen"),
        func.max(open_problems.c.times).label("times"),
    )
    query = select(*columns, *facts).where(columns[0].in_(datasets), *matching(which)).group_by(*columns)
    return [Group(**row._asdict()) for row in connection.execute(query.order_by(func.count().desc(), *columns))]


def by_run(connection: Connection, datasets: Collection[str], which: Filter = EVERYTHING) -> list[RunGroup]:
    """Counts open problems by dataset and the run that saw them last, newest first."""
    columns = (open_problems.c.dataset, open_problems.c.last_run.label("run"))
    seen = func.max(open_problems.c.last_seen)
    rows = func.count(open_problems.c.key_hash.distinct()).label("rows")
    query = select(*columns, func.count().label("problems"), rows, seen.label("last_seen"))
    query = query.where(columns[0].in_(datasets), *matching(which)).group_by(*columns)
    return [RunGroup(**row._asdict()) for row in connection.execute(query.order_by(seen.desc(), *columns))]


def keys_of_run(connection: Connection, dataset: str, run_id: str, which: Filter) -> list[bytes]:
    """Lists the keys of the rows whose open problems a run saw last."""
    query = select(open_problems.c.key_hash).where(
        open_problems.c.dataset == dataset, open_problems.c.last_run == run_id, *matching(which)
    )
    return [bytes(key) for key in connection.execute(query.distinct()).scalars()]


def of_keys(connection: Connection, dataset: str, keys: Collection[bytes]) -> list[Problem]:
    """Lists the open problems of some rows."""
    query = select(open_problems).where(
        open_problems.c.dataset == dataset, _OPEN, open_problems.c.key_hash == func.any(list(keys))
    )
    return [_problem(row) for row in connection.execute(query)]


def find(connection: Connection, problem_id: int) -> Problem | None:
    """Finds a problem by number."""
    if not 0 < problem_id < problem_orders.LARGEST:
        return None
    row = connection.execute(select(open_problems).where(open_problems.c.id == problem_id)).one_or_none()
    return None if row is None else _problem(row)


def _problem(row: Any) -> Problem:
    return Problem(**{**row._asdict(), "key_hash": bytes(row.key_hash)})
