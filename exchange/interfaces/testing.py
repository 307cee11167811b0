"""Contract tests of interfaces: with sample parameters, on demand and on schedule; drift suspends and names the field.

A test keeps counts, codes and names of fields, never a value. A test that passes brings a suspended interface back.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import Connection

from catalog.stores import interface_calls
from catalog.stores import interfaces as store
from catalog.stores.interfaces import StoredInterface
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.hub import Hub
from exchange.interfaces.calling import drifted
from exchange.interfaces.checking import Checker
from exchange.interfaces.circuit import failed, is_unwell, mended, stopped
from exchange.interfaces.keys import Key, read_keys
from exchange.interfaces.opened import bounds_of, mapped_of, open_interface, sample_of
from exchange.interfaces.sending import ask
from exchange.interfaces.states import Found, InterfaceView, found_of, next_state, registered, view_of
from exchange.interfaces.tasks import close_suspension, open_suspension
from exchange.scope import reach_of, require_entry
from schemas.errors import HubError, InputError, SourceError, StateError
from schemas.openapi.answers import read_rows
from schemas.openapi.document import Finding

_CALLS_KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class ContractTest:
    """What a contract test found."""

    passed: bool
    rows: int
    duration_ms: int
    findings: tuple[Finding, ...]
    wait: int | None = None


@dataclass(frozen=True, slots=True)
class DueTests:
    """What a scheduled run of tests came to."""

    tested: int
    failed: tuple[str, ...]


@use_case("interface.test")
def run_test(hub: Hub, actor: Actor, dataset: str) -> InterfaceView:
    """Tests an interface with its sample parameters; raises StateError when something has not been registered."""
    require_entry(hub, actor, "interface.test", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(registered(found).state, "test")
    record_read(hub, actor, "interface.test", dataset)
    _tested(hub, actor, found)
    return _view(hub, dataset)


@use_case("interface.resume")
def resume(hub: Hub, actor: Actor, dataset: str) -> InterfaceView:
    """Brings a suspended interface back: tests it, and it is in use again when the test passes; raises SourceError."""
    require_entry(hub, actor, "interface.resume", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(registered(found).state, "resume")
    record_read(hub, actor, "interface.resume", dataset)
    report = _tested(hub, actor, found)
    if not report.passed:
        says = "；".join(finding.says for finding in report.findings if finding.severity == "error")
        raise SourceError(
            f"测试没有通过，接口仍然暂停：{says}", "测试通过后恢复", "请处理后再恢复", code="INTERFACE_TEST"
        )
    return _view(hub, dataset)


@use_case("interface.suspend")
def suspend(hub: Hub, actor: Actor, dataset: str, reason: str) -> InterfaceView:
    """Suspends an interface with a reason that its callers are told."""
    require_entry(hub, actor, "interface.suspend", dataset)
    if not reason.strip():
        raise InputError("没有写明暂停理由", "暂停必须写明理由", "请写明理由", code="REASON")
    with hub.transaction() as connection:
        found = found_of(connection, dataset, locked=True)
        next_state(registered(found).state, "suspend")
        store.change(connection, dataset, **stopped(reason.strip()[:200], hub.clock.now()))
        record(connection, hub, actor, "interface.suspend", dataset, entry_code=found.stored.code)
    return _view(hub, dataset)


@use_case("interface.test_due")
def test_due(hub: Hub, actor: Actor) -> DueTests:
    """Tests the interfaces in use whose last test is older than they have set, and forgets old statistics of calls."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        known = [each for each in store.list_all(connection) if each.state == "active"]
        due = [found_of(connection, each.dataset) for each in known if _is_due(hub, each)]
        due = [found for found in due if reach.covers(found.stored.provider_code)]
        gone = interface_calls.forget_before(connection, now - timedelta(days=_CALLS_KEPT_DAYS))
        record(connection, hub, actor, "interface.test_due", None, row_count=len(due), detail={"forgotten": gone})
    wrong = []
    for found in due:
        try:
            passed = _tested(hub, actor, found).passed
        except HubError:  # one that can't be tested keeps no other from its test
            passed = False
        wrong += [] if passed else [found.stored.dataset]
    return DueTests(len(due), tuple(wrong))


