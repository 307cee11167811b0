"""The city's departments and a database server for attacked hubs: one of each a session, apart from each other."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.city import City
from runtime.postgres import Cluster
from runtime.server_user import footing
from tests.attack import city_hub
from tests.attack.desk import publish
from tests.exchange.small_city import people, write_csv
from tests.granted import grant, opened

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


@pytest.fixture(scope="session")
def town(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, worker_id_or_main: str) -> Iterator[City]:
    """The generated city, in databases of its own at the departments' server."""
    with city_hub.departments(cluster, tmp_path_factory.mktemp("town"), f"attack_{worker_id_or_main}_") as made:
        yield made


@pytest.fixture(scope="session")
def worker_id_or_main(request: pytest.FixtureRequest) -> str:
    """Names the test process."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "main"))


@pytest.fixture(scope="session")
def vault(cluster: Cluster, worker_id_or_main: str) -> Iterator[Cluster]:
    """A database server with the settings of a hub's own, which no department uses: all of it is scanned."""
    folder = cluster.home.parent / f"vault-{worker_id_or_main}"
    for name in ("run", "secrets"):
        (folder / name).mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.chmod(0o711)
    server = Cluster(folder / "postgres", folder / "run", folder / "secrets", settings=_QUICK)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a department's files, with a blank and Chinese characters in its name."""
    made = tmp_path_factory.mktemp("bad") / "部门 文件"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def desk(cluster: Cluster, _template: str, folder: Path, worker_id_or_main: str) -> Iterator[city_hub.Shuqiao]:
    """The command line of a hub with a dataset `person` of 200 rows; a refused command changes nothing of it."""
    name = f"desk_{worker_id_or_main}"
    with cluster.connect() as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name} TEMPLATE {_template}")
    run = city_hub.shuqiao(folder.parent, cluster.url(name), query_seconds=2)
    run.ok("connection", "set", "files", folder)
    write_csv(folder / "人口 名册.csv", people(200))
    publish(run, folder, "person", location="人口 名册.csv")
    run.ok("sync", "run", "person")
    with opened(run) as hub:
        grant(hub, "person")
    yield run
    with cluster.connect() as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def data_of(server: Cluster) -> list[Path]:
    """Names the folders that hold all a server writes: its data directory and its log."""
    return [footing(server.home).data, server.run_dir.parent / "log"]
