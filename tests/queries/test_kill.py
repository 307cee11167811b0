"""A portal that is killed in the middle of agreeing to an export leaves it as it was; a killed run is ended later."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.stores import queries as store
from exchange.queries import approval, exports, results, running
from schemas.errors import StateError
from tests.queries.conftest import ANALYST
from tests.sharing.conftest import OWN_REVIEWER

ROOT = Path(__file__).resolve().parents[2]
_CHILD = """
import os, signal, sys
from pathlib import Path
from exchange.hub import open_hub
from exchange.settings import Settings
from exchange.queries import approval, running
from tests.queries.conftest import ANALYST
from tests.sharing.conftest import OWN_REVIEWER, monday
var, url, what, name = sys.argv[1:]
kill = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
with open_hub(Settings(var=Path(var), database_url=url, workers=1, dags_file=Path(var) / "dags.py"), monday()) as hub:
    if what == "agree":
        approval.record = kill
        approval.agree(hub, OWN_REVIEWER, name)
    else:
        running._finish = kill
        running.run(hub, ANALYST, name, "basis")
"""


def killed(hub, what, name):
    """Runs the child until it kills itself."""
    command = [sys.executable, "-c", _CHILD, str(hub.settings.var), hub.database_url, what, name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def test_a_killed_approval_leaves_nothing_behind(office):
    """The export, its steps and its tasks are as before; then it is agreed to as if nothing had been."""
    query = running.run(office, ANALYST, "SELECT name FROM open", "basis").query
    number = exports.export(office, ANALYST, query.id, "csv", "用于年度统计分析").number
    with office.transaction() as connection:
        before = store.find_export(connection, number)
    killed(office, "agree", number)
    with office.transaction() as connection:
        assert store.find_export(connection, number) == before
    assert approval.agree(office, OWN_REVIEWER, number).state == "provider_review"


def test_a_killed_run_leaves_no_result(office):
    """Its rows were written but no event stands: nobody can read them, and the next sweep removes them."""
    killed(office, "run", "SELECT name, sex_code FROM person")
    with office.transaction() as connection:
        lost = next(e for e in store.history(connection, ANALYST.name, limit=200) if e.state == "running")
    folder = office.frames.path(results.folder_of(lost.id))
    assert folder.exists()
    with pytest.raises(StateError):
        running.page(office, ANALYST, lost.id)
    office.clock.forward(minutes=5)
    results.sweep(office)
    assert not folder.exists()
    with office.transaction() as connection:
        assert store.find(connection, lost.id).error_code == "QUERY_LOST"


def test_results_go_when_their_time_is_over(office):
    """A result is not readable after its time and then removed, but for one that an export waits for."""
    query = running.run(office, ANALYST, "SELECT name FROM person", "basis").query
    waiting = running.run(office, ANALYST, "SELECT name FROM open", "basis").query
    exports.export(office, ANALYST, waiting.id, "csv", "用于年度统计分析")
    office.clock.forward(hours=2)
    with pytest.raises(StateError):
        running.page(office, ANALYST, query.id)
    results.sweep(office)
    assert not office.frames.path(results.folder_of(query.id)).exists()
    assert office.frames.path(results.folder_of(waiting.id)).exists()
