"""Whole syncs against dlt on the same server: first, 1 % changed, watermark into a large table, peak memory.

    python -m benchmarks.bench_sync [--rows 1000000] [--large 10000000] [--suite international|gm]

Prints one JSON line for each figure. Everything runs in a folder of its own: the hub with its embedded
PostgreSQL, and a department's PostgreSQL that also takes dlt's copy. Each sync and each copy is a cold process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks import person_table
from benchmarks.measured import Measured, measured
from runtime.postgres import Cluster

CONTRACT = Path(__file__).parent / "contracts" / "person.yaml"
MIB = 1024


def say(bench: str, **figures: object) -> None:
    """Prints one figure."""
    print(json.dumps({"bench": bench, **figures}, ensure_ascii=False), flush=True)


@contextmanager
def hub_folder(suite: str) -> Iterator[tuple[dict[str, str], str]]:
    """Starts a hub in a new folder and a department's server beside it; yields the environment and the latter's URL."""
    with tempfile.TemporaryDirectory(prefix="shuqiao-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        env = dict(os.environ) | {"SHUQIAO_VAR": name, "SHUQIAO_CRYPTO_SUITE": suite}  # noqa: TID251 - handed on
        env["SHUQIAO_DAGS_FILE"] = str(folder / "dags.py")
        subprocess.run([sys.executable, "-m", "runtime", "database"], check=True, env=env, stdout=subprocess.DEVNULL)
        department = Cluster(folder / "department", folder / "run", folder / "secrets", name="department")
        department.start()
        try:
            with department.connect() as server:
                server.execute("create database bench")
                server.execute("create database copied")
            yield env, plain(department.url("bench"))
        finally:
            department.stop()
            subprocess.run([sys.executable, "-m", "runtime", "down"], check=False, env=env, stdout=subprocess.DEVNULL)


def plain(url: str, database: str | None = None) -> str:
    """Writes a cluster's URL with the loopback address, as every driver takes it."""
    given = make_url(url)
    port = given.query["port"]
    made = given.set(drivername="postgresql", host="127.0.0.1", port=int(str(port)), query={})
    return (made.set(database=database) if database else made).render_as_string(hide_password=False)


def register(env: dict[str, str], source: str, mode: str) -> None:
    """Registers the connection and publishes the entry in the given mode."""
    command = [sys.executable, "-m", "cli"]
    url = make_url(source).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    subprocess.run([*command, "connection", "set", "bench", "-"], check=True, env=env, input=url, text=True)
    with tempfile.TemporaryDirectory() as folder:
        contract = Path(folder) / "person.yaml"
        contract.write_text(CONTRACT.read_text(encoding="utf-8").replace("MODE", mode), encoding="utf-8")
        subprocess.run([*command, "entry", "apply", "--publish", str(contract)], check=True, env=env)


def sync(env: dict[str, str], mode: str | None = None) -> Measured:
    """Runs one sync in a cold process."""
    return measured("benchmarks.sync_child", "person", *([mode] if mode else []), env=env)


def against_dlt(rows: int, suite: str) -> None:
    """Measures the first sync and the one after 1 % has changed, against dlt's two copies."""
    with hub_folder(suite) as (env, source):
        person_table.fill(source, rows, 0.01)
        register(env, source, "snapshot")
        copied = make_url(source).set(database="copied").render_as_string(hide_password=False)
        parquet = measured("benchmarks.dlt_child", source, "parquet", env=env)
        postgres = measured("benchmarks.dlt_child", source, copied, env=env)
        first = sync(env)
        person_table.change(source, rows // 100)
        second = sync(env)
        nothing = sync(env)
    lake, whole = first.printed["to_lake"], first.printed["whole"]
    copy, replace = parquet.printed["seconds"], postgres.printed["seconds"]
    say(
        "sync to lake / dlt to Parquet",
        rows=rows,
        suite=suite,
        ours=lake,
        dlt=copy,
        ratio=ratio(lake, copy),
        target=0.8,
    )
    say(
        "sync served / dlt to PostgreSQL",
        rows=rows,
        suite=suite,
        ours=whole,
        dlt=replace,
        ratio=ratio(whole, replace),
        target=0.35,
    )
    again = second.printed["whole"]
    say(
        "second snapshot, 1 % changed / first",
        rows=rows,
        suite=suite,
        first=whole,
        second=again,
        ratio=ratio(again, whole),
        target=0.5,
    )
    say("nothing changed", rows=rows, suite=suite, seconds=nothing.printed["whole"])
    for name, run in (("first", first), ("1 % changed", second), ("nothing changed", nothing)):
        say("peak memory", rows=rows, suite=suite, sync=name, mib=round(run.peak_mib), counts=counts(run))


def large(rows: int, suite: str) -> None:
    """Measures a large table: first sync, 1,000 changed rows by watermark, few, nothing, one key in ten gone."""
    with hub_folder(suite) as (env, source):
        person_table.fill(source, rows, 0.0)
        register(env, source, "watermark")
        report("first sync", sync(env), rows, suite)
        person_table.change(source, 1_000)
        time.sleep(2)  # the contract declares that no writing transaction takes more than a second
        report("watermark, 1,000 rows changed", sync(env), rows, suite, seconds=15, mib=MIB)
        report("nothing changed", sync(env), rows, suite)
        person_table.change(source, 20)
        report("comparison, 20 rows changed", sync(env, "snapshot"), rows, suite)
        person_table.change(source, rows // 100)
        report("comparison, 1 % changed", sync(env, "snapshot"), rows, suite)
        person_table.remove_share(source, 0.1)
        report("comparison, one key in ten gone", sync(env, "snapshot"), rows, suite)


def report(name: str, run: Measured, rows: int, suite: str, seconds: int | None = None, mib: int = 2 * MIB) -> None:
    """Prints one sync of the large table with its targets."""
    figures = {"seconds": run.printed["whole"], "target_seconds": seconds, "peak_mib": round(run.peak_mib)}
    say(f"large: {name}", rows=rows, suite=suite, **figures, target_mib=mib, counts=counts(run))


def counts(run: Measured) -> dict[str, object]:
    """Picks the run's counts."""
    names = ("state", "extracted", "accepted", "quarantined", "inserted", "updated", "deleted", "unchanged")
    return {name: run.printed[name] for name in names}


def ratio(ours: float, theirs: float) -> float:
    """Divides, to two places."""
    return round(ours / theirs, 2)


def main() -> None:
    """Measures both; `--large 0` leaves the large table out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--suite", choices=("international", "gm"), default="international")
    chosen = parser.parse_args()
    if chosen.rows:
        against_dlt(chosen.rows, chosen.suite)
    if chosen.large:
        large(chosen.large, chosen.suite)


if __name__ == "__main__":
    main()
