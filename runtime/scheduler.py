"""Runs Airflow's scheduler with a sync's modules already loaded. Does nothing of its own.

LocalExecutor forks its tasks from this process, so none of them spends 3 s of a core on importing them again.
"""

import importlib
import runpy
import sys

#: What the three steps of a sync import; pyarrow alone pulls pandas in when it meets the first Python list.
MODULES = (
    "exchange.sync",
    "exchange.hub",
    "exchange.access",
    "pandas",
    "alembic",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def main() -> None:
    """Loads the modules, then hands over to Airflow's own command."""
    for module in MODULES:
        importlib.import_module(module)
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
