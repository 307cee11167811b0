"""The pages and the API of interfaces: attached in steps by form, reviewed, suspended, called with a grant."""

import re

import pytest
from fastapi.testclient import TestClient

from exchange.interfaces import attaching
from portal.app import create_app
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import citizen_id
from tests.interfaces.conftest import DATASET, EDITOR, grant
from tests.interfaces.provider import SECRET, TEXT, answer, raw, row
from tests.portal.conftest import PASSWORD, SECOND_FACTOR, add_person, code_at
from tests.portal.page_rules import Page
from tests.sharing.conftest import AUTHORITY, CONSUMER, PROVIDER

HERE = f"/interfaces/{DATASET}"


@pytest.fixture
def sign(city):
    """Signs people in over the city's portal."""
    clients = []

    def signed(role, login, department):
        add_person(city, login, role, department=department)
        client = TestClient(create_app(city), follow_redirects=False)
        code = code_at(city.clock.now()) if SECOND_FACTOR & {role} else ""
        said = client.post("/sign-in", data={"login": login, "password": PASSWORD, "code": code})
        assert said.status_code == 303, said.text
        clients.append(client)
        return client

    yield signed
    for client in clients:
        client.close()


def get(client, path):
    """Opens a page, which keeps the page rules."""
    said = client.get(path)
    assert said.status_code == 200, said.text
    assert Page(said.text).faults == []
    return said.text


def act(client, path, page=HERE, /, **fields):
    """Sends a form with the token of a page."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)[1]
    files = fields.pop("files", None)
    return client.post(path, data={"csrf": token} | fields, files=files)


def test_attached_in_steps_and_reviewed(city, sign, system, provider):
    """Description, mapping, address, sample, test, review: each by its form; the secret is on no page."""
    editor = sign("editor", "bianji", PROVIDER)
    broken = TEXT.replace('"#/components/schemas/Row"', '"http://evil.example/x"')
    said = act(editor, f"{HERE}/describe", f"{HERE}/describe", files={"file": ("a.json", broken.encode())})
    assert "引用了文档之外的内容" in said.text
    said = act(editor, f"{HERE}/describe", f"{HERE}/describe", files={"file": ("a.json", TEXT.encode())})
    assert said.headers["location"] == f"{HERE}/map"
    page = get(editor, f"{HERE}/map?rows=data.rows")
    assert 'value="birth.day"' in page and "GET /pensions/{id}" in page
    lines = {"operation": "GET /pensions/{id}", "rows": "data.rows", "parameter": ["id"], "place": ["path"],
             "filled": ["citizen_id"], "constant": [""], "item": ["citizen_id", "name"],
             "path": ["gmsfhm", "xm"]}  # fmt: skip
    assert act(editor, f"{HERE}/map", f"{HERE}/map", **lines | {"path": ["nope", "xm"]}).status_code == 200
    assert act(editor, f"{HERE}/map", f"{HERE}/map", **lines).headers["location"] == f"{HERE}/connect"
    form = {"base_url": system[1], "kind": "api_key", "name": "X-API-Key", "secret": SECRET}
    said = act(editor, f"{HERE}/connect", f"{HERE}/connect", **form)
    assert said.status_code == 303, said.text
    assert SECRET not in get(editor, f"{HERE}/connect")
    attaching.allow(city, ADMIN, DATASET, True, True)
    assert act(editor, f"{HERE}/sample", key=["citizen_id"], value=[citizen_id(7)]).status_code == 303
    assert act(editor, f"{HERE}/test").status_code == 303
    page = get(editor, HERE)
    assert "通过" in page and SECRET not in page and citizen_id(7) not in page
    assert act(editor, f"{HERE}/submit").status_code == 303
    authority = sign("data_admin", "zhuguan", AUTHORITY)
    assert "接口审核" in get(authority, HERE)
    assert act(authority, f"{HERE}/decide", decision="approve").status_code == 303
    assert "已启用" in get(authority, HERE) and DATASET in get(authority, "/interfaces")


def test_suspended_and_resumed_by_page(city, sign, provider):
    """The provider suspends with a reason, sees it, and resumes by a test that passes."""
    editor = sign("editor", "bianji", PROVIDER)
    assert "没有写明暂停理由" in act(editor, f"{HERE}/suspend", reason=" ").text
    assert act(editor, f"{HERE}/suspend", reason="系统升级").status_code == 303
    assert "接口暂停：系统升级" in get(editor, HERE)
    provider.behave = lambda key: raw("", status=500)
    assert "仍然暂停" in act(editor, f"{HERE}/resume").text
    provider.behave = lambda key: answer(row(key))
    assert act(editor, f"{HERE}/resume").status_code == 303
    assert "接口暂停" not in get(editor, HERE)


def test_called_over_the_api(city, sign, provider):
    """A window calls with its session: granted items come, refusals have their codes, an editor may not call."""
    grant(city)
    window = sign("window", "chuangkou", CONSUMER)
    bearer = {"authorization": f"Bearer {window.cookies['shuqiao_session']}"}
    asked = {"keys": {"citizen_id": citizen_id(3)}, "why": {"purpose": "basis", "case_no": "BJ-1"}}
    said = window.post(f"/api/v1{HERE}/call", json=asked, headers=bearer)
    assert said.status_code == 200, said.text
    assert set(said.json()["rows"][0]) == {"name", "sex_code", "birth_date"}
    wrong = window.post(
        f"/api/v1{HERE}/call", json=asked | {"why": {"purpose": "collaboration", "case_no": "BJ-1"}}, headers=bearer
    )
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "GRANT_PURPOSE")
    attaching.show(city, EDITOR, DATASET)
    assert window.get(f"/api/v1{HERE}", headers=bearer).status_code == 403
