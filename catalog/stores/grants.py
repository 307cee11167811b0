"""Grants (授权): what approved requests made, and the one indexed query that says which are in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, text, true, update

from catalog.tables_sharing import grants


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """One grant with its terms as JSON."""

    number: str
    request: str
    dataset: str
    entry_version: int
    consumer: str
    provider: str
    terms: Mapping[str, Any]
    valid_from: datetime
    valid_until: datetime
    state: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_reason: str | None


# Freezes and recalls are looked at by the same statement: what is frozen has no grant in force from that moment on.
_IN_FORCE = text("""
select g.number, g.request, g.dataset, g.entry_version, g.consumer, g.terms, g.valid_from, g.valid_until
from hub.grants g
where g.consumer = :consumer and g.dataset = :dataset and g.state = 'active'
  and g.valid_from <= :at and g.valid_until > :at
  and exists (select 1 from hub.entries e where e.dataset = g.dataset and e.state in (3, 4, 5))
  and not exists (
    select 1 from hub.share_freezes f where f.lifted_at is null and (
      (f.kind = 'department' and f.target = g.consumer)
      or (f.kind = 'dataset' and f.target = g.dataset)
      or (f.kind = 'account' and f.target = :account)))
  and not exists (
    select 1 from hub.recalls r join hub.datasets d on d.dataset = r.dataset and d.current_version = r.version
    where r.dataset = g.dataset and r.lifted_at is null)
order by g.number
""")


def in_force(
    connection: Connection, consumer: str, dataset: str, at: datetime, account: str | None
) -> list[Mapping[str, Any]]:
    """Lists the grants that bind at a moment, oldest first: not ended, not frozen, its data not recalled."""
    values = {"consumer": consumer, "dataset": dataset, "at": at, "account": account}
    return [row._asdict() for row in connection.execute(_IN_FORCE, values)]


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Records a grant."""
    connection.execute(grants.insert().values(**values))


def find(connection: Connection, number: str) -> StoredGrant | None:
    """Finds a grant, whether it binds or not."""
    row = connection.execute(select(grants).where(grants.c.number == number)).one_or_none()
    return None if row is None else StoredGrant(**row._asdict())


def of_request(connection: Connection, request: str) -> StoredGrant | None:
    """Finds the grant that a request made."""
    row = connection.execute(select(grants).where(grants.c.request == request)).one_or_none()
    return None if row is None else StoredGrant(**row._asdict())


def list_of(
    connection: Connection, codes: Collection[str] | None, *, state: str | None = None, dataset: str | None = None
) -> list[StoredGrant]:
    """Lists the grants to or from some departments (None: all), newest first."""
    query = select(grants).where(
        true() if codes is None else or_(grants.c.consumer.in_(sorted(codes)), grants.c.provider.in_(sorted(codes))),
        true() if state is None else grants.c.state == state,
        true() if dataset is None else grants.c.dataset == dataset,
    )
    return [StoredGrant(**row._asdict()) for row in connection.execute(query.order_by(grants.c.number.desc()))]


def end(connection: Connection, number: str, state: str, by: str, reason: str, now: datetime) -> bool:
    """Ends an active grant; says whether it was active."""
    values = {"state": state, "ended_at": now, "ended_by": by, "ended_reason": reason}
    statement = update(grants).where(grants.c.number == number, grants.c.state == "active").values(**values)
    return connection.execute(statement).rowcount == 1


def ended_by_time(connection: Connection, now: datetime) -> list[StoredGrant]:
    """Lists the active grants whose time is over."""
    query = select(grants).where(grants.c.state == "active", grants.c.valid_until <= now)
    rows = connection.execute(query.order_by(grants.c.number))
    return [StoredGrant(**row._asdict()) for row in rows]
