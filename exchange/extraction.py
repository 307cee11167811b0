"""The first step of a sync: every record of the source, as received, into sealed landing frames.

Looks at the source's columns first: where they are not what the contract says, the run is held and nothing is read.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalog.locks import slot_locks, try_locks
from catalog.stores import datasets, runs
from catalog.stores.runs import Run
from connectors.registry import open_source
from connectors.window import inside
from exchange.access import Actor
from exchange.audit import record
from exchange.beginning import attachment_of, older_than_resume
from exchange.connections import url_of
from exchange.hub import Hub
from exchange.runs import Progress, entry_of
from exchange.workers import POOL_ROWS, warm_up
from lake.staging import Staging
from quality.drift import Drift, compare_columns
from schemas.entry import Attachment, Entry
from schemas.errors import Busy, Held, SchemaDrift
from schemas.source import ReadRequest, Source

#: Parts are what workers validate on their own; two batches each keep two cores evenly busy.
PART_BATCHES = 2
_POLL_SECONDS = 0.5
#: How a trigger ends when a person confirmed reading outside the window.
OUTSIDE_WINDOW = "-outside-window"


def landing_folder(run: Run) -> str:
    """Names the landing folder of a run."""
    return f"landing/{run.dataset}/{run.run_id}"


def quarantine_folder(run: Run) -> str:
    """Names the folder of a run's problem data."""
    return f"quarantine/{run.dataset}/{run.run_id}"


def staging_of(hub: Hub, run: Run) -> Staging:
    """Returns the staging of a run."""
    return Staging(hub.settings.lake_root, run.dataset, run.run_id)


def extract_run(hub: Hub, actor: Actor, run: Run, progress: Progress | None, handed_in: Source | None = None) -> None:
    """Reads the source, or rows that are handed in, into landing; goes on where an earlier try had finished reading."""
    begun = time.monotonic()
    entry, _ = entry_of(hub, run)
    attachment = attachment_of(entry)
    if not _landed(hub, run):
        with hub.transaction() as connection:
            held = datasets.find(connection, run.dataset)
            cursor = None if held is None else held.cursor
            runs.change(connection, run.run_id, state="created", error=None, cursor_from=cursor)
        hub.faults.reach("extract.started")
        _read(hub, actor, run, cursor, progress, handed_in)
        hub.faults.reach("extract.landed")
    landed = hub.frames.reader(landing_folder(run))
    facts = {
        "extracted": landed.rows,
        "cursor_from": landed.facts["cursor_from"],
        "cursor_to": landed.facts["cursor"],
        "data_time": datetime.fromisoformat(landed.facts["data_time"]),
        "extracted_at": hub.clock.now(),
        "notices": landed.facts["notices"],
        "seconds_extract": run.seconds_extract + time.monotonic() - begun,
    }
    with hub.transaction() as connection:
        runs.change(connection, run.run_id, state="extracted", step="extracted", error=None, **facts)
        detail = {"mode": run.mode, "connection": attachment.connection}
        record(connection, hub, actor, "sync.extract", run.run_id, row_count=landed.rows, detail=detail)
    hub.faults.reach("extract.recorded")


def _landed(hub: Hub, run: Run) -> bool:
    """Says whether this attempt of the run has finished reading, not too long ago."""
    if not hub.frames.exists(landing_folder(run)):
        return False
    facts = hub.frames.reader(landing_folder(run)).facts
    same = facts["attempt"] == run.attempt and facts["entry_version"] == run.entry_version
    return same and not older_than_resume(hub, datetime.fromisoformat(facts["landed_at"]))


