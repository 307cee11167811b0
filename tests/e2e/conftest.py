"""One story told once: a large city is synced, has a day of changes, is synced again, and a week later compared."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from examples import changes, city, databases
from examples.answers import ROW_ITEM
from examples.city import City, Server
from examples.planting import Plan
from examples.tables import Sizes
from exchange import connections, entries, quarantine, sync
from exchange.access import Actor
from exchange.hub import Hub, open_hub
from exchange.quarantine import QuarantineRow
from exchange.runs import RunView
from exchange.settings import Settings
from runtime.postgres import Cluster
from tests.e2e import sources
from tests.reading import select

ADMIN = Actor("tester", frozenset({"administrator"}))
#: A tenth to a fifth of the rows is planted, so that twenty of each kind need few clean ones; the entries are told so.
#: Population and deaths need more rows: some of their kinds fit few.
PLAN = Plan(min_per_kind=20, largest_share=0.2)
SIZES = Sizes(14_000, 1, 1, 1, 1, 13_000)
THRESHOLDS = "  - {property: thresholds, value: {rejectRatio: 0.5}}\n"
FIRST, SECOND, LATER = (datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in ((20, 2), (21, 12), (22, 0)))


class HandClock:
    """A clock that the story moves."""

    moment = FIRST

    def now(self) -> datetime:
        """Returns the moment of the story."""
        return self.moment


@dataclass
class Chapter:
    """What one sync of a dataset did, and what was published and in the source when it ended."""

    run: RunView
    rejected: list[QuarantineRow]
    rows: list[dict[str, Any]]
    source: list[dict[str, Any]]


@dataclass
class Story:
    """The city, its hub, and the chapters of each dataset: first sync, after the day of changes, comparison."""

    made: City = field(repr=False)
    hub: Hub = field(repr=False)
    chapters: dict[str, list[Chapter]] = field(
        default_factory=lambda: {dataset: [] for dataset in city.CONTRACTS}, repr=False
    )

    def answers(self, dataset: str, day: int) -> list[dict[str, Any]]:
        """Gives what is planted in what a dataset has given up to a day: files are read anew, databases go on."""
        days = range(day + 1) if dataset in city.DATABASES else [day]
        return [answer for each in days for answer in self.made.answers(each) if answer["dataset"] == dataset]

    def rejected(self, dataset: str, day: int) -> list[QuarantineRow]:
        """Gives the rejected rows that belong to `answers`."""
        chapters = self.chapters[dataset][: day + 1] if dataset in city.DATABASES else [self.chapters[dataset][day]]
        return [row for chapter in chapters for row in chapter.rejected]


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tells the story up to its end; the tests look at what happened."""
    clock, folder = HandClock(), tmp_path_factory.mktemp("e2e")
    with _server(cluster) as (server, hub_url):
        made = city.generate(folder / "city", seed=11, sizes=SIZES, plan=PLAN, server=server)
        settings = Settings(var=folder / "var", database_url=hub_url, workers=1, dags_file=folder / "dags.py")
        with open_hub(settings, clock) as hub:
            told = Story(made, hub)
            _register(hub, made, server)
            _tell(told, server)
            changes.apply(made.folder, server=server, at=datetime(2026, 11, 21, 8))  # noqa: DTZ001 - Beijing time
            clock.moment = SECOND
            _tell(told, server)
            clock.moment = LATER
            _tell(told, server, mode="snapshot")
            yield told


@contextmanager
def _server(cluster: Cluster) -> Iterator[tuple[Server, str]]:
    mark = uuid.uuid4().hex[:8]
    server = Server(cluster.url("postgres"), (f"reader_{mark}", "a pass:word/"), f"e{mark}_")
    name = sql.Identifier(f"hub_{mark}")
    with cluster.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield server, cluster.url(f"hub_{mark}")
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    databases.drop_databases(server.url, city.database_names(server.prefix))


def _register(hub: Hub, made: City, server: Server) -> None:
    for name, url in city.connections(made.folder, server.reader_url(), server.prefix).items():
        connections.set_connection(hub, ADMIN, name, url)
    for dataset, path in city.CONTRACTS.items():
        text = path.read_text(encoding="utf-8") + THRESHOLDS
        assert entries.apply(hub, ADMIN, text, path.name, publish=True).dataset == dataset


def _tell(told: Story, server: Server, mode: str | None = None) -> None:
    for dataset in city.CONTRACTS:
        run = sync.run(told.hub, ADMIN, dataset, mode=mode)
        assert (run.state, run.hold_reasons) == ("published", ()), dataset
        rejected = list(quarantine.show(told.hub, ADMIN, run.run_id))
        source = sources.read(dataset, Path(told.made.folder), server.url, server.prefix)
        told.chapters[dataset].append(Chapter(run, rejected, _rows(told.hub, dataset), source))


def _rows(hub: Hub, dataset: str) -> list[dict[str, Any]]:
    names = ", ".join(sources.items(dataset))
    return select(hub, f"SELECT {names}, flags FROM {dataset} ORDER BY {ROW_ITEM[dataset]}")
