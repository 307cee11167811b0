"""Permission first, audit event always: how a use-case is declared, and how its event is written.

An event is written in the transaction of its act; of a read it is committed before the first byte leaves; a denial is
an event too. Events hold ids, counts and keyed hashes, never a value. Writers insert and wait for nobody: the chain is
extended over committed events (exchange/auditing).
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection

from catalog.stores import audit as store
from catalog.stores.audit import Event
from exchange.access import ACTIONS, ROLE_NAMES, Actor, allowed
from exchange.auditing.chain import canonical, link, seal_pending
from exchange.hub import Hub
from schemas.errors import Denied

__all__ = [
    "USE_CASES", "canonical", "event_of", "link", "record", "record_read", "request_digest", "require", "use_case",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")
UseCase = Callable[Concatenate[Hub, Actor, P], R]

#: Every use-case by its action; filled by the decorator, read by the structure test.
USE_CASES: dict[str, str] = {}

#: Batches that closing a hub seals at most: a command must end, and whoever seals next goes on.
_SEALED_AT_CLOSING = 20
_OBJECTS = {"sync": "run", "quarantine": "run"}


@dataclass(frozen=True, slots=True)
class _Began:
    """When the outermost use-case of this thread began."""

    at: float


_began: ContextVar[_Began | None] = ContextVar("began", default=None)


def use_case(action: str) -> Callable[[UseCase[P, R]], UseCase[P, R]]:
    """Declares a use-case: its action is checked before anything else; a denial is recorded."""

    def declare(function: UseCase[P, R]) -> UseCase[P, R]:
        USE_CASES[action] = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        def permitted(hub: Hub, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            began = _began.set(_began.get() or _Began(perf_counter()))
            try:
                require(hub, actor, action, next((a for a in args if isinstance(a, str)), None))
                return function(hub, actor, *args, **kwargs)
            finally:
                _began.reset(began)

        permitted.action = action  # type: ignore[attr-defined]
        return cast("UseCase[P, R]", permitted)

    return declare


def require(hub: Hub, actor: Actor, action: str, object_id: str | None) -> None:
    """Raises Denied, after recording it, unless the actor may do the action."""
    if allowed(actor, action):
        return
    # What was asked for may itself be a personal value (a key, SQL text): only names of our own are recorded.
    noun = action.partition(".")[0]
    known = object_id if noun not in {"dataset", "audit", "query"} or action == "dataset.show" else None
    with hub.transaction() as connection:
        record(connection, hub, actor, action, known, result="denied", error_code="DENIED")
    roles = "、".join(name for role, name in ROLE_NAMES.items() if role in ACTIONS[action].roles)
    raise Denied(f"用户 {actor.name} 无权{ACTIONS[action].title}", f"需要角色：{roles}", "请联系管理员授权")


def record(connection: Connection, hub: Hub, actor: Actor, action: str, object_id: str | None, **facts: Any) -> None:
    """Adds the event of an act to the transaction; `facts` are fields of an event (catalog/stores/audit.py).

    Session and address are the actor's; the duration is what the use-case has taken so far.
    """
    store.append(connection, event_of(hub, actor, action, object_id, **facts))


def event_of(hub: Hub, actor: Actor, action: str, object_id: str | None, **facts: Any) -> Event:
    """Makes the event of an act, for whoever writes it together with the act; see `record`."""
    hub.closing.setdefault("audit chain", partial(seal_pending, hub, most=_SEALED_AT_CLOSING))
    noun = action.partition(".")[0]
    began = _began.get()
    given = {"duration_ms": None if began is None else round((perf_counter() - began.at) * 1000)} | facts
    given["detail"] = {"use_case": action} | facts.get("detail", {})
    return Event(
        ts=hub.clock.now(),
        actor_id=actor.name,
        actor_name=actor.title or actor.name,
        dept_code=actor.department,
        role=",".join(sorted(actor.roles)),
        channel=actor.channel,
        action=ACTIONS[action].event,
        object_type=_OBJECTS.get(noun, noun),
        object_id=object_id,
        session_id=actor.session,
        client_ip=actor.address,
        **given,
    )


def record_read(hub: Hub, actor: Actor, action: str, object_id: str | None, **facts: Any) -> None:
    """Commits the event of a read, before its first byte leaves."""
    with hub.transaction() as connection:
        record(connection, hub, actor, action, object_id, **facts)


def request_digest(hub: Hub, *parts: str) -> str:
    """Returns the keyed digest of a request, for `request_sm3`: a known request can be recognised, none be guessed.

    HMAC-SM3 in the suite `gm`, HMAC-SHA-256 in `international`; a bare hash of what names a person is never stored.
    """
    said = [part.encode("utf-8", "replace").decode() for part in parts]  # half a character is refused, and recorded
    return hub.crypto.keys().digests([canonical({"request": said})])[0].hex()
