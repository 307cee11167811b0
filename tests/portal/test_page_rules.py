"""Every page that a person of any role can reach by links: no error, no broken rule, no row of another department."""

import pytest

from exchange import connections, entries, sync
from exchange.access import local_administrator
from tests.exchange.small_city import citizen_id, contract, people, person, table_server
from tests.portal.conftest import OTHER
from tests.portal.page_rules import crawl

_CANARY = "卡那瑞"


@pytest.fixture
def busy_hub(hub, police):
    """A hub with a published dataset with problem rows, and a draft."""
    admin = local_administrator()
    connections.set_connection(hub, admin, "police", police.url)
    entries.apply(hub, admin, contract(server=table_server()), "person.yaml", publish=True)
    bad = person(0) | {"xb": "7", "xm": _CANARY}
    police.put([bad, *people(60, start=1)])
    sync.run(hub, admin, "person")
    entries.apply(hub, admin, contract("draft_one", server=table_server()), "draft.yaml")
    return hub


@pytest.mark.parametrize("role", [
    "editor", "dept_reviewer", "dept_admin", "data_admin", "analyst", "window", "inspector",
    "system_admin", "security_admin", "audit_admin",
])  # fmt: skip
def test_every_page_keeps_the_rules(busy_hub, sign, role):
    """Pages found by links answer 200, keep the page rules and name nobody to whom the rows are not shown."""
    client = sign(role)
    faults, visited = [], 0
    for address, status, page in crawl(client):
        visited += 1
        if status != 200:
            faults.append(f"{address}: {status}")
        if page is not None:
            faults += [f"{address}: {fault}" for fault in page.faults]
    assert not faults, "\n".join(faults)
    assert visited > 2


@pytest.mark.parametrize("role", [
    "editor", "data_admin", "analyst", "window", "inspector", "system_admin", "security_admin", "audit_admin",
])  # fmt: skip
def test_no_row_reaches_whom_it_is_not_shown(busy_hub, sign, role):
    """Only the provider's own people see a problem row in clear: not the authority, not another department."""
    client = sign(role, department=OTHER)
    for address, _, _ in crawl(client):
        text = client.get(address).text
        assert _CANARY not in text and citizen_id(0) not in text, address
