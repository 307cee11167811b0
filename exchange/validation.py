"""The second step of a sync: normalise and check every record, settle equal keys, derive the change set, pass or hold.

What it leaves in staging is all that publishing needs. A broken ledger is a failed run, never a published one.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from catalog.stores import datasets, runs, waivers
from catalog.stores.datasets import Dataset
from catalog.stores.entries import EntryVersion
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record
from exchange.extraction import hold, landing_folder, quarantine_folder, staging_of
from exchange.hub import Hub
from exchange.runs import Progress, entry_of
from exchange.workers import FINDINGS, PartDone, PartWorker, Pool, Setup, quarantine_schema, workers_pay_from
from lake import points
from lake.changeset import ChangeCounts, derive
from lake.duck import connect
from lake.frames import Part
from lake.settle import Settled, settle
from lake.staging import Staging
from lake.table import LakeTable
from quality.counts import Counts
from quality.dataset_checks import BatchFacts, check_dataset, check_rules
from quality.results import validation_result
from schemas.entry import Entry, Mode
from schemas.errors import HubError, StateError

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Parts:
    """The outcome of all parts."""

    counts: Counts
    accepted: int
    quarantine: list[Part]
    again: int = 0
    again_bad: int = 0


def validate_run(hub: Hub, actor: Actor, run: Run, progress: Progress | None) -> None:
    """Validates the landed records of a run and records the outcome: validated, or held with its reasons (Held)."""
    begun = time.monotonic()
    entry, version = entry_of(hub, run)
    _refuse_other_suite(hub, run)
    staging = staging_of(hub, run)
    # The parts are named once before equal keys are settled, so a manifest alone does not say that all is done.
    if not (staging.finished and staging.facts):
        _stage(hub, run, entry, version, progress)
        hub.faults.reach("validate.staged")
    changes = _change_set(hub, run, entry, staging)
    facts = staging.facts
    with hub.transaction() as connection:
        held = datasets.find(connection, run.dataset)
    assert held is not None  # noqa: S101 - every run has its dataset
    values = _values(run, facts, changes) | {"seconds_validate": run.seconds_validate + time.monotonic() - begun}
    _balance(run, values)
    reasons = [] if run.released else _reasons(entry, version, held, facts)
    with hub.transaction() as connection:
        runs.change(connection, run.run_id, **values)
        if not reasons:
            runs.change(connection, run.run_id, state="validated", step="validated", error=None)
            record(connection, hub, actor, "sync.validate", run.run_id, row_count=run.extracted)
    if reasons:
        hold(hub, actor, run, "sync.validate", reasons, [dict(notice) for notice in run.notices])
    hub.faults.reach("validate.recorded")


def lake_mode(entry: Entry, run: Run) -> Mode:
    """Returns how the batch is compared: a replayed front-end table still says what is deleted, row by row."""
    if entry.attachment is not None and entry.attachment.mode == "change_flag":
        return "change_flag"
    return run.mode  # type: ignore[return-value]


def duck_of(hub: Hub, staging: Staging) -> Any:
    """Opens the set engine for a run: it sees keyed hashes only, and spills into the run's own staging."""
    spill = staging.folder / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    return connect(hub.settings.memory_mb, spill=spill)


def _refuse_other_suite(hub: Hub, run: Run) -> None:
    with hub.transaction() as connection:
        latest = next(iter(datasets.versions(connection, run.dataset)), None)
    if latest is not None and latest.suite != hub.crypto.suite:
        raise StateError(
            f"数据集以密码套件 {latest.suite} 发布，当前设置为 {hub.crypto.suite}",
            "同一数据集的主键摘要须用同一套件",
            f"请把 SHUQIAO_CRYPTO_SUITE 设回 {latest.suite}",
            code="SUITE_CHANGED",
        )


