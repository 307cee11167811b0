"""Waivers (豁免): rules that a row need not meet until a date. Proposed by the provider, decided by the authority."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from catalog.stores.problem_orders import LARGEST
from catalog.tables import entries
from catalog.tables_work import waivers


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver; `until` is the last day on which it holds."""

    id: int
    dataset: str
    key_hash: bytes
    code: str
    item: str
    state: str
    reason: str
    until: date
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    opinion: str | None


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Records a proposed waiver and returns its number."""
    return int(connection.execute(waivers.insert().values(**values).returning(waivers.c.id)).scalar_one())


def find_locked(connection: Connection, waiver_id: int) -> Waiver | None:
    """Finds a waiver and keeps others from deciding it until the transaction ends."""
    if not 0 < waiver_id < LARGEST:
        return None
    row = connection.execute(select(waivers).where(waivers.c.id == waiver_id).with_for_update()).one_or_none()
    return None if row is None else _waiver(row)


def list_of(connection: Connection, departments: Collection[str] | None) -> list[Waiver]:
    """Lists the waivers of some departments' datasets (None: all): those that wait first, then the newest."""
    query = select(waivers).join(entries, entries.c.dataset == waivers.c.dataset)
    if departments is not None:
        query = query.where(entries.c.provider_code.in_(sorted(departments)))
    order = ((waivers.c.state == "proposed").desc(), waivers.c.id.desc())
    return [_waiver(row) for row in connection.execute(query.order_by(*order))]


def of_keys(connection: Connection, dataset: str, keys: Collection[bytes]) -> list[Waiver]:
    """Lists the waivers of some rows that wait or hold."""
    query = select(waivers).where(
        waivers.c.dataset == dataset,
        waivers.c.key_hash == func.any(list(keys)),
        waivers.c.state.in_(("proposed", "granted")),
    )
    return [_waiver(row) for row in connection.execute(query)]


def change(connection: Connection, waiver_id: int, **values: Any) -> None:
    """Changes facts of a waiver."""
    connection.execute(update(waivers).where(waivers.c.id == waiver_id).values(**values))


def valid_on(connection: Connection, dataset: str, day: date) -> frozenset[tuple[bytes, str, str]]:
    """Returns what is waived in a dataset on a day: (row key hash, code, item); one that ended since held that day."""
    query = select(waivers.c.key_hash, waivers.c.code, waivers.c.item).where(
        waivers.c.dataset == dataset, waivers.c.state.in_(("granted", "ended")), waivers.c.until >= day
    )
    return frozenset((bytes(row.key_hash), row.code, row.item) for row in connection.execute(query))


def end_due(connection: Connection, today: date) -> int:
    """Marks the granted waivers whose last day has passed as ended; returns how many."""
    due = update(waivers).where(waivers.c.state == "granted", waivers.c.until < today).values(state="ended")
    return int(connection.execute(due).rowcount)


def _waiver(row: Any) -> Waiver:
    return Waiver(**{**row._asdict(), "key_hash": bytes(row.key_hash)})
