"""`make bench`: every benchmark in one run, a line of JSON a figure, written to benchmarks/results/<date>.jsonl.

    python -m benchmarks [--quick]

--quick takes a twentieth of the rows: to see that everything runs, not to compare.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

RESULTS = Path(__file__).parent / "results"


def commands(*, quick: bool) -> list[list[str]]:
    """Lists the benchmarks with their arguments."""
    rows, large = ("50000", "500000") if quick else ("1000000", "10000000")
    gate_rows = "20000" if quick else "200000"
    return [
        ["bench_gate", "--rows", gate_rows],
        ["bench_gate_files", "--rows", rows],
        ["bench_sync", "--rows", rows, "--large", large],
        ["bench_sync", "--rows", rows, "--large", "0", "--suite", "gm"],
        ["bench_keyed", "--rows", rows, *(["--seconds", "2", "--rounds", "1"] if quick else [])],
        ["bench_rewrite", "--rows", rows],
        ["bench_dag_parse"],
        ["bench_search", *(["--entries", "1000"] if quick else [])],
        ["bench_overview"],
        ["bench_audit"],
        ["bench_keyed", "--rows", rows, *(["--seconds", "2"] if quick else [])],
        ["real_registers", *(["--provinces", "gansu"] if quick else [])],
    ]


def main() -> int:
    """Runs them one after the other; a failing one is named and the rest still run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    today = datetime.datetime.now(ZoneInfo("Asia/Shanghai")).date()
    target = RESULTS / f"{today}{'-quick' if quick else ''}.jsonl"
    RESULTS.mkdir(exist_ok=True)
    failed = []
    with target.open("w", encoding="utf-8") as results:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        results.write(json.dumps(machine | {"date": str(today), "quick": quick}) + "\n")
        for command in commands(quick=quick):
            called = [sys.executable, "-m", f"benchmarks.{command[0]}", *command[1:]]
            done = subprocess.run(called, check=False, stdout=subprocess.PIPE, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            print(*lines, sep="\n", flush=True)
            results.writelines(f"{line}\n" for line in lines)
            results.flush()
            if done.returncode:
                failed.append(command[0])
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
