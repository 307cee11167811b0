"""Verifying the log: every record, every batch, every anchor; says which record was edited, deleted, moved or cut off.

Changes nothing but for its own event. What is not sealed yet, and what is sealed but not anchored yet, is said: those
are the parts that a change could still hide in.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from catalog import audit_rights
from catalog.stores import audit_chain as store
from catalog.stores.audit import GENESIS, Recorded
from catalog.stores.audit_chain import Batch, Link
from exchange.access import Actor
from exchange.audit import record_read, use_case
from exchange.auditing.anchor_key import verifier
from exchange.auditing.anchors import lines, path_of, signature_fits
from exchange.auditing.chain import batch_hash, hash_of, link
from exchange.hub import Hub

Kind = Literal["edited", "deleted", "moved", "cut_off", "unlinked", "rewritten", "anchor"]
KIND_NAMES: dict[Kind, str] = {
    "edited": "记录被改动",
    "deleted": "记录被删除",
    "moved": "记录次序被改动",
    "cut_off": "末尾记录被截去",
    "unlinked": "记录的链接被删除",
    "rewritten": "链被重新计算，与锚点不符",
    "anchor": "锚点缺失或签名不符",
}
#: Faults listed at most; the first ones say where to look.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, the event's number (seq) and the link's where known, and a sentence."""

    kind: Kind
    says: str
    seq: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found. `broken_seq` is the first event concerned; counts are of events.

    `unsealed` events are committed and in no batch yet; `unanchored` ones are sealed after the last anchor.
    """

    holds: bool
    events: int
    broken_seq: int | None = None
    faults: tuple[Fault, ...] = ()
    batches: int = 0
    anchors: int = 0
    archived: int = 0
    unsealed: int = 0
    unsealed_since: datetime | None = None
    unanchored: int = 0
    unchecked_signatures: int = 0
    separated: bool = False


@dataclass(slots=True)
class _Suspect:
    """A link whose hash is not that of its event."""

    link: Link
    recorded: Recorded
    previous: str


@dataclass(slots=True)
class _Walk:
    """A walk over the chain: where it stands and what it found."""

    number: int
    previous: str
    heads: dict[int, str]
    events: int = 0
    faults: list[Fault] = field(default_factory=list)
    suspects: list[_Suspect] = field(default_factory=list)

    def say(self, kind: Kind, says: str, seq: int | None = None, number: int | None = None) -> None:
        """Takes note of a fault."""
        if len(self.faults) < _MOST:
            self.faults.append(Fault(kind, says, seq, number))

    def step(self, each: Link, recorded: Recorded | None) -> None:
        """Looks at one link."""
        self.events += 1
        if each.number > self.number + 1:
            gap = f"{self.number + 1}" if each.number == self.number + 2 else f"{self.number + 1}–{each.number - 1}"
            self.say("deleted", f"链接 {gap} 不在日志中", None, self.number + 1)
        elif each.prev_sm3 != self.previous:
            self.say("moved", f"链接 {each.number} 不接在前一条之后", each.seq, each.number)
        if recorded is None:
            self.say("deleted", f"记录 {each.seq}（链接 {each.number}）不在日志中", each.seq, each.number)
        elif hash_of(recorded, each.prev_sm3, each.format) != each.record_sm3:
            self.suspects.append(_Suspect(each, recorded, each.prev_sm3))
        if each.number in self.heads:
            self.heads[each.number] = each.record_sm3
        self.number, self.previous = each.number, each.record_sm3

    def judge(self) -> None:
        """Tells records that changed places from records that were edited."""
        asked = self.suspects[:_MOST]
        for one in asked:
            own = next((o for o in asked if o is not one and _fits(o.recorded, one)), None)
            if own is not None:
                says = f"记录 {one.recorded.seq} 与记录 {own.recorded.seq} 的位置对调（链接 {one.link.number}）"
                self.say("moved", says, one.recorded.seq, one.link.number)
            else:
                says = f"记录 {one.recorded.seq}（链接 {one.link.number}）的内容与其散列不符"
                self.say("edited", says, one.recorded.seq, one.link.number)


def _fits(recorded: Recorded, place: _Suspect) -> bool:
    """Says whether an event belongs at a link, as it is or under the number that stands there."""
    under = Recorded(place.recorded.seq, recorded.event)
    return place.link.record_sm3 in {hash_of(each, place.previous, place.link.format) for each in (recorded, under)}


@use_case("audit.verify")
def verify(hub: Hub, actor: Actor) -> Verified:
    """Walks chain, batches and anchors from the beginning, or from the last archive's link, and names each fault."""
    record_read(hub, actor, "audit.verify", None)
    with hub.transaction() as connection:
        archive = store.last_archive(connection)
        sealed = store.batches(connection)
        heads = {batch.last_number: "" for batch in sealed}
        begin = (archive.last_number, archive.head_sm3) if archive else (0, GENESIS)
        walk = _Walk(*begin, heads)
        for each, recorded in store.links(connection, begin[0]):
            walk.step(each, recorded)
        walk.judge()
        _look_at_batches(walk, sealed, archive.last_batch if archive else 0)
        anchored, unchecked = _look_at_anchors(hub, connection, walk, sealed)
        for seq in store.passed_over(connection):
            walk.say("unlinked", f"记录 {seq} 早已提交，却不在任何封存批次中", seq)
        tail = store.waiting(connection)
        separated = audit_rights.separated(connection)
    last = sealed[-1].last_number if sealed else begin[0]
    return Verified(
        holds=not walk.faults,
        events=walk.events,
        broken_seq=next((fault.seq for fault in walk.faults if fault.seq is not None), None),
        faults=tuple(walk.faults),
        batches=len(sealed),
        anchors=len(anchored),
        archived=begin[0],
        unsealed=tail.events,
        unsealed_since=tail.oldest,
        unanchored=max(last - max((facts["last_number"] for facts in anchored), default=begin[0]), 0),
        unchecked_signatures=unchecked,
        separated=separated,
    )


