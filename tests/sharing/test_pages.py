"""Pages and API of sharing: from the entry's page to a grant, refused and narrowed, frozen and recalled."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from exchange import entries
from exchange.sessions import SECOND_FACTOR
from exchange.sharing import grants
from portal.app import create_app
from tests.exchange.conftest import ADMIN
from tests.portal.conftest import PASSWORD, PROVIDER, add_person, code_at
from tests.portal.page_rules import Page, crawl
from tests.sharing.conftest import AUTHORITY, CONDITIONAL, CONSUMER, NOTICE, REASON, written


@pytest.fixture(scope="module")
def desks(whole_city):
    """A client for each person who takes part, signed in once: hashing a password takes a second."""
    hub = whole_city
    entries.apply(hub, ADMIN, written("pension", region=True, **CONDITIONAL), "p", publish=True)
    clients, served = {}, create_app(hub)
    for login, role, code in (
        ("asker", "analyst", CONSUMER), ("own", "dept_reviewer", CONSUMER), ("chief", "data_admin", AUTHORITY),
        ("guard", "security_admin", AUTHORITY), ("head", "dept_reviewer", PROVIDER),
    ):  # fmt: skip
        add_person(hub, login, role, department=code)
        clients[login] = TestClient(served, follow_redirects=False)
        once = code_at(hub.clock.now()) if role in SECOND_FACTOR else ""
        answer = clients[login].post("/sign-in", data={"login": login, "password": PASSWORD, "code": once})
        assert answer.status_code == 303, answer.text
    yield clients
    for client in clients.values():
        client.close()


FORM = {
    "item": ["citizen_id", "name", "sex_code"], "state": ["condition", "", "plain"], "mask": ["", "", ""],
    "held": ["", "", ""], "purposes": ["basis"], "ways": ["lookup", "verify"], "ends": "2027-11-22",
    "keys_a_day": "1000", "rows_an_export": "", "region_item": "area_code", "regions": "6204",
    "legal_basis": "《社会保险法》第七十四条", "scenario": "办理养老保险待遇资格认证时核对性别", "minimum_rows": "10",
    "security": "专人使用，只在政务外网内查询，不留存", "responsible": "王某某", "phone": "0943-8220000",
    "frequency": "on_demand", "predicate_item": ["sex_code", "", ""], "predicate_comparison": ["=", "=", "="],
    "predicate_values": ["1", "", ""],
}  # fmt: skip


def token(client):
    """Reads the token that every form carries."""
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/me/password").text).group(1)


def send(client, path, **fields):
    """Posts a form."""
    return client.post(path, data={**fields, "csrf": token(client)})


def page(client, path):
    """Opens a page and holds it against the rules of all pages."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert Page(answer.text).faults == [], (path, Page(answer.text).faults)
    return answer.text


def applied(desks):
    """Takes a request by its pages up to the provider; returns its address."""
    made = send(desks["asker"], "/sharing/new/pension", **FORM)
    assert made.status_code == 303, made.text
    path = made.headers["location"]
    for who, command in (("asker", "submit"), ("own", "send"), ("chief", "pass_on")):
        answer = send(desks[who], f"{path}/{command}", opinion="同意")
        assert answer.status_code == 303, answer.text
    return path


