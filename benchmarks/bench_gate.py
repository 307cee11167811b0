"""The gate against GX's pandas engine: same suite, same rows, same answers; 1 % and 50 % bad rows. Prints JSON lines.

    python -m benchmarks.bench_gate [--rows 200000] [--shares 0.01 0.5]

GX runs COMPLETE with the record number as row index on a frame that is normalised already, then splits it; the gate
normalises, checks, lists every finding of every row and splits. Times are processor seconds of one process, so that a
busy machine does not change the ratio.
"""

import argparse
import json
import logging
import time
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.gate_data import DATA_DATE, landing, population
from quality.counts import Counts
from quality.gate import Gate
from quality.plan import compile_plan


def main() -> None:
    """Measures each share of bad rows and prints one JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.01, 0.5])
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for share in chosen.shares:
        print(json.dumps(measure(chosen.rows, share)))


def measure(rows: int, share: float) -> dict[str, object]:
    """Runs both on the same rows."""
    batches = landing(rows, share)
    gate = Gate(compile_plan(population()), DATA_DATE)
    gate.check(batches[0])
    begun = time.process_time()
    counts = Counts()
    for batch in batches:
        checked = gate.check(batch)
        batch.filter(checked.bad)
        checked.items.filter(pc.invert(checked.bad))
        counts += checked.counts
    ours = time.process_time() - begun
    theirs, bad = run_gx(gate, batches)
    assert bad == counts.bad, "the two do not agree on the bad rows"
    return {
        "bench": "gate",
        "rows": rows,
        "rules": len(gate.plan["rules"]),
        "bad_rows": counts.bad,
        "gate_seconds": round(ours, 3),
        "gate_seconds_per_million": round(ours * 1e6 / rows, 2),
        "gx_seconds": round(theirs, 3),
        "ratio": round(theirs / ours, 1),
        "target": 8 if share < 0.1 else 30,
    }


def run_gx(gate: Gate, batches: list[pa.RecordBatch]) -> tuple[float, int]:
    """Runs GX on the whole frame and splits it; normalising is not counted."""
    from quality import oracle  # noqa: PLC0415 - imports GX, which the gate must be measured without

    frame = pd.concat([oracle.frame(gate, batch) for batch in batches], ignore_index=True)
    begun = time.process_time()
    outcomes = oracle.run(gate, frame)
    bad = np.array(sorted(frozenset().union(*(outcome.unexpected for outcome in outcomes.values()))), dtype=np.int64)
    wrong = frame["_row"].isin(bad)
    frame[wrong].copy()
    frame[~wrong].copy()
    return time.process_time() - begun, len(bad)


if __name__ == "__main__":
    main()
