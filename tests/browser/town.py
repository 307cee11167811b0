"""A town that shares: departments at work with requests, grants, look-ups, queries, deliveries; made and served once.

`person` is granted to nobody, so that a walk can apply for it; what pages show of sharing rests on `resident`.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date

import pytest
import yaml
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries, sync
from exchange.auditing import alerts, sealing, statements
from exchange.delivery.subscriptions import NewSubscription, subscribe
from exchange.hub import Hub, open_hub
from exchange.keyed import batch, clients, credentials, intake, operations, slips
from exchange.keyed.batch import Upload
from exchange.keyed.clients import NewClient
from exchange.keyed.why import Why
from exchange.queries import exports, running, saved
from exchange.settings import Settings
from exchange.sharing import decisions, emergency, freezes, recalls, requests
from exchange.spreadsheets import as_workbook
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.rules.book import book
from schemas.sharing import Content, Terms
from tests.auditing.conftest import AUDITOR, add
from tests.browser.conftest import Person, people_at, serve
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, write_csv
from tests.interfaces.conftest import attach
from tests.interfaces.conftest import grant as grant_interface
from tests.interfaces.provider import running as provider_running
from tests.quiet_suite import without_gx
from tests.sharing.conftest import (
    ANALYST,
    AUTHORITY,
    CHIEF,
    CONDITIONAL,
    CONSUMER,
    EDITOR,
    GUARD,
    HEAD,
    OTHER,
    OWN_REVIEWER,
    REASON,
    monday,
    person,
    written,
)

NAMES = {PROVIDER: "示例市公安局", CONSUMER: "示例市人社局", AUTHORITY: "示例市大数据局", OTHER: "示例市文旅局"}
PEOPLE = people(60)
WINDOW = person("win_three", "window", CONSUMER)
OFFICE_ADMIN = person("office_admin", "dept_admin", CONSUMER)
ITEMS = (
    GrantedItem("citizen_id", "masked"), GrantedItem("name", "plain"), GrantedItem("sex_code", "plain"),
    GrantedItem("birth_date", "condition", None, ("=", "in")),
)  # fmt: skip
WAYS = ("verify", "lookup", "reuse", "compare", "subscription", "query", "file")
ONE = PEOPLE[3]
#: From which everything of the town can be seen: role, department.
DESKS = {
    "analyst": CONSUMER, "dept_reviewer": CONSUMER, "dept_admin": CONSUMER, "window": CONSUMER, "editor": PROVIDER,
    "data_admin": AUTHORITY, "security_admin": AUTHORITY, "audit_admin": AUTHORITY, "inspector": AUTHORITY,
}  # fmt: skip


@dataclass(frozen=True)
class Town:
    """The town's hub, the address of its portal, and who begins work at a browser."""

    hub: Hub
    address: str
    begin: Callable[..., Person]

    def sit_down(self, role: str, *, login: str, department: str) -> Person:
        """Makes an account and returns its person, signed in; the departments keep their names."""
        somebody = self.begin(role, login=login, department=department)
        _name_departments(self.hub)
        return somebody


@pytest.fixture(scope="session")
def town(cluster, _template, tmp_path_factory, browser):
    """The town, served."""
    folder = tmp_path_factory.mktemp("town")
    with contextmanager(_fresh)(cluster, _template) as url:
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        with open_hub(chosen, monday()) as hub, provider_running() as system:
            with pytest.MonkeyPatch.context() as patched:
                without_gx(patched)
                fill(hub, folder, system[1])
            for address in serve(hub):
                for begin in people_at(browser, hub, address):
                    yield Town(hub, address, begin)


def fill(hub, folder, interface_url):
    """Brings the town to work."""
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
    _name_departments(hub)
    with hub.transaction() as connection:
        connection.execute(text("update hub.departments set region_code = '620400'"))
    for dataset, title in (("person", "人口基础信息"), ("resident", "常住居民信息"), ("spouse", "婚姻登记信息")):
        _publish(hub, folder, dataset, title)
    entries.apply(hub, EDITOR, written("unseen_draft"), "draft")
    number = _granted(hub, "resident", _terms())
    _granted(hub, "spouse", _terms())
    _requests(hub)
    _by_key(hub)
    _queries(hub)
    _interface(hub, interface_url)
    with hub.transaction() as connection:
        grant = connection.execute(text("select number from hub.grants where request = :r"), {"r": number}).scalar_one()
    place = ("table", "postgresql://hub:secret@10.1.2.3/front", {"table": "resident"})
    subscribe(hub, OFFICE_ADMIN, NewSubscription("resident", grant, CONSUMER, *place))
    _guards(hub)


def _name_departments(hub):
    with hub.transaction() as connection:
        for code, name in NAMES.items():
            departments.save(connection, code, name, hub.clock.now())


def _publish(hub, folder, dataset, title):
    write_csv(folder / f"{dataset}.csv", PEOPLE)
    document = yaml.safe_load(contract(dataset, server=csv_server(folder / f"{dataset}.csv"), **CONDITIONAL))
    document["name"] = title
    entries.apply(hub, ADMIN, yaml.safe_dump(document, allow_unicode=True), dataset, publish=True)
    assert sync.run(hub, ADMIN, dataset).state == "published"