def _stage(hub: Hub, run: Run, entry: Entry, version: EntryVersion, progress: Progress | None) -> None:
    staging = staging_of(hub, run)
    staging.begin(run.extracted)
    hub.frames.begin(quarantine_folder(run))
    hub.faults.reach("validate.started")
    plan = version.plan
    assert plan is not None and run.data_time is not None  # noqa: S101 - published, extracted
    data_date = run.data_time.astimezone(_SHANGHAI).date()
    with hub.transaction() as connection:
        waived = waivers.valid_on(connection, run.dataset, data_date)
    setup = Setup(
        run_id=run.run_id,
        entry=entry,
        plan=plan,
        data_date=data_date,
        lake_root=hub.settings.lake_root,
        crypto=hub.crypto,
        landing=landing_folder(run),
        quarantine=quarantine_folder(run),
        waivers=waived,
        read_until=_read_until(run),
    )
    parts = _all_parts(hub, setup, progress, run.extracted)
    hub.faults.reach("validate.parts")
    staging.finish({})
    settled = _settle(hub, run, entry, staging)
    _finish_quarantine(hub, setup, staging, parts, settled)
    hub.faults.reach("validate.quarantined")
    staging.finish(_facts(hub, run, lake_mode(entry, run), plan, parts, settled))


def _read_until(run: Run) -> datetime | None:
    """Returns the moment up to which an increment's rows have been read before; None where all are new."""
    cursor = run.cursor_from if run.mode != "snapshot" else None
    return datetime.fromisoformat(cursor["upper"]) if cursor and cursor["kind"] == "time" else None


def _all_parts(hub: Hub, setup: Setup, progress: Progress | None, total: int) -> Parts:
    names = list(enumerate(hub.frames.reader(setup.landing).parts))
    counts, accepted, again, again_bad = None, 0, 0, 0
    quarantine: dict[int, Part] = {}
    for done in _work(hub, setup, names, total):
        counts = done.counts if counts is None else counts + done.counts
        accepted, again, again_bad = accepted + done.accepted, again + done.again, again_bad + done.again_bad
        if done.quarantined is not None:
            quarantine[done.index] = done.quarantined
        if progress is not None:
            progress("validate", accepted + sum(part.rows for part in quarantine.values()), total)
    named = [quarantine[index] for index in sorted(quarantine)]
    return Parts(counts or Counts(), accepted, named, again, again_bad)


def _work(hub: Hub, setup: Setup, names: list[tuple[int, str]], total: int) -> Iterator[PartDone]:
    workers = min(hub.settings.worker_count, len(names))
    if workers <= 1 or total < workers_pay_from(hub.settings):
        worker = PartWorker(setup)
        for index, name in names:
            yield worker.validate(index, name)
        return
    with Pool(workers) as pool:
        yield from pool.validate(setup, names)


def _settle(hub: Hub, run: Run, entry: Entry, staging: Staging) -> Settled:
    ordered = entry.order_item is not None or (entry.attachment is not None and entry.attachment.mode == "watermark")
    duck = duck_of(hub, staging)
    facts: dict[str, Any] = {"mode": lake_mode(entry, run), "ordered": ordered, "append_only": not entry.row_key}
    # A file is in its own order; a database gives rows of one moment as it likes (connectors.increment.Turns).
    facts["rows_in_order"] = entry.attachment is None or entry.attachment.connector == "file"
    try:
        settled = settle(staging, duck, **facts)
    finally:
        duck.close()
    hub.faults.reach(points.STAGING_SETTLED)
    return settled


def _finish_quarantine(hub: Hub, setup: Setup, staging: Staging, parts: Parts, settled: Settled) -> None:
    named, landing = list(parts.quarantine), hub.frames.reader(setup.landing)
    if settled.conflicts:
        named.append(hub.frames.write_part(setup.quarantine, len(landing.parts), _conflicts(setup, staging)))
    rows = sum(part.rows for part in named)
    schema = quarantine_schema(landing.schema) if landing.schema is not None else None
    hub.frames.commit(setup.quarantine, named, {"rows": rows}, schema)


def _conflicts(setup: Setup, staging: Staging) -> Iterator[pa.RecordBatch]:
    """Reads the rows of conflicting keys again from landing; each keeps its warnings and gets KEY_CONFLICT."""
    worker = PartWorker(setup)
    wanted = staging.dropped_rows("conflict")
    for batch in worker.landing:
        numbers = batch.column("_row").to_numpy()
        # Both are in order: a batch is looked for in its own stretch of a list that may be as long as the table.
        start, end = np.searchsorted(wanted, [numbers[0], numbers[-1] + 1])
        if start == end:
            continue
        found = batch.filter(pa.array(np.isin(numbers, wanted[start:end])))
        checked = worker.check(found)
        findings = [[*(row or []), _conflict(setup.entry)] for row in checked.findings.to_pylist()]
        hashes = worker.coder.key_hashes(checked.items)
        yield worker.quarantined(found, hashes, pa.array(findings, FINDINGS))


