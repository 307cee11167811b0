"""The hash chain over the audit log: canonical records, links, batches. Decides nothing, records nothing.

`record_sm3 = SM3(prev_sm3 ‖ canonical_json)` (domain.md 7.4); the first record follows 64 zeros. A batch is hashed the
same way over its facts, after the batch before it. `auditing/offline.py` does the same without the hub.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from catalog.stores import audit_chain as store
from catalog.stores.audit import GENESIS, Recorded
from catalog.stores.audit_chain import Batch, Hashing
from exchange.crypto import sm3
from exchange.hub import Hub

__all__ = ["BATCH", "GENESIS", "HASHING", "batch_facts", "canonical", "facts_of", "hash_of", "link", "seal_pending"]

#: Events in one batch at most.
BATCH = 5_000
_BEIJING = timezone(timedelta(hours=8))
#: What a record of format 1 was hashed over: the log as it was before it had sessions, addresses and cases as fields.
_FORMAT_1 = frozenset({
    "seq", "ts", "actor_id", "actor_name", "role", "channel", "action", "object_type", "object_id", "result",
    "dept_code", "entry_code", "items", "subject_key_hashes", "row_count", "error_code", "duration_ms", "detail",
})  # fmt: skip


def canonical(facts: dict[str, Any]) -> bytes:
    """Returns canonical JSON: UTF-8, sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link(facts: dict[str, Any], previous: str) -> str:
    """Returns the hash of a record: SM3 over the previous record's hash and the canonical JSON."""
    return sm3(previous.encode() + canonical(facts)).hex()


def moment(at: datetime) -> str:
    """Writes a moment as records have it: Beijing time, milliseconds."""
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(_BEIJING).isoformat(timespec="milliseconds")


def facts_of(recorded: Recorded, form: int) -> dict[str, Any]:
    """Returns what a record's hash is over."""
    facts = asdict(recorded.event) | {"seq": recorded.seq, "ts": moment(recorded.event.ts)}
    facts |= {name: list(facts[name]) for name in ("items", "subject_key_hashes")}
    return {name: value for name, value in facts.items() if name in _FORMAT_1} if form == 1 else facts


def hash_of(recorded: Recorded, previous: str, form: int) -> str:
    """Returns the hash of an event after a link's."""
    return link(facts_of(recorded, form), previous)


def batch_facts(batch: Batch) -> dict[str, Any]:
    """Returns what a batch's hash is over."""
    facts = asdict(batch) | {"sealed_at": moment(batch.sealed_at)}
    del facts["prev_sm3"], facts["batch_sm3"]
    return facts


def batch_hash(batch: Batch) -> str:
    """Returns the hash of a batch after the batch before it."""
    return link(batch_facts(batch), batch.prev_sm3)


HASHING = Hashing(hash_of, batch_hash, moment)


def seal_pending(hub: Hub, *, most: int | None = None, size: int = BATCH) -> list[Batch]:
    """Seals what is final, a batch in a transaction, until nothing is left or `most` batches are made."""
    sealed: list[Batch] = []
    while most is None or len(sealed) < most:
        with hub.transaction() as connection:
            batch = store.seal_batch(connection, HASHING, hub.clock.now(), size)
        if batch is None:
            break
        sealed.append(batch)
    return sealed
