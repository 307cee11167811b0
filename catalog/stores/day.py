"""What a day's overview asks of the database: counts of runs, batches that wait, ages of data; each in one query."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, true

from catalog.stores.runs import Run
from catalog.tables import datasets, departments, entries, open_problems, runs
from catalog.tables_work import tasks, uploads

_RUN = [runs.c[name] for name in Run.__slots__]
Codes = Collection[str] | None


@dataclass(frozen=True, slots=True)
class DayRun:
    """A run with the names of its entry and department; `number` is its place among all runs."""

    number: int
    title: str
    department_code: str
    department_name: str
    run: Run


@dataclass(frozen=True, slots=True)
class Age:
    """How old an entry's data is: the newest batch's data time, and the provider's newest word of no change."""

    dataset: str
    title: str
    department_code: str
    department_name: str
    publish_date: date | None
    data_time: datetime | None
    declared_at: datetime | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class OpenProblems:
    """How many problems of a dataset are open, and since when the oldest."""

    dataset: str
    title: str
    problems: int
    first_seen: datetime


def _within(codes: Codes) -> ColumnElement[bool]:
    return true() if codes is None else entries.c.provider_code.in_(sorted(codes))


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many runs of a state began since a moment, and how many there are at all of those that wait."""

    today: int
    waiting: int


def state_counts(connection: Connection, codes: Codes, since: datetime) -> dict[str, StateCount]:
    """Counts the runs begun since a moment by state, and all that are held or failed, in one pass."""
    recent = runs.c.created_at >= since
    stuck = runs.c.state.in_(("held", "failed"))
    query = (
        select(runs.c.state, func.count().filter(recent), func.count().filter(stuck))
        .join(entries, entries.c.dataset == runs.c.dataset)
        .where(recent | stuck, _within(codes))
        .group_by(runs.c.state)
    )
    return {state: StateCount(int(today), int(waiting)) for state, today, waiting in connection.execute(query)}


def _day_runs(codes: Codes) -> Select[Any]:
    names = (entries.c.title, entries.c.provider_code, departments.c.name)
    return (
        select(runs.c.number, *names, *_RUN)
        .join(entries, entries.c.dataset == runs.c.dataset)
        .join(departments, departments.c.code == entries.c.provider_code)
        .where(_within(codes))
        .order_by(runs.c.number.desc())
    )


def _read(connection: Connection, query: Select[Any]) -> list[DayRun]:
    return [DayRun(row[0], row[1], row[2], row[3], Run(*row[4:])) for row in connection.execute(query)]


def waiting(connection: Connection, codes: Codes, limit: int) -> list[DayRun]:
    """Lists the newest held and failed runs."""
    return _read(connection, _day_runs(codes).where(runs.c.state.in_(("held", "failed"))).limit(limit))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs a list shows: those of a dataset, in a state, begun within a span, older than a number."""

    dataset: str | None = None
    state: str | None = None
    begun_from: datetime | None = None
    begun_before: datetime | None = None
    before: int | None = None
    limit: int = 50


def page(connection: Connection, codes: Codes, wanted: Wanted) -> list[DayRun]:
    """Lists runs, newest first."""
    query = _day_runs(codes).limit(wanted.limit)
    if wanted.dataset is not None:
        query = query.where(runs.c.dataset == wanted.dataset)
    if wanted.state is not None:
        query = query.where(runs.c.state == wanted.state)
    if wanted.begun_from is not None:
        query = query.where(runs.c.created_at >= wanted.begun_from)
    if wanted.begun_before is not None:
        query = query.where(runs.c.created_at < wanted.begun_before)
    if wanted.before is not None:
        query = query.where(runs.c.number < wanted.before)
    return _read(connection, query)


def find(connection: Connection, run_id: str) -> DayRun | None:
    """Finds a run with its names."""
    found = _read(connection, _day_runs(None).where(runs.c.run_id == run_id))
    return found[0] if found else None


def last_runs(connection: Connection, dataset: str, limit: int) -> list[Run]:
    """Lists the newest runs of a dataset, oldest first."""
    query = select(*_RUN).where(runs.c.dataset == dataset).order_by(runs.c.number.desc()).limit(limit)
    return [Run(*row) for row in connection.execute(query)][::-1]


def ages(connection: Connection, codes: Codes, states: Sequence[int]) -> list[Age]:
    """Lists how old the data of each entry in these states is."""
    declared = (
        select(uploads.c.dataset, func.max(uploads.c.submitted_at).label("at"))
        .where(uploads.c.kind == "no_change", uploads.c.state == "declared")
        .group_by(uploads.c.dataset)
        .subquery()
    )
    columns = (entries.c.dataset, entries.c.title, entries.c.provider_code, departments.c.name, entries.c.publish_date)
    query = (
        select(*columns, datasets.c.data_time, declared.c.at, datasets.c.rows)
        .join(departments, departments.c.code == entries.c.provider_code)
        .outerjoin(datasets, datasets.c.dataset == entries.c.dataset)
        .outerjoin(declared, declared.c.dataset == entries.c.dataset)
        .where(entries.c.state.in_(states), _within(codes))
    )
    return [Age(*row) for row in connection.execute(query)]


def problems(connection: Connection, codes: Codes) -> list[OpenProblems]:
    """Counts the open problems of each dataset that has any, most first; a row and rule is one problem."""
    counted = (
        select(
            open_problems.c.dataset, func.count().label("problems"), func.min(open_problems.c.first_seen).label("first")
        )
        .where(open_problems.c.closed_at.is_(None))
        .group_by(open_problems.c.dataset)
        .subquery()
    )
    query = (
        select(entries.c.dataset, entries.c.title, counted.c.problems, counted.c.first)
        .join(counted, counted.c.dataset == entries.c.dataset)
        .where(_within(codes))
        .order_by(counted.c.problems.desc(), entries.c.dataset)
    )
    return [OpenProblems(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Question:
    """A question put to a role about one run: whether it is open, what was answered, by whom."""

    id: int
    state: str
    detail: dict[str, Any]
    created_at: datetime
    done_at: datetime | None
    done_by: str | None


def question(connection: Connection, kind: str, run_id: str) -> Question | None:
    """Finds the newest task of a kind about a run."""
    columns = [tasks.c[name] for name in Question.__slots__]
    about = and_(tasks.c.kind == kind, tasks.c.detail["run_id"].astext == run_id)
    row = connection.execute(select(*columns).where(about).order_by(tasks.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Question(**row._asdict())