def _is_due(hub: Hub, interface: StoredInterface) -> bool:
    if interface.suspended_code == "INTERFACE_STOPPED":
        return False
    every = timedelta(hours=bounds_of(interface).test_hours)
    return interface.tested_at is None or hub.clock.now() - interface.tested_at >= every


def _view(hub: Hub, dataset: str) -> InterfaceView:
    with hub.transaction() as connection:
        since = hub.clock.now() - timedelta(days=1)
        return view_of(connection, found_of(connection, dataset), calls=True, since=since)


def _tested(hub: Hub, actor: Actor, found: Found) -> ContractTest:
    """Calls with the sample, compares, and keeps the report, the circuit and the event together."""
    interface = registered(found)
    keys = read_keys(hub, found.entry, mapped_of(interface).keys, sample_of(hub, interface))
    report, error = _report(hub, found, keys)
    with hub.transaction() as connection:
        held = store.find(connection, interface.dataset, locked=True)
        same = held is not None and held.updated_at == interface.updated_at
        if held is not None and same:
            _keep(connection, hub, actor, found, held, (report, error))
        hashes = [key.key_hash for key in keys]
        codes = [finding.code for finding in report.findings]
        record(
            connection, hub, actor, "interface.test", interface.dataset, entry_code=found.stored.code,
            subject_key_hashes=hashes, row_count=report.rows, result="success" if report.passed else "failure",
            error_code=error.code if error else None, detail={"findings": codes[:20]},
        )  # fmt: skip
    if not same:  # what was tested is not what stands there now
        raise StateError("接口刚被修改", "", "请重新测试", code="INTERFACE_CHANGED")
    return report


def _keep(
    connection: Connection, hub: Hub, actor: Actor, found: Found, held: StoredInterface,
    result: tuple[ContractTest, HubError | None],
) -> None:  # fmt: skip
    report, error = result
    now, dataset = hub.clock.now(), held.dataset
    values: dict[str, Any] = {"test": asdict(report), "tested_at": now}
    if held.state == "active":
        if report.passed:
            values |= mended()
            close_suspension(connection, hub, actor, dataset)
        elif error is not None and is_unwell(error):
            opening = failed(held, error, now, bounds_of(held).failures, report.wait)
            values |= opening.values
            if opening.opened and held.suspended_at is None:
                open_suspension(connection, hub, found, error)
    store.change(connection, dataset, **values)
    interface_calls.add(connection, {
        "dataset": dataset, "at": now, "kind": "test", "outcome": error.code if error else "ok" if report.passed
        else "INTERFACE_TEST", "rows": report.rows, "duration_ms": report.duration_ms,
    })  # fmt: skip


def _report(hub: Hub, found: Found, keys: Sequence[Key]) -> tuple[ContractTest, HubError | None]:
    opened = open_interface(hub, registered(found))
    begun = perf_counter()
    outcome = ask(opened, {key.item: key.text for key in keys})
    length = round((perf_counter() - begun) * 1000)
    if outcome.error is not None:
        error = outcome.error
        finding = Finding(error.code, "error", "调用", error.got, error.next_step)
        return ContractTest(False, 0, length, (finding,), outcome.wait), error
    rows = read_rows(opened.shape, outcome.payload) if outcome.payload is not None else None
    if rows is None or (not rows.values and not rows.drifts):
        says = "测试参数没有查到记录"
        finding = Finding("INTERFACE_SAMPLE", "error", "测试参数", says, "请换用能查到记录的测试参数")
        return ContractTest(False, 0, length, (finding,)), None
    findings = [*rows.drifts, *rows.notices]
    checked = Checker.of(found.entry, hub.clock.now()).check(
        rows.values, opened.shape.mapped.items if rows.values else ()
    )
    for (code, item), places in sorted({**rows.faults, **checked.faults}.items()):
        title = found.entry.item(item).title
        says = f"{title}有 {len(set(places))} 条不合要求"
        findings.append(Finding(code, "warning", item, says, "有问题的值不会提供给使用方"))
    drift = drifted(rows.drifts) if rows.drifts else None
    return ContractTest(drift is None, len(rows.values), length, tuple(findings)), drift
