"""Anchors: the day's signed statement of where the chain stands, in the database and in a file that can be copied off.

The chain shows any change inside it; only an anchor shows that all of it was made anew or that its end was cut off.
`var/audit/anchors.jsonl` is only ever added to: copied elsewhere each day (`docs/auditing.md`), it is out of reach of
whoever holds the database.
"""

import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from catalog.stores import audit_chain as store
from catalog.stores.audit import GENESIS
from catalog.stores.audit_chain import Anchor, Batch
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.auditing.anchor_key import AnchorKey, Verifier, load_or_create
from exchange.auditing.chain import canonical, link, moment, seal_pending
from exchange.hub import Hub

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An anchor: the day, the batch and link that it covers, when and with what it was signed."""

    number: int
    day: date
    batch: int
    last_number: int
    head_sm3: str
    algorithm: str
    key_id: str
    signed_at: datetime


def path_of(hub: Hub) -> Path:
    """Returns the anchor file."""
    return hub.settings.audit / "anchors.jsonl"


def view(anchor: Anchor) -> AnchorView:
    """Shows an anchor."""
    facts = json.loads(anchor.line)
    return AnchorView(
        anchor.number, anchor.day, anchor.batch, facts["last_number"], facts["head_sm3"], facts["algorithm"],
        facts["key_id"], anchor.signed_at,
    )  # fmt: skip


@use_case("audit.anchor")
def make_anchor(hub: Hub, actor: Actor) -> AnchorView | None:
    """Seals what is final and signs where the chain stands; returns the newest anchor, None when nothing is sealed.

    A chain that has not grown since the last anchor gets no new one. The file is brought up to the database either way.
    """
    key = load_or_create(hub)
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.anchor", key.key_id)
    seal_pending(hub)
    with hub.transaction() as connection:
        store.lock_anchors(connection)
        known, batch = store.anchors(connection), store.last_batch(connection)
        if batch is not None and (not known or known[-1].batch < batch.number):
            made = _signed(key, batch, known[-1] if known else None, hub.clock.now())
            store.add_anchor(connection, made)
            known = [*known, made]
    if not known:
        return None
    _bring_up(path_of(hub), known)
    return view(known[-1])


def _signed(key: AnchorKey, batch: Batch, before: Anchor | None, now: datetime) -> Anchor:
    day = now.astimezone(_SHANGHAI).date()
    facts: dict[str, Any] = {
        "number": before.number + 1 if before else 1,
        "day": day.isoformat(),
        "batch": batch.number,
        "batch_sm3": batch.batch_sm3,
        "last_number": batch.last_number,
        "head_sm3": batch.head_sm3,
        "previous_sm3": link({"line": before.line}, GENESIS) if before else GENESIS,
        "algorithm": key.algorithm,
        "key_id": key.key_id,
        "signed_at": moment(now),
    }
    line = canonical(facts | {"signature": key.sign(canonical(facts))}).decode()
    return Anchor(facts["number"], day, batch.number, line, now)


def signature_fits(line: str, verifier: Verifier) -> bool | None:
    """Says whether a line's signature is right; None when it can't be checked here."""
    try:
        facts = json.loads(line)
        signature, algorithm, key_id = facts.pop("signature"), facts["algorithm"], facts["key_id"]
        return verifier.fits(algorithm, key_id, canonical(facts), signature)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _bring_up(path: Path, known: list[Anchor]) -> None:
    """Adds the anchors that the file has not got yet, each a line: an anchor killed before its line is made good."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = set(lines(path))
    with path.open("ab") as file:
        path.chmod(0o600)
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            file.write(b"\n")  # a line that was cut off by a crash stays as it is and is said by the verification
        for anchor in known:
            if anchor.line not in there:
                file.write(anchor.line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path) -> list[str]:
    """Reads the lines of an anchor file; none when it is not there."""
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def due(hub: Hub) -> bool:
    """Says whether the day has no anchor yet."""
    with hub.transaction() as connection:
        known = store.anchors(connection)
    return not known or known[-1].day < hub.clock.now().astimezone(_SHANGHAI).date()
