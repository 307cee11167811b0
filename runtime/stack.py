"""The hub's database of one clone, started or found, and what of the stack runs. Stops nothing."""

import sys

from exchange.auditing import sealing
from exchange.settings import Settings
from runtime import places, processes
from runtime.places import Places
from runtime.postgres import Cluster

#: Role and database of the hub in the embedded server.
HUB = "hub"


def hub_cluster(settings: Settings) -> Cluster:
    """Returns the cluster of the hub and of Airflow's metadata."""
    where = Places(settings.var)
    return Cluster(where.var / "postgres", where.run, where.secrets)


def start_database(settings: Settings) -> Cluster:
    """Starts or finds the server and makes the hub's database; records its URL in var/run/postgres.json."""
    where = Places(settings.var)
    where.prepare()
    cluster = hub_cluster(settings)
    cluster.start()
    url = cluster.ensure_database(HUB, HUB)
    record = where.run / "postgres.json"
    places.write_json(record, {**places.read_json(record), "url": url})
    return cluster


def guard_log(settings: Settings) -> None:
    """Gives the audit log of the embedded database to a role that nobody logs in as; the hub may read and add."""
    if settings.database_url is None:
        sealing.separate(hub_cluster(settings).url(HUB), HUB)


def database(settings: Settings) -> int:
    """Starts or finds the embedded PostgreSQL and leaves it running."""
    start_database(settings)
    sys.stdout.write(f"内置数据库已就绪（database ready）：{settings.var / 'run' / 'postgres.json'}\n")
    return 0


def status(settings: Settings) -> int:
    """Says what runs."""
    where = Places(settings.var)
    server = hub_cluster(settings).find()
    says = "未运行（not running）" if server is None else f"运行中（running），进程 {server.pid}，端口 {server.port}"
    sys.stdout.write(f"PostgreSQL：{says}\n")
    record = places.read_json(where.run / "airflow.json")
    for part in ("api-server", "scheduler", "dag-processor"):
        alive = processes.find(record.get("parts", {}).get(part, {})) is not None
        says = f"运行中（running），http://127.0.0.1:{record.get('port')}" if alive else "未运行（not running）"
        sys.stdout.write(f"Airflow {part}：{says}\n")
    record = places.read_json(where.run / "portal.json")
    alive = processes.find(record) is not None
    says = f"运行中（running），http://127.0.0.1:{record.get('port')}" if alive else "未运行（not running）"
    sys.stdout.write(f"门户 portal：{says}\n")
    return 0
