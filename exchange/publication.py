"""The last step of a sync: lake commit, change table, serving side table, then the one transaction that counts.

Each step is safe to repeat, so an interrupted publishing is rolled forward. Readers of the hub see the new version when
that transaction commits, and not before.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from catalog.stores import datasets, problems, runs
from catalog.stores.datasets import Dataset, Version
from catalog.stores.problems import Sighting
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record
from exchange.extraction import quarantine_folder, staging_of
from exchange.hub import Hub
from exchange.runs import Progress, entry_of
from exchange.validation import duck_of, lake_mode
from lake.changeset import ChangeCounts, derive, derive_rollback
from lake.rows import RowCoder
from lake.serving import Serving
from lake.staging import Staging
from lake.table import LakeTable
from schemas.errors import StorageError


def publish_run(hub: Hub, actor: Actor, run: Run, progress: Progress | None) -> None:
    """Publishes a validated run, or rolls an interrupted publishing forward."""
    begun = time.monotonic()
    staging = staging_of(hub, run)
    with hub.transaction() as connection:
        held = datasets.find(connection, run.dataset)
    assert held is not None  # noqa: S101 - every run has its dataset
    changes = _changes(hub, run, staging)
    makes_version = not changes.empty or held.current_version == 0
    version = held.current_version + 1 if makes_version else held.current_version
    with hub.transaction() as connection:
        runs.change(connection, run.run_id, state="publishing", step="publishing", version=version, error=None)
    hub.faults.reach("publish.started")
    _tell(progress, 0)
    serving = Serving(hub.database_url)
    delta = _to_lake(hub, run, staging, version) if makes_version else held.delta_version
    _tell(progress, 1)
    _after_commit(hub, run, staging, version, serving, makes_version=makes_version)
    _tell(progress, 2)
    with hub.transaction() as connection:
        serving.apply(connection, run.run_id, version, hub.clock.now())
        seconds = run.seconds_publish + time.monotonic() - begun
        _record(hub, actor, connection, run, _Outcome(held, changes, version, delta, makes_version, seconds))
        hub.faults.reach("publish.applied")
    hub.faults.reach("publish.committed")
    with suppress(StorageError):  # what is left there goes with the next sync
        staging.remove()
    _tell(progress, 3)


def _tell(progress: Progress | None, done: int) -> None:
    if progress is not None:
        progress("publish", done, 3)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What publishing has made, as the closing transaction records it."""

    held: Dataset
    changes: ChangeCounts
    version: int
    delta: int | None
    makes_version: bool
    seconds: float


def _changes(hub: Hub, run: Run, staging: Staging) -> ChangeCounts:
    """Returns the change set of the run; derives it anew when the dataset has got another version since."""
    table = LakeTable(hub.settings.lake_root, run.dataset)
    duck = duck_of(hub, staging)
    try:
        if run.rollback_to is not None:
            return rollback_changes(hub, run, staging, duck)
        entry, _ = entry_of(hub, run)
        return derive(table, staging, duck, mode=lake_mode(entry, run))
    finally:
        duck.close()


def rollback_changes(hub: Hub, run: Run, staging: Staging, duck: Any) -> ChangeCounts:
    """Returns the change set that makes the dataset equal to the version the run goes back to."""
    with hub.transaction() as connection:
        target = datasets.find_version(connection, run.dataset, run.rollback_to or 0)
    assert target is not None  # noqa: S101 - checked when the rollback began
    return derive_rollback(LakeTable(hub.settings.lake_root, run.dataset), staging, duck, target.delta_version)


def _to_lake(hub: Hub, run: Run, staging: Staging, version: int) -> int:
    table = LakeTable(hub.settings.lake_root, run.dataset)
    entry, _ = entry_of(hub, run)
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    return table.publish(staging, version=version, run_id=run.run_id, faults=hub.faults, coder=coder)


def _after_commit(hub: Hub, run: Run, staging: Staging, version: int, serving: Serving, *, makes_version: bool) -> None:
    """Fills the change table and the serving side table at the same time: both need the commit, not each other."""
    table = LakeTable(hub.settings.lake_root, run.dataset)
    with ThreadPoolExecutor(1) as beside:
        appending = None
        if makes_version:
            append = partial(table.append_changes, staging, version=version, run_id=run.run_id, faults=hub.faults)
            appending = beside.submit(append)
        serving.prepare(table, staging, version=version, run_id=run.run_id, faults=hub.faults)
    if appending is not None:
        appending.result()


