"""The chain over the audit events: sealing committed events in batches, reading links, batches, anchors, archives.

Writers insert events and touch nothing else. The sealer takes the events of transactions that ended before its
horizon (the oldest running transaction of this database): nothing can be committed among them any more, so a batch
has no gap and no late event. Hashing is the caller's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select, text

from catalog.locks import lock_transaction
from catalog.stores.audit import EVENT, GENESIS, Recorded, recorded
from catalog.tables_auditing import audit_anchors, audit_archives, audit_batches, audit_chain, audit_events

#: The form of a record's hash that the sealer writes.
FORMAT = 2
#: The oldest running transaction that is not known as another database's, and the number that the next one gets.
#: Locks name a transaction without its epoch, hence the modulus.
_RUNNING = text("""
    select coalesce(min(running), txid_snapshot_xmax(txid_current_snapshot())),
           txid_snapshot_xmax(txid_current_snapshot())
    from txid_snapshot_xip(txid_current_snapshot()) as running where not exists (
        select from pg_locks as held join pg_stat_activity as session on session.pid = held.pid
        where held.locktype = 'transactionid' and held.mode = 'ExclusiveLock'
        and cast(cast(held.transactionid as text) as bigint) = running % 4294967296
        and session.datname <> current_database()
    )
""")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the chain with its event; the event is None when the log no longer has it."""

    number: int
    seq: int
    prev_sm3: str
    record_sm3: str
    format: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch: links first to last, chained to the batch before it."""

    number: int
    first_number: int
    last_number: int
    horizon: int
    last_ts: str
    head_sm3: str
    prev_sm3: str
    batch_sm3: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed anchor: `line` is the whole signed statement as it stands in the anchor file."""

    number: int
    day: date
    batch: int
    line: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Archive:
    """Batches up to `last_batch` that were exported, verified and removed from the database."""

    last_batch: int
    last_number: int
    head_sm3: str
    name: str
    manifest_sm3: str
    events: int
    archived_by: str
    archived_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The unsealed tail: committed events that no batch holds yet."""

    events: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Hashing:
    """How the caller hashes: an event after a link's hash, a batch after a batch's, the moment of an event."""

    record: Callable[[Recorded, str, int], str]
    batch: Callable[[Batch], str]
    moment: Callable[[datetime], str]


def seal_batch(connection: Connection, hashing: Hashing, now: datetime, limit: int) -> Batch | None:
    """Seals up to `limit` final events in one batch; returns None when there is none. One process at a time.

    All of it is one transaction: killed at any moment, either the whole batch is there or nothing of it.
    """
    lock_transaction(connection, "audit-chain")
    last = last_batch(connection)
    head = _last_link(connection)
    if last is None and head is not None:
        return _adopt(connection, hashing, now, head)
    since = last.horizon if last else 0
    horizon, restored = _horizon(connection, since)
    rows = connection.execute(_final(since, horizon, restored=restored).limit(limit)).all()
    if not rows:
        return None
    if len(rows) == limit:  # more may follow: the next batch begins at the last transaction seen, not at the horizon
        horizon = since if restored else rows[-1].tx
    number, previous = (head.number, head.record_sm3) if head else _archived_head(connection)
    first, links, moment = number + 1, [], rows[-1].ts
    for row in rows:
        values = row._asdict()
        del values["tx"]
        event = recorded(values)
        number, moment = number + 1, max(moment, event.event.ts)
        digest = hashing.record(event, previous, FORMAT)
        links.append(asdict(Link(number, event.seq, previous, digest, FORMAT)))
        previous = digest
    connection.execute(audit_chain.insert(), links)
    return _close(connection, hashing, last, Batch(
        (last.number if last else 0) + 1, first, number, horizon, hashing.moment(moment), previous, "", "", now,
    ))  # fmt: skip


def _horizon(connection: Connection, since: int) -> tuple[int, bool]:
    """Returns the oldest transaction that runs in this database, and whether the server is another than before.

    All before it have ended. Those of the server's other databases (Airflow's, another hub's) write no event here and
    hold nothing back. One that ended during the look belongs to nobody any more and counts as ours: it may hold back
    what is new, never what was final, hence not below `since`. A server whose numbers have not come that far is one
    on which a dump was restored.
    """
    oldest, following = connection.execute(_RUNNING).one()
    restored = following < since
    return (int(oldest), True) if restored else (max(int(oldest), since), False)


def _final(since: int, horizon: int, *, restored: bool) -> Select[Any]:
    """Selects unlinked events of ended transactions since the last batch's horizon.

    Where a dump was restored every unlinked event that can be seen is taken, whatever number its transaction had.
    """
    query = (
        select(audit_events.c.seq, audit_events.c.tx, *EVENT)
        .outerjoin(audit_chain, audit_chain.c.seq == audit_events.c.seq)
        .where(audit_chain.c.seq.is_(None))
        .order_by(audit_events.c.tx, audit_events.c.seq)
    )
    if restored:
        return query
    return query.where(audit_events.c.tx >= since, audit_events.c.tx < horizon)


def _adopt(connection: Connection, hashing: Hashing, now: datetime, head: Link) -> Batch:
    """Closes the links from before there were batches in the first batch, as they are."""
    query = select(func.max(audit_events.c.ts)).join(audit_chain, audit_chain.c.seq == audit_events.c.seq)
    newest = connection.execute(query).scalar() or now
    batch = Batch(1, 1, head.number, 0, hashing.moment(newest), head.record_sm3, "", "", now)
    return _close(connection, hashing, None, batch)


def _close(connection: Connection, hashing: Hashing, last: Batch | None, batch: Batch) -> Batch:
    values = asdict(batch) | {"prev_sm3": last.batch_sm3 if last else GENESIS}
    values["batch_sm3"] = hashing.batch(Batch(**values))
    connection.execute(audit_batches.insert().values(**values))
    return Batch(**values)


def _last_link(connection: Connection) -> Link | None:
    row = connection.execute(select(audit_chain).order_by(audit_chain.c.number.desc()).limit(1)).one_or_none()
    return Link(**row._asdict()) if row else None


def _archived_head(connection: Connection) -> tuple[int, str]:
    found = last_archive(connection)
    return (found.last_number, found.head_sm3) if found else (0, GENESIS)


def waiting(connection: Connection) -> Waiting:
    """Counts the events that no batch holds yet: committed, not sealed."""
    last = last_batch(connection)
    query = (
        select(func.count(), func.min(audit_events.c.ts))
        .select_from(audit_events.outerjoin(audit_chain, audit_chain.c.seq == audit_events.c.seq))
        .where(audit_chain.c.seq.is_(None))
    )
    if last is not None and not _horizon(connection, last.horizon)[1]:
        query = query.where(audit_events.c.tx >= last.horizon)
    events, oldest = connection.execute(query).one()
    return Waiting(events, oldest)


def passed_over(connection: Connection, limit: int = 100) -> list[int]:
    """Lists unlinked events of transactions before the last batch's horizon: their links were taken away."""
    last = last_batch(connection)
    if last is None or _horizon(connection, last.horizon)[1]:
        return []
    query = (
        select(audit_events.c.seq)
        .outerjoin(audit_chain, audit_chain.c.seq == audit_events.c.seq)
        .where(audit_chain.c.seq.is_(None), audit_events.c.tx < last.horizon)
    )
    return list(connection.execute(query.order_by(audit_events.c.seq).limit(limit)).scalars())


