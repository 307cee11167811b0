"""Re-encrypts, or retires a generation, in a process of its own, so that a fault point may kill it."""

import json
from pathlib import Path

import exchange.keys.rotation
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.settings import Settings
from schemas.errors import HubError

ADMIN = Actor("tester", frozenset({"administrator"}))


def work(var: Path, url: str, act: str, fault: str | None = None) -> None:
    """Does the act; writes what came of it to `outcome.json` beside the hub's folder."""
    settings = Settings(var=var, database_url=url, dags_file=var / "dags.py", fault=fault)
    outcome: dict[str, object]
    with open_hub(settings) as hub:
        try:
            if act == "reencrypt":
                done = exchange.keys.rotation.reencrypt(hub, ADMIN)
                outcome = {"places": dict(done.places), "left": done.left}
            else:
                outcome = {"keys": len(exchange.keys.rotation.retire(hub, ADMIN, 1, "test"))}
        except HubError as error:
            outcome = {"error": error.code}
    (var.parent / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
