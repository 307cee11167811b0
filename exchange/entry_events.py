"""The chained history of an entry: every step is hashed (SM3) over the one before, and checked by anyone later."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Required, TypedDict, Unpack

from sqlalchemy import Connection

from catalog.stores import entry_events as store
from catalog.stores.audit import GENESIS
from catalog.stores.entry_events import EntryEvent
from exchange.access import Actor
from exchange.audit import link
from exchange.hub import Hub

#: Names of the commands that no table row carries.
BESIDE = {"draft": "编制", "edit": "修改", "publish": "本机直接发布", "revoke": "本机直接撤销"}


class NewStep(TypedDict, total=False):
    """A step of an entry's life: which version, which command, the states before and after, the opinion."""

    dataset: Required[str]
    version: Required[int]
    command: Required[str]
    states: Required[tuple[int, int]]
    opinion: str | None


def note(connection: Connection, hub: Hub, actor: Actor, **step: Unpack[NewStep]) -> EntryEvent:
    """Adds a step to an entry's history in the caller's transaction, which holds the entry's lock."""
    last = store.newest(connection, step["dataset"])
    previous = last.sm3 if last else GENESIS
    event = EntryEvent(
        dataset=step["dataset"],
        version=step["version"],
        command=step["command"],
        from_state=int(step["states"][0]),
        to_state=int(step["states"][1]),
        actor=actor.name,
        department_code=actor.department,
        opinion=step.get("opinion") or None,
        at=hub.clock.now().astimezone(UTC),
        prev_sm3=previous,
        sm3="",
    )
    chained = EntryEvent(**{**asdict(event), "sm3": _hash_of(event)})
    store.add(connection, chained)
    return chained


def _hash_of(event: EntryEvent) -> str:
    facts = asdict(event)
    del facts["sm3"], facts["prev_sm3"]
    facts["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return link(facts, event.prev_sm3)


def broken_at(history: Sequence[EntryEvent]) -> int | None:
    """Returns the place (from 1) of the first step that was changed, removed or moved; None when the chain holds."""
    previous = GENESIS
    for place, event in enumerate(history, 1):
        if event.prev_sm3 != previous or _hash_of(event) != event.sm3:
            return place
        previous = event.sm3
    return None
