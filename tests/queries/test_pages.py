"""The page of queries and its API, as an analyst and a reviewer meet them."""

import io
import re

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from portal.app import create_app
from tests.portal.conftest import PASSWORD, add_person
from tests.portal.page_rules import Page
from tests.queries.conftest import CONSUMER, SECRETS


@pytest.fixture(scope="module")
def desks(office):
    """An analyst and his department's reviewer, signed in."""
    served, clients = create_app(office), {}
    for login, role in (("ana", "analyst"), ("rev", "dept_reviewer")):
        add_person(office, login, role, department=CONSUMER)
        clients[login] = TestClient(served, follow_redirects=False)
        answer = clients[login].post("/sign-in", data={"login": login, "password": PASSWORD, "code": ""})
        assert answer.status_code == 303, answer.text
    yield clients
    for client in clients.values():
        client.close()


def token(client):
    """Reads the token that every form carries."""
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/me/password").text).group(1)


def shown(client, path):
    """Opens a page and holds it against the rules of all pages."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert Page(answer.text).faults == [], (path, Page(answer.text).faults)
    return answer.text


def send(client, path, **fields):
    """Posts a form."""
    return client.post(path, data={**fields, "csrf": token(client)})


def test_an_analyst_asks_and_exports(desks):
    """Editor, result, chart, history, a kept statement, an export that is fetched once."""
    ana = desks["ana"]
    assert "仅条件" in shown(ana, "/query")
    sql = "SELECT sex_code, count(*) AS n FROM person GROUP BY sex_code"
    made = send(ana, "/query", sql=sql, purpose="basis")
    assert made.status_code == 303, made.text
    page = shown(ana, made.headers["location"] + "?label=sex_code&value=n")
    assert "<svg" in page and "数据截至" in page
    assert all(ana.get(made.headers["location"] + kind).status_code == 404 for kind in (".csv", ".xlsx", ".json"))
    assert send(ana, "/query", sql=sql, purpose="basis", name="性别", act="save").status_code == 303
    assert "性别" in shown(ana, "/query")
    wrong = send(ana, "/query", sql="SELECT * FROM closed", purpose="basis")
    assert "GRANT_NONE" in wrong.text and sql[:20] in wrong.text
    asked = send(ana, made.headers["location"] + "/export", kind="csv")
    assert asked.status_code == 303, asked.text
    path = asked.headers["location"]
    shown(ana, path)
    file = send(ana, path + "/file")
    assert file.status_code == 200 and "sex_code" in file.text
    assert send(ana, path + "/file").status_code == 409
    shown(ana, "/exports")
    shown(desks["rev"], "/exports")
    assert desks["rev"].get("/query").status_code == 403


def test_an_export_is_agreed_to_on_its_page(desks):
    """The reviewer sees masked values and agrees; the provider is next."""
    ana, rev = desks["ana"], desks["rev"]
    made = send(ana, "/query", sql="SELECT name FROM open", purpose="basis")
    asked = send(ana, made.headers["location"] + "/export", kind="csv", reason="年度统计分析")
    page = shown(rev, asked.headers["location"])
    assert not [each for each in SECRETS if each in page]
    assert send(rev, asked.headers["location"] + "/agree", opinion="同意").status_code == 303
    assert "待提供部门审核" in shown(ana, asked.headers["location"])


def test_the_api_streams_files(desks):
    """A run with its page, and an Arrow stream in one call; an export that needs approval is refused."""
    ana = desks["ana"]
    head = {"X-CSRF": token(ana)}
    ask = {"sql": "SELECT name FROM person", "purpose": "basis"}
    answer = ana.post("/api/v1/queries", json=ask, headers=head).json()
    rows = ana.get(f"/api/v1/queries/{answer['query']['id']}/rows?seen=100&most=10").json()
    assert len(rows["rows"]) == 10 and rows["next"] == 110
    file = ana.post("/api/v1/query/download", json=ask | {"format": "arrow"}, headers=head)
    assert pa.ipc.open_stream(io.BytesIO(file.content)).read_all().num_rows == answer["query"]["rows"]
    assert len(ana.get(f"/api/v1/query/exports/{file.headers['x-export']}").json()["manifest"]["sm3"]) == 64
    plain = {"sql": "SELECT name FROM open", "purpose": "basis"}
    refused = ana.post("/api/v1/query/download", json=plain, headers=head)
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "EXPORT_APPROVAL"
    assert "SELECT" not in ana.post("/api/v1/queries", json={"sql": "SELECT x"}, headers=head).text
