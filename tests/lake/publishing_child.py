"""Runs the second sync of the crash tests in a process of its own, so that it can be killed. Not a test."""

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import create_engine

from lake.changeset import derive
from lake.duck import connect
from lake.serving import Serving
from lake.settle import settle
from lake.staging import Staging
from lake.table import LakeTable
from tests.lake.people import PEOPLE, coder_of, person, stage

BEFORE = [person(n) for n in range(200)]
AFTER = [person(n, "new" if n < 60 else "620402") for n in range(20, 230)]
REJECTED = [person(n, "bad") for n in range(15, 20)]


class Kill:
    """Ends this process without a word at one point."""

    def __init__(self, point: str) -> None:
        self._point = point

    def reach(self, point: str) -> None:
        """See schemas/ports.py."""
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


def sync(place: tuple[Path, str], version: int, rows: list, rejected: list, faults) -> None:
    """Does the lake's part of one run, going on from whatever an earlier try has finished."""
    (root, url), run = place, f"run{version}"
    staging, table = Staging(root, "people", run), LakeTable(root, "people")
    if not staging.finished:
        stage(staging, coder_of(PEOPLE), PEOPLE, rows, rejected=rejected)
    with connect(256) as duck:
        settle(staging, duck, mode="snapshot", ordered=False)
        derive(table, staging, duck, mode="snapshot")
    said = {"version": version, "run_id": run, "faults": faults}
    table.publish(staging, **said)
    table.append_changes(staging, **said)
    serving, engine = Serving(url), create_engine(url)
    serving.prepare(table, staging, run_id=run, version=version, faults=faults)
    with engine.begin() as connection:
        serving.apply(connection, run, version)
        faults.reach("test.inside_apply")
    engine.dispose()


if __name__ == "__main__":
    sync((Path(sys.argv[1]), sys.argv[2]), 2, AFTER, REJECTED, Kill(sys.argv[3]))
