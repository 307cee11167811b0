"""One call by key, from its reasons to its committed event: the order that every operation keeps.

    reasons → grant, way, purpose → items, keys → quota → rows → event and answer by request id, at once → answer

Whatever is refused is recorded as a denial. Nothing is read before the quota is taken; nothing leaves before the event
is committed. A call that changes more than the log (an intake number, an interest) is one transaction as a whole.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from catalog.stores import audit as audit_store
from catalog.stores import keyed_calls as store
from catalog.stores.audit import Event
from exchange.access import Actor
from exchange.audit import event_of, record, request_digest
from exchange.hub import Hub
from exchange.keyed import quota
from exchange.keyed.prepared import Prepared, chosen, key_of, prepared
from exchange.keyed.why import Ground, MachineActor, Why, caller_of, checked, replayed, require_request_id, settle
from exchange.sharing import clock
from exchange.sharing.usage import Use
from exchange.subjects import Candidate, candidates
from lake.one_look import Asked
from schemas.errors import Busy, Denied, IdentifierError, InputError, StateError, StorageError
from schemas.grants import Grant, Way
from schemas.ports import Seal
from schemas.rules.book import book

Answer = dict[str, Any]


class _Outdated(Exception):
    """What is served has changed since the call was prepared."""


class _Repeated(Exception):
    """The same request id was answered by another transaction meanwhile."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One call as it comes in. `body` is what a request id stands for."""

    action: str
    way: Way
    dataset: str
    why: Why
    keys: tuple[str, ...]
    body: Mapping[str, Any]
    many: bool = False  # what is no number among many keys is told by its place

    @property
    def request_id(self) -> str:
        """The caller's own number of this call."""
        return self.why.request_id


