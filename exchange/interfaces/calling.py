"""The use-case of calling an interface: under a grant, for a purpose in a case, its event before the answer.

The provider sees the key that is asked for, the log its keyed hash; what is answered is in neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any

from sqlalchemy import Connection

from catalog.stores import interface_calls
from catalog.stores import interfaces as store
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.interfaces.admitting import WAY, Admission, Asked, Permitted, admit, permitted, still_granted
from exchange.interfaces.answering import Given, ValueFinding, given
from exchange.interfaces.circuit import LASTING, failed, is_unwell, mended
from exchange.interfaces.keys import Key, read_keys
from exchange.interfaces.opened import Opened, bounds_of, mapped_of, open_interface
from exchange.interfaces.sending import Outcome, ask
from exchange.interfaces.tasks import close_suspension, open_suspension
from exchange.keyed.calls import refusing
from exchange.keyed.why import Ground, Why, checked, require_request_id, require_way
from exchange.sharing.usage import Use, count_uses
from schemas.errors import HubError, InputError, SchemaDrift, SourceUnreadable
from schemas.openapi.answers import Rows, read_rows
from schemas.openapi.document import Finding


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """An item of the answer: its name, title and whether its values are masked."""

    name: str
    title: str
    masked: bool


@dataclass(frozen=True, slots=True)
class InterfaceAnswer:
    """What an interface answered at a moment: 0 to n rows of granted items; `findings` say what was withheld as faulty.

    No row means that the provider has none for the key, or none inside the grant.
    """

    dataset: str
    title: str
    provider_name: str
    answered_at: datetime
    grant: str
    purpose: str
    items: tuple[AnsweredItem, ...]
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    findings: tuple[ValueFinding, ...] = ()
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    """A call on its way."""

    held: Permitted
    asked: Asked
    admission: Admission
    outcome: Outcome
    seconds: float


@use_case("interface.call")
def call(hub: Hub, actor: Actor, dataset: str, keys: dict[str, str], why: Why) -> InterfaceAnswer:
    """Calls an entry's interface by key, for a purpose in a case; raises HubError.

    A request id stands for one call: what was answered is kept nowhere, so that it cannot be had again.
    """
    reasons = _reasons(hub, actor, dataset, why)
    held = permitted(dataset, reasons.purpose, hub, actor)
    asked = Asked(_read(hub, actor, held, keys), reasons, why.request_id)
    opened = open_interface(hub, held.interface)
    admission = admit(held, asked, hub, actor)
    begun = perf_counter()
    outcome = _asked(opened, asked.keys)
    done = _Call(held, asked, admission, outcome, perf_counter() - begun)
    return _settled(hub, actor, done)


def _reasons(hub: Hub, actor: Actor, dataset: str, why: Why) -> Ground:
    """Reads the reasons and a client's ways; what is wrong with them is a denial in the log."""
    with refusing(hub, actor, "interface.call", dataset, {"way": WAY}):
        require_way(actor, WAY)
        require_request_id(actor, why.request_id)
        return checked(hub, actor, why)


def _read(hub: Hub, actor: Actor, held: Permitted, keys: dict[str, str]) -> Sequence[Key]:
    """Reads the keys; what is wrong with them is a denial in the log."""
    try:
        return read_keys(hub, held.found.entry, mapped_of(held.interface).keys, keys)
    except InputError as error:
        with hub.transaction() as connection:
            facts = {"error_code": error.code, "grant_id": held.grant.number}
            record(connection, hub, actor, "interface.call", held.interface.dataset, result="denied", **facts)
        raise


def _asked(opened: Opened, keys: Sequence[Key]) -> Outcome:
    """Calls and reads the rows; a drift of the whole answer is a failure."""
    outcome = ask(opened, {key.item: key.text for key in keys})
    if outcome.error is not None:
        return outcome
    rows = Rows(()) if outcome.payload is None else read_rows(opened.shape, outcome.payload)
    if rows.drifts:
        return Outcome(None, drifted(rows.drifts))
    if len(rows.values) > opened.bounds.most_rows:
        most = opened.bounds.most_rows
        return Outcome(None, _too_many(len(rows.values), most))
    return Outcome(rows)


def drifted(drifts: Sequence[Finding]) -> SchemaDrift:
    """Returns the failure of an answer that no longer is what its description says."""
    says = "；".join(finding.says for finding in drifts[:5])
    return SchemaDrift(
        f"接口与其描述不符：{says}", "响应应与描述一致", "请提供部门核对接口，或更新描述和映射", code="INTERFACE_DRIFT"
    )


