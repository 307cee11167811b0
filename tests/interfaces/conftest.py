"""A small city with a provider's REST interface attached to an entry, and a department that holds a grant for it."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries
from exchange.hub import open_hub
from exchange.interfaces import attaching, testing
from exchange.interfaces.attaching import Connection
from exchange.settings import Settings
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.openapi.mapping import FromItem, Mapped, ToItem
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER, citizen_id
from tests.interfaces.provider import SECRET, TEXT, running
from tests.quiet_suite import without_gx
from tests.sharing.conftest import (
    AUTHORITY,
    CHIEF,
    CONDITIONAL,
    CONSUMER,
    EDITOR,
    OTHER,
    Rehearsal,
    granted,
    monday,
    person,
    terms,
    written,
)

DATASET = "pension"
ASKER = person("window_one", "window", CONSUMER)
MAPPED = Mapped(
    (FromItem("id", "path", item="citizen_id"),),
    "data.rows",
    (
        ToItem("citizen_id", "gmsfhm"),
        ToItem("name", "xm"),
        ToItem("sex_code", "xb"),
        ToItem("birth_date", "birth.day"),
        ToItem("area_code", "/xzqh"),
    ),
)
STATES = {"citizen_id": "condition", "name": "masked", "sex_code": "plain", "birth_date": "plain"}
SAMPLE = {"citizen_id": citizen_id(7)}


@pytest.fixture(scope="session")
def system():
    """The provider's system and its address."""
    with running() as found:
        yield found


@pytest.fixture
def provider(system):
    """The provider's system, telling the truth."""
    system[0].reset()
    return system[0]


@pytest.fixture(scope="module")
def whole(cluster, _template, tmp_path_factory, system):
    """A hub in which the interface is in use and granted."""
    folder = tmp_path_factory.mktemp("interfaces")
    with contextmanager(_fresh)(cluster, _template) as url, pytest.MonkeyPatch.context() as patched:
        without_gx(patched)
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        with open_hub(chosen, monday()) as hub:
            _fill(hub)
            system[0].reset()
            attach(hub, system[1])
            yield hub


def _fill(hub):
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        names = {PROVIDER: "示例市公安局", CONSUMER: "示例市人社局", AUTHORITY: "示例市大数据局", OTHER: "示例市文旅局"}
        for code, name in names.items():
            departments.save(connection, code, name, hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    contract = written(DATASET, region=True, share_mode="3", **CONDITIONAL)
    entries.apply(hub, ADMIN, contract, "a", publish=True)


def attach(hub, url):
    """Takes the interface from its description to its use."""
    attaching.describe(hub, EDITOR, DATASET, TEXT)
    attaching.map_interface(hub, EDITOR, DATASET, "GET /pensions/{id}", MAPPED)
    attaching.connect(hub, ADMIN, DATASET, Connection(url, "api_key", "X-API-Key", SECRET))
    attaching.allow(hub, ADMIN, DATASET, True, True)
    attaching.set_sample(hub, EDITOR, DATASET, SAMPLE)
    tested = testing.run_test(hub, EDITOR, DATASET)
    assert tested.test["passed"], tested.test
    attaching.submit(hub, EDITOR, DATASET)
    assert attaching.decide(hub, CHIEF, DATASET, True, "").state == "active"


def grant(hub, **changes):
    """Grants the interface to the consumer."""
    states = changes.pop("states", STATES)
    items = tuple(GrantedItem(name, state) for name, state in states.items())
    facts = {
        "items": items,
        "ways": ("interface",),
        "quota": Quota(keys_a_day=1000),
        "rows": RowFilter("area_code", ("6204",)),
    }
    return granted(hub, DATASET, terms(**facts | changes))


@pytest.fixture
def city(whole, provider):
    """The city for one test: what the test does is undone after it."""
    with whole.engine.connect() as connection, connection.begin() as undone:
        one = Rehearsal(connection)
        yield replace(whole, engine=one, statement_engine=one, clock=monday())
        undone.rollback()


@pytest.fixture
def open_city(city):
    """The city with a grant."""
    grant(city)
    return city