def _conflict(entry: Entry) -> dict[str, str | None]:
    return {"code": "KEY_CONFLICT", "severity": "error", "item": ",".join(entry.row_key), "place": None}


def _facts(hub: Hub, run: Run, mode: Mode, plan: Any, parts: Parts, settled: Settled) -> dict[str, Any]:
    accepted = parts.accepted - settled.duplicates - settled.conflicts
    quarantined = sum(part.rows for part in parts.quarantine) + settled.conflicts
    findings = parts.counts.codes
    if settled.conflicts:
        findings["KEY_CONFLICT"] = findings.get("KEY_CONFLICT", 0) + settled.conflicts
    newest = hub.frames.reader(landing_folder(run)).facts["newest"]
    facts = BatchFacts(
        rows=run.extracted,
        accepted=accepted,
        quarantined=quarantined,
        duplicates=settled.duplicates,
        null_counts=dict(parts.counts.nulls),
        data_time=datetime.fromisoformat(newest) if newest else None,
        mode=mode,
        now=run.data_time,
        deletes=parts.counts.deletes,
        again=parts.again,
        again_bad=parts.again_bad,
    )
    return {
        "facts": facts.as_json(),
        "conflicts": settled.conflicts,
        "findings": findings,
        "counts": parts.counts.as_json(),
        "result": validation_result(plan, parts.counts, run.run_id),
    }


def _change_set(hub: Hub, run: Run, entry: Entry, staging: Staging) -> ChangeCounts:
    duck = duck_of(hub, staging)
    try:
        table = LakeTable(hub.settings.lake_root, run.dataset)
        changes = derive(table, staging, duck, mode=lake_mode(entry, run))
    finally:
        duck.close()
    hub.faults.reach(points.CHANGESET_WRITTEN)
    return changes


def _values(run: Run, facts: dict[str, Any], changes: ChangeCounts) -> dict[str, Any]:
    batch = facts["facts"]
    return {
        "accepted": batch["accepted"],
        "quarantined": batch["quarantined"],
        "duplicates": batch["duplicates"],
        "conflicts": facts["conflicts"],
        "inserted": changes.inserted,
        "updated": changes.updated,
        "deleted": changes.deleted,
        "unchanged": changes.unchanged,
        "kept": changes.kept,
        "rows_before": changes.before,
        "rows_after": changes.after,
        "findings": facts["findings"],
        "facts": batch,
        "result": facts["result"],
    }


def _balance(run: Run, values: dict[str, Any]) -> None:
    """Raises unless the ledger balances."""
    read = values["accepted"] + values["quarantined"] + values["duplicates"]
    after = values["rows_before"] + values["inserted"] - values["deleted"]
    if read != run.extracted or after != values["rows_after"] or values["accepted"] < 0:
        raise HubError(
            "批次的记录数不平，未发布", "读取数＝通过＋问题数据＋重复", "请重新同步并联系运维核对", code="LEDGER"
        )


def _reasons(entry: Entry, version: EntryVersion, held: Dataset, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Lists why the batch must wait for a person: failed dataset checks, or a rollback before it."""
    reasons: list[dict[str, Any]] = []
    if held.hold_next is not None:
        says = f"数据集曾回退（{held.hold_next}），回退后的第一次同步须人工放行"
        reasons.append({"code": "AFTER_ROLLBACK", "says": says})
    last = BatchFacts.from_json(held.last_facts) if held.last_facts else None
    checks = check_dataset(entry, BatchFacts.from_json(facts["facts"]), last)
    checks += check_rules(version.plan or {}, Counts.from_json(facts["counts"]))
    failed = [check for check in checks if check.required and not check.success]
    return reasons + [{"code": c.name, "says": "；".join([c.description, *c.notes])} for c in failed]
