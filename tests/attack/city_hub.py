"""A small generated city beside a hub of its own: departments in one server, the hub wherever the test wants it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

from typer.testing import CliRunner, Result

from cli.main import app
from examples import city, databases
from examples.planting import Plan
from examples.tables import Sizes
from runtime.postgres import Cluster

DATASETS = tuple(city.CONTRACTS)
READER = ("attack_reader", "Zx9-Reader-Secret")
#: Few enough to be quick, enough for every kind of defect in its most likely place.
SMALL = Sizes(population=300, legal_entities=300, licences=300, subsidy_people=25, marriages=300, deaths=300)


@dataclass(frozen=True)
class Shuqiao:
    """The command line over one hub."""

    env: Mapping[str, str]

    def __call__(self, *arguments: object, input: str | None = None) -> Result:  # noqa: A002 - the runner's own name
        """Runs one command as at a terminal; standard output and standard error apart."""
        return CliRunner().invoke(app, [str(each) for each in arguments], input=input, env=dict(self.env))

    def ok(self, *arguments: object, input: str | None = None) -> Result:  # noqa: A002
        """Runs one command that must succeed."""
        done = self(*arguments, input=input)
        assert done.exit_code == 0, (arguments, done.stderr, done.stdout, done.exception)
        return done

    @property
    def var(self) -> Path:
        """The hub's folder."""
        return Path(self.env["SHUQIAO_VAR"])


def shuqiao(folder: Path, database_url: str, **settings: object) -> Shuqiao:
    """Gives the command line of a new hub under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dags.py").touch()
    env = {
        "SHUQIAO_VAR": str(folder / "var"),
        "SHUQIAO_DATABASE_URL": database_url,
        "SHUQIAO_DAGS_FILE": str(folder / "dags.py"),
        "SHUQIAO_WORKERS": "1",
    }
    return Shuqiao(env | {f"SHUQIAO_{name.upper()}": str(value) for name, value in settings.items()})


@contextmanager
def without_gx() -> Iterator[None]:
    """Keeps GX, seconds to import, out of publishing: no sync needs the suite."""
    fake = ModuleType("quality.suite")
    fake.compile_suite = lambda entry: {"name": entry.dataset, "expectations": []}  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, {"quality.suite": fake}):
        yield


@contextmanager
def departments(cluster: Cluster, folder: Path, prefix: str) -> Iterator[city.City]:
    """Generates the city into the server of the departments and takes its databases away afterwards."""
    url = databases.plain_url(cluster.url("postgres"))
    server = city.Server(url, READER, prefix)
    try:
        yield city.generate(folder, seed=11, sizes=SMALL, plan=Plan(defect_ratio=0.03), server=server)
    finally:
        databases.drop_databases(url, city.database_names(prefix))


def connection_urls(cluster: Cluster, made: city.City) -> dict[str, str]:
    """Gives the URL of every connection as a department hands it to the hub."""
    reader = databases.with_account(databases.plain_url(cluster.url("postgres")), *READER)
    return city.connections(made.folder, reader, made.prefix)


def register(run: Shuqiao, urls: Mapping[str, str], contracts: list[Path] | None = None) -> None:
    """Registers the connections and publishes the entries by the command line."""
    for name, url in urls.items():
        run.ok("connection", "set", name, "-", input=url + "\n")
    with without_gx():
        run.ok("entry", "apply", "--publish", *(contracts or sorted(city.CONTRACTS.values())))


def sync_all(run: Shuqiao) -> None:
    """Syncs every dataset of the city."""
    for dataset in DATASETS:
        run.ok("sync", "run", dataset, "--json")