def _look_at_batches(walk: _Walk, sealed: list[Batch], archived: int) -> None:
    previous, number, last = GENESIS, 0, 0
    for batch in sealed:
        whole = batch.number == number + 1 and batch.first_number == last + 1
        if not whole or batch.prev_sm3 != previous or batch_hash(batch) != batch.batch_sm3:
            walk.say("edited", f"封存批次 {batch.number} 的内容或次序与其散列不符", None, batch.first_number)
        found = walk.heads.get(batch.last_number, "")
        if batch.number > archived and found and found != batch.head_sm3:
            walk.say("edited", f"封存批次 {batch.number} 的末条链接与封存时不符", None, batch.last_number)
        number, last, previous = batch.number, batch.last_number, batch.batch_sm3
    if last > walk.number:
        walk.say("cut_off", f"链接 {walk.number + 1}–{last} 已封存，现已不在日志中", None, walk.number + 1)
    elif walk.number > last:
        walk.say("edited", f"链接 {last + 1}–{walk.number} 不属于任何封存批次", None, last + 1)


def _look_at_anchors(
    hub: Hub, connection: Connection, walk: _Walk, sealed: list[Batch]
) -> tuple[list[dict[str, Any]], int]:
    """Holds the anchors of database and file against the batches; returns them and how many could not be checked."""
    held = [anchor.line for anchor in store.anchors(connection)]
    written = lines(path_of(hub))
    checks, by_number = verifier(hub), {batch.number: batch for batch in sealed}
    out, unchecked, previous = [], 0, GENESIS
    for line in dict.fromkeys([*written, *held]):
        fits = signature_fits(line, checks)
        unchecked += fits is None
        if fits is False:
            walk.say("anchor", "一个锚点的签名不符，或该行已损坏")
            continue
        facts = json.loads(line)
        out.append(facts)
        if facts["previous_sm3"] != previous:
            walk.say("anchor", f"锚点 {facts['number']} 不接在前一个锚点之后")
        previous = link({"line": line}, GENESIS)
        if line not in held:
            walk.say("anchor", f"锚点 {facts['number']} 只在锚点文件中，已从数据库删除")
        elif line not in written:
            walk.say("anchor", f"锚点 {facts['number']} 不在锚点文件 {path_of(hub).name} 中")
        _hold_against(walk, facts, by_number.get(facts["batch"]), sealed[-1].last_number if sealed else 0)
    return out, unchecked


def _hold_against(walk: _Walk, facts: dict[str, Any], batch: Batch | None, last: int) -> None:
    number, day = facts["last_number"], facts["day"]
    if batch is None:
        says = f"{day} 的锚点 {facts['number']} 证明有 {number} 条链接，现只有 {last} 条：第 {last + 1} 条起被截去"
        walk.say("cut_off", says, None, last + 1)
    elif batch.batch_sm3 != facts["batch_sm3"] or batch.head_sm3 != facts["head_sm3"]:
        says = f"封存批次 {batch.number} 与 {day} 的锚点 {facts['number']} 不符：其前的记录在签署后被重新计算"
        walk.say("rewritten", says, None, batch.last_number)
