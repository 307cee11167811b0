"""A sync that is killed, or meets a full disk, after any durable step ends in the state of an undisturbed one."""

import json
import multiprocessing
import random
import shutil
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from psycopg import sql as psql
from sqlalchemy import text

from exchange import connections, entries
from exchange.faults import POINTS
from exchange.hub import open_hub
from exchange.settings import Settings
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas import contract as contracts
from tests.exchange import crash_driver
from tests.exchange.crash_driver import ADMIN, FixedClock
from tests.exchange.small_city import START, Department, citizen_id, contract, people, person, table_server

FIRST, SECOND = datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC)
MODES = ("snapshot", "watermark", "change_flag")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.exchange.crash_driver"])


class World:
    """A hub with one published version and a source that has changed since: copied for every case."""

    def __init__(self, cluster, folder, mode):
        self.cluster, self.mode = cluster, mode
        self.folder = folder / mode
        self.name = f"crash_{mode}_{uuid.uuid4().hex[:6]}"
        self.folder.mkdir()
        for suffix in ("", "_dept"):
            self._create(self.name + suffix, "migrated" if not suffix else "template0")
        self.department = Department(cluster.url(self.name + "_dept"))
        self._publish()
        run(self.folder / "var", self.url(self.name), FIRST)
        self._change()

    def url(self, name):
        """Returns the URL of a database of the cluster."""
        return self.cluster.url(name)

    def _create(self, name, template):
        command = psql.SQL("create database {} template {} strategy file_copy").format(
            psql.Identifier(name), psql.Identifier(template)
        )
        with self.cluster.connect() as server:
            server.execute(command)

    def _publish(self):
        var = self.folder / "var"
        settings = Settings(var=var, database_url=self.url(self.name), dags_file=self.folder / "dags.py")
        with open_hub(settings, FixedClock(FIRST)) as hub:
            connections.set_connection(hub, ADMIN, "police", self.department.url)
            entries.apply(hub, ADMIN, contract(server=table_server(self.mode)), "person", publish=True)
        if self.mode == "change_flag":
            self.department.change("I", people(249), START)
            self.department.change("I", people(1, start=249), START + timedelta(hours=1))
        else:
            self.department.put(people(250))

    def _change(self):
        moment = FIRST + timedelta(hours=1)
        changed = [person(number, version=3, updated=moment) for number in range(5)]
        bad = person(9, version=4, updated=moment) | {"csrq": "2026-13-40"}
        new = [person(number, updated=moment) for number in range(300, 310)]
        if self.mode == "change_flag":
            self.department.change("U", [*changed, bad], moment)
            self.department.change("I", new, moment)
            self.department.change("D", [person(7)], moment)
        else:
            self.department.put([*changed, bad, *new])
            self.department.remove([citizen_id(7)])

    @contextmanager
    def copy(self, folder):
        """Copies database and folder; removes the database at the end."""
        name = f"{self.name}_{uuid.uuid4().hex[:8]}"
        self._create(name, self.name)
        shutil.copytree(self.folder / "var", folder / "var")
        try:
            yield folder / "var", self.url(name)
        finally:
            self.drop(name)

    def drop(self, name):
        """Drops a database."""
        with self.cluster.connect() as server:
            server.execute(psql.SQL("drop database if exists {} with (force)").format(psql.Identifier(name)))


def run(var, url, moment, fault=None, mode=None):
    """Syncs in a forked process; returns its exit code and what came of it (None when it was killed)."""
    (var.parent / "outcome.json").unlink(missing_ok=True)
    process = FORKS.Process(target=crash_driver.sync, args=(var, url, moment, fault, mode))
    process.start()
    process.join(120)
    outcome = var.parent / "outcome.json"
    return process.exitcode, json.loads(outcome.read_text()) if outcome.exists() else None


