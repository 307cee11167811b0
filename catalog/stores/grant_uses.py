"""How grants are used: counted by whoever reads, by day and way; summed by month."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from secrets import randbelow
from typing import Any

from sqlalchemy import Connection, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_sharing import grant_uses, grants

#: Rows a day and way over which the counting is spread, so that look-ups don't wait for one another.
_SLOTS = 16


@dataclass(frozen=True, slots=True)
class MonthUse:
    """The use of a dataset by a consumer in a month, by way."""

    dataset: str
    consumer: str
    provider: str
    month: str
    way: str
    calls: int
    keys: int
    rows: int


def count(connection: Connection, uses: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Adds uses (grant_number, day, way, calls, keys, rows), each in one row of its own choice."""
    for use in uses:
        values = dict(use) | {"slot": randbelow(_SLOTS), "last_at": now}
        statement = insert(grant_uses).values(**values)
        added = {name: grant_uses.c[name] + statement.excluded[name] for name in ("calls", "keys", "rows")}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["grant_number", "day", "way", "slot"],
                set_=added | {"last_at": func.greatest(grant_uses.c.last_at, statement.excluded.last_at)},
            )
        )


def keys_on(connection: Connection, grant_number: str, day: date) -> int:
    """Returns how many keys were asked for under a grant on a day."""
    query = select(func.coalesce(func.sum(grant_uses.c["keys"]), 0))
    query = query.where(grant_uses.c.grant_number == grant_number, grant_uses.c.day == day)
    return int(connection.execute(query).scalar_one())


def by_month(connection: Connection, codes: Collection[str] | None, first: date) -> list[MonthUse]:
    """Sums the uses to or from some departments (None: all) since a day, newest month first."""
    month = func.to_char(grant_uses.c.day, "YYYY-MM")
    mine = true() if codes is None else or_(grants.c.consumer.in_(sorted(codes)), grants.c.provider.in_(sorted(codes)))
    by = (grants.c.dataset, grants.c.consumer, grants.c.provider, month, grant_uses.c.way)
    sums = [func.sum(grant_uses.c[name]) for name in ("calls", "keys", "rows")]
    query = select(*by, *sums).join(grants, grants.c.number == grant_uses.c.grant_number)
    query = query.where(grant_uses.c.day >= first, mine).group_by(*by)
    rows = connection.execute(query.order_by(month.desc(), *by[:3], grant_uses.c.way))
    return [MonthUse(*row[:5], *(int(each) for each in row[5:])) for row in rows]


def last_uses(connection: Connection) -> dict[str, datetime]:
    """Returns when each grant was last used; one never used is missing."""
    query = select(grant_uses.c.grant_number, func.max(grant_uses.c.last_at)).group_by(grant_uses.c.grant_number)
    return {row[0]: row[1] for row in connection.execute(query)}
