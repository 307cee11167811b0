"""Calls of interfaces: the last ones, how many a minute, how many under way. No key and no value is among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_interfaces import interface_calls, interface_leases, interface_minutes


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One call as its provider may see it."""

    id: int
    dataset: str
    at: datetime
    kind: str
    consumer: str | None
    outcome: str
    rows: int
    duration_ms: int
    faults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """Calls since a moment."""

    calls: int
    failed: int
    median_ms: int | None
    slowest_ms: int | None


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records a call."""
    connection.execute(interface_calls.insert().values(**values))


def latest(connection: Connection, dataset: str, most: int) -> list[StoredCall]:
    """Lists the last calls, newest first."""
    query = select(interface_calls).where(interface_calls.c.dataset == dataset)
    rows = connection.execute(query.order_by(interface_calls.c.id.desc()).limit(most))
    return [StoredCall(**row._asdict()) for row in rows]


def summary(connection: Connection, dataset: str, since: datetime) -> Summary:
    """Sums the calls since a moment."""
    length = interface_calls.c.duration_ms
    query = select(
        func.count(),
        func.count().filter(interface_calls.c.outcome != "ok"),
        func.percentile_cont(0.5).within_group(length),
        func.max(length),
    ).where(interface_calls.c.dataset == dataset, interface_calls.c.at >= since)
    calls, failed, median, slowest = connection.execute(query).one()
    return Summary(calls, failed, None if median is None else round(median), slowest)


def forget_before(connection: Connection, moment: datetime) -> int:
    """Removes the calls before a moment; returns how many. The audit log keeps what must be kept."""
    return connection.execute(delete(interface_calls).where(interface_calls.c.at < moment)).rowcount


def count_in_minute(connection: Connection, dataset: str, consumer: str, minute: datetime) -> int:
    """Counts one call more in a minute and returns how many there are now; `consumer` is empty for all."""
    statement = insert(interface_minutes).values(dataset=dataset, consumer=consumer, minute=minute, calls=1)
    more = case((interface_minutes.c.minute == minute, interface_minutes.c.calls + 1), else_=1)
    counted = statement.on_conflict_do_update(
        index_elements=["dataset", "consumer"], set_={"minute": minute, "calls": more}
    ).returning(interface_minutes.c.calls)
    return int(connection.execute(counted).scalar_one())


def lease(connection: Connection, dataset: str, now: datetime, until: datetime) -> tuple[int, int]:
    """Takes a place among the calls under way; returns its number and how many there are with it."""
    gone = (interface_leases.c.dataset == dataset) & (interface_leases.c.until <= now)
    connection.execute(delete(interface_leases).where(gone))
    taken = interface_leases.insert().values(dataset=dataset, until=until).returning(interface_leases.c.id)
    number = int(connection.execute(taken).scalar_one())
    query = select(func.count()).select_from(interface_leases).where(interface_leases.c.dataset == dataset)
    return number, int(connection.execute(query).scalar_one())


def release(connection: Connection, number: int) -> None:
    """Gives a place back."""
    connection.execute(delete(interface_leases).where(interface_leases.c.id == number))
