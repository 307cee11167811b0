"""A hub with one published dataset, made once and copied for each test; consumers' databases and folders."""

import shutil
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql as psql
from sqlalchemy import text

from exchange import connections, entries, sync
from exchange.access import Actor
from exchange.delivery.subscriptions import NewSubscription, subscribe
from exchange.hub import open_hub
from exchange.settings import Settings
from tests.connectors.conftest import maria, mysql_url, postgres_url  # noqa: F401 - fixtures used here
from tests.delivery.stand_ins import CONSUMER, NUMBER, standing
from tests.exchange.small_city import Department, contract, people, table_server
from tests.quiet_suite import without_gx

ADMIN = Actor("tester", frozenset({"administrator"}))


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self):
        self.moment = datetime(2026, 11, 22, 2, tzinfo=UTC)

    def now(self):
        """Returns the moment that the test has set."""
        return self.moment

    def forward(self, **span):
        """Moves the clock on."""
        self.moment += timedelta(**span)


class World:
    """A hub whose dataset `person` has 40 people, and its department."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.name = f"delivery_{uuid.uuid4().hex[:8]}"
        self._create(self.name, "migrated")
        self._create(self.name + "_dept", "template0")
        department = Department(cluster.url(self.name + "_dept"))
        department.put(people(40))
        with open_hub(self.settings(folder, self.name), HandClock()) as hub:
            connections.set_connection(hub, ADMIN, "police", department.url)
            entries.apply(hub, ADMIN, contract(server=table_server()), "person", publish=True)
            with hub.transaction() as connection:
                connection.execute(
                    text("insert into hub.departments (code, name, created_at) values (:c, '示例市民政局', now())"),
                    {"c": CONSUMER},
                )
            sync.run(hub, ADMIN, "person")

    def settings(self, folder, database):
        """Returns the settings of a hub."""
        return Settings(
            var=folder / "var",
            database_url=self.cluster.url(database),
            workers=1,
            batch_rows=1000,
            dags_file=folder / "dags.py",
        )

    def _create(self, name, template):
        command = psql.SQL("create database {} template {}").format(psql.Identifier(name), psql.Identifier(template))
        with self.cluster.connect() as server:
            server.execute(command)

    @contextmanager
    def copy(self, folder):
        """Copies the hub and its department; yields settings and department."""
        name = f"{self.name}_{uuid.uuid4().hex[:8]}"
        for suffix in ("", "_dept"):
            self._create(name + suffix, self.name + suffix)
        shutil.copytree(self.folder / "var", folder / "var")
        try:
            yield self.settings(folder, name), Known(self.cluster.url(name + "_dept"))
        finally:
            for suffix in ("", "_dept"):
                self.drop(name + suffix)

    def drop(self, name):
        """Drops a database."""
        with self.cluster.connect() as server:
            server.execute(psql.SQL("drop database if exists {} with (force)").format(psql.Identifier(name)))


class Known(Department):
    """A department whose tables are there already."""

    def __init__(self, url):
        self.url = url


@pytest.fixture(autouse=True)
def no_gx(monkeypatch):
    """Keeps GX (seconds to import) out."""
    without_gx(monkeypatch)


@pytest.fixture(scope="session")
def world(cluster, _template, tmp_path_factory):
    """The world that is copied."""
    with pytest.MonkeyPatch.context() as patch:
        without_gx(patch)
        made = World(cluster, tmp_path_factory.mktemp("delivery"))
    yield made
    for suffix in ("", "_dept"):
        made.drop(made.name + suffix)


@pytest.fixture
def clock():
    """A clock at 2026-11-22 10:00 in Beijing."""
    return HandClock()


@pytest.fixture
def copied(world, tmp_path):
    """Settings of a copied hub, and its department."""
    with world.copy(tmp_path) as (settings, department):
        yield settings, department


@pytest.fixture
def hub(copied, clock):
    """An open copied hub with the person dataset."""
    settings, department = copied
    with open_hub(settings, clock) as opened:
        connections.set_connection(opened, ADMIN, "police", department.url)
        yield opened


@pytest.fixture
def police(copied):
    """The department of the copied hub."""
    return copied[1]


@pytest.fixture
def publish(hub, clock):
    """Publishes what the department holds now."""

    def work():
        clock.forward(hours=1)
        return sync.run(hub, ADMIN, "person")

    return work


@pytest.fixture
def to_folder(hub, tmp_path):
    """Subscribes to a folder; returns the subscription's id and the folder."""

    def work(chosen=None, **facts):
        folder = tmp_path / "inbox"
        folder.mkdir(exist_ok=True)
        new = NewSubscription("person", NUMBER, CONSUMER, "folder", str(folder), {"receipt": "none"} | facts)
        return subscribe(hub, ADMIN, new, grants=chosen or standing()).id, folder

    return work
