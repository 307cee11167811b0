"""The overview at the size of a city: 35 departments, 1,000 entries, 30 nights of runs. Target: 300 ms a page.

    python -m benchmarks.bench_overview [--departments 35] [--entries 1000] [--nights 30]

Measured through the whole web stack in one process: session, permission, audit event, queries, template.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from sqlalchemy import text

from benchmarks.bench_sync import hub_folder, say

_FILL = (
    "insert into hub.regions (code, name, level) values ('620400', '示例市', 1) on conflict do nothing",
    "insert into hub.departments (code, name, region_code, created_at) "
    "select 'D' || lpad(d::text, 4, '0'), '部门' || d, '620400', now() from generate_series(1, :departments) d",
    "insert into hub.entries (dataset, title, provider_code, state, published_version, publish_date, created_at, "
    "updated_at) select 'set' || e, '条目' || e, 'D' || lpad((1 + e % :departments)::text, 4, '0'), 3, 1, "
    "current_date - 90, now(), now() from generate_series(1, :entries) e",
    "insert into hub.entry_versions (dataset, number, contract_version, contract, state, changes, created_by, "
    "created_at) select dataset, 1, '1', '', 3, '[]', 'bench', now() from hub.entries",
    "insert into hub.datasets (dataset, current_version, rows, data_time, updated_at) "
    "select 'set' || e, 30, 1000 * e, now() - make_interval(hours => e % 100), now() "
    "from generate_series(1, :entries) e",
    "insert into hub.runs (run_id, dataset, entry_version, mode, state, step, extracted, accepted, created_at, result, "
    "findings) select 'r' || n || '-' || e, 'set' || e, 1, 'snapshot', "
    "case when n = :nights and e % 50 = 0 then 'held' when n = :nights and e % 70 = 0 then 'failed' else 'published' "
    "end, 'published', 1000, 1000, now() - make_interval(days => :nights - n), "
    "jsonb_build_object('x', repeat('y', 2000)), '{\"ID_CHECK\": 3}' "
    "from generate_series(1, :nights) n, generate_series(1, :entries) e",
    "insert into hub.open_problems (dataset, key_hash, code, item, first_run, last_run, first_seen, last_seen) "
    "select 'set' || (1 + p % :entries), decode(md5(p::text), 'hex'), 'ID_CHECK', 'citizen_id', 'r', 'r', now(), now() "
    "from generate_series(1, 20 * :entries) p",
    "insert into hub.tasks (kind, title, dataset, department_code, role, link, created_at) "
    "select 'notice', '待办' || t, null, 'D' || lpad((1 + t % :departments)::text, 4, '0'), 'editor', '/tasks', now() "
    "from generate_series(1, :entries) t",
    "analyze",
)


def main() -> None:
    """Makes a hub of its own, then measures in a process that has its settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--departments", type=int, default=35)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.departments, chosen.entries, chosen.nights)
        return
    sizes = [f"--{name}={getattr(chosen, name)}" for name in ("departments", "entries", "nights")]
    with hub_folder("international") as (env, _source):
        command = [sys.executable, "-m", "benchmarks.bench_overview", "--inside", *sizes]
        subprocess.run(command, check=True, env=env)


def measure(departments: int, entries: int, nights: int) -> None:
    """Asks for the page as the data administrator and as a department's editor."""
    from fastapi.testclient import TestClient  # noqa: PLC0415 - the parent needs no hub and no portal

    from exchange.hub import open_hub  # noqa: PLC0415
    from portal.app import create_app  # noqa: PLC0415

    with open_hub() as hub:
        sizes = {"departments": departments, "entries": entries, "nights": nights}
        with hub.transaction() as connection:
            for statement in _FILL:
                named = {name: value for name, value in sizes.items() if f":{name}" in statement}
                connection.execute(text(statement), named)
        hub.settings.directory.mkdir(parents=True, exist_ok=True)
        cycles = {f"set{number}": "1236"[number % 4] for number in range(1, entries + 1)}
        (hub.settings.directory / "dags.json").write_text(json.dumps({"cycles": cycles, "entries": []}), "utf-8")
        app = create_app(hub)
        figures = {}
        for role, department in (("inspector", "D0001"), ("editor", "D0002")):
            client = TestClient(app, headers={"Authorization": f"Bearer {_session(hub, role, department)}"})
            assert client.get("/").status_code == 200
            figures[role] = timed(lambda asked=client: asked.get("/"))
    say("overview", target_ms=300, **sizes, **figures)


def _session(hub, role: str, department: str) -> str:
    from catalog.stores import accounts  # noqa: PLC0415
    from exchange.sessions import hash_password, sign_in  # noqa: PLC0415

    password = "Bench-2026-word"  # noqa: S105 - of a hub that is removed after the run
    facts = {"id": role, "login": role, "name": role, "department_code": department, "created_by": "bench"}
    facts |= {"password_hash": hash_password(password), "created_at": hub.clock.now()}
    with hub.transaction() as connection:
        accounts.add(connection, facts, (role,))
    return sign_in(hub, role, password, None, channel="api", address=None)[0]


def timed(ask, times: int = 30) -> dict[str, float]:
    """Asks several times; returns the middle and the slowest in milliseconds, and the portal's own CPU time."""
    taken, worked = [], []
    for _ in range(times):
        begun, cpu = time.perf_counter(), time.process_time()
        ask()
        taken.append((time.perf_counter() - begun) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
    spent = {"p50_ms": statistics.median(taken), "max_ms": max(taken), "cpu_ms": statistics.median(worked)}
    return {name: round(value, 1) for name, value in spent.items()}


if __name__ == "__main__":
    main()