def _record(hub: Hub, actor: Actor, connection: Connection, run: Run, outcome: _Outcome) -> None:
    """Records everything that publishing changes in the hub database, in the transaction that serves the version."""
    now = hub.clock.now()
    _close_run(hub, connection, run, outcome)
    target = None
    if run.rollback_to is not None:
        target = datasets.find_version(connection, run.dataset, run.rollback_to)
    _move_dataset(hub, connection, run, outcome, target)
    if outcome.makes_version:
        datasets.add_version(connection, _version(hub, run, outcome, target))
    if run.rollback_to is None:
        _record_problems(hub, connection, run)
    for other in runs.find_in_states(connection, run.dataset, ("held", *runs.UNFINISHED)):
        if other.run_id != run.run_id and other.step != "publishing":
            runs.change(connection, other.run_id, state="superseded", finished_at=now)
    detail = {"version": outcome.version, "new_version": outcome.makes_version, "rollback_to": run.rollback_to}
    if run.rollback_to is None:
        record(connection, hub, actor, "sync.publish", run.run_id, row_count=outcome.changes.after, detail=detail)
    else:
        record(connection, hub, actor, "dataset.rollback", run.run_id, row_count=outcome.changes.after, detail=detail)


def _close_run(hub: Hub, connection: Connection, run: Run, outcome: _Outcome) -> None:
    changes = outcome.changes
    counts = {name: getattr(changes, name) for name in ("inserted", "updated", "deleted", "unchanged", "kept")}
    runs.change(
        connection,
        run.run_id,
        state="published",
        step="published",
        version=outcome.version,
        rows_before=changes.before,
        rows_after=changes.after,
        seconds_publish=outcome.seconds,
        finished_at=hub.clock.now(),
        hold_reasons=[],
        error=None,
        **counts,
    )


def _move_dataset(hub: Hub, connection: Connection, run: Run, outcome: _Outcome, target: Version | None) -> None:
    values: dict[str, Any] = {
        "current_version": outcome.version,
        "delta_version": outcome.delta,
        "rows": outcome.changes.after,
        "last_run": run.run_id,
        "updated_at": hub.clock.now(),
    }
    if target is not None:
        values |= {"cursor": target.cursor, "last_facts": target.facts, "hold_next": run.closing_reason or "回退"}
        values |= {"data_time": target.data_time}
    else:
        values |= {"hold_next": None, "data_time": run.data_time}
        if run.cursor_to is not None:
            values["cursor"] = run.cursor_to
        if run.mode == "snapshot":
            values |= {"last_comparison_at": run.data_time, "last_facts": run.facts}
    datasets.change(connection, run.dataset, **values)


def _version(hub: Hub, run: Run, outcome: _Outcome, target: Version | None) -> Version:
    changes, held = outcome.changes, outcome.held
    assert outcome.delta is not None  # noqa: S101 - a new version has been committed to the lake
    return Version(
        dataset=run.dataset,
        version=outcome.version,
        run_id=run.run_id,
        entry_version=run.entry_version,
        delta_version=outcome.delta,
        rows=changes.after,
        inserted=changes.inserted,
        updated=changes.updated,
        deleted=changes.deleted,
        suite=hub.crypto.suite,
        key_generation=hub.crypto.keys().generation,
        cursor=target.cursor if target else (run.cursor_to or held.cursor),
        rollback_of=run.rollback_to,
        facts=target.facts if target else run.facts,
        data_time=target.data_time if target else run.data_time,
        published_at=hub.clock.now(),
    )


def _record_problems(hub: Hub, connection: Connection, run: Run) -> None:
    now = hub.clock.now()
    problems.record(connection, run.dataset, run.run_id, now, _sightings(hub, run))
    entry, _ = entry_of(hub, run)
    if lake_mode(entry, run) == "snapshot":
        problems.close_unseen(connection, run.dataset, run.run_id, now)
        return
    opened = pa.array(problems.open_keys(connection, run.dataset), pa.binary())
    for path in staging_of(hub, run).accepted_files() if len(opened) else []:
        with pq.ParquetFile(path) as file:
            accepted = file.read(columns=["key_hash"])["key_hash"].combine_chunks()
        seen = opened.filter(pc.is_in(opened, accepted)).to_pylist()
        problems.close_keys(connection, run.dataset, run.run_id, now, seen)


def _sightings(hub: Hub, run: Run) -> Iterator[Sighting]:
    """Yields the errors of the rejected rows whose key could be read; warnings go on with their row."""
    for batch in hub.frames.reader(quarantine_folder(run)):
        keys, found = batch.column("key_hash").to_pylist(), batch.column("findings").to_pylist()
        for key, findings in zip(keys, found, strict=True):
            if key is not None:
                yield from (
                    Sighting(key, finding["code"], finding["item"] or "")
                    for finding in findings
                    if finding["severity"] == "error"
                )
