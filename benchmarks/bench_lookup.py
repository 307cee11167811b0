"""Look-up by key: permission, audit, unsealing on, against the bare SELECT over the same engine. Prints JSON lines.

    python -m benchmarks.bench_lookup [--rows 1000000] [--threads 8] [--lookups 2000]

There is no web stack yet, so both sides are function calls in one process; the figure over HTTP comes with the
portal. The bare side runs the same SELECT by the same hash on the same pool and gives nothing back.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
from sqlalchemy import text

from benchmarks import person_table
from benchmarks.bench_sync import hub_folder, register, say, sync


def main() -> None:
    """Publishes the table, then measures both sides in a process that has the hub's settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--lookups", type=int, default=2_000)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.inside, chosen.threads, chosen.lookups)
        return
    with hub_folder("international") as (env, source):
        person_table.fill(source, chosen.rows, 0.0)
        register(env, source, "snapshot")
        sync(env)
        command = [sys.executable, "-m", "benchmarks.bench_lookup", "--inside", source]
        arguments = ["--threads", str(chosen.threads), "--lookups", str(chosen.lookups)]
        subprocess.run([*command, *arguments], check=True, env=env)


def measure(source: str, threads: int, lookups: int) -> None:
    """Looks the same people up both ways."""
    from exchange import datasets  # noqa: PLC0415 - the parent measures nothing and needs no hub
    from exchange.access import local_administrator  # noqa: PLC0415
    from exchange.hub import open_hub  # noqa: PLC0415

    with psycopg.connect(source) as database:
        keys = [row[0] for row in database.execute("select gmsfhm from person limit 50000")]
    random.Random(1).shuffle(keys)
    actor = local_administrator()
    with open_hub() as hub:
        select = text("select * from serving.person where s_citizen_id = :hash")

        def bare(key: str) -> None:
            hashed = hub.crypto.keys().lookup_hashes([f"111:{key}".encode()])[0]
            with hub.engine.connect() as connection:
                connection.execute(select, {"hash": hashed}).all()

        def ours(key: str) -> None:
            datasets.lookup(hub, actor, "person", key)

        figures = {}
        for name, call in (("bare", bare), ("ours", ours)):
            timed(call, keys[:100], threads)
            figures[name] = timed(call, keys[:lookups], threads)
    speed = figures["ours"]["per_second"] / figures["bare"]["per_second"]
    say("look-up by key", threads=threads, **figures, ratio=round(speed, 2))


def timed(call: Callable[[str], None], keys: list[str], threads: int) -> dict[str, float]:
    """Calls once a key; returns the rate and the latencies in milliseconds."""
    latencies: list[float] = []

    def one(key: str) -> None:
        begun = time.perf_counter()
        call(key)
        latencies.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, keys))
    seconds = time.perf_counter() - begun
    cuts = statistics.quantiles(latencies, n=100)
    return {"per_second": round(len(keys) / seconds), "p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2)}


if __name__ == "__main__":
    main()