def links(connection: Connection, after: int = 0, through: int | None = None) -> Iterator[tuple[Link, Recorded | None]]:
    """Streams links in order with their events, in bounded memory."""
    query = (
        select(audit_chain, audit_events.c.seq.label("event_seq"), *EVENT)
        .outerjoin(audit_events, audit_chain.c.seq == audit_events.c.seq)
        .where(audit_chain.c.number > after)
        .order_by(audit_chain.c.number)
    )
    if through is not None:
        query = query.where(audit_chain.c.number <= through)
    for row in connection.execution_options(yield_per=2000).execute(query):
        values = row._asdict()
        link = Link(**{f.name: values.pop(f.name) for f in fields(Link)})
        seq = values.pop("event_seq")
        yield link, None if seq is None else recorded(values | {"seq": seq})


def last_batch(connection: Connection) -> Batch | None:
    """Returns the newest batch."""
    row = connection.execute(select(audit_batches).order_by(audit_batches.c.number.desc()).limit(1)).one_or_none()
    return Batch(**row._asdict()) if row else None


def batches(connection: Connection, first: int = 1, last: int | None = None) -> list[Batch]:
    """Lists batches in order."""
    query = select(audit_batches).where(audit_batches.c.number >= first).order_by(audit_batches.c.number)
    if last is not None:
        query = query.where(audit_batches.c.number <= last)
    return [Batch(**row._asdict()) for row in connection.execute(query)]


