"""How grants are used: counting for whoever reads, a report by month, and the grants that nobody uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores import grant_uses as store
from catalog.stores import grants as grant_store
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.grants import GrantView, codes_of, views_of
from exchange.tasks import today
from schemas.grants import WAYS, Way
from schemas.rules.book import book

_MONTHS = 13


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a grant: how many calls, keys asked for, rows given."""

    grant: str
    way: Way
    calls: int = 1
    keys: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class UseView:
    """The use of a dataset by a department in a month, by way."""

    month: str
    dataset: str
    entry_title: str
    consumer_name: str
    provider_name: str
    way_name: str
    calls: int
    keys: int
    rows: int


@dataclass(frozen=True, slots=True)
class UnusedGrant:
    """A grant that nobody has used for long; `last_at` None: never."""

    grant: GrantView
    last_at: datetime | None
    days: int


def count_uses(connection: Connection, hub: Hub, uses: Sequence[Use]) -> None:
    """Counts uses in the caller's transaction; a busy reader gathers some and counts them together."""
    now = hub.clock.now()
    day = clock.day_of(now)
    store.count(connection, [
        {"grant_number": use.grant, "day": day, "way": use.way, "calls": use.calls, "keys": use.keys, "rows": use.rows}
        for use in uses
    ], now)  # fmt: skip


def keys_today(connection: Connection, hub: Hub, grant: str) -> int:
    """Returns how many keys were asked for under a grant today, in Beijing."""
    return store.keys_on(connection, grant, today(hub))


@use_case("grant.usage")
def usage(hub: Hub, actor: Actor, months: int = 3) -> list[UseView]:
    """Sums the uses of the last months by dataset, consumer and way, for both sides."""
    first = today(hub).replace(day=1)
    for _ in range(min(max(months, 1), _MONTHS) - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    with hub.transaction() as connection:
        found = store.by_month(connection, codes_of(connection, actor), first)
        names = {each.code: each.name for each in departments.list_all(connection)}
        titles = {each.dataset: each.title for each in entries.list_all(connection)}
        record(connection, hub, actor, "grant.usage", None, row_count=len(found))
    return [
        UseView(
            each.month, each.dataset, titles.get(each.dataset, each.dataset), names.get(each.consumer, each.consumer),
            names.get(each.provider, each.provider), WAYS[each.way], each.calls, each.keys, each.rows,  # type: ignore[index]
        )
        for each in found
    ]  # fmt: skip


@use_case("grant.unused")
def unused(hub: Hub, actor: Actor) -> list[UnusedGrant]:
    """Lists the active grants that have not been used for the rule's days, for both sides."""
    days = int(book().number("GRANT_UNUSED"))
    now = hub.clock.now()
    with hub.transaction() as connection:
        last = store.last_uses(connection)
        active = grant_store.list_of(connection, codes_of(connection, actor), state="active")
        shown = views_of(connection, hub, [each for each in active if each.valid_from <= now < each.valid_until])
        record(connection, hub, actor, "grant.unused", None, row_count=len(shown))
    idle = [UnusedGrant(each, last.get(each.number), (now - (last.get(each.number) or each.valid_from)).days)
            for each in shown]  # fmt: skip
    return sorted((each for each in idle if each.days >= days), key=lambda each: -each.days)
