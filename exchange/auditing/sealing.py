"""Sealing: now, or by the standing sealer; how the log stands; giving its tables to a database role of their own."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from catalog import audit_rights
from catalog.engine import make_engine
from catalog.stores import audit_chain as store
from exchange.access import Actor, local_administrator
from exchange.audit import record, use_case
from exchange.auditing import alerts
from exchange.auditing.anchor_key import exists
from exchange.auditing.anchors import AnchorView, due, make_anchor, view
from exchange.auditing.chain import seal_pending
from exchange.hub import Hub
from schemas.errors import InputError
from schemas.rules.book import book

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing did: batches and events; `waiting` events belong to transactions that still run, or came since."""

    batches: int
    events: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How the log stands: batches, links, the unsealed tail, the last anchor, what is archived."""

    batches: int
    last_number: int
    sealed_at: datetime | None
    unsealed: int
    unsealed_since: datetime | None
    anchor: AnchorView | None
    archived: int
    separated: bool


@use_case("audit.seal")
def seal(hub: Hub, actor: Actor) -> Sealed:
    """Seals every event of transactions that have ended."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.seal", None)
    made = seal_pending(hub)
    with hub.transaction() as connection:
        tail = store.waiting(connection)
    return Sealed(len(made), sum(each.last_number - each.first_number + 1 for each in made), tail.events)


@use_case("audit.status")
def standing(hub: Hub, actor: Actor) -> Standing:
    """Says how the log stands."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.status", None)
        last, archive = store.last_batch(connection), store.last_archive(connection)
        known, tail = store.anchors(connection), store.waiting(connection)
        return Standing(
            batches=last.number if last else 0,
            last_number=last.last_number if last else 0,
            sealed_at=last.sealed_at if last else None,
            unsealed=tail.events,
            unsealed_since=tail.oldest,
            anchor=view(known[-1]) if known else None,
            archived=archive.last_number if archive else 0,
            separated=audit_rights.separated(connection),
        )


@use_case("audit.protect")
def protect(hub: Hub, actor: Actor, administrator_url: str) -> bool:
    """Gives the log to a database role of its own; returns whether the hub's role can only read and add now.

    The URL is a database administrator's; it is used once and kept nowhere.
    """
    role = make_engine(hub.database_url).url.username
    if not role:
        raise InputError(
            "枢纽数据库的连接没有写明用户", "", "请在 SHUQIAO_DATABASE_URL 中写明用户", code="DATABASE_ROLE"
        )
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.protect", role)
    separate(administrator_url, role)
    with hub.transaction() as connection:
        return audit_rights.separated(connection)


def separate(administrator_url: str, role: str) -> None:
    """Gives the log of the database in the URL to a role of its own; what an installation does once."""
    engine = make_engine(administrator_url, pool_size=1)
    try:
        with engine.begin() as connection:
            audit_rights.separate(connection, role)
    finally:
        engine.dispose()


def watch(hub: Hub, stop: threading.Event) -> None:
    """Seals, looks for alerts and signs the day's anchor again and again until told to stop; a failure ends nothing.

    Two watchers do no harm: each step is done once, whoever comes first. The anchor is left to the security
    administrator's own process where the key is not readable here.
    """
    every, looking = book().number("AUDIT_SEAL_SECONDS"), book().number("AUDIT_ALERT_SECONDS")
    looked = -looking
    while not stop.is_set():
        try:
            seal_pending(hub)
            if monotonic() - looked >= looking:
                looked = monotonic()
                alerts.look(hub)
                if _signs_here(hub) and due(hub):
                    make_anchor(hub, local_administrator("scheduler"))
        except Exception as error:  # noqa: BLE001 - the edge of a thread; its words may hold a value
            _log.warning("audit sealer: %s", getattr(error, "code", None) or type(error).__name__)
        stop.wait(every)


@contextmanager
def keep_watching(hub: Hub) -> Iterator[None]:
    """Keeps the standing sealer at work beside what the block does."""
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=(hub, stop), name="audit-sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@use_case("audit.nightly")
def seal_and_sign(hub: Hub, actor: Actor) -> bool:
    """Seals what is final and signs where the chain stands, where the key is this process's; says whether it signed.

    Elsewhere the key is the security administrator's: a worker must neither fail for it nor make one of its own.
    """
    signs = _signs_here(hub)
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.nightly", None, detail={"signs": signs})
    if signs:
        make_anchor(hub, actor)
    else:
        seal_pending(hub)
    return signs


def _signs_here(hub: Hub) -> bool:
    """Says whether anchors are signed by this process: its key is readable, or nobody has put it anywhere else."""
    return exists(hub) or (hub.settings.audit_key_file is None and not hub.settings.audit_key.exists())
