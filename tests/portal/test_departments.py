"""Departments and regions over pages and API, and that each page of people keeps the house rules."""

import pytest

from examples.accounts import register_example_people
from exchange.access import Actor
from exchange.credentials import hash_first_password
from tests.portal.people_pages import check_page, csrf, post

CITY = "620400"
NEW = {"code": "11620400XX00C10764", "name": "银桥市教育局", "region_code": CITY}


@pytest.fixture
def city(hub, monkeypatch):
    """The example city."""
    monkeypatch.setattr("examples.accounts.hash_password", hash_first_password)
    register_example_people(hub)
    return Actor("t", frozenset({"administrator"}))


def test_a_system_administrator_registers_regions_and_departments(city, sign):
    """Region by region from the top, then the department; faults stay on the form with what was typed."""
    system = sign("system_admin", department="11620400XX00C0065Q")
    wrong = post(system, "/departments/regions", code="620402009001", name="某社区")
    assert wrong.status_code == 200 and "还没有登记" in wrong.text and 'value="620402009001"' in wrong.text
    assert post(system, "/departments/regions", code="620402009", name="河东街道").status_code == 303
    assert "河东街道" in system.get("/departments/regions").text
    wrong = post(system, "/departments/new", **(NEW | {"code": "11620400XX00C10765"}))
    assert "统一社会信用代码不正确" in wrong.text and "银桥市教育局" in wrong.text
    answer = post(system, "/departments/new", **NEW)
    assert answer.headers["location"] == "/departments/11620400XX00C10764"
    page = f"/departments/{NEW['code']}"
    assert post(system, f"{page}/change", **(NEW | {"name": "银桥市教育和体育局"})).status_code == 303
    assert "教育和体育局" in system.get(page).text
    assert post(system, page, f"{page}/close", reason="机构改革").status_code == 303
    assert system.get(f"{page}.json").json()["department"]["active"] is False


def test_others_only_look(city, sign):
    """A department administrator sees departments and changes none; an editor sees no such page."""
    head = sign("dept_admin")
    assert head.get("/departments").status_code == 200
    assert head.get("/departments/new").status_code == 403
    assert head.post("/departments/regions", data={"code": "620403", "name": "某区"}).status_code == 403
    assert sign("editor").get("/departments").status_code == 403


def test_every_page_keeps_the_house_rules(city, sign):
    """One heading, captions, labels, unique ids, no address outside."""
    system = sign("system_admin", department="11620400XX00C0065Q")
    for path in (
        "/departments", "/departments/regions", "/departments/new", "/departments/11620400XX00C0014G",
        "/departments/11620402XX00C1017X/change", "/people", "/people/new", "/people/import", "/people/police.admin",
        "/me", "/me/password", "/me/code",
    ):  # fmt: skip
        page = system.get(path)
        assert page.status_code == 200, (path, page.text[:300])
        check_page(page.text)
        if path not in {"/people/import"}:
            assert system.get(f"{path}.json").status_code == 200
    check_page(sign("dept_admin", login="head", department="11620400XX00C0014G").get("/people/police.editor").text)


def test_the_same_over_the_api(city, sign):
    """Tree, departments and people by keyset pages; changes with a token; errors in the one shape."""
    system = sign("system_admin", login="sys", department="11620400XX00C0065Q")
    first = system.get("/api/v1/departments", params={"limit": 3}).json()
    rest = system.get("/api/v1/departments", params={"after": first["next"], "limit": 100}).json()
    assert len(first["items"]) == 3 and rest["next"] is None and len(rest["items"]) == 10
    assert {each["level"] for each in system.get("/api/v1/regions").json()["items"]} == {1, 2, 3, 4}
    assert system.post("/api/v1/departments", json={"department": NEW}).json()["error"]["code"] == "CSRF"
    token = {"X-CSRF": csrf(system, "/departments/new")}
    made = system.post("/api/v1/departments", json={"department": NEW}, headers=token)
    assert (made.status_code, made.json()["region_path"]) == (200, "银桥市")
    again = system.post("/api/v1/departments", json={"department": NEW}, headers=token)
    assert (again.status_code, again.json()["error"]["code"]) == (422, "DEPARTMENT_TAKEN")
    person = {"login": "edu.admin", "name": "师长", "department_code": NEW["code"], "roles": ["dept_admin"]}
    opened = system.post("/api/v1/people", json={"person": person}, headers=token).json()
    assert opened["login"] == "edu.admin" and len(opened["password"]) == 14
    shown = system.get("/api/v1/people/edu.admin").json()
    assert (shown["roles"], shown["must_change"]) == (["dept_admin"], True) and "password" not in shown
    assert system.get("/api/v1/people/%00").status_code == 404
    assert system.get("/api/v1/departments/%00").status_code == 404