def _too_many(rows: int, most: int) -> SourceUnreadable:
    return SourceUnreadable(
        f"返回 {rows} 条记录，超过上限",
        f"一次不超过 {most} 条",
        "请缩小查询条件，或申请提高限额",
        code="INTERFACE_ROWS",
    )


def _settled(hub: Hub, actor: Actor, done: _Call) -> InterfaceAnswer:
    """Commits the event, the statistics and the circuit in one transaction; only then the answer leaves."""
    held = done.held
    error = done.outcome.error
    answer: Given | None = None
    if error is None:
        answer = given(held.found.entry, held.plan, done.asked.keys, done.outcome.payload, hub.clock.now())
        most = held.grant.quota.rows_a_query
        if most is not None and len(answer.rows) > most:
            error = _too_many(len(answer.rows), most)
    with hub.transaction() as connection:
        interface_calls.release(connection, done.admission.lease)
        _keep_circuit(connection, hub, actor, done)
        error = error or still_granted(connection, hub, actor, held, done.asked.reasons.purpose)
        _count(connection, hub, done, answer if error is None else None, error)
        _log(connection, hub, actor, done, answer, error)
    if error is not None:
        raise error
    assert answer is not None  # noqa: S101 - there is an answer where there is no error
    return _shown(hub, done, answer)


def _keep_circuit(connection: Connection, hub: Hub, actor: Actor, done: _Call) -> None:
    dataset = done.held.interface.dataset
    interface = store.find(connection, dataset, locked=True)
    if interface is None:
        return
    error, now = done.outcome.error, hub.clock.now()
    # A call that began before the interface was suspended says nothing new; a probe does, but lifts no lasting reason.
    lasting = interface.suspended_code in LASTING
    if lasting or (interface.suspended_at is not None and not done.admission.probe):
        return
    if error is not None and is_unwell(error):
        opening = failed(interface, error, now, bounds_of(interface).failures, done.outcome.wait)
        store.change(connection, dataset, **opening.values)
        if opening.opened and interface.suspended_at is None:
            open_suspension(connection, hub, done.held.found, error)
    elif interface.failures or interface.suspended_at is not None:
        store.change(connection, dataset, **mended())
        close_suspension(connection, hub, actor, dataset)


def _count(connection: Connection, hub: Hub, done: _Call, answer: Given | None, error: HubError | None) -> None:
    rows = len(answer.rows) if answer else 0
    interface_calls.add(connection, {
        "dataset": done.held.interface.dataset,
        "at": hub.clock.now(),
        "kind": "probe" if done.admission.probe else "call",
        "consumer": done.held.grant.consumer,
        "outcome": error.code if error else "ok",
        "rows": rows,
        "duration_ms": round(done.seconds * 1000),
        "faults": dict(answer.faults) if answer else {},
    })  # fmt: skip
    if rows:
        count_uses(connection, hub, [Use(done.held.grant.number, "interface", 0, 0, rows)])


def _log(
    connection: Connection, hub: Hub, actor: Actor, done: _Call, answer: Given | None, error: HubError | None
) -> None:
    held = done.held
    left = error is None and answer is not None
    record(
        connection, hub, actor, "interface.call", held.interface.dataset,
        result="success" if left else "denied" if answer is not None else "failure",
        error_code=error.code if error else None,
        entry_code=held.found.stored.code,
        items=list(held.plan.readable) if left else [],
        subject_key_hashes=[key.key_hash for key in done.asked.keys],
        row_count=len(answer.rows) if left and answer else 0,
        purpose_code=done.asked.reasons.purpose,
        grant_id=held.grant.number,
        case_no=done.admission.case_no,
        detail=done.asked.detail(actor) | {"probe": done.admission.probe, "provider_ms": round(done.seconds * 1000)},
    )  # fmt: skip


def _shown(hub: Hub, done: _Call, answer: Given) -> InterfaceAnswer:
    held = done.held
    mapped = set(mapped_of(held.interface).items)
    items = tuple(
        AnsweredItem(name, held.found.entry.item(name).title, item.mask is not None)
        for name, item in held.plan.readable.items()
        if name in mapped
    )
    return InterfaceAnswer(
        dataset=held.interface.dataset,
        title=held.found.entry.title,
        provider_name=held.found.entry.provider_name,
        answered_at=hub.clock.now(),
        grant=held.grant.number,
        purpose=done.asked.reasons.purpose,
        items=items,
        rows=answer.rows,
        findings=answer.findings,
        duration_ms=round(done.seconds * 1000),
    )
