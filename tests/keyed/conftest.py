"""A city whose police provide a synced register of people to an office that verifies and looks up by key."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from catalog.stores import departments
from catalog.stores import grants as grant_store
from exchange import entries, sync
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.keyed.state import KeyedState
from exchange.keyed.why import MachineActor, Why
from exchange.settings import Settings
from schemas.grants import GrantedItem, Predicate, Quota, RowFilter
from schemas.sharing import Terms, terms_json
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN, HandClock
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, write_csv
from tests.quiet_suite import without_gx

CONSUMER = "11620400XX00B0031G"
AUTHORITY = "11620400XX00C0014G"
OTHER = "11620400XX00D0022G"
PEOPLE = people(40)


def person(name, role, code, **more):
    """Makes an actor."""
    return Actor(name, frozenset({role}), code, "portal", title=name, region="6204", **more)


WINDOW = person("窗口三号", "window", CONSUMER)
HEAD = person("office_admin", "dept_admin", CONSUMER)
CHIEF = person("chief", "data_admin", AUTHORITY)
GUARD = person("guard", "security_admin", AUTHORITY)
STRANGER = person("stranger", "window", OTHER)
WAYS = ("lookup", "reuse", "verify", "compare", "subscription")
MACHINE = MachineActor("mc-test", frozenset({"window"}), CONSUMER, "api", account="mc-test", ways=frozenset(WAYS))


def why(**changes):
    """Says why a person at a window asks."""
    return Why(**{"purpose": "basis", "case_no": "BJ-2026-000123"} | changes)


def machine_why(number, **changes):
    """Says why a system asks."""
    return why(request_id=f"request-{number:06d}", handler="李经办", window="综合三号", **changes)


@pytest.fixture(scope="session")
def whole_city(cluster, _template, tmp_path_factory):
    """A hub with a synced register `person` and one that nothing was synced of yet, `empty`."""
    folder = tmp_path_factory.mktemp("keyed")
    with contextmanager(_fresh)(cluster, _template) as url:
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        hand = HandClock()
        with open_hub(chosen, hand) as hub:
            with pytest.MonkeyPatch.context() as patched:
                without_gx(patched)
                _fill(hub, folder)
            yield hub


def _fill(hub, folder):
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        names = {PROVIDER: "示例市公安局", CONSUMER: "示例市人社局", AUTHORITY: "示例市大数据局", OTHER: "示例市文旅局"}
        for code, name in names.items():
            departments.save(connection, code, name, hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    publish(hub, folder, "person")
    entries.apply(hub, ADMIN, contract("empty", server=csv_server(folder / "none.csv")), "b", publish=True)


def publish(hub, folder, dataset):
    """Publishes a register of the people."""
    write_csv(folder / f"{dataset}.csv", PEOPLE)
    entries.apply(hub, ADMIN, contract(dataset, server=csv_server(folder / f"{dataset}.csv")), "a", publish=True)
    assert sync.run(hub, ADMIN, dataset).state == "published"


@pytest.fixture(scope="session")
def second_register(whole_city, tmp_path_factory):
    """A second register of the same people, `resident`."""
    with pytest.MonkeyPatch.context() as patched:
        without_gx(patched)
        publish(whole_city, tmp_path_factory.mktemp("second"), "resident")


class Rehearsal:
    """Stands in for an engine: every transaction is a savepoint of one that is never committed."""

    def __init__(self, connection):
        self.connection = connection

    @contextmanager
    def begin(self):
        """Opens a savepoint."""
        with self.connection.begin_nested():
            yield self.connection

    connect = begin


@pytest.fixture
def city(whole_city):
    """The city for one test: what the test does is undone after it; nothing looked up is kept."""
    with whole_city.engine.connect() as connection, connection.begin() as whole:
        one = Rehearsal(connection)
        afresh = {"clock": HandClock(), "keyed": KeyedState(seconds=0), "closing": {}}
        yield replace(whole_city, engine=one, statement_engine=one, **afresh)
        whole.rollback()


PLAIN = {"citizen_id": "masked", "name": "plain", "sex_code": "plain", "birth_date": "plain"}


def give(hub, dataset="person", states=None, comparisons=("=",), number="GX-1", **changes):
    """Puts a grant in force, as an approved request would."""
    items = tuple(
        GrantedItem(name, state, comparisons=comparisons if state == "condition" else ())
        for name, state in (states or PLAIN).items()
    )
    facts = {
        "items": items, "rows": RowFilter(), "purposes": ("basis", "checking"), "ways": WAYS,
        "ends": date(2027, 11, 22), "quota": Quota(keys_a_day=1000),
    }  # fmt: skip
    terms = Terms(**facts | changes)
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with hub.transaction() as connection:
        connection.execute(
            text(
                "insert into hub.share_requests (number, dataset, entry_version, consumer, provider, share_type, stage,"
                " content, created_by, created_at, updated_at)"
                " values (:n, :d, 1, :c, :p, 1, 'active', '{}', 'x', :t, :t)"
            ),
            {"n": f"R-{number}", "d": dataset, "c": CONSUMER, "p": PROVIDER, "t": now},
        )
        grant_store.add(connection, {
            "number": number, "request": f"R-{number}", "dataset": dataset, "entry_version": 1, "consumer": CONSUMER,
            "provider": PROVIDER, "terms": terms_json(terms), "valid_from": now,
            "valid_until": now + timedelta(days=365), "state": "active", "created_at": now,
        })  # fmt: skip


def events(hub, **where):
    """Lists the events of the log, newest last."""
    with hub.transaction() as connection:
        rows = connection.execute(text("select * from hub.audit_events order by seq")).mappings().all()
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def log_text(hub):
    """Returns the whole log as text."""
    with hub.transaction() as connection:
        return json.dumps([dict(row) for row in connection.execute(text("select * from hub.audit_events")).mappings()],
                          default=str, ensure_ascii=False)  # fmt: skip


__all__ = ["Predicate", "RowFilter"]
