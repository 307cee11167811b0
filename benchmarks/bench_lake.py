"""Measures the lake room alone: encode, settle, change set, publish, serve. Not part of the product.

Run: python -m benchmarks.bench_lake [--rows 1000000] [--url postgresql+psycopg://…/empty_database]
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import create_engine

from lake.changeset import derive
from lake.duck import connect
from lake.layout import Layout
from lake.rows import RowCoder
from lake.serving import Serving
from lake.settle import settle
from lake.staging import Staging
from lake.table import LakeTable
from tests.lake.people import PEOPLE, NoFaults, coder_of

PART = 100_000


def batch(start: int, rows: int, changed: float) -> pa.RecordBatch:
    """Returns generated people; a share `changed` of them has another region."""
    numbers = np.arange(start, start + rows)
    texts = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 18, "0")
    other = numbers % 1000 < changed * 1000
    columns = {
        "citizen_id": texts,
        "name": pc.binary_join_element_wise(pa.array(["测试"] * rows), pa.array(numbers).cast(pa.string()), ""),
        "birth": pa.array((numbers % 20000).astype("i4")).cast(pa.date32()),
        "region": pa.array(np.where(other, "620403", "620402")),
        "count": pa.array(numbers),
        "updated": pa.array(numbers * 1000).cast(pa.timestamp("ms", "Asia/Shanghai")),
        "alive": pa.array(numbers % 2 == 0),
        "memo": pa.array(["共和路1号某某小区某某单元"] * rows),
    }
    schema = Layout.of(PEOPLE).items_schema
    arrays = [columns.get(f.name, pa.nulls(rows)).cast(f.type) for f in schema]
    return pa.record_batch(arrays, schema=schema)


@contextmanager
def step(name: str, rows: int) -> Iterator[None]:
    """Prints the seconds of a step and the peak memory so far."""
    began, busy = time.perf_counter(), time.process_time()
    yield
    busy = time.process_time() - busy
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = rows / seconds / 1000
    print(f"  {name:12} {seconds:7.2f} s (cpu {busy:6.2f}) {speed:9.0f} k rows/s   peak {peak:6.0f} MB", flush=True)


def sync(root: Path, version: int, spans: list[tuple[int, int]], changed: float, served) -> None:
    """Runs the lake's part of one sync."""
    run, (serving, engine) = f"run{version}", served
    coder: RowCoder = coder_of(PEOPLE)
    rows, faults, duck = sum(n for _, n in spans), NoFaults(), connect(768)
    staging, table = Staging(root, "people", run), LakeTable(root, "people")
    mode = "snapshot" if len(spans) > 1 else "watermark"
    staging.begin(rows)
    encoding = writing = 0.0
    with step("stage", rows):
        for index, (start, count) in enumerate(spans):
            items = batch(start, count, changed)
            began = time.perf_counter()
            encoded = coder.encode(items, pa.array(np.arange(start, start + count)))
            encoding += time.perf_counter() - began
            began = time.perf_counter()
            staging.write_part(index, encoded)
            writing += time.perf_counter() - began
        staging.finish({})
    print(f"    encode {rows / encoding / 1000:.0f} k rows/s, write {rows / writing / 1000:.0f} k rows/s")
    with step("settle", rows):
        settle(staging, duck, mode=mode, ordered=False)
    with step("derive", rows):
        counts = derive(table, staging, duck, mode=mode)
    print("   ", counts)
    with step("publish", rows):
        table.publish(staging, version=version, run_id=run, faults=faults)
    with step("changes", rows):
        table.append_changes(staging, version=version, run_id=run, faults=faults)
    with step("serve", rows):
        serving.prepare(table, staging, run_id=run, version=version, faults=faults)
        with engine.begin() as connection:
            serving.apply(connection, run, version)
    duck.close()


def main() -> None:
    """Runs three syncs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url", default="postgresql+psycopg://postgres@127.0.0.1:5432/lake_bench")
    asked = parser.parse_args()
    admin = create_engine(asked.url.rsplit("/", 1)[0] + "/postgres", isolation_level="AUTOCOMMIT")
    name = asked.url.rsplit("/", 1)[1]
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    root, engine, serving = Path(tempfile.mkdtemp(prefix="bench_lake_")), create_engine(asked.url), Serving(asked.url)
    spans = [(start, min(PART, asked.rows - start)) for start in range(0, asked.rows, PART)]
    try:
        for number, (title, parts, changed) in enumerate(
            [("first", spans, 0.0), ("1 % changed", spans, 0.01), ("20 rows", [(0, 20)], 1.0)], 1
        ):
            print(f"{title}: {sum(n for _, n in parts):,} rows")
            sync(root, number, parts, changed, (serving, engine))
    finally:
        engine.dispose()
        shutil.rmtree(root)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