def _terms(**changes):
    facts = {
        "items": ITEMS, "rows": RowFilter(), "purposes": ("basis", "checking"), "ways": WAYS,
        "ends": date(2027, 11, 20), "quota": Quota(keys_a_day=1000, rows_an_export=20),
        "provider_reviews_exports": True,
    }  # fmt: skip
    return Terms(**facts | changes)


def _drafted(hub, dataset, terms):
    content = Content(
        dataset, terms, legal_basis="《社会保险法》第七十四条", scenario="办理养老保险待遇资格认证时核对参保人的信息",
        security="专人使用，只在政务外网内查询，不留存", responsible="王某某", phone="0943-8220000",
    )  # fmt: skip
    return requests.draft(hub, ANALYST, content).number


def _sent(hub, dataset, terms):
    number = _drafted(hub, dataset, terms)
    requests.submit(hub, ANALYST, number)
    requests.send(hub, OWN_REVIEWER, number)
    return number


def _granted(hub, dataset, terms):
    number = _sent(hub, dataset, terms)
    decisions.pass_on(hub, CHIEF, number)
    decisions.approve(hub, HEAD, number)
    return number


def _requests(hub):
    """Leaves a request at each desk: with its author, its own reviewer, the authority, the provider; one refused."""
    few = _terms(items=ITEMS[1:3], ways=("lookup",), provider_reviews_exports=False)
    _drafted(hub, "resident", few)
    requests.submit(hub, ANALYST, _drafted(hub, "resident", few))
    _sent(hub, "resident", few)
    decisions.pass_on(hub, CHIEF, _sent(hub, "resident", few))
    refused, returned = _sent(hub, "resident", few), _sent(hub, "resident", few)
    decisions.pass_on(hub, CHIEF, refused)
    decisions.refuse(hub, HEAD, refused, opinion=REASON, reason_code="not_necessary")
    decisions.return_by_authority(hub, CHIEF, returned, opinion=REASON)


def _by_key(hub):
    why = Why(purpose="basis", case_no="BJ-2026-000123")
    values = {"name": ONE["xm"], "sex_code": "1"}
    operations.verify(hub, WINDOW, "resident", ONE["gmsfhm"], values, why)
    for number in ("YSL-0001", "YSL-0002"):
        operations.fetch(hub, WINDOW, "resident", ONE["gmsfhm"], Why(purpose="basis", intake_no=number))
    intake.bind(hub, WINDOW, "YSL-0002", "BJ-2026-000124")
    slips.make(hub, WINDOW, "resident", ONE["gmsfhm"], why, values)
    book_ = as_workbook("名单", ["公民身份号码", "姓名"], [[each["gmsfhm"], each["xm"]] for each in PEOPLE[:3]])
    batch.run(hub, ANALYST, "resident", Upload("参保名单.xlsx", book_), why)
    new = NewClient("综合窗口受理系统", "受理时核对申请人", ("verify", "lookup"), ("10.8.0.0/24",), 180)
    asked = NewClient("退役军人系统", "办件时核对", ("verify",), ("10.9.0.0/24",), 90)
    client = clients.open_client(hub, OFFICE_ADMIN, new)
    clients.open_client(hub, OFFICE_ADMIN, asked)
    clients.consent(hub, CHIEF, client.id)
    credentials.new_secret(hub, OFFICE_ADMIN, client.id, "key", 0)


def _queries(hub):
    counted = "SELECT sex_code, count(*) AS n FROM resident GROUP BY sex_code ORDER BY sex_code"
    running.run(hub, ANALYST, counted, "basis")
    listed = running.run(hub, ANALYST, "SELECT name, sex_code FROM resident", "basis")
    saved.save(hub, ANALYST, "按性别统计", counted, "basis")
    exports.export(hub, ANALYST, listed.query.id, "csv", "年度参保人员性别构成统计")
    with suppress(Exception):
        running.run(hub, ANALYST, "SELECT * FROM person", "basis")


def _interface(hub, url):
    document = written("pension", region=True, share_mode="3", **CONDITIONAL)
    entries.apply(hub, ADMIN, document.replace("人口pension", "养老金发放查询"), "pension", publish=True)
    attach(hub, url)
    grant_interface(hub)


def _guards(hub):
    """Freezes, recalls, openings, an alert, a statement: what the three guards look at."""
    freezes.freeze(hub, GUARD, "department", OTHER, "安全事件处置期间暂停其使用")
    recalls.raise_recall(hub, CHIEF, "spouse", 1, "发现来源数据有误，正在更正")
    opened = emergency.open_emergency(hub, CHIEF, "person", "山洪灾害转移安置，需核对受灾群众名单", 2)
    emergency.confirm(hub, GUARD, opened.number)
    emergency.open_emergency(hub, CHIEF, "resident", "山洪灾害转移安置，需核对受灾群众名单", 2)
    many = [f"{number:064x}" for number in range(int(book().number("ALERT_PERSONS_HOUR")) + 1)]
    add(hub, 1, subject_key_hashes=many)
    sealing.seal(hub, ADMIN)
    alerts.look(hub)
    statements.make_statement(hub, AUDITOR, ONE["gmsfhm"], "SQ-2026-0001")
