"""Permission first, audit event always: how a use-case is declared, and the hash chain over the events.

An event is written in the transaction of its act; of a read it is committed before the first byte leaves; a denial is
an event too. Events hold ids, counts and keyed hashes, never a value.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta, timezone
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection

from catalog.stores import audit as store
from catalog.stores.audit import GENESIS, Event, Recorded
from exchange.access import ACTIONS, ROLE_NAMES, Actor, allowed
from exchange.crypto import sm3
from exchange.hub import Hub
from schemas.errors import Denied

P = ParamSpec("P")
R = TypeVar("R")
UseCase = Callable[Concatenate[Hub, Actor, P], R]

#: Every use-case by its action; filled by the decorator, read by the structure test.
USE_CASES: dict[str, str] = {}

#: Numbers of events before the newest linked one among which closing a hub looks for late ones; verifying looks at all.
_LOOKING_BACK = 10_000
_BEIJING = timezone(timedelta(hours=8))
_OBJECTS = {"sync": "run", "quarantine": "run"}


def use_case(action: str) -> Callable[[UseCase[P, R]], UseCase[P, R]]:
    """Declares a use-case: its action is checked before anything else; a denial is recorded."""

    def declare(function: UseCase[P, R]) -> UseCase[P, R]:
        USE_CASES[action] = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        def permitted(hub: Hub, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            require(hub, actor, action, next((a for a in args if isinstance(a, str)), None))
            return function(hub, actor, *args, **kwargs)

        permitted.action = action  # type: ignore[attr-defined]
        return cast("UseCase[P, R]", permitted)

    return declare


def require(hub: Hub, actor: Actor, action: str, object_id: str | None) -> None:
    """Raises Denied, after recording it, unless the actor may do the action."""
    if allowed(actor, action):
        return
    # What was asked for may itself be a personal value (a key, SQL text): only names of our own are recorded.
    known = object_id if action.partition(".")[0] != "dataset" or action == "dataset.show" else None
    with hub.transaction() as connection:
        record(connection, hub, actor, action, known, result="denied", error_code="DENIED")
    roles = "、".join(name for role, name in ROLE_NAMES.items() if role in ACTIONS[action].roles)
    raise Denied(f"用户 {actor.name} 无权{ACTIONS[action].title}", f"需要角色：{roles}", "请联系管理员授权")


def record(connection: Connection, hub: Hub, actor: Actor, action: str, object_id: str | None, **facts: Any) -> None:
    """Adds the event of an act to the transaction; the hash chain is extended over it when the hub is closed."""
    hub.closing.setdefault("audit chain", partial(extend_chain, hub, looking_back=_LOOKING_BACK))
    noun = action.partition(".")[0]
    store.append(
        connection,
        Event(
            ts=hub.clock.now(),
            actor_id=actor.name,
            actor_name=actor.title or actor.name,
            dept_code=actor.department,
            role=",".join(sorted(actor.roles)),
            channel=actor.channel,
            action=ACTIONS[action].event,
            object_type=_OBJECTS.get(noun, noun),
            object_id=object_id,
            detail={"use_case": action} | _whence(actor) | facts.pop("detail", {}),
            **facts,
        ),
    )


def _whence(actor: Actor) -> dict[str, str]:
    """Names the network address and the session of who is signed in over the portal or the API."""
    facts = {"address": actor.address, "session": actor.session}
    return {name: value for name, value in facts.items() if value}


def record_read(hub: Hub, actor: Actor, action: str, object_id: str | None, **facts: Any) -> None:
    """Commits the event of a read, before its first byte leaves."""
    with hub.transaction() as connection:
        record(connection, hub, actor, action, object_id, **facts)


def canonical(facts: dict[str, Any]) -> bytes:
    """Returns canonical JSON: UTF-8, sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link(facts: dict[str, Any], previous: str) -> str:
    """Returns the hash of a record: SM3 over the previous record's hash and the canonical JSON."""
    return sm3(previous.encode() + canonical(facts)).hex()


def _hash_of(recorded: Recorded, previous: str) -> str:
    facts = asdict(recorded.event) | {"seq": recorded.seq}
    moment = recorded.event.ts.replace(tzinfo=recorded.event.ts.tzinfo or UTC).astimezone(_BEIJING)
    facts["ts"] = moment.isoformat(timespec="milliseconds")
    return link(facts, previous)


def extend_chain(hub: Hub, *, looking_back: int | None = None) -> int:
    """Links the events that have been committed since the chain was last extended; returns how many."""
    with hub.transaction() as connection:
        return store.extend_chain(connection, _hash_of, looking_back=looking_back)


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the chain holds; `broken_seq` is the first event that was changed, removed or moved."""

    holds: bool
    events: int
    broken_seq: int | None = None


@use_case("audit.verify")
def verify(hub: Hub, actor: Actor) -> Verified:
    """Walks the chain over all audit events and reports the first broken one."""
    record_read(hub, actor, "audit.verify", None)
    extend_chain(hub)
    previous = GENESIS
    with hub.transaction() as connection:
        links = store.chain(connection)
    for number, (each, recorded) in enumerate(links, 1):
        whole = each.number == number and each.prev_sm3 == previous and recorded is not None
        if not whole or recorded is None or _hash_of(recorded, previous) != each.record_sm3:
            return Verified(False, len(links), each.seq)
        previous = each.record_sm3
    return Verified(True, len(links))
