"""The gate on files, sealed in and out, against pyarrow copying the same rows from plain to encrypted Parquet.

    python -m benchmarks.bench_gate_files [--rows 1000000] [--suites international gm]

gate: read sealed landing frames, normalise, 14 rules, write accepted and quarantine as sealed frames.
validate: the sync's own step, which also gives each row its key hash, subject hash, digest and seal.
pyarrow: read a plain Parquet file, write it with modular encryption, one thread, no check.
The hub runs the gate in one process a core, pyarrow's copy has one thread; the gate in one process is told beside it.
Wall seconds; JSON lines.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from benchmarks.gate_data import DATA_DATE, landing, population
from exchange.crypto import Crypto
from exchange.keyfile import load_or_create
from exchange.memory import choose_pool
from exchange.workers import PartWorker, Setup
from lake.frames import FrameStore
from lake.staging import Staging
from quality.plan import compile_plan

PART_ROWS = 100_000


class PlainKms(pe.KmsClient):
    """Wraps keys by doing nothing: a comparison needs no key service."""

    def __init__(self, config: pe.KmsConnectionConfig) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """Returns the key as text."""
        return key_bytes.hex().encode()

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        """Returns the key."""
        return bytes.fromhex(wrapped_key.decode())


def prepared(folder: Path, batches: list[pa.RecordBatch], suite: str) -> PartWorker:
    """Lands the batches and returns the worker that validates them."""
    crypto = Crypto(suite, load_or_create(folder / f"{suite}.json", datetime.now(UTC)))
    frames = FrameStore(folder / suite, crypto.frames())
    with frames.writer("landing/population/run", PART_ROWS) as writer:
        for batch in batches:
            writer.append(batch)
        writer.commit({})
    entry = population()
    setup = Setup(
        "run", entry, compile_plan(entry), DATA_DATE, folder / suite, crypto,
        "landing/population/run", "quarantine/population/run",
    )  # fmt: skip
    Staging(folder / suite, "population", "run").begin()
    frames.begin("quarantine/population/run")
    return PartWorker(setup)


def validate(worker: PartWorker) -> float:
    """Returns the seconds of the sync's validate step in this process."""
    begun = time.perf_counter()
    for index, part in enumerate(worker.landing.parts):
        worker.validate(index, getattr(part, "name", part))
    return time.perf_counter() - begun


def gate_part(setup: Setup, index: int, name: str) -> None:
    """Normalises and checks one sealed part; writes its accepted and its rejected rows as sealed parts."""
    worker = worker_of(setup)
    good, bad = [], []
    for batch in worker.landing.read_part(name):
        checked = worker.gate.check(batch)
        good.append(checked.items.filter(pc.invert(checked.bad)))
        bad.append(batch.filter(checked.bad).append_column("findings", checked.findings.filter(checked.bad)))
    worker.frames.write_part("accepted/population/run", index, good)
    worker.frames.write_part("rejected/population/run", index, bad)


_WORKERS: dict[str, PartWorker] = {}


def worker_of(setup: Setup) -> PartWorker:
    """Returns this process's worker of a suite."""
    choose_pool()
    if setup.crypto.suite not in _WORKERS:
        _WORKERS[setup.crypto.suite] = PartWorker(setup)
    return _WORKERS[setup.crypto.suite]


def gate(worker: PartWorker, pool: Executor | None) -> float:
    """Returns the seconds of normalising and checking alone, sealed frames in and out."""
    for kind in ("accepted", "rejected"):
        worker.frames.begin(f"{kind}/population/run")
    calls = [(worker.setup, index, name) for index, name in enumerate(worker.landing.parts)]
    begun = time.perf_counter()
    if pool is None:
        for call in calls:
            gate_part(*call)
    else:
        list(pool.map(gate_part, *zip(*calls, strict=True)))
    return time.perf_counter() - begun


def theirs(folder: Path, batches: list[pa.RecordBatch]) -> float:
    """Returns the seconds that pyarrow takes to copy plain to encrypted, on one thread."""
    table = pa.Table.from_batches([batch.select([n for n in batch.schema.names if n[0] != "_"]) for batch in batches])
    pq.write_table(table, folder / "plain.parquet", compression="zstd", row_group_size=PART_ROWS)
    pa.set_cpu_count(1)
    factory = pe.CryptoFactory(PlainKms)
    config = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"columns": table.schema.names}, data_key_length_bits=256
    )
    begun = time.perf_counter()
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    file = pq.ParquetFile(folder / "plain.parquet")
    with pq.ParquetWriter(
        folder / "sealed.parquet", table.schema, compression="zstd", encryption_properties=properties
    ) as writer:
        for batch in file.iter_batches(PART_ROWS, use_threads=False):
            writer.write_batch(batch)
    return time.perf_counter() - begun


def main() -> None:
    """Measures ours in each suite at 1 % bad rows, then pyarrow's copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--suites", nargs="*", default=["international", "gm"])
    chosen = parser.parse_args()
    batches = landing(chosen.rows, 0.01)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine: dict[tuple[str, str], float] = {}
        for suite in chosen.suites:
            worker = prepared(folder, batches, suite)
            mine["gate, one process", suite] = gate(worker, None)
            mine["validate, one process", suite] = validate(worker)
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
                gate(worker, pool)  # the hub starts its workers while the source is still read
                mine["gate, two processes", suite] = gate(worker, pool)
        copy = theirs(folder, batches)
    for (what, suite), seconds in mine.items():
        figures = {"ours": round(seconds, 2), "pyarrow": round(copy, 2), "ratio": round(seconds / copy, 2)}
        target = {"target": 1.6} if what == "gate, two processes" else {}
        print(json.dumps({"bench": f"files: {what}", "rows": chosen.rows, "suite": suite, **figures, **target}))


if __name__ == "__main__":
    main()
