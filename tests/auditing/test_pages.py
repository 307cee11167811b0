"""The auditors' pages and API: what each shows, page rules, empty and error states; nobody else gets in."""

import io
import zipfile
from datetime import timedelta

import pytest

from exchange.auditing import alerts
from exchange.auditing.anchors import make_anchor
from exchange.auditing.chain import seal_pending
from exchange.auditing.subject_keys import hashes_of
from tests.auditing.conftest import SECURITY, add, tamper
from tests.auditing.test_alerts import HOUR, persons
from tests.exchange.small_city import citizen_id
from tests.portal.conftest import app, sign  # noqa: F401
from tests.portal.page_rules import Page

CSRF = 'name="csrf" value="'


def token(client, path="/audit/statements"):
    """Reads the CSRF token of a page."""
    page = client.get(path).text
    return page.partition(CSRF)[2].partition('"')[0]


def read(answer):
    """Returns a page's text once it keeps the page rules."""
    assert answer.status_code == 200, answer.text[:500]
    assert Page(answer.text).faults == []
    return answer.text


@pytest.fixture
def office(hub, sign):
    """A hub with looked-up persons, an alert and an anchor; its auditor at the portal."""
    add(hub, 3, subject_key_hashes=list(hashes_of(hub, citizen_id(1))), case_no="办-1", items=["name"])
    add(hub, 1, subject_key_hashes=persons(HOUR + 1), result="success")
    alerts.look(hub)
    seal_pending(hub)
    make_anchor(hub, SECURITY)
    return sign("audit_admin", login="jiming")


def test_the_log_with_filters(office):
    """The list shows events, filters them, pages them, and says so when nothing is found."""
    page = read(office.get("/audit"))
    assert "窗口一" in page and "办-1" in page
    assert "窗口一" not in read(office.get("/audit?who=nobody"))
    assert "没有符合筛选条件" in read(office.get("/audit?who=nobody"))
    assert "日期的写法不对" in read(office.get("/audit?since=soon"))
    assert office.get("/audit.json?who=clerk").json()["found"]["events"][0]["actor_id"] == "clerk"
    assert office.get("/audit.xlsx?table=1").status_code == 200


def test_more_events_than_a_page(hub, office):
    """A link leads to the older events with the same filter."""
    add(hub, 60, actor_id="many")
    page = read(office.get("/audit?who=many"))
    link = page.partition('href="/audit?who=many&amp;')[2].partition('"')[0]
    older = read(office.get("/audit?who=many&" + link.replace("&amp;", "&")))
    assert older.count("/audit/events/") == 10


def test_one_event(office):
    """An event shows all of its fields and its place; an unknown one is an error page."""
    page = read(office.get("/audit/events/1"))
    assert "办-1" in page and "封存批次 1" in page
    assert office.get("/audit/events/99999").status_code == 404


def test_person_and_statement(office):
    """A typed number becomes a hash in the address, never the number; the statement is ready to print."""
    read(office.get("/audit/person"))
    csrf = token(office)
    answer = office.post("/audit/person", data={"csrf": csrf, "key": citizen_id(1)})
    assert answer.status_code == 303 and citizen_id(1) not in answer.headers["location"]
    page = read(office.get(answer.headers["location"]))
    assert page.count("/audit/events/") == 4  # three look-ups and the search
    wrong = read(office.post("/audit/person", data={"csrf": csrf, "key": "123"}))
    assert "号码无效" in wrong
    assert "没有涉及该主体" in read(office.get("/audit/person?subject=" + "f" * 64))
    facts = {"csrf": csrf, "key": citizen_id(1), "reference": "个申〔2026〕1号"}
    paper = read(office.post("/audit/statements", data=facts))
    assert "共 3 条" in paper and citizen_id(1) not in paper and "窗口人员" in paper
    number = paper.partition("CXZM-")[2].partition("<")[0]
    assert f"CXZM-{number}" in read(office.get(f"/audit/statements?number=CXZM-{number}"))
    refused = read(office.post("/audit/statements", data=facts | {"reference": ""}))
    assert "申请编号不可用" in refused and citizen_id(1) not in refused


