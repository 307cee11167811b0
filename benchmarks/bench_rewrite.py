"""An analyst's statement through the rewriter, against the same over the bare Parquet files. Prints JSON lines.

    python -m benchmarks.bench_rewrite [--rows 1000000] [--times 9]

Both sides run on the one DuckDB factory with the same limits and read every row of the answer; ours checks and rewrites
the text, opens its connection and makes its views in the measured time, the bare side opens its connection alone. The
sides take turns; figures are medians, `cpu_ratio` is that of processor time.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.bench_lake import PART, batch
from benchmarks.bench_sync import say
from lake.analysis import Analysis, Limits
from lake.changeset import derive
from lake.duck import connect, path_list
from lake.rewrite import rewrite
from lake.settle import settle
from lake.staging import Staging
from lake.table import LakeTable
from schemas.grants import GrantedItem, RowFilter
from tests.lake.granted import Granted, grant, granted
from tests.lake.people import PEOPLE, NoFaults, coder_of

#: Of each: the statement as an analyst writes it, and what the same question is over the files.
STATEMENTS = {
    "counts": "SELECT region, count(*) AS n FROM {0} GROUP BY region",
    "filter": "SELECT count(*) AS n, sum(\"count\") AS s FROM {0} WHERE alive AND updated >= TIMESTAMPTZ '1970-01-06'",
    "top": 'SELECT region, "count", updated FROM {0} ORDER BY "count" DESC LIMIT 100',
    "masked_year": "SELECT {1} AS year, count(*) AS n FROM {0} GROUP BY 1",
    "all_rows": 'SELECT region, "count", updated FROM {0}',
}


@dataclass(frozen=True, slots=True)
class Side:
    """What a side took, in milliseconds."""

    wall: list[float]
    cpu: list[float]


def main() -> None:
    """Publishes a table of people and asks it both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder), given.rows)
        items = [GrantedItem(name, "plain") for name in ("region", "count", "updated", "alive")]
        plan = grant("people", [*items, GrantedItem("birth", "masked", mask="year")], RowFilter())
        views = granted(Path(folder), plan)
        for name, statement in STATEMENTS.items():
            compare(name, statement, views, given)


def publish(root: Path, rows: int) -> None:
    """Publishes people in one version, part by part."""
    staging, coder = Staging(root, "people", "run1"), coder_of(PEOPLE)
    staging.begin(rows)
    for number, start in enumerate(range(0, rows, PART)):
        made = batch(start, min(PART, rows - start), 0.3)
        staging.write_part(number, coder.encode(made, pa.array(np.arange(start, start + made.num_rows))))
    staging.finish({})
    with connect(1024) as duck:
        settle(staging, duck, mode="snapshot", ordered=False)
        derive(LakeTable(root, "people"), staging, duck, mode="snapshot")
    LakeTable(root, "people").publish(staging, version=1, run_id="run1", faults=NoFaults())


def compare(name: str, statement: str, views: dict[str, Granted], given: argparse.Namespace) -> None:
    """Asks one statement both ways in turns, and says what each took."""
    folder = views["people"].table.folder
    files = [folder.path / each.path for each in folder.files]
    source = f"read_parquet({path_list(files)}, hive_partitioning = false)"
    asked, bare = statement.format("people", "birth"), statement.format(source, "CAST(year(birth) AS VARCHAR)")

    def through() -> int:
        rewritten = rewrite(asked, {each: view.plan for each, view in views.items()})
        with Analysis(rewritten, views, Limits()) as result:
            return sum(found.num_rows for found in result)

    def directly() -> int:
        with connect(Limits().memory_mb, files=files) as duck:
            return sum(found.num_rows for found in duck.sql(bare).to_arrow_reader(Limits().batch_rows))

    assert through() == directly()
    sides = {"bare": (directly, Side([], [])), "ours": (through, Side([], []))}
    for _ in range(given.times):
        for ask, side in sides.values():
            timed(ask, side)
    figures = {each: {"ms": middle(side.wall), "cpu_ms": middle(side.cpu)} for each, (_, side) in sides.items()}
    ratios = {
        "ratio": round(figures["ours"]["ms"] / figures["bare"]["ms"], 2),
        "cpu_ratio": round(figures["ours"]["cpu_ms"] / figures["bare"]["cpu_ms"], 2),
    }
    say("rewriter", statement=name, rows=given.rows, **figures, **ratios, load=round(os.getloadavg()[0], 1))


def timed(ask: Callable[[], int], side: Side) -> None:
    """Asks once."""
    begun, busy = time.perf_counter(), time.process_time()
    ask()
    side.wall.append((time.perf_counter() - begun) * 1000)
    side.cpu.append((time.process_time() - busy) * 1000)


def middle(values: list[float]) -> float:
    """Returns the median."""
    return round(statistics.median(values), 1)


if __name__ == "__main__":
    main()
