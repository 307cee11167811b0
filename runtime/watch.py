"""Keeps Airflow in step with the list of published entries: a pool for each source, a pause for what was revoked."""

import json
import sys
from typing import Any

from exchange.settings import Settings
from runtime.airflow_api import AirflowApi


def dag_of(dataset: str) -> str:
    """Returns the id of a dataset's DAG, as dags/shuqiao_dags.py builds it."""
    return f"sync_{dataset}"


def listed(settings: Settings) -> list[dict[str, Any]]:
    """Reads the list of attached entries; it may not be there yet."""
    try:
        found = json.loads((settings.directory / "dags.json").read_text(encoding="utf-8"))["entries"]
    except (OSError, ValueError, KeyError):
        return []
    return [entry for entry in found if isinstance(entry, dict)]


def pools(settings: Settings) -> dict[str, int]:
    """Returns the wanted pools: one for each source system, as large as its entries allow parallel reads."""
    wanted: dict[str, int] = {}
    for entry in listed(settings):
        name, slots = str(entry.get("pool")), int(entry.get("parallel_reads", 1))
        wanted[name] = max(slots, wanted.get(name, 1))
    return wanted


def print_pools(settings: Settings) -> int:
    """Prints the wanted pools as `airflow pools import` reads them, for an Airflow without our supervisor."""
    wanted = {
        name: {"slots": slots, "description": "", "include_deferred": False} for name, slots in pools(settings).items()
    }
    sys.stdout.write(json.dumps(wanted, ensure_ascii=False, indent=1) + "\n")
    return 0


class DirectoryWatch:
    """Looks at the list each time it was written again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.directory / "dags.json"
        self._seen = 0
        self._revoked: set[str] = set()

    def step(self, api: AirflowApi) -> bool:
        """Brings Airflow in step when the list is new; returns whether it was."""
        changed = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if changed == self._seen:
            return False
        api.set_pools(pools(self._settings))
        revoked = {str(entry["dataset"]) for entry in listed(self._settings) if entry.get("state") == "revoked"}
        known = api.dag_ids()
        for dataset in revoked ^ self._revoked:
            if dag_of(dataset) in known:
                api.pause(dag_of(dataset), paused=dataset in revoked)
        self._seen, self._revoked = changed, revoked
        return True
