"""The pages of the window, of clients and of batches: what a person sees, by the rules of all pages."""

import re

import pytest
from fastapi.testclient import TestClient

from exchange import entries
from exchange.spreadsheets import as_workbook
from portal.app import create_app
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server
from tests.keyed.conftest import AUTHORITY, CONSUMER, PEOPLE, give
from tests.portal.conftest import PASSWORD, add_person, code_at
from tests.portal.page_rules import Page

ONE = PEOPLE[3]


def signed(hub, app, login, role, department):
    """Signs a person in."""
    add_person(hub, login, role, department=department)
    client = TestClient(app, follow_redirects=False)
    code = code_at(hub.clock.now()) if role == "data_admin" else ""
    answer = client.post("/sign-in", data={"login": login, "password": PASSWORD, "code": code})
    assert answer.status_code == 303, answer.text
    return client


def page(client, path):
    """Opens a page and holds it against the rules of all pages."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert Page(answer.text).faults == [], (path, Page(answer.text).faults)
    return answer.text


def csrf_of(client):
    """Reads the mark that forms need."""
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/me/password").text)[1]


def test_a_window_verifies_looks_up_and_prints(city):
    """One form: verify, look up, slip; reasons that are missing are said on the page."""
    give(city)
    client = signed(city, create_app(city), "win", "window", CONSUMER)
    assert "人口person" in page(client, "/window")
    form = {"csrf": csrf_of(client), "dataset": "person", "key": ONE["gmsfhm"], "purpose": "basis",
            "case_no": "BJ-2026-1", "item": ["name", "birth_date"], "value": [ONE["xm"], "1999-01-01"]}  # fmt: skip
    answer = client.post("/window", data=form | {"act": "verify"})
    assert answer.status_code == 200, answer.text
    assert Page(answer.text).faults == []
    assert "不一致" in answer.text and "出生日期" in answer.text
    assert ONE["csrq"] not in answer.text
    assert ONE["csrq"] in client.post("/window", data=form | {"act": "lookup"}).text
    assert "WHY_CASE" in client.post("/window", data=form | {"act": "lookup", "case_no": ""}).text
    slip = client.post("/window", data=form | {"act": "slip"})
    assert slip.content.startswith(b"%PDF")
    assert "HY2026" in page(client, "/slips")
    client.post("/window", data=form | {"act": "lookup", "case_no": "", "intake_no": "YSL-00001"})
    assert "YSL-00001" in page(client, "/intakes")
    bound = client.post("/intakes", data={"csrf": form["csrf"], "number": "YSL-00001", "case_no": "BJ-2026-7"})
    assert bound.status_code == 303
    assert Page(client.get("/slips/confirm").text).faults == []


def refused(client, form, dataset):
    """Returns the refusal of a look-up, as the page words it."""
    text = client.post("/window", data=form | {"dataset": dataset}).text
    return re.search(r'role="alert">(.*?)</section>', text)[1]


def test_a_refusal_names_the_entry_to_apply_for(city):
    """What stands in the directory is named by its code; a draft and what is not there get one answer."""
    give(city)
    entries.apply(city, ADMIN, contract("hidden", server=csv_server("/nowhere.csv")), "hidden")
    client = signed(city, create_app(city), "win", "window", CONSUMER)
    form = {"csrf": csrf_of(client), "key": ONE["gmsfhm"], "purpose": "basis", "case_no": "BJ-1", "act": "lookup"}

    said = refused(client, form, "empty")
    assert re.search(r"请由本部门申请目录条目 \d{10}/\d{6}", said) and "在目录中查看并申请" in said
    assert refused(client, form, "hidden").replace("hidden", "nothing") == refused(client, form, "nothing")
    shown = page(client, "/window?dataset=empty")
    assert "没有按号码使用“empty”的有效授权" in shown and "人口person" in shown


def test_a_workbook_goes_through_the_page(city):
    """Upload, result in the list, download."""
    give(city)
    client = signed(city, create_app(city), "win", "window", CONSUMER)
    page(client, "/batches")
    book = as_workbook("名单", ["公民身份号码", "姓名"], [[ONE["gmsfhm"], ONE["xm"]]])
    form = {"csrf": csrf_of(client), "dataset": "person", "purpose": "basis", "case_no": "BJ-2026-1"}
    answer = client.post("/batches", data=form, files={"file": ("名单.xlsx", book)})
    assert answer.status_code == 303, answer.text
    shown = page(client, "/batches")
    link = re.search(r'href="(/batches/[0-9a-f]+/result)"', shown)[1]
    assert client.get(link).content.startswith(b"PK")
    wrong = client.post("/batches", data=form, files={"file": ("a.xlsx", b"x")})
    assert "BATCH_FILE" in wrong.text


@pytest.mark.parametrize("kind", ["key", "oauth"])
def test_a_client_is_opened_consented_to_and_gets_a_secret(city, kind):
    """The department opens it, the authority consents, the secret is on one page once."""
    app = create_app(city)
    head = signed(city, app, "head", "dept_admin", CONSUMER)
    chief = signed(city, app, "chief", "data_admin", AUTHORITY)
    page(head, "/clients")
    form = {"csrf": csrf_of(head), "name": "综窗系统", "use": "受理时核对", "addresses": "10.8.0.0/24", "days": "90",
            "ways": ["verify"]}  # fmt: skip
    path = head.post("/clients", data=form).headers["location"]
    assert "待同意" in page(chief, path)
    assert chief.post(f"{path}/consent", data={"csrf": csrf_of(chief)}).status_code == 303
    made = head.post(f"{path}/secrets", data={"csrf": form["csrf"], "kind": kind, "overlap": "0"})
    assert Page(made.text).faults == []
    secret = re.search(r"<code>(sq[ks]_[^<]+)</code>", made.text)[1]
    assert secret not in page(head, path)
    frozen = head.post(f"{path}/freeze", data={"csrf": form["csrf"], "reason": "疑似泄露"})
    assert frozen.status_code == 303
    assert "已冻结" in page(head, path)
