"""The whole stack: a killed run is healed by the next, which syncs the city; a second one at once is refused."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange.settings import Settings
from runtime import places, processes, stack, supervisor
from runtime.__main__ import main
from tests.structure.house import ROOT

# In the group of the other tests with a real Airflow: two at once are too much for two cores.
pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(900)]

_SCALE = 0.1
_PROGRAM = """
import faulthandler, signal, sys
faulthandler.register(signal.SIGUSR1)
from exchange.settings import read_settings
from runtime import supervisor
try:
    sys.exit(supervisor.run(read_settings(), {scale}))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def settings():
    """Settings of a clone whose path is long, and has blanks and Chinese characters; each test process has its own."""
    session = Path(os.environ["SHUQIAO_TEST_SESSION"])  # noqa: TID251
    folder = session / f"a clone 数桥 {os.environ.get('PYTEST_XDIST_WORKER', '')}{'x' * 120}"  # noqa: TID251
    folder.mkdir(mode=0o711)
    return Settings(var=folder / "var", dags_file=ROOT / "dags" / "shuqiao_dags.py")


def started(settings, program=None):
    """Starts a supervisor as its own process."""
    command = ["env", f"SHUQIAO_VAR={settings.var}", sys.executable, "-c", program or _PROGRAM.format(scale=_SCALE)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read_until(process, words):
    """Reads the supervisor's lines until one holds the words."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return seen
    raise AssertionError("".join(seen))


def rest(process, seconds=300):
    """Waits for the end and returns the lines that are left; where it hangs is in the failure's text."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        time.sleep(1)
        process.kill()
        raise AssertionError(process.communicate()[0]) from None


def left_over(settings):
    """Lists what still works for the clone."""
    folders = ["airflow/work", "postgres/data", "city/postgres/data"]
    return [each for folder in folders for each in processes.working_in((settings.var / folder).resolve())]


def test_killed_run_is_healed_and_ends_as_an_undisturbed_one(settings, capsys):
    """After kill -9 of the supervisor, of PostgreSQL and of the scheduler in mid-sync, the next run ends with 0."""
    first = started(settings)
    read_until(first, "读取中")

    second = started(settings)
    says = second.communicate(timeout=60)[0]
    assert second.returncode == 1
    assert "ALREADY_RUNNING" in says
    assert str(first.pid) in says

    first.kill()
    first.wait()
    record = places.read_json(settings.var / "run" / "airflow.json")
    for victim in (record["parts"]["scheduler"]["pid"], stack.hub_cluster(settings).find().pid):
        os.kill(victim, signal.SIGKILL)

    assert supervisor.run(settings, _SCALE) == 0
    says = capsys.readouterr().out
    for dataset in ("population", "legal_entity", "licence", "subsidy_payment", "marriage", "death"):
        assert re.search(rf"● {dataset} .*已发布，版本 \d+，共 [1-9]\d* 行", says), dataset
    assert re.search(r"\d+ 行  ID_CHECK .*校验码不符", says)
    assert says.count("● 按号码查") == 2
    assert left_over(settings) == []
    assert not list((settings.var / "run").glob("airflow.json"))


def test_up_stays_and_ends_on_a_signal(settings):
    """`make up` prints where Airflow is, survives the death of its PostgreSQL, and stops everything on Ctrl-C."""
    program = _PROGRAM.format(scale=_SCALE).replace("supervisor.run", "supervisor.up")
    process = started(settings, program)
    read_until(process, "http://127.0.0.1")
    read_until(process, "Ctrl-C")
    os.kill(stack.hub_cluster(settings).find().pid, signal.SIGKILL)
    read_until(process, "PostgreSQL died")
    process.send_signal(signal.SIGINT)
    said = rest(process)
    assert process.returncode == 0, said
    assert left_over(settings) == []


def test_down_ends_a_supervisor_and_says_when_nothing_runs(settings, capsys):
    """`make down` ends a supervisor of another terminal; a second `make down` finds nothing."""
    process = started(settings)
    read_until(process, "启动 Airflow")
    time.sleep(3)
    ended = started(settings, "import sys; from runtime.__main__ import main; sys.exit(main(['down']))")
    assert "everything is stopped" in rest(ended)
    rest(process)
    assert process.returncode == 130
    assert left_over(settings) == []
    capsys.readouterr()
    assert supervisor.down(settings) == 0
    assert "nothing was running" in capsys.readouterr().out


def test_database_command_starts_status_tells_down_stops(settings, capsys, monkeypatch):
    """`python -m runtime database` leaves a server whose URL is recorded; status and down know it."""
    monkeypatch.setenv("SHUQIAO_VAR", str(settings.var))
    assert main(["database"]) == 0
    url = places.read_json(settings.var / "run" / "postgres.json")["url"]
    assert url not in capsys.readouterr().out
    assert main(["status"]) == 0
    assert "running" in capsys.readouterr().out
    assert main(["down"]) == 0
    assert main(["status"]) == 0
    assert "PostgreSQL：未运行" in capsys.readouterr().out


def test_wrong_command_says_the_usage(capsys):
    """A command that does not exist gives the usage and status 2."""
    assert main(["fly"]) == 2
    assert "usage" in capsys.readouterr().err