def test_from_the_entry_to_the_grant(whole_city, desks):
    """Apply by the entry's page, own review, check, narrowed approval, revocation; each sees its own buttons."""
    assert 'href="/sharing/new/pension"' in page(desks["asker"], "/entries/pension")
    assert "/sharing/new/" not in page(desks["chief"], "/entries/pension")
    assert "6204" in page(desks["asker"], "/sharing/new/pension")
    path = applied(desks)
    assert "还有10个工作日" in page(desks["head"], "/sharing/inbox")
    assert "没有待您办理" in page(desks["asker"], "/sharing/inbox")
    shown = page(desks["head"], path)
    assert f"{path}/approve" in shown and f"{path}/pass_on" not in shown and "缩小同意的范围" in shown
    wide = {key: FORM[key] for key in ("item", "mask", "purposes", "ends", "keys_a_day", "region_item", "regions")}
    wide |= {key: FORM[key] for key in ("predicate_item", "predicate_comparison", "predicate_values")}
    wide |= {"state": ["condition", "", "masked"], "held": ["=|in|is null", "", ""], "narrow": "yes"}
    more = send(desks["head"], f"{path}/approve", opinion="同意", **wide | {"ways": ["lookup", "query"]})
    assert more.status_code == 200 and "TERMS_WIDENED" in more.text and Page(more.text).faults == []
    answer = send(desks["head"], f"{path}/approve", opinion="同意", **wide | {"ways": ["lookup"]})
    assert answer.status_code == 303, answer.text
    with whole_city.transaction() as connection:
        grant = grants.in_force(connection, CONSUMER, "pension", whole_city.clock.now())[0]
    assert [(item.name, item.state) for item in grant.items] == [("citizen_id", "condition"), ("sex_code", "masked")]
    assert (grant.ways, grant.rows.region_prefixes) == (("lookup",), ("6204",))
    shown = page(desks["asker"], path)
    assert "现同意的内容（已缩小）" in shown and grant.number in shown
    assert grant.number in page(desks["asker"], "/sharing/grants")
    assert "从未" not in page(desks["head"], "/sharing/usage")
    assert "全部一致" in page(desks["chief"], "/sharing/drift")
    assert send(desks["head"], f"{path}/revoke", opinion="业务调整", notice="").status_code == 200
    assert send(desks["head"], f"{path}/revoke", opinion="业务调整", notice=NOTICE).status_code == 303
    assert "已收回" in page(desks["own"], "/sharing/grants")


def test_what_is_wrong_is_said_at_its_field(desks):
    """A draft with faults is kept and says what to mend; what can't be read is said on the form again."""
    unreadable = send(desks["asker"], "/sharing/new/pension", **FORM | {"ends": "明年"})
    assert unreadable.status_code == 200 and "写法不对" in unreadable.text and "王某某" in unreadable.text
    assert Page(unreadable.text).faults == []
    made = send(desks["asker"], "/sharing/new/pension", **FORM | {"phone": "", "ways": []}).headers["location"]
    assert "提交前须改正 2 处" in page(desks["asker"], made)
    assert "没有选择共享方式" in page(desks["asker"], f"{made}/edit")
    refused = send(desks["asker"], f"{made}/submit")
    assert refused.status_code == 200 and "REQUEST_FINDINGS" in refused.text
    assert send(desks["asker"], f"{made}/edit", **FORM).status_code == 303
    upload = desks["asker"].post(
        f"{made}/files", data={"csrf": token(desks["asker"])}, files={"file": ("函.pdf", b"%PDF-1.7 x")}
    )
    assert upload.status_code == 303 and "函.pdf" in page(desks["asker"], made)
    link = re.search(rf'href="({made}/files/\d+)"', desks["asker"].get(made).text).group(1)
    assert desks["asker"].get(link).content == b"%PDF-1.7 x"
    assert desks["head"].get(made).status_code == 404 and desks["head"].get(link).status_code == 404
    assert send(desks["asker"], f"{made}/submit").status_code == 303


def test_refusal_return_and_lists(whole_city, desks):
    """Return stops the countdown, refusal wants its code, the overdue list shows who is late."""
    path = applied(desks)
    assert send(desks["head"], f"{path}/return_by_provider", opinion="请补充依据").status_code == 303
    assert "已停止计时，补正后还有10个工作日" in page(desks["asker"], path)
    assert send(desks["own"], f"{path}/resubmit").status_code == 303
    assert "没有逾期" in page(desks["chief"], "/sharing/overdue")
    with whole_city.transaction() as connection:
        connection.execute(text("update hub.share_requests set due_on = '2026-11-20' where stage = 'provider_final'"))
    assert "逾期1个工作日" in page(desks["chief"], "/sharing/overdue")


