"""Analysts' queries, saved statements and exports. Every statement and preview comes and goes sealed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_queries import queries, query_exports, saved_queries
from catalog.tables_work import tasks

#: How long a file may be on its way.
_FETCHING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """One run of a statement."""

    id: str
    login: str
    department_code: str | None
    purpose: str
    sealed_sql: bytes
    state: str
    cancel_asked: bool
    facts: Mapping[str, Any]
    rows: int
    error_code: str | None
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A statement that somebody keeps."""

    id: str
    login: str
    name: str
    purpose: str
    sealed_sql: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class StoredExport:
    """One export of a result."""

    number: str
    query: str
    login: str
    department_code: str
    format: str
    reason: str
    state: str
    causes: list[str]
    providers: list[str]
    steps: list[dict[str, Any]]
    sealed_preview: bytes
    manifest: Mapping[str, Any] | None
    asked_at: datetime
    fetch_until: datetime | None
    fetched_at: datetime | None


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records a run that begins."""
    connection.execute(queries.insert().values(**values))


def find(connection: Connection, query_id: str) -> StoredQuery | None:
    """Finds a run."""
    row = connection.execute(select(queries).where(queries.c.id == query_id)).one_or_none()
    return None if row is None else StoredQuery(**row._asdict())


def change(connection: Connection, query_id: str, **values: Any) -> None:
    """Changes a run."""
    connection.execute(update(queries).where(queries.c.id == query_id).values(**values))


def seen(connection: Connection, query_id: str, now: datetime) -> bool:
    """Marks a run as alive; says whether somebody asked to cancel it."""
    statement = update(queries).where(queries.c.id == query_id).values(seen_at=now).returning(queries.c.cancel_asked)
    return bool(connection.execute(statement).scalar_one())


def ask_cancel(connection: Connection, query_id: str) -> bool:
    """Asks whoever runs it to stop; says whether it was running."""
    running = (queries.c.id == query_id, queries.c.state == "running")
    return connection.execute(update(queries).where(*running).values(cancel_asked=True)).rowcount == 1


def finish(connection: Connection, query_id: str, values: Mapping[str, Any]) -> bool:
    """Ends a run; says whether it was still running."""
    running = (queries.c.id == query_id, queries.c.state == "running")
    return connection.execute(update(queries).where(*running).values(**values)).rowcount == 1


def history(connection: Connection, login: str, *, limit: int, before: datetime | None = None) -> list[StoredQuery]:
    """Lists the runs of an account, newest first, those before a moment."""
    query = select(queries).where(queries.c.login == login)
    query = query if before is None else query.where(queries.c.started_at < before)
    rows = connection.execute(query.order_by(queries.c.started_at.desc(), queries.c.id).limit(limit))
    return [StoredQuery(**row._asdict()) for row in rows]


def running_of(connection: Connection, login: str, since: datetime) -> int:
    """Counts the runs of an account that showed life since a moment."""
    mine = (queries.c.login == login, queries.c.state == "running", queries.c.seen_at >= since)
    return int(connection.execute(select(func.count()).select_from(queries).where(*mine)).scalar_one())


def over(connection: Connection, now: datetime) -> list[str]:
    """Lists the runs whose results are no longer kept: time over, no export waiting or on its way."""
    export = query_exports.c
    asked = export.state.in_(("own_review", "provider_review", "approved"))
    waits = and_(asked, or_(export.fetch_until.is_(None), export.fetch_until > now))
    # Fetched once, and the manifest comes with the last byte.
    leaving = and_(export.state == "fetched", export.manifest.is_(None), export.fetched_at > now - _FETCHING)
    waiting = select(export.query).where(or_(waits, leaving))
    query = select(queries.c.id).where(queries.c.kept_until <= now, queries.c.id.not_in(waiting))
    return list(connection.execute(query).scalars())


def lost(connection: Connection, seen_before: datetime) -> list[str]:
    """Lists the runs whose process is gone."""
    query = select(queries.c.id).where(queries.c.state == "running", queries.c.seen_at < seen_before)
    return list(connection.execute(query).scalars())


def save(connection: Connection, values: Mapping[str, Any]) -> None:
    """Keeps a statement under a name; another of the same name and account is replaced."""
    statement = insert(saved_queries).values(**values)
    changed = {name: statement.excluded[name] for name in ("id", "purpose", "sealed_sql", "saved_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["login", "name"], set_=changed))


def saved(connection: Connection, login: str) -> list[SavedQuery]:
    """Lists the statements that an account keeps, by name."""
    query = select(saved_queries).where(saved_queries.c.login == login).order_by(saved_queries.c.name)
    return [SavedQuery(**row._asdict()) for row in connection.execute(query)]


def forget(connection: Connection, login: str, saved_id: str) -> bool:
    """Removes a kept statement; says whether it was there."""
    mine = (saved_queries.c.login == login, saved_queries.c.id == saved_id)
    return connection.execute(delete(saved_queries).where(*mine)).rowcount == 1


def add_export(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records an export."""
    connection.execute(query_exports.insert().values(**values))


def find_export(connection: Connection, number: str, *, locked: bool = False) -> StoredExport | None:
    """Finds an export; locked: keeps others from changing it until the transaction ends."""
    query = select(query_exports).where(query_exports.c.number == number)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else StoredExport(**row._asdict())


def change_export(connection: Connection, number: str, **values: Any) -> None:
    """Changes an export."""
    connection.execute(update(query_exports).where(query_exports.c.number == number).values(**values))


def exports(
    connection: Connection, *, login: str | None = None, departments: Collection[str] = ()
) -> list[StoredExport]:
    """Lists the exports of an account and those that some departments decide on, newest first."""
    mine = [query_exports.c.login == login] if login else []
    decided: list[ColumnElement[bool]] = [query_exports.c.department_code.in_(list(departments))]
    decided += [query_exports.c.providers.contains([code]) for code in departments]
    query = select(query_exports).where(or_(*mine, *decided)).order_by(query_exports.c.asked_at.desc())
    return [StoredExport(**row._asdict()) for row in connection.execute(query.limit(200))]


def close_export_task(connection: Connection, number: str, department: str, by: str, now: datetime) -> None:
    """Ends the open task of a department that leads to an export."""
    link = f"/exports/{number}"
    waiting = (tasks.c.link == link, tasks.c.department_code == department, tasks.c.state == "open")
    connection.execute(update(tasks).where(*waiting).values(state="done", done_at=now, done_by=by))
