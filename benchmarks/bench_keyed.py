"""Look-up and verify over HTTP with permission, mask and audit, against the bare SELECT through the same web.

    python -m benchmarks.bench_keyed [--rows 1000000] [--clients 64] [--seconds 5] [--rounds 3] [--rate 100]

The sides are routes of one uvicorn process, on the same threads and the same pool: `bare` runs the SELECT by hash and
gives its columns back as they rest; `lookup` and `verify` are the API's own, by a machine client with an API key. They
take turns, so that what else the machine does meets all of them. `per_second`, `ratio` and `p99_ms` are of clients that
never pause; `paced` is of the same clients at `--rate` calls a second in all; `cpu_ms` is processor time a call and
`cpu_ratio` the bare side's over this one's. Prints one JSON line a side, medians over the rounds.
"""

import argparse
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.http_load import Answered, Body, Load, call_all

ROWS, CLIENTS, SECONDS, ROUNDS, RATE = 1_000_000, 64, 5, 3, 100
_NUMBERS = itertools.count(time.time_ns() // 1_000_000)
_WRONG = itertools.count()
CONSUMER = "11620400XX00B0031G"


def main() -> None:
    """Publishes a register, serves both sides in a process of their own, and measures them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rate", type=float, default=RATE)
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
    from tests.exchange.small_city import contract, csv_server, write_csv  # noqa: PLC0415

    everyone = register(rows)
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


def register(rows: int) -> list[dict[str, str]]:
    """Makes fictional people, thirty born on each day from 1930 on."""
    from schemas.identifiers.citizen import check_character  # noqa: PLC0415

    found = []
    for number in range(rows):
        born = date(1930, 1, 1) + timedelta(days=number // 30)
        first = f"620402{born:%Y%m%d}{900 + number % 30}"
        found.append({
            "gmsfhm": first + check_character(first), "xm": f"张{number % 1000:03d}",
            "xb": "2" if number % 2 == 0 else "1",
            "csrq": f"{born:%Y-%m-%d}", "gxsj": "2026-11-20 10:00:00+08",
        })  # fmt: skip
    return found


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
    from portal.lanes import KEYED  # noqa: PLC0415
    from portal.service import as_json  # noqa: PLC0415

    bare = text("select * from serving.person where s_citizen_id = :hash")
    with open_hub() as hub:
        app = create_app(hub)
        keys = hub.crypto.keys()
        hub.keyed.within_rate = lambda *_: True  # type: ignore[method-assign]

        def rows_of(key: str) -> Any:
            hashed = keys.lookup_hashes([f"111:{key}".encode()])[0]
            with hub.engine.connect() as connection:
                rows = connection.execute(bare, {"hash": hashed}).mappings().all()
            return as_json([{name: str(value) for name, value in row.items()} for row in rows])

        async def select(body: dict[str, Any]) -> Any:
            return await KEYED.run(rows_of, body["key"])

        app.add_api_route("/bare", select, methods=["POST"], response_model=None)
        app.router.routes.insert(5, app.router.routes.pop())  # beside the calls by key
        listening = socket.create_server(("127.0.0.1", 0))
        (root / "port").write_text(str(listening.getsockname()[1]))
        config = uvicorn.Config(app, access_log=False, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


def measure_all(root: Path, url: str, key: str, keys: list[str], given: argparse.Namespace) -> None:
    """Measures the sides in turns: as fast as they can, then at a rate."""
    env = dict(os.environ) | {  # noqa: TID251 - the child is a hub with settings of its own
        "SHUQIAO_VAR": str(root / "var"),
        "SHUQIAO_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "benchmarks.bench_keyed", "--serve", str(root)]
    with subprocess.Popen(command, env=env) as server:
        try:
            while not (root / "port").exists():
                time.sleep(0.1)
            port, headers = int((root / "port").read_text()), {"X-API-Key": key}
            database = next(each for each in psutil.process_iter(["cmdline"]) if _serves(each, root))
            taken = {name: Taken() for name in ("bare", "lookup", "verify")}
            for turn in range(given.rounds + 1):
                for name, (path, body) in sides(keys).items():
                    before = busy(server.pid), busy(database.pid)
                    load = Load(given.clients, given.seconds if turn else 1.0)
                    answered = call_all(port, path, headers, body, load)
                    if not turn:  # plans, connections, prepared statements
                        continue
                    taken[name].fast.append(answered)
                    taken[name].web.append((busy(server.pid) - before[0]) / answered.calls * 1000)
                    taken[name].database.append((busy(database.pid) - before[1]) / answered.calls * 1000)
                    paced = Load(given.clients, given.seconds, given.rate)
                    taken[name].paced.append(call_all(port, path, headers, body, paced))
            tell(taken, given)
        finally:
            server.terminate()


def _serves(process: psutil.Process, root: Path) -> bool:
    words = process.info["cmdline"] or []
    return str(root / "postgres" / "data") in words


def busy(pid: int) -> float:
    """Returns the processor seconds of a process and its children, those that ended included."""
    own = psutil.Process(pid)
    times = own.cpu_times()
    total: float = times.children_user + times.children_system
    for each in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            total += sum(each.cpu_times()[:2])
    return total


def sides(keys: list[str]) -> dict[str, tuple[str, Body]]:
    """Returns path and bodies of each side. One verification in twenty has another birthday."""
    why = {"purpose": "basis", "case_no": "BJ-2026-1", "handler": "李经办", "window": "三号"}

    def bare(at: int) -> bytes:
        return json.dumps({"key": keys[at % len(keys)]}).encode()

    def asked(at: int, **more: Any) -> bytes:
        said = why | {"request_id": f"bench-{next(_NUMBERS):012d}"}
        return json.dumps({"key": keys[at % len(keys)], "why": said} | more).encode()

    def verified(at: int) -> bytes:
        # Every wrong one is of another person: five misses a day are all that a person may have.
        at, wrong = (next(_WRONG), True) if at % 20 == 0 else (at, False)
        key = keys[at % len(keys)]
        return asked(at, values={"birth_date": "1900-01-01" if wrong else f"{key[6:10]}-{key[10:12]}-{key[12:14]}"})

    path = "/api/v1/keyed/person"
    return {"bare": ("/bare", bare), "lookup": (f"{path}/lookup", asked), "verify": (f"{path}/verify", verified)}


def tell(taken: Mapping[str, "Taken"], given: argparse.Namespace) -> None:
    """Prints one line a side: medians over the rounds, and what it is of the bare side."""
    bare = taken["bare"]
    for name, side in taken.items():
        figures = {
            "per_second": middle([each.per_second for each in side.fast]),
            "p99_ms": middle([each.p99_ms for each in side.fast]),
            "cpu_ms": {"web": middle(side.web), "database": middle(side.database)},
            "paced": {"per_second": middle([each.per_second for each in side.paced]),
                      "p50_ms": middle([each.p50_ms for each in side.paced]),
                      "p99_ms": middle([each.p99_ms for each in side.paced])},
            "ratio": middle([ours.per_second / its.per_second for ours, its in zip(side.fast, bare.fast, strict=True)]),
            "cpu_ratio": round(bare.cpu / side.cpu, 2),
        }  # fmt: skip
        facts = {"rows": given.rows, "clients": given.clients, "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"bench": "keyed", "side": name, **facts, **figures}), flush=True)


@dataclass
class Taken:
    """What a side took, round by round: unpaced and paced, and processor milliseconds a call."""

    fast: list[Answered] = field(default_factory=list)
    paced: list[Answered] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Processor time a call of web and database together."""
        return statistics.median(self.web) + statistics.median(self.database)


def middle(values: list[float]) -> float:
    """Returns the median."""
    return round(statistics.median(values), 2)


if __name__ == "__main__":
    main()
