"""Runs of a dataset: states, counts, cursors, reasons and results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from catalog.tables import runs

#: States in which the next sync of the dataset goes on with the run.
UNFINISHED = ("created", "extracted", "validated", "publishing", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `result` (the GX-shaped validation result) is read apart, by `result_of`."""

    run_id: str
    dataset: str
    entry_version: int
    mode: str
    state: str
    created_at: datetime
    step: str = "created"
    attempt: int = 1
    comparison: bool = False
    trigger: str | None = None
    rollback_to: int | None = None
    version: int | None = None
    extracted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    accepted: int = 0
    quarantined: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    kept: int = 0
    rows_before: int = 0
    rows_after: int = 0
    cursor_from: Mapping[str, Any] | None = None
    cursor_to: Mapping[str, Any] | None = None
    hold_reasons: Sequence[Mapping[str, Any]] = ()
    notices: Sequence[Mapping[str, Any]] = ()
    findings: Mapping[str, int] | None = None
    facts: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    released: bool = False
    closing_reason: str | None = None
    seconds_extract: float = 0.0
    seconds_validate: float = 0.0
    seconds_publish: float = 0.0
    extracted_at: datetime | None = None
    data_time: datetime | None = None
    finished_at: datetime | None = None
    landing_removed_at: datetime | None = None
    quarantine_removed_at: datetime | None = None


_COLUMNS = [runs.c[field.name] for field in fields(Run)]


def _select() -> Select[Any]:
    return select(*_COLUMNS)


def insert(connection: Connection, run: Run) -> None:
    """Records a new run with its first facts; counts start at zero."""
    given = ("run_id", "dataset", "entry_version", "mode", "state", "step", "created_at", "comparison", "trigger")
    values = {name: getattr(run, name) for name in (*given, "rollback_to", "cursor_from")}
    connection.execute(runs.insert().values(**values))


def change(connection: Connection, run_id: str, **values: Any) -> None:
    """Changes facts of a run."""
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))


def fail(connection: Connection, run_id: str, error: Mapping[str, Any]) -> None:
    """Marks a run as failed, unless it has been published: what fails after that moment undoes nothing."""
    statement = update(runs).where(runs.c.run_id == run_id, runs.c.step != "published")
    connection.execute(statement.values(state="failed", error=error))


def find(connection: Connection, run_id: str) -> Run | None:
    """Finds a run by id."""
    row = connection.execute(_select().where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else Run(**row._asdict())


def find_by_trigger(connection: Connection, dataset: str, trigger: str) -> Run | None:
    """Finds the run that a trigger began."""
    row = connection.execute(_select().where(runs.c.dataset == dataset, runs.c.trigger == trigger)).one_or_none()
    return None if row is None else Run(**row._asdict())


def find_in_states(connection: Connection, dataset: str, states: Sequence[str]) -> list[Run]:
    """Lists the runs of a dataset in any of the states, newest first."""
    query = _select().where(runs.c.dataset == dataset, runs.c.state.in_(states))
    return [Run(**row._asdict()) for row in connection.execute(query.order_by(runs.c.number.desc()))]


def list_recent(connection: Connection, dataset: str | None, limit: int) -> list[Run]:
    """Lists runs, newest first."""
    query = _select().order_by(runs.c.number.desc()).limit(limit)
    if dataset is not None:
        query = query.where(runs.c.dataset == dataset)
    return [Run(**row._asdict()) for row in connection.execute(query)]


def result_of(connection: Connection, run_id: str) -> Mapping[str, Any] | None:
    """Returns the validation result of a run."""
    found: Mapping[str, Any] | None = connection.execute(
        select(runs.c.result).where(runs.c.run_id == run_id)
    ).scalar_one_or_none()
    return found


def with_landing_before(connection: Connection, moment: datetime) -> list[Run]:
    """Lists closed runs whose landing was read before `moment` and is still there."""
    query = _select().where(
        runs.c.extracted_at < moment,
        runs.c.landing_removed_at.is_(None),
        runs.c.state.in_(("published", "discarded", "superseded")),
    )
    return [Run(**row._asdict()) for row in connection.execute(query)]


def with_quarantine_before(connection: Connection, moment: datetime) -> list[Run]:
    """Lists closed runs whose problem data is older than `moment` and is still there."""
    query = _select().where(
        runs.c.created_at < moment,
        runs.c.quarantine_removed_at.is_(None),
        runs.c.state.in_(("published", "discarded", "superseded")),
    )
    return [Run(**row._asdict()) for row in connection.execute(query)]
