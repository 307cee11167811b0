"""A small city for sharing: the police provide a register of people, an office asks, the authority checks."""

import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from types import ModuleType

import pytest
import yaml
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.settings import Settings
from exchange.sharing import decisions, requests
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.sharing import Content, Terms
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN, HandClock
from tests.exchange.small_city import PROVIDER, contract, csv_server

CONSUMER = "11620400XX00B0031G"
AUTHORITY = "11620400XX00C0014G"
OTHER = "11620400XX00D0022G"


def person(name, role, code, **more):
    """Makes an actor."""
    return Actor(name, frozenset({role}), code, "portal", title=name, region="6204", **more)


ANALYST = person("asker", "analyst", CONSUMER)
OWN_REVIEWER = person("own_head", "dept_reviewer", CONSUMER)
CHIEF = person("chief", "data_admin", AUTHORITY)
EDITOR = person("police_editor", "editor", PROVIDER)
HEAD = person("police_head", "dept_reviewer", PROVIDER)
GUARD = person("guard", "security_admin", AUTHORITY)
STRANGER = person("stranger", "dept_reviewer", OTHER)
REASON = "内容与申请的职责不相符，请核对"
NOTICE = "已于本月与需求部门电话协商一致"


@pytest.fixture(autouse=True)
def no_gx(monkeypatch):
    """Keeps GX (seconds to import) out: no suite is looked at here."""
    fake = ModuleType("quality.suite")
    fake.compile_suite = lambda entry: {"name": entry.dataset, "expectations": []}
    monkeypatch.setitem(sys.modules, "quality.suite", fake)


def monday():
    """Makes a clock at 2026-11-23 10:00 in Beijing, a Monday."""
    hand = HandClock()
    hand.forward(days=1)
    return hand


def written(dataset="person", *, region=False, types=(), **changes):
    """Writes a contract without an attachment; `types` gives items a share type of their own."""
    document = yaml.safe_load(contract(dataset, server=csv_server("/nowhere"), **changes))
    del document["servers"]
    items = document["schema"][0]["properties"]
    if region:
        items.append(
            {
                "name": "area_code", "physicalName": "xzqh", "businessName": "行政区划代码", "physicalType": "C",
                "classification": "S1", "logicalType": "string", "logicalTypeOptions": {"maxLength": 6},
                "customProperties": [{"property": "kind", "value": "region"},
                                     {"property": "codeSet", "value": "gbt2260_any"}],
            }
        )  # fmt: skip
    for item in items:
        if item["name"] in dict(types):
            item["customProperties"].append({"property": "shareType", "value": dict(types)[item["name"]]})
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


CONDITIONAL = {"share_type": 2, "share_scope": "全市", "share_condition": "业务协同"}


class Rehearsal:
    """Stands in for an engine: every transaction is a savepoint of one that is never committed."""

    def __init__(self, connection):
        self.connection = connection

    @contextmanager
    def begin(self):
        """Opens a savepoint."""
        with self.connection.begin_nested():
            yield self.connection


@pytest.fixture(scope="module")
def whole_city(cluster, _template, tmp_path_factory):
    """A hub with four departments and an entry of type 1 (`person`) and one of type 2 (`wage`) in force."""
    folder = tmp_path_factory.mktemp("sharing")
    with contextmanager(_fresh)(cluster, _template) as url, pytest.MonkeyPatch.context() as patched:
        fake = ModuleType("quality.suite")
        fake.compile_suite = lambda entry: {"name": entry.dataset, "expectations": []}
        patched.setitem(sys.modules, "quality.suite", fake)
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        with open_hub(chosen, monday()) as hub:
            _fill(hub)
            yield hub


def _fill(hub):
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        names = {PROVIDER: "示例市公安局", CONSUMER: "示例市人社局", AUTHORITY: "示例市大数据局", OTHER: "示例市文旅局"}
        for code, name in names.items():
            departments.save(connection, code, name, hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    entries.apply(hub, ADMIN, written("person"), "a", publish=True)
    entries.apply(hub, ADMIN, written("wage", **CONDITIONAL), "b", publish=True)


@pytest.fixture
def city(whole_city):
    """The city for one test: what the test does is undone after it."""
    with whole_city.engine.connect() as connection, connection.begin() as whole:
        yield replace(whole_city, engine=Rehearsal(connection), clock=monday())
        whole.rollback()


def terms(*, states=None, **changes):
    """Makes the terms of a small request: sex in plain, the number as condition, for look-up."""
    states = states or {"sex_code": "plain", "citizen_id": "condition"}
    items = tuple(GrantedItem(name, state) for name, state in states.items())
    facts = {
        "items": items, "rows": RowFilter(), "purposes": ("basis",), "ways": ("lookup",), "ends": date(2027, 11, 22),
        "quota": Quota(keys_a_day=1000, rows_an_export=500),
    }  # fmt: skip
    return Terms(**facts | changes)


def content(dataset="person", asked=None, **changes):
    """Makes a complete request."""
    facts = {
        "legal_basis": "《社会保险法》第七十四条", "scenario": "办理养老保险待遇资格认证时核对参保人的性别",
        "security": "专人使用，只在政务外网内查询，不留存", "responsible": "王某某", "phone": "0943-8220000",
    }  # fmt: skip
    return Content(dataset, asked or terms(), **facts | changes)


def sent(hub, dataset="wage", asked=None, **changes):
    """Drafts, submits and sends a request; returns where it stands."""
    number = requests.draft(hub, ANALYST, content(dataset, asked, **changes)).number
    requests.submit(hub, ANALYST, number)
    return requests.send(hub, OWN_REVIEWER, number)


def granted(hub, dataset="wage", asked=None, **changes):
    """Takes a request of type 2 up to its grant; returns where it stands."""
    number = sent(hub, dataset, asked, **changes).number
    decisions.pass_on(hub, CHIEF, number)
    return decisions.approve(hub, HEAD, number)