def state_of(var, url):
    """Reads everything that a sync may change, in a form that two hubs share."""
    settings = Settings(var=var, database_url=url)
    with open_hub(settings, FixedClock(SECOND)) as hub, hub.engine.connect() as connection:
        stored = connection.execute(text("select contract from hub.entry_versions")).scalar_one()
        coder = RowCoder(contracts.load(stored, "x").entry, hub.crypto.keys(), hub.crypto.seal())
        table = LakeTable(settings.lake_root, "person")
        lake = {}
        for batch in table.read():
            opened = coder.decode(batch).to_pylist()
            lake |= {
                key: tuple(map(str, row.values()))
                for key, row in zip(batch["key_hash"].to_pylist(), opened, strict=True)
            }
        changes = LakeTable(settings.lake_root, "person").changes
        feed = sorted(
            (row["version"], row["op"], row["key_hash"])
            for file in changes.files
            for row in changes.read_file(file, ["version", "op", "key_hash"]).to_pylist()
        )
        ask = lambda query: [tuple(row) for row in connection.execute(text(query))]  # noqa: E731
        return {
            "lake": lake,
            "feed": feed,
            "serving": ask("select key_hash, version, stale_since is null from serving.person order by 1"),
            "versions": ask(
                "select version, delta_version, rows, inserted, updated, deleted, cursor "
                "from hub.dataset_versions order by 1"
            ),
            "dataset": ask("select current_version, delta_version, rows, cursor, hold_next from hub.datasets"),
            "runs": ask(
                "select state, version, extracted, accepted, quarantined, duplicates, inserted, updated, deleted, "
                "unchanged, kept from hub.runs where inserted + updated + deleted > 0 order by number"
            ),
            "problems": ask("select key_hash, code, item, closed_at is null from hub.open_problems order by 1, 2"),
            "published": ask(
                "select detail->>'version' from hub.audit_events where detail->>'new_version' = 'true' order by seq"
            ),
            "acts": set(ask("select detail->>'use_case' from hub.audit_events where result = 'success'")),
            "side": ask("select relname from pg_class where relnamespace = 'serving'::regnamespace and relkind = 'r'"),
            "staging": sorted(path.name for path in (settings.lake_root / "staging").glob("*/*")),
        }  # fmt: skip


@pytest.fixture(scope="module")
def worlds(cluster, _template, tmp_path_factory):
    """Makes the world of a mode when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("worlds"), {}

    def world(mode):
        if mode not in made:
            made[mode] = World(cluster, folder, mode)
            with made[mode].copy(folder / f"{mode}-calm") as (var, url):
                code, outcome = run(var, url, SECOND)
                assert (code, outcome["state"]) == (0, "published")
                made[mode].expected = state_of(var, url)
        return made[mode]

    yield world
    for each in made.values():
        each.drop(each.name)
        each.drop(each.name + "_dept")


def disturbed(world, folder, faults):
    """Syncs with each fault in turn, then without; returns the exit codes and the end state."""
    with world.copy(folder) as (var, url):
        codes = [run(var, url, SECOND, fault) for fault in faults]
        code, outcome = run(var, url, SECOND)
        assert code == 0 and outcome.get("state") == "published", outcome
        return codes, state_of(var, url)


@pytest.mark.parametrize("mode", ["snapshot", *(pytest.param(m, marks=pytest.mark.slow) for m in MODES[1:])])
def test_killed_after_every_step_in_turn(worlds, tmp_path, mode):
    """One sync that is killed at each fault point, one after the other, ends like an undisturbed one."""
    outcomes, state = disturbed(worlds(mode), tmp_path / "w", [f"{point}:kill" for point in POINTS])
    assert [code for code, _ in outcomes] == [-9] * len(POINTS)
    assert state == worlds(mode).expected


def test_workers_end_with_the_process_that_made_them(worlds, tmp_path):
    """When a process with worker processes is killed, its workers end too: none goes on writing."""
    world = worlds("snapshot")
    with world.copy(tmp_path / "w") as (var, url):
        process = FORKS.Process(target=crash_driver.sync, args=(var, url, SECOND, None, None, 2))
        process.start()
        deadline, family = time.monotonic() + 60, psutil.Process(process.pid)
        while len(workers := family.children(recursive=True)) < 3 and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
        process.join(60)
        assert len(workers) >= 3, "its fork server and two workers were never seen"
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_killed_at_a_random_moment(worlds, tmp_path, seed):
    """A sync that is killed at any moment ends, the next time, like an undisturbed one."""
    chance = random.Random(seed)
    world = worlds(chance.choice(MODES))
    with world.copy(tmp_path / "w") as (var, url):
        process = FORKS.Process(target=crash_driver.sync, args=(var, url, SECOND))
        process.start()
        process.join(chance.uniform(0.05, 1.5))
        process.kill()
        process.join(60)
        code, outcome = run(var, url, SECOND)
        assert code == 0 and outcome.get("state") == "published", outcome
        assert state_of(var, url) == world.expected


@pytest.mark.slow
@pytest.mark.parametrize("action", ["kill", "enospc"])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("mode", MODES)
def test_one_fault_at_each_point(worlds, tmp_path, mode, point, action):
    """A kill, or a full disk, at one point: the next sync ends in the state of an undisturbed one."""
    [(code, outcome)], state = disturbed(worlds(mode), tmp_path / "w", [f"{point}:{action}"])
    assert (code, outcome) == ((-9, None) if action == "kill" else (0, {"error": "STORAGE_FULL"}))
    assert state == worlds(mode).expected