def _read(hub: Hub, actor: Actor, run: Run, cursor: Any, progress: Progress | None, handed_in: Source | None) -> None:
    entry, _ = entry_of(hub, run)
    attachment = attachment_of(entry)
    now = hub.clock.now()
    confirmed = (run.trigger or "").endswith(OUTSIDE_WINDOW)
    if not confirmed and not inside(attachment.reading_window, now):
        start, end = attachment.reading_window or ("", "")
        raise Busy(
            f"当前不在来源系统的读取时段内（{start}-{end}，北京时间）",
            "只在提供部门规定的时段读取",
            "请在时段内再同步",
            code="READING_WINDOW",
        )
    url = url_of(hub, attachment.connection) if attachment.connection else None
    with _slot(hub, attachment):
        source = handed_in or open_source(attachment, url)
        notices = _check_drift(hub, actor, run, entry, source)
        request = ReadRequest(entry.source_columns, run.mode, now, cursor, hub.settings.batch_rows)  # type: ignore[arg-type]
        facts = {
            "cursor_from": cursor,
            "data_time": now.isoformat(),
            "notices": notices,
            "attempt": run.attempt,
            "entry_version": run.entry_version,
        }
        try:
            _land(hub, run, source, request, facts, progress)
        except SchemaDrift as drift:
            hold(hub, actor, run, "sync.extract", [_as_reason(drift)], notices)


def _land(
    hub: Hub, run: Run, source: Source, request: ReadRequest, facts: dict[str, Any], progress: Progress | None
) -> None:
    part_rows = request.batch_rows * PART_BATCHES
    with hub.frames.writer(landing_folder(run), part_rows) as writer, source.read(request) as reading:
        newest: datetime | None = None
        for batch in reading:
            writer.append(batch)
            if writer.rows >= POOL_ROWS > writer.rows - batch.num_rows and hub.settings.worker_count > 1:
                warm_up()
            newest = max((moment for moment in (newest, _newest(batch)) if moment), default=None)
            if progress is not None:
                progress("extract", writer.rows, None)
        ended = {
            "cursor": reading.cursor,
            "landed_at": hub.clock.now().isoformat(),
            "newest": newest.isoformat() if newest else None,
        }
        writer.commit(facts | ended)


def _newest(batch: pa.RecordBatch) -> datetime | None:
    """Returns the newest change time that the source gives its rows."""
    found: datetime | None = pc.max(batch.column("_time")).as_py()
    return found


@contextmanager
def _slot(hub: Hub, attachment: Attachment) -> Iterator[None]:
    """Takes one of the connection's parallel-read slots; waits for a free one as long as the setting says."""
    if attachment.connection is None:
        yield
        return
    names = slot_locks(attachment.connection, attachment.parallel_reads)
    deadline = time.monotonic() + hub.settings.lock_wait_seconds
    while True:
        with try_locks(hub.engine, names) as taken:
            if taken is not None:
                yield
                return
        if time.monotonic() >= deadline:
            raise Busy(
                f"连接 {attachment.connection} 的并行读取数已满（{attachment.parallel_reads}）",
                "同时读取一个来源系统的任务数有上限",
                "请稍后再试",
                code="SOURCE_SLOTS",
            )
        time.sleep(_POLL_SECONDS)


def _check_drift(hub: Hub, actor: Actor, run: Run, entry: Entry, source: Source) -> list[dict[str, Any]]:
    drift: Drift = compare_columns(entry, source.columns())
    notices = [asdict(notice) for notice in drift.notices]
    if drift.holds:
        hold(hub, actor, run, "sync.extract", [asdict(notice) for notice in drift.holds], notices)
    return notices


def _as_reason(drift: SchemaDrift) -> dict[str, Any]:
    return {"code": drift.code, "column": None, "says": str(drift), "likely": []}


def hold(
    hub: Hub, actor: Actor, run: Run, action: str, reasons: list[dict[str, Any]], notices: list[dict[str, Any]]
) -> None:
    """Holds the run (暂缓发布) with its reasons and raises Held; nothing of the published version changes."""
    with hub.transaction() as connection:
        runs.change(connection, run.run_id, state="held", hold_reasons=reasons, notices=notices, error=None)
        codes = sorted({str(reason["code"]) for reason in reasons})
        record(connection, hub, actor, action, run.run_id, result="failure", error_code="HELD", detail={"held": codes})
    raise held_error(run.run_id, reasons)


def held_error(run_id: str, reasons: list[dict[str, Any]]) -> Held:
    """Returns the error that says why a run is held."""
    said = "；".join(str(reason["says"]).rstrip("。；") for reason in reasons)
    return Held(
        f"批次 {run_id} 暂缓发布：{said}",
        "原版本继续提供服务",
        f"核实后可用 shuqiao sync release|discard|revalidate {run_id}",
    )
