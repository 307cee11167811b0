"""Runs one sync in a process of its own, so that a fault point may kill it. Imported by the fork server."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

import connectors.registry
import connectors.sources.file
import connectors.sources.postgres
import exchange.sync
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.settings import Settings
from schemas.errors import HubError

ADMIN = Actor("tester", frozenset({"administrator"}))
assert psycopg, connectors.registry
assert connectors.sources


@dataclass
class FixedClock:
    """A clock that stands still."""

    moment: datetime

    def now(self) -> datetime:
        """Returns the moment."""
        return self.moment


def sync(
    var: Path, url: str, moment: datetime, fault: str | None = None, mode: str | None = None, workers: int = 1
) -> None:
    """Syncs `person`; writes what came of it to `outcome.json` beside the hub's folder."""
    place = {"var": var, "database_url": url, "dags_file": var / "dags.py"}
    settings = Settings(**place, workers=workers, batch_rows=100, fault=fault)
    outcome: dict[str, object]
    with open_hub(settings, FixedClock(moment)) as hub:
        try:
            outcome = exchange.sync.run(hub, ADMIN, "person", mode=mode).as_json()
        except HubError as error:
            outcome = {"error": error.code}
    (var.parent / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
