"""One hub a session with four datasets of a small generated city, used by the command line alone."""

from collections.abc import Iterator

import pytest

from examples import city
from examples.city import City
from runtime.postgres import Cluster
from tests.attack import city_hub
from tests.attack.city_hub import Shuqiao
from tests.granted import grant, opened

DATASETS = ("population", "legal_entity", "marriage", "subsidy_payment")


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """Names the test process."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "main"))


@pytest.fixture(scope="session")
def town(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, worker: str) -> Iterator[City]:
    """The generated city of the command line's tests."""
    with city_hub.departments(cluster, tmp_path_factory.mktemp("cli_town"), f"cli_{worker}_") as made:
        yield made


@pytest.fixture(scope="session")
def hub(cluster: Cluster, _template: str, town: City, tmp_path_factory: pytest.TempPathFactory,
        worker: str) -> Iterator[Shuqiao]:  # fmt: skip
    """The command line of a hub that has published the four datasets once."""
    name = f"cli_hub_{worker}"
    with cluster.connect() as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name} TEMPLATE {_template}")
    run = city_hub.shuqiao(tmp_path_factory.mktemp("cli_hub"), cluster.url(name))
    city_hub.register(run, city_hub.connection_urls(cluster, town), [city.CONTRACTS[each] for each in DATASETS])
    for dataset in DATASETS:
        run.ok("sync", "run", dataset)
    with opened(run) as made:
        grant(made, *DATASETS)
    yield run
    with cluster.connect() as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
