"""Subscriptions and their batches. The place arrives sealed: this room never sees an address's secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_delivery import OPEN_STATES, delivery_batches, delivery_serial, signing_keys, subscriptions


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription; `place` is what may be shown of the address."""

    id: str
    dataset: str
    consumer_code: str
    grant_number: str
    kind: str
    place: str
    facts: Mapping[str, str]
    sealed_place: bytes
    schedule: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    state: str = "active"
    delivered_version: int | None = None
    delivered_grant: str | None = None
    full_next: bool = False
    last_sequence: int = 0
    last_batch: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a subscription; `sequence` counts them without a gap."""

    batch_no: str
    subscription_id: str
    sequence: int
    kind: str
    state: str
    from_version: int | None
    to_version: int
    grant_digest: str
    row_count: int
    manifest: Mapping[str, Any]
    signature: str
    prepared_at: datetime
    attempts: int = 0
    next_try_at: datetime | None = None
    error_code: str | None = None
    error: str | None = None
    accepted: int | None = None
    rejected: int | None = None
    receipt: Mapping[str, Any] | None = None
    sent_at: datetime | None = None
    closed_at: datetime | None = None


_SUBSCRIPTION = [subscriptions.c[field.name] for field in fields(Subscription)]
_BATCH = [delivery_batches.c[field.name] for field in fields(Batch)]


def add(connection: Connection, stored: Subscription) -> None:
    """Records a subscription."""
    values = {field.name: getattr(stored, field.name) for field in fields(Subscription)}
    connection.execute(subscriptions.insert().values(**values))


def change(connection: Connection, subscription_id: str, **values: Any) -> None:
    """Changes facts of a subscription."""
    connection.execute(update(subscriptions).where(subscriptions.c.id == subscription_id).values(**values))


def find(connection: Connection, subscription_id: str) -> Subscription | None:
    """Finds a subscription by id."""
    row = connection.execute(select(*_SUBSCRIPTION).where(subscriptions.c.id == subscription_id)).one_or_none()
    return None if row is None else Subscription(**row._asdict())


def list_all(connection: Connection) -> list[Subscription]:
    """Lists the subscriptions, oldest first."""
    rows = connection.execute(select(*_SUBSCRIPTION).order_by(subscriptions.c.created_at, subscriptions.c.id))
    return [Subscription(**row._asdict()) for row in rows]


def next_serial(connection: Connection) -> int:
    """Takes the next number of the hub's batches."""
    return int(connection.execute(select(delivery_serial.next_value())).scalar_one())


def add_batch(connection: Connection, batch: Batch) -> None:
    """Records a prepared batch."""
    values = {field.name: getattr(batch, field.name) for field in fields(Batch)}
    connection.execute(delivery_batches.insert().values(**values))


def change_batch(connection: Connection, batch_no: str, **values: Any) -> None:
    """Changes facts of a batch."""
    connection.execute(update(delivery_batches).where(delivery_batches.c.batch_no == batch_no).values(**values))


def find_batch(connection: Connection, batch_no: str, *, locked: bool = False) -> Batch | None:
    """Finds a batch by its number; `locked` keeps others from changing it."""
    query = select(*_BATCH).where(delivery_batches.c.batch_no == batch_no)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else Batch(**row._asdict())


def open_batch(connection: Connection, subscription_id: str) -> Batch | None:
    """Finds the batch of a subscription that is on its way."""
    here = (delivery_batches.c.subscription_id == subscription_id) & delivery_batches.c.state.in_(OPEN_STATES)
    row = connection.execute(select(*_BATCH).where(here)).one_or_none()
    return None if row is None else Batch(**row._asdict())


def batches(connection: Connection, subscription_id: str, limit: int = 50) -> Sequence[Batch]:
    """Lists the batches of a subscription, newest first."""
    query = select(*_BATCH).where(delivery_batches.c.subscription_id == subscription_id)
    rows = connection.execute(query.order_by(delivery_batches.c.sequence.desc()).limit(limit))
    return [Batch(**row._asdict()) for row in rows]


def publish_key(connection: Connection, key_id: str, public_key: bytes, now: datetime) -> None:
    """Records a public key; does nothing when it is known."""
    values = {"key_id": key_id, "algorithm": "Ed25519", "public_key": public_key, "published_at": now}
    connection.execute(insert(signing_keys).values(**values).on_conflict_do_nothing())


def public_keys(connection: Connection) -> list[tuple[str, bytes, datetime]]:
    """Lists the public keys, oldest first."""
    query = select(signing_keys.c.key_id, signing_keys.c.public_key, signing_keys.c.published_at)
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(signing_keys.c.published_at))]
