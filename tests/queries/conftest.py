"""A hub with a register of people and what an office was granted of it, for queries; made once a module."""

from contextlib import contextmanager
from datetime import date

import pytest
import yaml
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries, sync
from exchange.hub import open_hub
from exchange.settings import Settings
from exchange.sharing import decisions, requests
from schemas.grants import GrantedItem, Predicate, Quota, RowFilter
from schemas.sharing import Content, Terms
from tests.conftest import _fresh
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER, contract, csv_server, people
from tests.quiet_suite import without_gx
from tests.sharing.conftest import AUTHORITY, CHIEF, CONDITIONAL, CONSUMER, HEAD, OTHER, OWN_REVIEWER, monday, person

ANALYST = person("asker", "analyst", CONSUMER)
COLLEAGUE = person("colleague", "analyst", CONSUMER)
STRANGER = person("stranger_analyst", "analyst", OTHER)
PEOPLE = people(300)
#: What the grant gives nobody: the names of people are masked, their numbers hidden, men alone are granted.
SECRETS = [each["gmsfhm"] for each in PEOPLE] + [each["xm"] for each in PEOPLE]
ITEMS = (
    GrantedItem("citizen_id", "condition", None, ("=",)), GrantedItem("name", "masked"),
    GrantedItem("sex_code", "plain"),
)  # fmt: skip
MEN = RowFilter(predicates=(Predicate("sex_code", "=", ("1",)),))


def terms(items=ITEMS, rows=MEN, **changes):
    """Makes terms for queries."""
    facts = {
        "items": items, "rows": rows, "purposes": ("basis",), "ways": ("query",), "ends": date(2027, 11, 22),
        "quota": Quota(keys_a_day=1000, rows_an_export=500), "minimum_rows": 10,
    }  # fmt: skip
    return Terms(**facts | changes)


def grant(hub, dataset, asked=None):
    """Takes a request of type 2 to its grant; returns the request's number."""
    content = Content(
        dataset, asked or terms(), legal_basis="《社会保险法》第七十四条", scenario="统计参保人员性别构成，用于分析",
        security="专人使用，只在政务外网内查询，不留存", responsible="王某某", phone="0943-8220000",
    )  # fmt: skip
    number = requests.draft(hub, ANALYST, content).number
    requests.submit(hub, ANALYST, number)
    requests.send(hub, OWN_REVIEWER, number)
    decisions.pass_on(hub, CHIEF, number)
    decisions.approve(hub, HEAD, number)
    return number


def publish(hub, folder, dataset):
    """Registers a dataset of all people and syncs it."""
    path = folder / f"{dataset}.csv"
    lines = [",".join(PEOPLE[0]), *(",".join(each.values()) for each in PEOPLE)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    document = yaml.safe_load(contract(dataset, server=csv_server(path), **CONDITIONAL))
    entries.apply(hub, ADMIN, yaml.safe_dump(document, allow_unicode=True), dataset, publish=True)
    sync.run(hub, ADMIN, dataset)


@pytest.fixture(scope="module")
def office(cluster, _template, tmp_path_factory):
    """The hub: `person` granted with masks, `open` in plain with few rows an export, `closed` not at all."""
    folder = tmp_path_factory.mktemp("queries")
    with contextmanager(_fresh)(cluster, _template) as url, pytest.MonkeyPatch.context() as patched:
        without_gx(patched)
        chosen = Settings(var=folder / "var", database_url=url, workers=1, dags_file=folder / "dags.py")
        with open_hub(chosen, monday()) as hub:
            with hub.transaction() as connection:
                connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
                for code in (PROVIDER, CONSUMER, AUTHORITY, OTHER):
                    departments.save(connection, code, f"部门{code[10:14]}", hub.clock.now())
                connection.execute(text("update hub.departments set region_code = '620400'"))
            for dataset in ("person", "open", "closed"):
                publish(hub, folder, dataset)
            grant(hub, "person")
            plain = (GrantedItem("name", "plain"), GrantedItem("sex_code", "plain"))
            few = Quota(keys_a_day=1000, rows_an_export=20)
            grant(hub, "open", terms(plain, RowFilter(), quota=few, provider_reviews_exports=True))
            yield hub


def events(hub, **wanted):
    """Lists the audit events with these fields."""
    where = " and ".join(f"{name} = :{name}" for name in wanted)
    with hub.transaction() as connection:
        rows = connection.execute(text(f"select * from hub.audit_events where {where} order by seq"), wanted)
        return [row._asdict() for row in rows]
