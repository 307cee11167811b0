"""Runs one delivery in a process of its own, so that a fault point may kill it. Imported by the fork server."""

import json
from datetime import datetime
from pathlib import Path

import connectors.sinks.callback
import connectors.sinks.folder
import connectors.sinks.table
import exchange.delivery.work
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.settings import Settings
from schemas.errors import HubError
from tests.delivery.stand_ins import FileGrants
from tests.exchange.crash_driver import FixedClock

ADMIN = Actor("tester", frozenset({"administrator"}))
assert connectors.sinks


def deliver(var: Path, url: str, identifier: str, moment: datetime, fault: str | None = None) -> None:
    """Runs a subscription; writes what came of it to `outcome.json` beside the hub's folder."""
    settings = Settings(var=var, database_url=url, dags_file=var / "dags.py", fault=fault)
    outcome: dict[str, object]
    grants = FileGrants(var.parent / "grants.json")
    with open_hub(settings, FixedClock(moment)) as hub:
        try:
            done = exchange.delivery.work.run(hub, ADMIN, identifier, grants=grants)
            outcome = {"batch": done.batch_no, "state": done.state, "rows": done.rows}
        except HubError as error:
            outcome = {"error": error.code}
    (var.parent / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