def test_verification(hub, office):
    """A whole log passes; a changed one fails with the record; sealing goes on."""
    assert "核验全部记录" in read(office.get("/audit/verification"))
    csrf = token(office)
    assert "核验通过" in read(office.post("/audit/verification", data={"csrf": csrf}))
    assert office.post("/audit/seal", data={"csrf": csrf}).status_code == 303
    tamper(hub, "update hub.audit_events set actor_id = 'x' where seq = 2")
    page = read(office.post("/audit/verification", data={"csrf": csrf}))
    assert "核验不通过" in page and "记录 2" in page


def test_export(hub, office):
    """Days become a zip with the script; days without records are told on the form."""
    read(office.get("/audit/export"))
    csrf = token(office)
    today = (hub.clock.now() + timedelta(hours=8)).date().isoformat()
    answer = office.post("/audit/export", data={"csrf": csrf, "since": today, "until": today})
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert any(name.endswith("verify_audit.py") for name in names)
    none = office.post("/audit/export", data={"csrf": csrf, "since": "2020-01-01", "until": "2020-01-02"})
    assert "没有已封存" in read(none)
    assert "没有写明日期" in read(office.post("/audit/export", data={"csrf": csrf, "since": "", "until": ""}))


def test_alerts_for_auditor_and_security(office, sign):
    """Both see and handle alerts; without a word it is refused on the page."""
    page = read(office.get("/alerts"))
    assert "一小时内查询主体过多" in page
    guard = sign("security_admin", login="anquan")
    page = read(guard.get("/alerts"))
    number = page.partition('action="/alerts/')[2].partition('"')[0]
    csrf = token(guard, "/alerts")
    assert "没有写明处置意见" in read(guard.post(f"/alerts/{number}", data={"csrf": csrf, "opinion": ""}))
    assert guard.post(f"/alerts/{number}", data={"csrf": csrf, "opinion": "已电话核实"}).status_code == 303
    assert "没有待处置的告警" in read(guard.get("/alerts"))
    assert "已电话核实" in read(guard.get("/alerts?state="))


def test_nobody_else_gets_in(office, sign):
    """The log is not in others' menu and answers them 403."""
    client = sign("editor", "dept_reviewer", "window", "inspector")
    guard = sign("security_admin")
    assert guard.get("/audit").status_code == 403 and guard.get("/audit/person").status_code == 403
    for path in ("/audit", "/audit/events/1", "/audit/person", "/audit/statements", "/audit/export"):
        assert client.get(path).status_code == 403, path
    assert 'href="/audit"' not in guard.get("/alerts").text


def test_the_same_over_the_api(hub, office):
    """The API reads, verifies, exports and handles alerts with the same use-cases."""
    csrf = {"X-CSRF": token(office)}
    found = office.post("/api/v1/audit/events/search", json={"search": {"actor": "clerk"}}, headers=csrf)
    assert found.status_code == 200 and len(found.json()["events"]) == 4
    person = office.post("/api/v1/audit/persons/search", json={"key": citizen_id(1)}, headers=csrf)
    assert len(person.json()["events"]) == 3
    assert office.get("/api/v1/audit/events/1").json()["case_no"] == "办-1"
    assert office.get("/api/v1/audit/verification").json()["holds"] is True
    assert office.get("/api/v1/audit/standing").json()["batches"] >= 1
    assert office.get("/api/v1/audit/export?since=2026-11-22&until=2026-11-22").status_code == 200
    made = {"key": citizen_id(1), "reference": "个申1号"}
    assert office.post("/api/v1/audit/statements", json=made, headers=csrf).json()["lines"]
    alert = office.get("/api/v1/alerts").json()["alerts"][0]["id"]
    done = office.post(f"/api/v1/alerts/{alert}", json={"opinion": "已电话核实"}, headers=csrf)
    assert done.json()["state"] == "handled"
    wrong = office.post("/api/v1/audit/persons/search", json={"key": "123"}, headers=csrf)
    assert wrong.status_code == 422 and "123" not in wrong.text
