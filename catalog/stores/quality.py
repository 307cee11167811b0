"""What runs have left to judge quality by: their results, and how the last ones ended. Reads only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from catalog.tables import entry_versions, runs

#: States in which a run has ended, one way or another, or waits for a person.
ENDED = ("published", "held", "discarded", "superseded", "failed")


@dataclass(frozen=True, slots=True)
class Judged:
    """A published run with its validation result and the plan that gave it."""

    run_id: str
    dataset: str
    number: int
    entry_version: int
    duplicates: int
    conflicts: int
    data_time: datetime | None
    finished_at: datetime | None
    result: Mapping[str, Any]
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    dataset: str
    number: int
    state: str


_RUN = [runs.c[f.name] for f in fields(Judged) if f.name != "plan"]


def _judged() -> Select[Any]:
    version = (entry_versions.c.dataset == runs.c.dataset) & (entry_versions.c.number == runs.c.entry_version)
    query = select(*_RUN, entry_versions.c.plan).join(entry_versions, version)
    return query.where(runs.c.result.is_not(None), entry_versions.c.plan.is_not(None))


def latest(connection: Connection, datasets: Collection[str]) -> dict[str, Judged]:
    """Returns each dataset's newest published run with a result; an empty increment comes after all others."""
    query = _judged().where(runs.c.dataset.in_(datasets), runs.c.state == "published")
    judging = (runs.c.extracted > 0).desc()
    query = query.ext(distinct_on(runs.c.dataset)).order_by(runs.c.dataset, judging, runs.c.number.desc())
    return {row.dataset: Judged(**row._asdict()) for row in connection.execute(query)}


def recent(connection: Connection, dataset: str, limit: int) -> list[Judged]:
    """Lists the newest published runs of a dataset that read rows, oldest first."""
    query = _judged().where(runs.c.dataset == dataset, runs.c.state == "published", runs.c.extracted > 0)
    rows = connection.execute(query.order_by(runs.c.number.desc()).limit(limit)).all()
    return [Judged(**row._asdict()) for row in reversed(rows)]


def of_run(connection: Connection, run_id: str) -> Judged | None:
    """Returns a run with its result, in whatever state; None when it has none."""
    row = connection.execute(_judged().where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else Judged(**row._asdict())


def outcomes(connection: Connection, datasets: Collection[str], each: int) -> list[Outcome]:
    """Lists how the newest runs of each dataset ended, oldest first; rollbacks do not count."""
    place = func.row_number().over(partition_by=runs.c.dataset, order_by=runs.c.number.desc()).label("place")
    inner = select(runs.c.dataset, runs.c.number, runs.c.state, place).where(
        runs.c.dataset.in_(datasets), runs.c.state.in_(ENDED), runs.c.rollback_to.is_(None)
    )
    newest = inner.subquery()
    query = select(newest.c.dataset, newest.c.number, newest.c.state).where(newest.c.place <= each)
    return [Outcome(**row._asdict()) for row in connection.execute(query.order_by(newest.c.dataset, newest.c.number))]