def batches_between(connection: Connection, since: datetime, until: datetime) -> tuple[int, int] | None:
    """Returns the first and last batch that hold events of a span of time, None when none does."""
    numbers = (
        select(func.min(audit_chain.c.number), func.max(audit_chain.c.number))
        .join(audit_events, audit_events.c.seq == audit_chain.c.seq)
        .where(audit_events.c.ts >= since, audit_events.c.ts < until)
    )
    first, last = connection.execute(numbers).one()
    if first is None:
        return None
    query = select(func.min(audit_batches.c.number), func.max(audit_batches.c.number)).where(
        and_(audit_batches.c.last_number >= first, audit_batches.c.first_number <= last)
    )
    low, high = connection.execute(query).one()
    return (low, high) if low is not None else None


def find_link(connection: Connection, seq: int) -> tuple[Link, Batch | None] | None:
    """Returns the link of an event with its batch, None while it is unsealed."""
    row = connection.execute(select(audit_chain).where(audit_chain.c.seq == seq)).one_or_none()
    if row is None:
        return None
    number = row.number
    query = select(audit_batches).where(audit_batches.c.first_number <= number, audit_batches.c.last_number >= number)
    batch = connection.execute(query).one_or_none()
    return Link(**row._asdict()), Batch(**batch._asdict()) if batch else None


def add_anchor(connection: Connection, anchor: Anchor) -> None:
    """Adds an anchor."""
    connection.execute(audit_anchors.insert().values(**asdict(anchor)))


def anchors(connection: Connection) -> list[Anchor]:
    """Lists the anchors in order."""
    rows = connection.execute(select(audit_anchors).order_by(audit_anchors.c.number))
    return [Anchor(**row._asdict()) for row in rows]


def last_archive(connection: Connection) -> Archive | None:
    """Returns what was archived last: the chain goes on from its head."""
    columns = [audit_archives.c[f.name] for f in fields(Archive)]
    query = select(*columns).order_by(audit_archives.c.last_batch.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Archive(**row._asdict()) if row else None


def archive(connection: Connection, made: Archive) -> int:
    """Removes the batches up to `last_batch` by the database's own function, which refuses what is young; how many."""
    statement = text("select hub.archive_audit_batches(:last, :head, :name, :manifest, :who)")
    given = {"last": made.last_batch, "head": made.head_sm3, "name": made.name}
    given |= {"manifest": made.manifest_sm3, "who": made.archived_by}
    return int(connection.execute(statement, given).scalar_one())


def batches_before(connection: Connection, moment: str) -> Sequence[Batch]:
    """Lists the batches, from the oldest not archived, whose every event is before a moment (as batches write it)."""
    done = last_archive(connection)
    out = []
    for batch in batches(connection, (done.last_batch if done else 0) + 1):
        if batch.last_ts >= moment:
            break
        out.append(batch)
    return out


def first_personal_since(connection: Connection, moment: datetime) -> int | None:
    """Returns the first link from a moment on of an event about persons: keys asked for or rows handed out."""
    query = (
        select(func.min(audit_chain.c.number))
        .join(audit_events, audit_events.c.seq == audit_chain.c.seq)
        .where(audit_events.c.ts >= moment)
        .where(
            or_(
                func.cardinality(audit_events.c.subject_key_hashes) > 0,
                audit_events.c.action == "EXPORT",
                and_(func.cardinality(audit_events.c["items"]) > 0, audit_events.c.row_count > 0),
            )
        )
    )
    number: int | None = connection.execute(query).scalar()
    return number


def lock_anchors(connection: Connection) -> None:
    """Waits until nobody else makes an anchor."""
    lock_transaction(connection, "audit-anchors")
