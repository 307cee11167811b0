"""Parsing the DAG file with 10, 100 and 1,000 entries, and for the one DAG that a task needs. Prints JSON lines.

    python -m benchmarks.bench_dag_parse [--entries 10 100 1000]

Each figure is of a fresh process that has Airflow imported already, as Airflow's own parsing processes have.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from benchmarks.measured import measured

CHILD = "benchmarks.dag_parse_child"


def write_list(folder: Path, entries: int) -> None:
    """Writes a list of entries as exchange.directory does."""
    made = [
        {
            "dataset": f"dataset_{number:04d}",
            "title": f"测量条目{number}",
            "entry_version": 1,
            "schedule": "0 2 * * *",
            "connection": f"system_{number % 20}",
            "pool": "default_pool",
            "parallel_reads": 1,
            "department": f"部门{number % 40}",
            "state": "published",
        }
        for number in range(entries)
    ]
    (folder / "directory").mkdir(parents=True)
    text = json.dumps({"entries": made}, ensure_ascii=False)
    (folder / "directory" / "dags.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Measures each size, whole and for one task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, nargs="*", default=[10, 100, 1000])
    for entries in parser.parse_args().entries:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_list(folder, entries)
            env = dict(os.environ) | {"SHUQIAO_VAR": name, "AIRFLOW_HOME": f"{name}/airflow"}  # noqa: TID251 - handed on
            env["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
            whole = measured(CHILD, env=env)
            one = measured(CHILD, "sync_dataset_0005", env=env)
        figures = {"seconds": whole.printed["seconds"], "dags": whole.printed["dags"], "target_seconds": 5}
        one_task = {"one_task_seconds": one.printed["seconds"], "one_task_dags": one.printed["dags"]}
        print(json.dumps({"bench": "DAG file parse", "entries": entries, **figures, **one_task}), flush=True)


if __name__ == "__main__":
    main()
