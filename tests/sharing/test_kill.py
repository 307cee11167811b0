"""A portal that is killed in the middle of an approval leaves no half-approved request."""

import signal
import subprocess
import sys
from pathlib import Path

from catalog.stores import share_requests as store
from exchange.sharing import decisions, grants
from tests.sharing.conftest import CHIEF, CONSUMER, HEAD, sent

ROOT = Path(__file__).resolve().parents[2]
_CHILD = """
import os, signal, sys
from pathlib import Path
from exchange.hub import open_hub
from exchange.settings import Settings
from exchange.sharing import decisions, steps
from tests.sharing.conftest import HEAD, monday
var, url, number = sys.argv[1:]
steps.record = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
with open_hub(Settings(var=Path(var), database_url=url, workers=1, dags_file=Path(var) / "dags.py"), monday()) as hub:
    decisions.approve(hub, HEAD, number)
"""


def test_a_killed_approval_leaves_nothing_behind(whole_city):
    """Grant, stage, history and tasks are as before the kill; the approval is then given as if nothing had been."""
    number = sent(whole_city).number
    decisions.pass_on(whole_city, CHIEF, number)
    with whole_city.transaction() as connection:
        before = store.find(connection, number), store.history(connection, number)
    command = [sys.executable, "-c", _CHILD, str(whole_city.settings.var), whole_city.database_url, number]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    with whole_city.transaction() as connection:
        assert (store.find(connection, number), store.history(connection, number)) == before
        assert grants.in_force(connection, CONSUMER, "wage", whole_city.clock.now()) == []
    assert decisions.approve(whole_city, HEAD, number).grant
