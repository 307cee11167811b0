"""What keeps grants from binding: freezes, recalled batches; and what binds without one: emergency openings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_sharing import emergency_openings, recall_notices, recalls, share_freezes
from catalog.tables_work import tasks


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze of a department, an account or a dataset."""

    id: int
    kind: str
    target: str
    reason: str
    frozen_by: str
    frozen_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    lifted_reason: str | None


@dataclass(frozen=True, slots=True)
class Recall:
    """A recalled batch: one version of a dataset."""

    id: int
    dataset: str
    version: int
    reason: str
    raised_by: str
    raised_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What one consumer was told of a recall, and whether it has answered."""

    recall: int
    consumer: str
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Opening:
    """An emergency opening; it binds from its confirmation to `ends_at`."""

    number: str
    dataset: str
    person: str
    department_code: str | None
    reason: str
    hours: int
    opened_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ends_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None


def freeze(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Records a freeze; returns its number, None when the target is frozen already."""
    statement = insert(share_freezes).values(**values).on_conflict_do_nothing()
    found = connection.execute(statement.returning(share_freezes.c.id)).one_or_none()
    return None if found is None else int(found[0])


def freezes(connection: Connection, *, open_only: bool) -> list[Freeze]:
    """Lists the freezes, newest first."""
    query = select(share_freezes).order_by(share_freezes.c.id.desc())
    query = query.where(share_freezes.c.lifted_at.is_(None)) if open_only else query
    return [Freeze(**row._asdict()) for row in connection.execute(query)]


def find_freeze(connection: Connection, freeze_id: int) -> Freeze | None:
    """Finds a freeze and keeps others from changing it until the transaction ends."""
    query = select(share_freezes).where(share_freezes.c.id == freeze_id).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else Freeze(**row._asdict())


def lift_freeze(connection: Connection, freeze_id: int, by: str, reason: str, now: datetime) -> None:
    """Ends a freeze."""
    values = {"lifted_by": by, "lifted_at": now, "lifted_reason": reason}
    connection.execute(update(share_freezes).where(share_freezes.c.id == freeze_id).values(**values))


def add_recall(connection: Connection, values: Mapping[str, Any], consumers: list[str]) -> int:
    """Records a recall with a notice to each consumer; returns its number."""
    recall_id = int(connection.execute(recalls.insert().values(**values).returning(recalls.c.id)).scalar_one())
    if consumers:
        connection.execute(recall_notices.insert(), [{"recall": recall_id, "consumer": each} for each in consumers])
    return recall_id


def find_recall(connection: Connection, recall_id: int) -> Recall | None:
    """Finds a recall and keeps others from changing it until the transaction ends."""
    row = connection.execute(select(recalls).where(recalls.c.id == recall_id).with_for_update()).one_or_none()
    return None if row is None else Recall(**row._asdict())


def lift_recall(connection: Connection, recall_id: int, by: str, now: datetime) -> None:
    """Ends a recall: its version may be read again, should it be the current one."""
    connection.execute(update(recalls).where(recalls.c.id == recall_id).values(lifted_by=by, lifted_at=now))


def list_recalls(connection: Connection) -> list[tuple[Recall, list[Notice]]]:
    """Lists the recalls with their notices, newest first."""
    found: dict[int, list[Notice]] = {}
    for row in connection.execute(select(recall_notices).order_by(recall_notices.c.consumer)):
        found.setdefault(row.recall, []).append(Notice(**row._asdict()))
    rows = connection.execute(select(recalls).order_by(recalls.c.id.desc()))
    return [(Recall(**row._asdict()), found.get(row.id, [])) for row in rows]


def acknowledge(connection: Connection, recall_id: int, consumer: str, by: str, note: str, now: datetime) -> bool:
    """Records a consumer's answer to a recall; says whether one was open."""
    values = {"acknowledged_by": by, "acknowledged_at": now, "note": note}
    mine = (recall_notices.c.recall == recall_id, recall_notices.c.consumer == consumer)
    statement = update(recall_notices).where(*mine, recall_notices.c.acknowledged_at.is_(None)).values(**values)
    return connection.execute(statement).rowcount == 1


def close_recall_task(connection: Connection, link: str, department: str, by: str, now: datetime) -> None:
    """Ends the open task of a department that leads to a recall."""
    waiting = (tasks.c.link == link, tasks.c.department_code == department, tasks.c.state == "open")
    connection.execute(update(tasks).where(*waiting).values(state="done", done_at=now, done_by=by))


def close_emergency_task(connection: Connection, number: str, by: str, now: datetime) -> None:
    """Ends the task that asks for an opening's second person."""
    mine = (tasks.c.kind == "share_emergency", tasks.c.detail["opening"].astext == number, tasks.c.state == "open")
    connection.execute(update(tasks).where(*mine).values(state="done", done_at=now, done_by=by))


def add_opening(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records an emergency opening that waits for its second person."""
    connection.execute(emergency_openings.insert().values(**values))


def find_opening(connection: Connection, number: str) -> Opening | None:
    """Finds an opening and keeps others from changing it until the transaction ends."""
    query = select(emergency_openings).where(emergency_openings.c.number == number).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else Opening(**row._asdict())


def change_opening(connection: Connection, number: str, **values: Any) -> None:
    """Changes an opening."""
    connection.execute(update(emergency_openings).where(emergency_openings.c.number == number).values(**values))


def opening_in_force(connection: Connection, person: str, dataset: str, at: datetime) -> Opening | None:
    """Finds the opening of a dataset for a person that binds at a moment."""
    table = emergency_openings.c
    query = select(emergency_openings).where(
        table.person == person, table.dataset == dataset, table.confirmed_at <= at, table.ends_at > at,
        table.closed_at.is_(None),
    )  # fmt: skip
    row = connection.execute(query.order_by(table.ends_at.desc()).limit(1)).one_or_none()
    return None if row is None else Opening(**row._asdict())


def openings(connection: Connection, since: datetime | None, until: datetime | None) -> list[Opening]:
    """Lists the openings that were asked for, confirmed or in force in a time, newest first."""
    table = emergency_openings.c
    query = select(emergency_openings).order_by(table.opened_at.desc())
    if since is not None:
        query = query.where(or_(table.opened_at >= since, table.confirmed_at >= since, table.ends_at >= since))
    if until is not None:
        query = query.where(table.opened_at < until)
    return [Opening(**row._asdict()) for row in connection.execute(query)]
