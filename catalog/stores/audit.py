"""Audit events and the hash chain over them. Events are only ever added; hashing is the caller's."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from catalog.locks import lock_transaction
from catalog.tables import audit_chain, audit_events


@dataclass(frozen=True, slots=True)
class Event:
    """One event: who did what to which object, with what result. Never a plaintext key or value."""

    ts: datetime
    actor_id: str
    actor_name: str
    role: str
    channel: str
    action: str
    object_type: str
    object_id: str | None
    result: str = "success"
    dept_code: str | None = None
    entry_code: str | None = None
    items: Sequence[str] = ()
    subject_key_hashes: Sequence[str] = ()
    row_count: int | None = None
    error_code: str | None = None
    duration_ms: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the chain with its event; `event` is None when the log no longer has it."""

    number: int
    seq: int
    prev_sm3: str
    record_sm3: str


Chain = Callable[[Recorded, str], str]  # (event, previous link's hash) -> this link's hash

GENESIS = "0" * 64
_EVENT = [audit_events.c[f.name] for f in fields(Event)]


def append(connection: Connection, event: Event) -> int:
    """Adds an event; returns its sequence number."""
    values = asdict(event) | {
        "items": list(event.items),
        "subject_key_hashes": list(event.subject_key_hashes),
    }
    statement = audit_events.insert().values(**values).returning(audit_events.c.seq)
    return int(connection.execute(statement).scalar_one())


def read(connection: Connection, *, after: int = 0, limit: int = 10_000) -> list[Recorded]:
    """Lists events in the order of their numbers."""
    query = select(audit_events.c.seq, *_EVENT).where(audit_events.c.seq > after)
    rows = connection.execute(query.order_by(audit_events.c.seq).limit(limit))
    return [_recorded(row._asdict()) for row in rows]


def _recorded(values: dict[str, Any]) -> Recorded:
    seq = values.pop("seq")
    values["items"] = tuple(values["items"])
    values["subject_key_hashes"] = tuple(values["subject_key_hashes"])
    return Recorded(seq, Event(**values))


def extend_chain(connection: Connection, hash_of: Chain, *, looking_back: int | None = None) -> int:
    """Links every committed event that has no link yet; returns how many. One process at a time.

    `looking_back` bounds the search to so many numbers before the newest link: an event committed later than that many
    others waits for a search without bound.
    """
    lock_transaction(connection, "audit-chain")
    last = connection.execute(select(audit_chain).order_by(audit_chain.c.number.desc()).limit(1)).one_or_none()
    number, previous = (last.number, last.record_sm3) if last else (0, GENESIS)
    unlinked = (
        select(audit_events.c.seq, *_EVENT)
        .outerjoin(audit_chain, audit_chain.c.seq == audit_events.c.seq)
        .where(audit_chain.c.seq.is_(None))
        .order_by(audit_events.c.seq)
    )
    if looking_back is not None and last is not None:
        newest = connection.execute(select(func.max(audit_chain.c.seq))).scalar_one()
        unlinked = unlinked.where(audit_events.c.seq > newest - looking_back)
    links = []
    for row in connection.execute(unlinked):
        recorded = _recorded(row._asdict())
        number += 1
        link = {"number": number, "seq": recorded.seq, "prev_sm3": previous, "record_sm3": hash_of(recorded, previous)}
        previous = link["record_sm3"]
        links.append(link)
    if links:
        connection.execute(audit_chain.insert(), links)
    return len(links)


def chain(connection: Connection) -> list[tuple[Link, Recorded | None]]:
    """Lists the links in order with their events."""
    query = (
        select(audit_chain, audit_events.c.seq.label("event_seq"), *_EVENT)
        .outerjoin(audit_events, audit_chain.c.seq == audit_events.c.seq)
        .order_by(audit_chain.c.number)
    )
    out: list[tuple[Link, Recorded | None]] = []
    for row in connection.execute(query):
        values = row._asdict()
        link = Link(**{f.name: values.pop(f.name) for f in fields(Link)})
        seq = values.pop("event_seq")
        out.append((link, None if seq is None else _recorded(values | {"seq": seq})))
    return out
