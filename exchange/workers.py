"""Validates landing parts in this process or in worker processes: gate, encode, staging and quarantine parts.

A worker rebuilds its gate and its keys from a picklable set-up and hands back counts only: rows never cross a process
border, and what a worker writes rests sealed or hashed.
"""

import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.crypto import Crypto
from exchange.memory import choose_pool
from exchange.settings import Settings
from lake.frames import FrameStore, Part
from lake.rows import RowCoder
from lake.staging import Staging
from quality.counts import Counts
from quality.gate import Checked, Gate
from schemas.entry import Entry

#: Records from which on worker processes pay: starting them costs what one process needs for about as many.
POOL_ROWS = 250_000
_CONTEXT = multiprocessing.get_context("forkserver")

FINDING = pa.struct([("code", pa.string()), ("severity", pa.string()), ("item", pa.string()), ("place", pa.string())])
FINDINGS = pa.list_(FINDING)
#: What one row need not meet: its key hash, the finding's code, the item.
Waived = tuple[bytes, str, str]


@dataclass(frozen=True)
class Setup:
    """What a worker needs to validate parts of one run."""

    run_id: str
    entry: Entry
    plan: Mapping[str, Any]
    data_date: date
    lake_root: Path
    crypto: Crypto
    landing: str
    quarantine: str
    waivers: frozenset[Waived] = frozenset()
    read_until: datetime | None = None  # an increment's cursor: what is not newer has been read before


@dataclass(frozen=True)
class PartDone:
    """What a worker says of a validated part."""

    index: int
    counts: Counts
    accepted: int
    quarantined: Part | None
    again: int = 0
    again_bad: int = 0


class PartWorker:
    """Validates parts of one run."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.frames = FrameStore(setup.lake_root, setup.crypto.frames())
        self.landing = self.frames.reader(setup.landing)
        self.staging = Staging(setup.lake_root, setup.entry.dataset, setup.run_id)
        self.gate = Gate(setup.plan, setup.data_date)
        self.coder = RowCoder(setup.entry, setup.crypto.keys(), setup.crypto.seal())
        self._waived_keys = pa.array(sorted({key for key, _, _ in setup.waivers}), pa.binary())

    def validate(self, index: int, name: str) -> PartDone:
        """Validates one landing part; writes its staging part, rejected keys and quarantine part. Safe to repeat."""
        counts: Counts | None = None
        again = again_bad = 0
        accepted: list[pa.RecordBatch] = []
        rejected: list[pa.RecordBatch] = []
        for batch in self.landing.read_part(name):
            checked = self.check(batch)
            counts = checked.counts if counts is None else counts + checked.counts
            known = self._read_before(batch)
            again += pc.sum(known).as_py() or 0
            again_bad += pc.sum(pc.and_(known, checked.bad)).as_py() or 0
            good, bad = self.split(batch, checked)
            accepted += good
            rejected += bad
        assert counts is not None  # noqa: S101 - a part holds at least one batch
        self.staging.write_part(index, accepted)
        part = None
        if rejected:
            self.staging.write_rejected_keys(index, pa.chunked_array([b.column("key_hash") for b in rejected]))
            part = self.frames.write_part(self.setup.quarantine, index, rejected)
        return PartDone(index, counts, sum(batch.num_rows for batch in accepted), part, again, again_bad)

    def _read_before(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Marks the rows that an earlier reading has had: increments overlap, rows without a time come each time."""
        if self.setup.read_until is None:
            return pa.array(np.zeros(batch.num_rows, np.bool_))
        times = batch.column("_time")
        return pc.fill_null(pc.less_equal(times, pa.scalar(self.setup.read_until, times.type)), True)

    def check(self, batch: pa.RecordBatch) -> Checked:
        """Checks a batch; an error that is waived for its row stays as a warning and rejects the row no more."""
        checked = self.gate.check(batch)
        if not self.setup.waivers or not pc.any(checked.bad).as_py():
            return checked
        places = pc.indices_nonzero(checked.bad)
        hashes = self.coder.key_hashes(checked.items.take(places)).cast(pa.binary())
        meant = pc.is_in(hashes, self._waived_keys)
        chosen = list(zip(places.filter(meant).to_pylist(), hashes.filter(meant).to_pylist(), strict=True))
        return _with_waivers(checked, chosen, self.setup.waivers) if chosen else checked

    def split(self, batch: pa.RecordBatch, checked: Checked) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
        """Returns the encoded accepted rows and the rejected rows as received."""
        bad = checked.bad
        rejects = pc.sum(bad).as_py() or 0
        good_rows: list[pa.RecordBatch] = []
        if rejects < batch.num_rows:
            keep = pc.invert(bad)
            whole = rejects == 0
            given = batch if whole else batch.filter(keep)
            good_rows.append(
                self.coder.encode(
                    checked.items if whole else checked.items.filter(keep),
                    given.column("_row"),
                    given.column("_op"),
                    given.column("_time"),
                    checked.flags if whole else checked.flags.filter(keep),
                )
            )
        if rejects == 0:
            return good_rows, []
        received, items = batch.filter(bad), checked.items.filter(bad)
        return good_rows, [self.quarantined(received, self.coder.key_hashes(items), checked.findings.filter(bad))]

    @staticmethod
    def quarantined(received: pa.RecordBatch, key_hashes: pa.Array, findings: pa.Array) -> pa.RecordBatch:
        """Returns rows as they go to quarantine: as received, with key hash and findings."""
        arrays = [*received.columns, key_hashes.cast(pa.binary()), findings.cast(FINDINGS)]
        return pa.record_batch(arrays, schema=quarantine_schema(received.schema))


