"""Fixtures of the example city's tests."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import city, databases
from examples.city import City, Server
from examples.planting import Plan
from examples.tables import Sizes
from runtime.postgres import Cluster

SMALL = Sizes(population=3000, legal_entities=1500, licences=1500, subsidy_people=120, marriages=1500, deaths=1000)


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    """The departments' server, with names of its own so that workers do not meet."""
    mark = uuid.uuid4().hex[:8]
    made = Server(cluster.url("postgres"), (f"reader_{mark}", "a pass:word/"), f"t{mark}_")
    yield made
    databases.drop_databases(made.url, city.database_names(made.prefix))


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory, server: Server) -> City:
    """A small city, all sources, with a few rows of each kind."""
    folder: Path = tmp_path_factory.mktemp("银桥 市")
    return city.generate(folder, seed=3, sizes=SMALL, plan=Plan(0.04, 0.04), server=server)
