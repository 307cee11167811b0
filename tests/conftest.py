"""One embedded PostgreSQL for the whole test session, shared by all workers; a fresh database for each test."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from runtime import locks, places, processes
from runtime.postgres import Cluster, Server
from schemas.errors import HubError
from tests.real_airflow import session_folder, stack  # noqa: F401 - fixtures of every folder

_HOME = Path(tempfile.gettempdir()) / f"shuqiao-tests-{os.geteuid()}"
#: Longer bytes than these are a file.
_SHORT = 60
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "60s"}


def pytest_configure(config: pytest.Config) -> None:
    """Gives the session a folder that its workers find through the environment they inherit."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        _HOME.mkdir(mode=0o711, exist_ok=True)
        _sweep()
        folder = _HOME / uuid.uuid4().hex[:8]
        folder.mkdir(mode=0o711)
        places.write_json(folder / "owner.json", processes.record(os.getpid()).as_json())
        os.environ["SHUQIAO_TEST_SESSION"] = str(folder)  # noqa: TID251
        config.stash[_FOLDER] = folder


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names files as such: a workbook carries the time of its making, and workers must agree on each name."""
    return "file" if isinstance(val, bytes) and len(val) > _SHORT else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the session's server, when all workers have ended."""
    folder = config.stash.get(_FOLDER, None)
    if folder is not None:
        _remove(folder)


_FOLDER = pytest.StashKey[Path]()


def _sweep() -> None:
    """Ends the servers of sessions that were killed."""
    for folder in _HOME.iterdir():
        if (folder / "owner.json").exists() and processes.find(places.read_json(folder / "owner.json")) is None:
            with suppress(HubError):  # another session is at it
                _remove(folder)


def _remove(folder: Path) -> None:
    _cluster(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)


class _Kept(Cluster):
    """A cluster that runs for the whole session: found once, where a look costs root three processes."""

    _found: Server | None = None

    def find(self) -> Server | None:
        """Returns the running server, as it was found first."""
        self._found = self._found or super().find()
        return self._found


def _cluster(folder: Path) -> _Kept:
    for name in ("run", "secrets"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    return _Kept(folder / "postgres", folder / "run", folder / "secrets", settings=_FAST)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The session's server, started by the first test that asks for it."""
    found = _cluster(Path(os.environ["SHUQIAO_TEST_SESSION"]))  # noqa: TID251
    found.start()
    return found


@pytest.fixture(scope="session")
def _template(cluster: Cluster) -> str:
    """A migrated database that others are copied from; the migrations run once a session."""
    from catalog.migrate import upgrade  # noqa: PLC0415 - catalog is not needed by most tests

    name = "migrated"
    with locks.held(cluster.run_dir / "template.lock", wait=120, what="template"), cluster.connect() as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            server.execute("CREATE DATABASE migrating")
            upgrade(cluster.url("migrating"))
            server.execute("ALTER DATABASE migrating RENAME TO migrated")
    return name


def _fresh(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    # Copying files beats writing every block into the log, where no checkpoint waits for the disk (fsync is off).
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with cluster.connect() as server:
        server.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
    yield cluster.url(name)
    with cluster.connect() as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    """The URL of a fresh empty database, owned by its user."""
    yield from _fresh(cluster, "template0")


@pytest.fixture
def database_url(cluster: Cluster, _template: str) -> Iterator[str]:
    """The URL of a fresh database with the hub's newest schema."""
    yield from _fresh(cluster, _template)


@pytest.fixture
def database(database_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A plain connection to the migrated database, each statement its own transaction."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection
