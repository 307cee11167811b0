"""Parses the DAG file once, whole or for one DAG, and prints the seconds: started by bench_dag_parse."""

import json
import sys
import time
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).resolve().parent.parent / "dags"


def main(dag_id: str | None) -> None:
    """Fills a DagBag; for one DAG in the parsing context that Airflow gives a task."""
    import os  # noqa: PLC0415

    if dag_id is not None:
        os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id  # noqa: TID251 - how Airflow hands it over
    begun = time.perf_counter()
    bag = DagBag(DAGS)
    seconds = time.perf_counter() - begun
    if bag.import_errors:
        raise RuntimeError("the DAG file does not parse")
    print(json.dumps({"seconds": round(seconds, 2), "dags": len(bag.dags)}))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
