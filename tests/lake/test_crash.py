"""A killed or disk-full publishing goes on: the end state is that of an undisturbed one."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from lake import points
from lake.table import LakeTable
from schemas.errors import StorageError
from tests.lake.people import NoFaults
from tests.lake.publishing_child import AFTER, BEFORE, REJECTED, sync

ROOT = Path(__file__).parents[2]
POINTS = [
    points.LAKE_FILES_WRITTEN,
    points.LAKE_COMMITTED,
    points.CHANGES_FILES_WRITTEN,
    points.CHANGES_COMMITTED,
    points.SERVING_PREPARED,
    "test.inside_apply",
]


def state(root: Path, url: str) -> dict:
    """Returns all that readers can see: table, versions, change table, serving table, side tables."""
    table = LakeTable(root, "people")
    changes = [row for file in table.changes.files for row in table.changes.read_file(file).to_pylist()]
    engine = create_engine(url)
    with engine.connect() as connection:
        served = connection.exec_driver_sql(
            "SELECT key_hash, region, version, stale_since IS NOT NULL FROM serving.people ORDER BY key_hash"
        ).all()
        tables = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'serving'").all()
    engine.dispose()
    digests = table.read(columns=["key_hash", "digest"]).read_all().to_pylist()
    return {
        "rows": sorted(digests, key=str),
        "versions": (table.delta_version(), table.base, table.changes.version),
        "changes": sorted(
            (row["version"], row["op"], row["key_hash"], row["digest"]) for row in changes if row["digest"]
        ),
        "deleted": sorted(row["key_hash"] for row in changes if row["op"] == "delete"),
        "served": [tuple(row) for row in served],
        "tables": sorted(tables),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    """Filled by the first test that asks for it."""
    return {}


@pytest.fixture
def begun(tmp_path, empty_database_url) -> tuple[Path, str]:
    """A root and a database after a first sync."""
    place = tmp_path, empty_database_url
    sync(place, 1, BEFORE, [], NoFaults())
    return place


def child(root: Path, url: str, point: str) -> subprocess.Popen:
    """Starts the second sync in a process of its own."""
    command = [sys.executable, "-m", "tests.lake.publishing_child", str(root), url, point]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def expected(undisturbed: dict, begun: tuple[Path, str]) -> dict:
    """Checks an end state against that of an undisturbed run, which the first caller computes by the rules."""
    found = state(*begun)
    regions = {row[0]: row[1] for row in found["served"]}
    assert len(regions) == len(AFTER) + len(REJECTED)
    assert sum(region == "new" for region in regions.values()) == 40
    assert found["versions"] == (1, 2, 1)
    assert len(found["changes"]) == 200 + 40 + 30
    assert len(found["deleted"]) == 15
    assert sum(stale for *_, stale in found["served"]) == len(REJECTED)
    assert len(found["tables"]) == 1
    assert undisturbed.setdefault("state", found) == found
    return found


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_the_next_try_ends_the_same(begun, undisturbed, point):
    """Kill -9 after any durable step, then the same run again: same rows, versions, changes and serving table."""
    killed = child(*begun, point)
    assert killed.wait() == -signal.SIGKILL
    sync(begun, 2, AFTER, REJECTED, NoFaults())
    expected(undisturbed, begun)


class Full:
    """A full disk at one point, once."""

    def __init__(self, point: str) -> None:
        self._point = point

    def reach(self, point: str) -> None:
        """See schemas/ports.py."""
        if point == self._point:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("point", POINTS[1:5:2])
def test_a_full_disk_at_a_point_is_transient(begun, undisturbed, point):
    """A full disk is a transient StorageError, and the next try ends as if nothing had been."""
    with pytest.raises(StorageError, match="磁盘空间不足") as caught:
        sync(begun, 2, AFTER, REJECTED, Full(point))
    assert caught.value.transient
    sync(begun, 2, AFTER, REJECTED, NoFaults())
    expected(undisturbed, begun)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(1))
def test_killed_at_random_moments_the_next_try_ends_the_same(begun, undisturbed, attempt):
    """Kill -9 again and again at moments nobody chose, then one quiet try."""
    moments = random.Random(attempt)
    for _ in range(3):
        running = child(*begun, "never")
        time.sleep(moments.uniform(0.5, 3.0))
        running.kill()
        running.wait()
    sync(begun, 2, AFTER, REJECTED, NoFaults())
    expected(undisturbed, begun)


def test_an_undisturbed_run_ends_so(begun, undisturbed):
    """The state that all others must reach, and a repeated run does not move it."""
    sync(begun, 2, AFTER, REJECTED, NoFaults())
    once = expected(undisturbed, begun)
    sync(begun, 2, AFTER, REJECTED, NoFaults())
    assert expected(undisturbed, begun) == once