def test_holds_have_pages(whole_city, desks):
    """Freeze, recall and emergency opening by their pages; empty and error states keep the rules."""
    for who, path in (("guard", "/sharing/freezes"), ("asker", "/sharing/recalls"), ("guard", "/sharing/emergencies")):
        assert "没有" in page(desks[who], path)
    wrong = send(desks["guard"], "/sharing/freezes", kind="dataset", target="nothing", reason="疑似批量查询")
    assert wrong.status_code == 200 and "FREEZE_TARGET" in wrong.text and Page(wrong.text).faults == []
    frozen = {"kind": "dataset", "target": "wage", "reason": "疑似批量查询"}
    assert send(desks["guard"], "/sharing/freezes", **frozen).status_code == 303
    assert "冻结 1 次，未解除 1 次" in page(desks["chief"], "/sharing/freezes")
    asked = {"dataset": "person", "reason": "地震应急救援需核对失联人员", "hours": "2"}
    assert send(desks["chief"], "/sharing/emergencies", **asked).status_code == 303
    shown = page(desks["guard"], "/sharing/emergencies")
    confirm = re.search(r'action="(/sharing/emergencies/\w+/confirm)"', shown).group(1)
    assert send(desks["guard"], confirm).status_code == 303
    assert "使用中" in page(desks["guard"], "/sharing/emergencies")
    with whole_city.transaction() as connection:
        connection.execute(
            text("insert into hub.datasets (dataset, current_version, updated_at) values ('wage', 1, now())")
        )
    assert send(desks["head"], "/sharing/recalls", dataset="wage", version="1", reason="报送有误").status_code == 303
    assert "召回中" in page(desks["chief"], "/sharing/recalls")
    with whole_city.transaction() as connection:
        connection.execute(text("delete from hub.datasets"))


def test_every_page_that_links_reach_keeps_the_rules(desks):
    """With requests, grants and holds about, the crawler finds no error and no broken rule."""
    path = applied(desks)
    assert send(desks["head"], f"{path}/refuse", opinion=REASON, reason_code="").status_code == 200
    assert send(desks["head"], f"{path}/refuse", opinion=REASON, reason_code="outside_duty").status_code == 303
    for name in ("asker", "own", "chief", "guard", "head"):
        seen = 0
        for address, status, found in crawl(desks[name]):
            seen += address.startswith("/sharing")
            assert status == 200, (name, address)
            assert found is None or found.faults == [], (name, address, found.faults)
        assert seen > 1, name


def test_the_api_does_what_the_pages_do(desks):
    """The same use-cases over the API, with the one shape of errors."""
    ways = {who: {"x-csrf": token(client)} for who, client in desks.items()}
    terms = {
        "items": [{"name": "sex_code", "state": "plain"}],
        "rows": {"region_item": "area_code", "region_prefixes": ["6204"]},
        "purposes": ["basis"], "ways": ["lookup"], "ends": "2027-11-22", "quota": {"keys_a_day": 10},
    }  # fmt: skip
    words = ("legal_basis", "scenario", "security", "responsible", "phone")
    content = {"dataset": "pension", "terms": terms} | {name: FORM[name] for name in words}
    asker = desks["asker"]
    assert asker.post("/api/v1/sharing/requests", json={"content": content}).status_code == 403
    found = asker.post("/api/v1/sharing/requests/check", json={"content": content}, headers=ways["asker"])
    assert found.json() == [], found.text
    made = asker.post("/api/v1/sharing/requests", json={"content": content}, headers=ways["asker"]).json()
    path = f"/api/v1/sharing/requests/{made['number']}"
    for who, command in (("asker", "submit"), ("own", "send"), ("chief", "pass_on")):
        answer = desks[who].post(f"{path}/{command}", json={}, headers=ways[who])
        assert answer.status_code == 200, answer.text
    wide = terms | {"ways": ["lookup", "query"]}
    refused = desks["head"].post(f"{path}/approve", json={"terms": wide}, headers=ways["head"])
    assert refused.status_code == 422 and refused.json()["error"]["code"] == "TERMS_WIDENED"
    assert set(refused.json()["error"]) == {"code", "got", "allowed", "next"}
    granted = desks["head"].post(f"{path}/approve", json={"opinion": "同意"}, headers=ways["head"]).json()
    assert granted["stage"] == "supply" and granted["grant"]
    listed = asker.get("/api/v1/sharing/grants").json()["items"]
    assert granted["grant"] in [each["number"] for each in listed]
    assert asker.get(f"{path}").json()["grant"]["state"] == "active"
    assert desks["guard"].get(path).status_code == 403
    assert asker.get("/api/v1/sharing/requests/SQ1").status_code == 404