@dataclass(frozen=True)
class Call:
    """One call that may go on: its grant and what it rests on; `readings` None for a key that is no number."""

    hub: Hub
    actor: Actor
    asking: Asking
    ground: Prepared
    grant: Grant
    reasons: Ground
    readings: tuple[tuple[Candidate, ...] | IdentifierError, ...]

    @cached_property
    def digest(self) -> bytes:
        """The keyed digest of the whole request."""
        asking = self.asking
        return bytes.fromhex(request_digest(self.hub, asking.action, asking.dataset, _canonical(asking)))

    @property
    def hashes(self) -> list[str]:
        """The key hashes for the log."""
        return list(
            dict.fromkeys(each.key_hash.hex() for found in self.readings if isinstance(found, tuple) for each in found)
        )

    def asked(self) -> list[Asked]:
        """The readings of all keys, as the lake takes them."""
        found = [each for held in self.readings if isinstance(held, tuple) for each in held]
        return [Asked(each.key_hash, each.items) for each in found]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation found: the answer, and what the log says of it."""

    answer: Answer
    rows: int
    items: tuple[str, ...]
    outcome: str
    missed: tuple[bytes, ...] = ()


Work = Callable[[Connection, Call], Outcome]


@contextmanager
def refusing(hub: Hub, actor: Actor, action: str, dataset: str, detail: Mapping[str, Any]) -> Iterator[None]:
    """Records whatever is refused in the block as a denial, and raises it again."""
    try:
        yield
    except (Denied, InputError, StateError) as error:
        with hub.transaction() as connection:
            known = dataset if dataset.isidentifier() else None
            facts = {"result": "denied", "error_code": error.code, "detail": dict(detail)}
            record(connection, hub, actor, action, known, **facts)
        raise


def call(hub: Hub, actor: Actor, asking: Asking, work: Work) -> Answer:
    """Makes one call; raises Denied, InputError, StateError, each recorded."""
    machine = isinstance(actor, MachineActor)
    detail = {"way": asking.way} | ({"client": actor.name} if machine else {})
    with refusing(hub, actor, asking.action, asking.dataset, detail):
        require_request_id(actor, asking.request_id)
        for attempt in range(3):
            try:
                return _once(hub, actor, asking, work)
            except (_Outdated, _Repeated, StorageError) as error:
                # A new version may have other columns, which the database tells as an error of the statement.
                if isinstance(error, StorageError) and attempt:
                    raise
                hub.keyed.forget(key_of(actor, asking.dataset))
        raise Busy("数据正在发布新版本", "", "请稍后重试", code="DATASET_CHANGING")


def _once(hub: Hub, actor: Actor, asking: Asking, work: Work) -> Answer:
    made = opened(hub, actor, asking)
    keys, most = len(asking.keys), int(book().number("COMPARE_KEYS"))
    if not 1 <= keys <= most:
        raise InputError(f"一次收到{keys}个号码", f"1至{most}个", "请分次提交", code="KEYS_TOO_MANY")
    try:
        quota.take(hub, made.grant, keys)
    except Denied:
        again = _answered_before(made)
        if again is None:
            raise
        return again
    changes = made.reasons.intake_no is not None or asking.way == "subscription"
    try:
        answer, rows = _together(made, work) if changes else _read_then_recorded(made, work)
    except (_Outdated, _Repeated, StateError, StorageError):
        quota.give_back(hub, made.grant, keys)
        raise
    if rows is None:
        quota.give_back(hub, made.grant, keys)
    elif made.grant.request:  # an emergency opening is no grant, and stands in its own report
        quota.count(hub, Use(made.grant.number, asking.way, 1, keys, rows))
    return answer


def _together(made: Call, work: Work) -> tuple[Answer, int | None]:
    """Makes a call in one transaction; rows None: it was answered before."""
    with made.hub.transaction() as connection:
        again = _stored(connection, made)
        return _worked(connection, made, work) if again is None else (again, None)


def _read_then_recorded(made: Call, work: Work) -> tuple[Answer, int | None]:
    """Makes a call of two statements: its rows, then event and answer. Only then is a repeated one looked for."""
    written = False
    try:
        with made.hub.statements() as connection:
            found = work(connection, made)
            answer = _answer(made, found)
            if not found.missed:
                written = _written(connection, made, answer, found)
    except (Denied, InputError, StateError):
        again = _answered_before(made)
        if again is None:
            raise
        return again, None
    if found.missed:
        with made.hub.transaction() as connection:
            written = _written(connection, made, answer, found)
            if written:
                _count_misses(connection, made, found)
    if written:
        return answer, found.rows
    again = _answered_before(made)
    if again is None:
        raise _Repeated
    return again, None


def _answered_before(made: Call) -> Answer | None:
    with made.hub.transaction() as connection:
        return _stored(connection, made)


def _written(connection: Connection, made: Call, answer: Answer, found: Outcome) -> bool:
    """Writes event and answer by one statement; says no, and writes nothing, when the request id has an answer."""
    event = _event(made, made.reasons.case_no, found)
    if not made.asking.request_id:
        audit_store.append(connection, event)
        return True
    return store.add_answered(connection, _kept(made, answer), event)


def _kept(made: Call, answer: Answer) -> dict[str, Any]:
    hub = made.hub
    sealed = _seal(hub).seal([json.dumps(answer, ensure_ascii=False).encode()], [_bound(made)])[0]
    values = {"caller": caller_of(made.actor), "request_id": made.asking.request_id, "digest": made.digest}
    return values | {"sealed": sealed, "at": hub.clock.now()}


def _seal(hub: Hub) -> Seal:
    """Returns the seal of answers; it derives a key when it is made, so one is used for some seconds."""
    return hub.keyed.fresh(("seal",), hub.crypto.seal)


def _answer(made: Call, found: Outcome) -> Answer:
    request_id = made.asking.request_id
    return found.answer | ({"request_id": request_id} if request_id else {})


def _count_misses(connection: Connection, made: Call, found: Outcome) -> None:
    store.add_misses(connection, made.grant.number, found.missed, clock.day_of(made.hub.clock.now()))


def opened(hub: Hub, actor: Actor, asking: Asking) -> Call:
    """Checks reasons, grant, way and purpose, and reads the keys; takes nothing of the quota and reads no row."""
    reasons = checked(hub, actor, asking.why)
    ground = prepared(hub, actor, asking.dataset)
    grant = chosen(hub, actor, ground, asking.way, reasons.purpose)
    return Call(hub, actor, asking, ground, grant, reasons, _readings(ground, asking))


def _canonical(asking: Asking) -> str:
    why = {name: getattr(asking.why, name) for name in asking.why.__slots__}
    return json.dumps({"why": why, "body": asking.body}, ensure_ascii=False, sort_keys=True)


def _readings(ground: Prepared, asking: Asking) -> tuple[tuple[Candidate, ...] | IdentifierError, ...]:
    layout = ground.state.layout if ground.state else ground.coder.layout
    found: list[tuple[Candidate, ...] | IdentifierError] = []
    for key in asking.keys:
        try:
            found.append(tuple(candidates(layout, ground.coder, key)))
        except IdentifierError as error:
            if not asking.many:
                raise
            found.append(error)
    return tuple(found)


def committed(made: Call, work: Work) -> tuple[Answer, int]:
    """Reads, records and commits in one transaction; returns the answer and how many rows it gives."""
    with made.hub.transaction() as connection:
        return _worked(connection, made, work)


def _worked(connection: Connection, made: Call, work: Work) -> tuple[Answer, int]:
    hub, asking = made.hub, made.asking
    case_no, expired = settle(connection, hub, made.actor, made.reasons)
    if expired is not None:
        raise expired
    found = work(connection, made)
    answer = _answer(made, found)
    if found.missed:
        _count_misses(connection, made, found)
    audit_store.append(connection, _event(made, case_no, found))
    if asking.request_id and not store.add_call(connection, _kept(made, answer)):
        raise _Repeated
    return answer, found.rows


def _event(made: Call, case_no: str | None, found: Outcome, *, repeated: bool = False) -> Event:
    detail: dict[str, Any] = {"way": made.asking.way, "outcome": found.outcome, "version": made.ground.version}
    detail |= made.reasons.facts() | ({"repeated": True} if repeated else {})
    if isinstance(made.actor, MachineActor):
        detail["client"] = made.actor.name
    if made.asking.request_id:
        detail["request_id"] = made.asking.request_id
    return event_of(
        made.hub, made.actor, made.asking.action, made.asking.dataset, detail=detail,
        entry_code=made.ground.entry_code, items=list(found.items), subject_key_hashes=made.hashes,
        row_count=found.rows, purpose_code=made.reasons.purpose, grant_id=made.grant.number, case_no=case_no,
        request_sm3=made.digest.hex(),
    )  # fmt: skip


def _bound(made: Call) -> bytes:
    return f"call:{caller_of(made.actor)}:{made.asking.request_id}".encode()


def _stored(connection: Connection, made: Call) -> Answer | None:
    """Returns the answer that the request id was given; raises StateError when it stands for something else.

    The grant has been asked for anew by now, so that a revoked one gives no old answer either.
    """
    hub, asking = made.hub, made.asking
    if not asking.request_id:
        return None
    held = store.find_call(connection, caller_of(made.actor), asking.request_id)
    if held is None:
        return None
    if held[0] != made.digest:
        raise replayed()
    answer: Answer = json.loads(_seal(hub).open([held[1]], [_bound(made)])[0])
    rows = len(answer.get("rows", ()))
    found = Outcome(answer, rows, (), str(answer["outcome"]))
    audit_store.append(connection, _event(made, made.reasons.case_no, found, repeated=True))
    return answer


def is_outdated(error: Exception) -> bool:
    """Says whether an error means to begin anew."""
    return isinstance(error, _Outdated)


def outdated() -> Exception:
    """Returns what makes a call begin anew, over what is served now."""
    return _Outdated()
