"""Look-up and verify over HTTP with permission, mask and audit, against the bare SELECT through the same web.

    python -m benchmarks.bench_keyed [--rows 100000] [--clients 64] [--seconds 8]

Both sides are routes of one uvicorn process: `bare` runs the SELECT by hash and gives its columns back as they rest;
`lookup` and `verify` are the API's own, by a machine client with an API key. Prints one JSON line a side.
"""

import argparse
import asyncio
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

ROWS, CLIENTS, SECONDS = 100_000, 64, 8
CONSUMER = "11620400XX00B0031G"


def main() -> None:
    """Publishes a register, serves both sides in a process of their own, and measures them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(Path(given.serve))
        return
    from runtime.postgres import Cluster  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o711)
        places = [root / name for name in ("postgres", "run", "secrets")]
        for place in places[1:]:
            place.mkdir(mode=0o700)
        cluster = Cluster(*places)
        cluster.start()
        try:
            with cluster.connect() as server:
                server.execute("create database bench")
            key, keys = prepare(root, cluster.url("bench"), given.rows)
            measure_all(root, cluster.url("bench"), key, keys, given)
        finally:
            cluster.stop()


def prepare(root: Path, url: str, rows: int) -> tuple[str, list[str]]:
    """Publishes the register and grants it to a client; returns the client's key and some numbers."""
    from exchange import entries, sync  # noqa: PLC0415
    from exchange.access import Actor  # noqa: PLC0415
    from exchange.hub import open_hub  # noqa: PLC0415
    from exchange.keyed import clients, credentials  # noqa: PLC0415
    from exchange.settings import Settings  # noqa: PLC0415
    from tests.exchange.small_city import contract, csv_server, people, write_csv  # noqa: PLC0415

    everyone = people(rows)
    write_csv(root / "people.csv", everyone)
    admin = Actor("bench", frozenset({"administrator"}))
    with open_hub(Settings(var=root / "var", database_url=url, dags_file=root / "dags.py")) as hub:  # type: ignore[arg-type]
        entries.apply(hub, admin, contract(server=csv_server(root / "people.csv")), "bench", publish=True)
        assert sync.run(hub, admin, "person").state == "published"
        grant(hub)
        head = Actor("head", frozenset({"dept_admin"}), CONSUMER, region="6204")
        chief = Actor("chief", frozenset({"data_admin"}), CONSUMER, region="")
        new = clients.NewClient("窗口系统", "压力测试", ("lookup", "verify"), ("127.0.0.0/16",), 9)
        made = clients.open_client(hub, head, new)
        clients.consent(hub, chief, made.id)
        secret = credentials.new_secret(hub, head, made.id, "key").secret
    return secret, [each["gmsfhm"] for each in everyone[:: max(1, rows // 20_000)]]


def grant(hub: Any) -> None:
    """Puts a grant in force and lifts the client's rate for the measuring."""
    from sqlalchemy import text  # noqa: PLC0415

    from catalog.stores import departments, grants  # noqa: PLC0415
    from schemas.grants import GrantedItem, Quota, RowFilter  # noqa: PLC0415
    from schemas.sharing import Terms, terms_json  # noqa: PLC0415

    now = datetime.now(UTC)
    items = (GrantedItem("citizen_id", "masked"), GrantedItem("name", "plain"), GrantedItem("birth_date", "plain"))
    terms = Terms(items, RowFilter(), ("basis",), ("lookup", "verify"), date(2099, 1, 1), quota=Quota(10**9))
    with hub.transaction() as connection:
        departments.save(connection, CONSUMER, "示例市人社局", now)
        provider = connection.execute(text("select provider_code from hub.entries")).scalar_one()
        connection.execute(
            text(
                "insert into hub.share_requests (number, dataset, entry_version, consumer, provider, share_type, stage,"
                " content, created_by, created_at, updated_at)"
                " values ('R', 'person', 1, :c, :p, 1, 'active', '{}', 'x', :t, :t)"
            ),
            {"c": CONSUMER, "p": provider, "t": now},
        )
        values = {"number": "G", "request": "R", "dataset": "person", "entry_version": 1, "consumer": CONSUMER}
        values |= {"provider": provider, "terms": terms_json(terms), "state": "active", "created_at": now}
        grants.add(connection, values | {"valid_from": now, "valid_until": now + timedelta(days=9)})


def serve(root: Path) -> None:
    """Serves the API and the bare SELECT; the port is written to a file."""
    import uvicorn  # noqa: PLC0415
    from sqlalchemy import text  # noqa: PLC0415

    from exchange.hub import open_hub  # noqa: PLC0415
    from portal.app import create_app  # noqa: PLC0415

    bare = text("select * from serving.person where s_citizen_id = :hash")
    with open_hub() as hub:
        app = create_app(hub)
        keys = hub.crypto.keys()
        hub.keyed.within_rate = lambda *_: True  # type: ignore[method-assign]

        @app.post("/bare")
        def select(body: dict[str, Any]) -> list[Any]:
            hashed = keys.lookup_hashes([f"111:{body['key']}".encode()])[0]
            with hub.engine.connect() as connection:
                rows = connection.execute(bare, {"hash": hashed}).mappings().all()
            return [{name: str(value) for name, value in row.items()} for row in rows]

        listening = socket.create_server(("127.0.0.1", 0))
        (root / "port").write_text(str(listening.getsockname()[1]))
        config = uvicorn.Config(app, access_log=False, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


def measure_all(root: Path, url: str, key: str, keys: list[str], given: argparse.Namespace) -> None:
    """Measures the sides one after the other."""
    env = dict(os.environ) | {  # noqa: TID251 - the child is a hub with settings of its own
        "SHUQIAO_VAR": str(root / "var"),
        "SHUQIAO_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "benchmarks.bench_keyed", "--serve", str(root)]
    with subprocess.Popen(command, env=env) as server:
        try:
            while not (root / "port").exists():
                time.sleep(0.1)
            base, numbers = f"http://127.0.0.1:{(root / 'port').read_text()}", itertools.count()
            why = {"purpose": "basis", "case_no": "BJ-2026-1", "handler": "李经办", "window": "三号"}

            def asked(at: int, more: dict[str, Any]) -> dict[str, Any]:
                return {"key": keys[at % len(keys)], "why": why | {"request_id": f"bench-{next(numbers):08d}"}} | more

            sides: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
                "bare": ("/bare", lambda at: {"key": keys[at % len(keys)]}),
                "lookup": ("/api/v1/keyed/person/lookup", lambda at: asked(at, {})),
                "verify": (
                    "/api/v1/keyed/person/verify",
                    lambda at: asked(at, {"values": {"birth_date": "1960-01-01"}}),
                ),
            }
            figures = {}
            for name, (path, body) in sides.items():
                figures[name] = asyncio.run(measure(base + path, body, key, given))
                ratio = figures[name]["per_second"] / figures["bare"]["per_second"]
                print(
                    json.dumps({"bench": "keyed", "side": name, **figures[name], "ratio": round(ratio, 2)}), flush=True
                )
        finally:
            server.terminate()


async def measure(
    url: str, body: Callable[[int], dict[str, Any]], key: str, given: argparse.Namespace
) -> dict[str, float]:
    """Calls from so many clients at once; returns the rate and the latencies in milliseconds."""
    latencies: list[float] = []
    until = time.perf_counter() + given.seconds

    async def one(number: int, client: httpx.AsyncClient) -> None:
        at = number
        while time.perf_counter() < until:
            begun = time.perf_counter()
            answer = await client.post(url, json=body(at))
            assert answer.status_code == 200, answer.text
            latencies.append((time.perf_counter() - begun) * 1000)
            at += given.clients

    async with opened(key, given.clients) as client:
        await asyncio.gather(*(one(number, client) for number in range(given.clients)))
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "per_second": round(len(latencies) / given.seconds),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
    }


@asynccontextmanager
async def opened(key: str, clients: int) -> AsyncIterator[httpx.AsyncClient]:
    """Opens the connections of all clients."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(limits=limits, headers={"X-API-Key": key}, timeout=60) as client:
        yield client


if __name__ == "__main__":
    main()
