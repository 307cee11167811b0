"""Audit events a second with 8 writers: as the log was, as it is with the sealer at work, chained inside the act.

    python -m benchmarks.bench_audit [--seconds 5] [--writers 8]

Each side has a database of its own on one cluster, fsync on. `before` is migration 0002; `unsealed` is
0003 (more columns, an index of key hashes) alone, `sealed` with a sealer every second beside it; `in_act` extends the
chain inside each act, under its lock: the queue that sealing avoids.
"""

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from catalog import migrate
from catalog.engine import make_engine
from catalog.stores import audit_chain
from exchange.auditing.chain import HASHING
from exchange.crypto import sm3
from runtime.postgres import Cluster

EVENT = (
    "insert into hub.audit_events (ts, actor_id, actor_name, role, channel, action, object_type, object_id, items, "
    "subject_key_hashes, result) values (now(), 'clerk', '窗口一', 'window', 'api', 'QUERY', 'dataset', 'person', "
    "array['name', 'sex_code', 'birth_date'], array[%s], 'success')"
)
LOCK = "select pg_advisory_xact_lock(1)"
LAST = "select number, record_sm3 from hub.audit_chain order by number desc limit 1"
LINK = "insert into hub.audit_chain (number, seq, prev_sm3, record_sm3) values (%s, %s, %s, %s)"


def write(url: str, side: str, seconds: float, gate: Barrier, done: "multiprocessing.Queue[int]") -> None:
    """Writes events, each in a transaction of its own, from when all are ready; reports how many."""
    count = 0
    with psycopg.connect(url) as connection:
        gate.wait()
        until = time.time() + seconds
        while time.time() < until:
            row = connection.execute(EVENT + " returning seq", (f"{time.time_ns():064x}",)).fetchone()
            if side == "in_act":
                connection.execute(LOCK)
                number, previous = connection.execute(LAST).fetchone() or (0, "0" * 64)
                connection.execute(LINK, (number + 1, row[0], previous, sm3(previous.encode() + b"x" * 600).hex()))
            connection.commit()
            count += 1
    done.put(count)


def seal(url: str, stop: threading.Event) -> None:
    """Seals every second, as the standing sealer does."""
    import datetime  # noqa: PLC0415

    engine = make_engine(url, pool_size=1)
    while not stop.wait(1):
        while True:
            with engine.begin() as connection:
                if audit_chain.seal_batch(connection, HASHING, datetime.datetime.now(datetime.UTC), 5_000) is None:
                    break
    engine.dispose()


def database(cluster: Cluster, side: str) -> str:
    """Makes the database of a side; returns its URL."""
    with cluster.connect() as server:
        server.execute(f"create database {side}")
    url = cluster.url(side)
    if side != "before":
        migrate.upgrade(url)
        return url
    engine = make_engine(url, pool_size=1)
    with engine.connect() as connection:
        connection.execute(text("create schema hub"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.commit()
    engine.dispose()
    return url


def measure(cluster: Cluster, side: str, writers: int, seconds: float) -> float:
    """Returns the events a second of a side."""
    url = database(cluster, side)
    stop, done, gate = threading.Event(), multiprocessing.Queue(), multiprocessing.Barrier(writers)
    sealer = threading.Thread(target=seal, args=(url, stop)) if side == "sealed" else None
    if sealer:
        sealer.start()
    plain = url.replace("+psycopg", "")
    children = [multiprocessing.Process(target=write, args=(plain, side, seconds, gate, done)) for _ in range(writers)]
    for child in children:
        child.start()
    total = sum(done.get() for _ in children)
    for child in children:
        child.join()
    if sealer:
        stop.set()
        sealer.join()
    return total / seconds


def main() -> None:
    """Measures the three sides one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--writers", type=int, default=8)
    given = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("postgres", "run", "secrets")]
        for place in places[1:]:
            place.mkdir(mode=0o700)
        Path(folder).chmod(0o711)
        cluster = Cluster(*places)
        cluster.start()
        try:
            for side in ("before", "unsealed", "sealed", "in_act"):
                rate = measure(cluster, side, given.writers, given.seconds)
                facts = {"bench": "audit", "side": side, "writers": given.writers, "events_a_second": round(rate)}
                print(json.dumps(facts), flush=True)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
