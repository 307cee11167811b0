"""Pages of problem data: who sees what, filters, waivers, in a browser and over the API."""

import re

import pytest
from sqlalchemy import text

from exchange import entries, sync
from exchange.access import Actor
from tests.exchange.small_city import contract, csv_server, people, person, write_csv
from tests.portal.conftest import OTHER

ADMIN = Actor("tester", frozenset({"administrator"}))
PERSONAL = [person(n)[column] for n in (200, 201) for column in ("gmsfhm", "xm")]
REASON = "历史数据，当事人已无法核实"


@pytest.fixture
def city(hub, tmp_path):
    """A register of 40 people, one with a wrong sex code and one with a wrong date, synced once."""
    path = tmp_path / "people.csv"
    write_csv(path, [*people(40), person(200) | {"xb": "7"}, person(201) | {"csrq": "2020-13-01"}])
    entries.apply(hub, ADMIN, contract(server=csv_server(path)), "person.yaml", publish=True)
    assert sync.run(hub, ADMIN, "person").state == "published"
    return path


def well_made(page):
    """Asserts what holds on every page: one h1, captions, labels, unique ids, no external address, no inline style."""
    html = page.text
    assert page.status_code == 200, html
    assert html.count("<h1>") == 1 and "<title>" in html
    assert html.count("<table") == html.count("<caption>")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    labels = set(re.findall(r'<label for="([^"]+)"', html))
    fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", html)
    shown = [field for field in fields if 'type="hidden"' not in field]
    assert {re.search(r'id="([^"]+)"', field).group(1) for field in shown} <= labels
    assert " style=" not in html and "http://" not in html.replace("http://www.w3.org", "") and "https://" not in html
    return html


def send(client, path, **fields):
    """Sends a form as the browser does."""
    page = client.get("/problems/person").text + client.get("/waivers").text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return client.post(path, data={"csrf": found.group(1) if found else "", **fields})


def test_the_provider_sees_its_rows_beside_what_was_made_of_them(sign, city):
    """Counts link to rows; rows are in clear, faulty cells marked; a corrected file may be uploaded."""
    client = sign("editor")
    page = well_made(client.get("/problems"))
    assert "性别代码不在代码集中" in page and "/problems/person?rule=CODE_UNKNOWN%3Asex_code" in page
    page = well_made(client.get("/problems/person?rule=CODE_UNKNOWN%3Asex_code"))
    assert person(200)["gmsfhm"] in page and person(201)["gmsfhm"] not in page
    assert 'class="faulty"' in page and "由来源系统重新导出" in page and "/uploads/new/" not in page
    assert client.get("/problems/person.json").json()["found"]["clear"] is True


def test_the_data_administrator_sees_masked_cells_everywhere(sign, hub, city):
    """Page, data and API show the administrator rule and row number and no personal value."""
    client = sign("data_admin", "editor", login="guan", department=OTHER)
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        connection.execute(text("update hub.departments set region_code = '620400'"))
    for path in ("/problems/person", "/problems/person.json", "/api/v1/problems/person"):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        assert not [value for value in PERSONAL if value in answer.text] and "CODE_UNKNOWN" in answer.text
    assert "第 41 行" in well_made(client.get("/problems/person"))


@pytest.mark.parametrize(
    ("role", "counts"),
    [
        ("inspector", 200), ("analyst", 200), ("window", 200), ("dept_admin", 200),
        ("system_admin", 403), ("security_admin", 403), ("audit_admin", 403),
    ],
)  # fmt: skip
def test_all_others_see_counts_only(sign, hub, city, role, counts):
    """Nobody else opens a row, by page, data or API; the three separated administrators see not even counts."""
    client = sign(role)
    for path in ("/problems/person", "/problems/person.json", "/api/v1/problems/person"):
        answer = client.get(path)
        assert answer.status_code == 403 and not [value for value in PERSONAL if value in answer.text]
    assert client.get("/problems").status_code == counts
    if counts == 200:
        page = well_made(client.get("/problems"))
        assert "性别代码不在代码集中" in page and "/problems/person" not in page


def test_another_departments_editor_sees_nothing(sign, city):
    """An editor of another department gets 403 on each route and an empty workbench."""
    client = sign("editor", department=OTHER)
    for path in ("/problems/person", "/problems/person.json", "/api/v1/problems/person"):
        assert client.get(path).status_code == 403
    assert "没有未决的问题数据" in well_made(client.get("/problems"))
    assert client.get("/api/v1/problems").json()["groups"] == []


def test_a_waiver_from_row_to_decision(sign, city):
    """The provider proposes on the row, the administrator decides in the list, the row shows it."""
    editor, authority = sign("editor"), sign("data_admin", login="guan")
    number = re.search(r'name="problem" value="(\d+)"', editor.get("/problems/person").text).group(1)
    answer = send(editor, "/waivers", problem=number, reason=REASON, until="2026-11-30")
    assert answer.status_code == 303, answer.text
    assert "豁免待审定" in well_made(editor.get("/problems/person"))
    assert "/decide" not in well_made(editor.get("/waivers"))
    page = well_made(authority.get("/waivers"))
    path = re.search(r'action="(/waivers/\d+/decide)"', page).group(1)
    assert editor.post(path, data={"decision": "grant", "opinion": "情况属实"}).status_code == 403
    assert send(authority, path, decision="grant", opinion="情况属实").status_code == 303
    assert "已同意" in well_made(editor.get("/waivers"))
    assert send(editor, "/waivers", problem=number, reason="x", until="2026-11-30").status_code == 422


def test_empty_pages_say_what_to_do(sign, hub):
    """Without any problem, order or waiver each page says so and leads on."""
    client = sign("editor")
    assert "没有未决的问题数据" in well_made(client.get("/problems"))
    assert "没有豁免" in well_made(client.get("/waivers"))
    assert client.get("/problems/nobody").status_code == 404
    assert client.get("/problems/person?page=x").status_code == 422
