"""Requests for sharing (共享申请), their chained steps, attachments, and how a department reviews."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_sharing import share_request_events, share_request_files, share_requests, share_settings
from catalog.tables_work import tasks


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """One request; `due_on` is the end of the present step, None while no clock runs."""

    number: str
    dataset: str
    entry_version: int
    consumer: str
    provider: str
    share_type: int
    stage: str
    returned_from: str | None
    content: Mapping[str, Any]
    terms: Mapping[str, Any] | None
    clock_from: date | None
    clock_days: int | None
    due_on: date | None
    provisional: bool
    left_days: int | None
    extension_state: str | None
    extension_days: int | None
    extension_reason: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    decided_at: datetime | None
    supplied_at: datetime | None


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """One step of a request, chained over the one before."""

    request: str
    command: str
    from_stage: str
    to_stage: str
    actor: str
    department_code: str | None
    opinion: str | None
    reason_code: str | None
    terms: Mapping[str, Any] | None
    days: int | None
    at: datetime
    prev_sm3: str
    sm3: str


@dataclass(frozen=True, slots=True)
class RequestFile:
    """An attachment without its content."""

    id: int
    request: str
    name: str
    media_type: str
    added_by: str
    added_at: datetime


_EVENT = [share_request_events.c[field.name] for field in fields(RequestEvent)]
_FILE = [share_request_files.c[field.name] for field in fields(RequestFile)]


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records a request."""
    connection.execute(share_requests.insert().values(**values))


def find(connection: Connection, number: str) -> StoredRequest | None:
    """Finds a request."""
    row = connection.execute(select(share_requests).where(share_requests.c.number == number)).one_or_none()
    return None if row is None else StoredRequest(**row._asdict())


def find_locked(connection: Connection, number: str) -> StoredRequest | None:
    """Finds a request and keeps others from changing it until the transaction ends."""
    query = select(share_requests).where(share_requests.c.number == number).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredRequest(**row._asdict())


def change(connection: Connection, number: str, **values: Any) -> None:
    """Changes a request."""
    connection.execute(update(share_requests).where(share_requests.c.number == number).values(**values))


def of_consumers(connection: Connection, codes: Collection[str] | None) -> list[StoredRequest]:
    """Lists the requests of some departments (None: all), newest first."""
    mine = true() if codes is None else share_requests.c.consumer.in_(sorted(codes))
    query = select(share_requests).where(mine).order_by(share_requests.c.number.desc())
    return [StoredRequest(**row._asdict()) for row in connection.execute(query)]


def in_stages(
    connection: Connection,
    stages: Collection[str],
    consumers: Collection[str] | None,
    providers: Collection[str] | None,
) -> list[StoredRequest]:
    """Lists the requests in some stages of these consumers or these providers (None: all), soonest due first."""
    ends = []
    for column, codes in ((share_requests.c.consumer, consumers), (share_requests.c.provider, providers)):
        ends.append(true() if codes is None else column.in_(sorted(codes)))
    query = select(share_requests).where(share_requests.c.stage.in_(sorted(stages)), or_(*ends))
    query = query.order_by(share_requests.c.due_on.asc().nulls_last(), share_requests.c.number)
    return [StoredRequest(**row._asdict()) for row in connection.execute(query)]


def due_by(connection: Connection, day: date) -> list[StoredRequest]:
    """Lists the requests whose running clock ends on a day or before, soonest first."""
    query = select(share_requests).where(share_requests.c.due_on <= day)
    rows = connection.execute(query.order_by(share_requests.c.due_on, share_requests.c.number))
    return [StoredRequest(**row._asdict()) for row in rows]


def add_event(connection: Connection, event: RequestEvent) -> None:
    """Records a step; the caller holds the request's lock, so that each follows the one before."""
    values = {field.name: getattr(event, field.name) for field in fields(RequestEvent)}
    connection.execute(share_request_events.insert().values(**values))


def history(connection: Connection, number: str) -> list[RequestEvent]:
    """Lists the steps of a request, oldest first."""
    query = select(*_EVENT).where(share_request_events.c.request == number).order_by(share_request_events.c.id)
    return [RequestEvent(**row._asdict()) for row in connection.execute(query)]


def add_file(connection: Connection, values: Mapping[str, Any]) -> int:
    """Records an attachment and returns its number."""
    statement = share_request_files.insert().values(**values).returning(share_request_files.c.id)
    return int(connection.execute(statement).scalar_one())


def files_of(connection: Connection, number: str) -> list[RequestFile]:
    """Lists the attachments of a request."""
    query = select(*_FILE).where(share_request_files.c.request == number).order_by(share_request_files.c.id)
    return [RequestFile(**row._asdict()) for row in connection.execute(query)]


def file_of(connection: Connection, number: str, file_id: int) -> tuple[RequestFile, bytes] | None:
    """Finds an attachment with its sealed content."""
    query = select(*_FILE, share_request_files.c.sealed)
    query = query.where(share_request_files.c.id == file_id, share_request_files.c.request == number)
    row = connection.execute(query).one_or_none()
    return None if row is None else (RequestFile(*row[:-1]), row[-1])


def review_steps(connection: Connection, department: str) -> int:
    """Returns in how many steps a department reviews what is asked of it; one unless it has set two."""
    query = select(share_settings.c.review_steps).where(share_settings.c.department_code == department)
    return int(connection.execute(query).scalar_one_or_none() or 1)


def set_review_steps(connection: Connection, department: str, steps: int, by: str, now: datetime) -> None:
    """Sets in how many steps a department reviews."""
    values = {"review_steps": steps, "set_by": by, "set_at": now}
    statement = insert(share_settings).values(department_code=department, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["department_code"], set_=values))


def close_tasks_at(connection: Connection, link: str, by: str, now: datetime, kinds: Collection[str]) -> None:
    """Ends the open tasks of some kinds that lead to a place."""
    done = {"state": "done", "done_at": now, "done_by": by}
    waiting = (tasks.c.link == link, tasks.c.state == "open", tasks.c.kind.in_(sorted(kinds)))
    connection.execute(update(tasks).where(*waiting).values(**done))


def has_task(connection: Connection, link: str, kind: str, due_on: date | None) -> bool:
    """Says whether a task of a kind for a due date was opened for a place, done or not."""
    query = select(tasks.c.id).where(tasks.c.link == link, tasks.c.kind == kind, tasks.c.due_on == due_on).limit(1)
    return connection.execute(query).one_or_none() is not None