def _with_waivers(checked: Checked, rows: list[tuple[int, bytes]], waivers: frozenset[Waived]) -> Checked:
    """Turns the waived errors of the rows (place in the batch, key hash) into warnings, flagged on the row."""
    bad, findings, flags = checked.bad.to_numpy(zero_copy_only=False).copy(), [], []
    for place, key in rows:
        found, marks = checked.findings[place].as_py(), checked.flags[place].as_py()
        for each in found:
            if each["severity"] == "error" and (key, each["code"], each["item"] or "") in waivers:
                each["severity"] = "warning"
                marks.append(f"{each['code']}:{each['item']}")
        bad[place] = any(each["severity"] == "error" for each in found)
        findings.append(found)
        flags.append(marks)
    order = np.arange(len(bad))
    order[[place for place, _ in rows]] = len(bad) + np.arange(len(rows))
    freed = sum(not bad[place] for place, _ in rows)
    return replace(
        checked,
        bad=pa.array(bad),
        findings=pa.concat_arrays([checked.findings, pa.array(findings, checked.findings.type)]).take(pa.array(order)),
        flags=pa.concat_arrays([checked.flags, pa.array(flags, checked.flags.type)]).take(pa.array(order)),
        counts=replace(checked.counts, bad=checked.counts.bad - freed),
    )


def quarantine_schema(landing: pa.Schema) -> pa.Schema:
    """Returns the columns of quarantine: those of landing, the key hash and the findings."""
    return pa.schema([*landing, pa.field("key_hash", pa.binary()), pa.field("findings", FINDINGS)])


@lru_cache(maxsize=2)
def _worker_of(run_id: str, key: bytes) -> PartWorker:
    return PartWorker(pickle.loads(key))  # noqa: S301 - our own set-up over our own pipe


def _validate(run_id: str, setup: bytes, index: int, name: str) -> PartDone:
    return _worker_of(run_id, setup).validate(index, name)


@contextmanager
def _without_main() -> Iterator[None]:
    """Keeps worker processes from importing this process's main module (Airflow's takes seconds and does things)."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin_worker() -> None:
    """Ends this worker as soon as the process that made it is gone: an orphan would write into a run that goes on."""
    choose_pool()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent,), daemon=True).start()


def _wait_for(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def workers_pay_from(settings: Settings) -> int:
    """Returns the number of records from which on the set number of workers is used; a number set by hand is meant."""
    return 0 if settings.workers else POOL_ROWS


def warm_up() -> None:
    """Starts the server that workers are forked from; it imports what they need while this process goes on."""
    with _without_main():
        # pyarrow imports pandas as soon as it sees a list: once here rather than once in each worker.
        _CONTEXT.set_forkserver_preload(["exchange.workers", "pandas"])
        forkserver.ensure_running()


class Pool:
    """Worker processes for one step."""

    def __init__(self, workers: int) -> None:
        warm_up()
        self._executor = ProcessPoolExecutor(workers, mp_context=_CONTEXT, initializer=_begin_worker)
        self._workers = workers

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def validate(self, setup: Setup, parts: Iterable[tuple[int, str]]) -> Iterator[PartDone]:
        """Validates the parts, a few at a time; yields in the order in which they are done."""
        packed = pickle.dumps(setup)
        waiting: set[Future[PartDone]] = set()
        for index, name in parts:
            with _without_main():
                waiting.add(self._executor.submit(_validate, setup.run_id, packed, index, name))
            if len(waiting) > 2 * self._workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        for future in waiting:
            yield future.result()
