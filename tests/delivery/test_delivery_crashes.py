"""A delivery that is killed after any step reaches its consumer exactly once, under one batch number."""

import json
import multiprocessing
import random
import uuid

import psycopg
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from exchange.delivery.subscriptions import NewSubscription, subscribe
from exchange.faults import DELIVERY_POINTS
from exchange.hub import open_hub
from tests.connectors.conftest import mysql
from tests.delivery import crash_driver
from tests.delivery.conftest import ADMIN, HandClock
from tests.delivery.stand_ins import CONSUMER, NUMBER, standing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.delivery.crash_driver"])
MOMENT = HandClock().now()


class Case:
    """A copied hub with one subscription, and a look at what its consumer holds."""

    def __init__(self, settings, kind, url, facts, held):
        self.settings, self.held = settings, held
        (settings.var.parent / "grants.json").write_text(json.dumps({"holds": True}))
        with open_hub(settings, HandClock()) as hub:
            new = NewSubscription("person", NUMBER, CONSUMER, kind, url, facts)
            self.id = subscribe(hub, ADMIN, new, grants=standing()).id

    def deliver(self, fault=None, wait=60):
        """Delivers in a forked process; returns exit code and outcome."""
        path = self.settings.var.parent / "outcome.json"
        path.unlink(missing_ok=True)
        url = self.settings.database_url.get_secret_value()
        process = FORKS.Process(target=crash_driver.deliver, args=(self.settings.var, url, self.id, MOMENT, fault))
        process.start()
        process.join(wait)
        process.kill()
        process.join(30)
        return process.exitcode, json.loads(path.read_text()) if path.exists() else None

    def batches(self):
        """Lists the batches that the hub knows."""
        with open_hub(self.settings, HandClock()) as hub, hub.engine.connect() as connection:
            query = "select batch_no, state, accepted from hub.delivery_batches order by sequence"
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture(params=["folder", "postgres", "mariadb"])
def case(request, copied, tmp_path):
    """A subscription to each kind of place."""
    settings, _ = copied
    if request.param == "folder":
        folder = tmp_path / "inbox"
        folder.mkdir()

        def held():
            return [
                pq.read_table(part)["cd_batch"].to_pylist()
                for path in folder.glob("*/manifest.json")
                for part in path.parent.glob("part-*")
            ]

        yield Case(
            settings, "folder", str(folder), {"receipt": "none"}, lambda: [number for part in held() for number in part]
        )
        return
    name = f"sq_{uuid.uuid4().hex[:8]}"
    url = request.getfixturevalue("postgres_url" if request.param == "postgres" else "mysql_url")

    def ask(query):
        if request.param == "postgres":
            with psycopg.connect(url, autocommit=True) as connection:
                found = connection.execute(query)
                return [row[0] for row in found] if found.description else []
        with mysql(url) as cursor:
            cursor.execute(query)
            return [row[0] for row in cursor.fetchall()]

    ask("drop table if exists sq_batches")  # every copied hub begins with the same batch number
    yield Case(settings, "table", url, {"table": name}, lambda: ask(f"select cd_batch from {name}"))


def test_killed_after_every_step_in_turn(case):
    """One delivery that is killed at each fault point, one after the other, is there once under one number."""
    for point in DELIVERY_POINTS:
        code, _ = case.deliver(f"{point}:kill")
        # What was recorded before the kill is not done again: later points are then not passed any more.
        assert code in {-9, 0}, point
    code, outcome = case.deliver()
    assert code == 0 and outcome == {"batch": None, "state": None, "rows": 0}
    [(number, state, accepted)] = case.batches()
    assert (state, accepted) == ("acknowledged", 40)
    assert case.held() == [number] * 40
    assert not list((case.settings.lake_root / "outbox").rglob("*.sealed"))


@pytest.mark.parametrize("point", DELIVERY_POINTS)
def test_a_kill_at_each_point(copied, tmp_path, point):
    """The process dies at the point and nowhere else; the next try ends in the state of an undisturbed one."""
    settings, _ = copied
    folder = tmp_path / "inbox"
    folder.mkdir()
    case = Case(settings, "folder", str(folder), {"receipt": "none"}, lambda: 0)
    code, outcome = case.deliver(f"{point}:kill")
    assert (code, outcome) == (-9, None)
    assert case.deliver()[0] == 0
    [(number, state, accepted)] = case.batches()
    assert (state, accepted) == ("acknowledged", 40)
    assert [path.name for path in folder.iterdir()] == [number]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_moment(case, seed):
    """A delivery that is killed at any moment is there exactly once after the next one."""
    case.deliver(wait=random.Random(seed).uniform(0.3, 1.5))
    code, outcome = case.deliver()
    assert code == 0 and "error" not in outcome
    [(number, state, _)] = case.batches()
    assert state == "acknowledged" and case.held() == [number] * 40


def test_a_revocation_after_a_kill_lets_nothing_more_out(copied, tmp_path):
    """A batch that was cut off in the middle of sending does not go on when the grant is over by then."""
    settings, _ = copied
    folder = tmp_path / "inbox"
    folder.mkdir()
    case = Case(settings, "folder", str(folder), {"receipt": "none"}, lambda: 0)
    case.deliver("delivery.sending:kill")
    (settings.var.parent / "grants.json").write_text(json.dumps({"holds": False}))
    assert case.deliver()[1] == {"error": "GRANT_OVER"}
    assert not list(folder.rglob("*")) and case.batches()[0][1] == "withdrawn"
