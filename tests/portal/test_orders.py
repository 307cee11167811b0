"""Pages of rectification orders: sent from the workbench, answered, closed, overdue."""

import re

from tests.portal.conftest import OTHER
from tests.portal.test_problems import city, send, well_made  # noqa: F401 - the fixture


def test_an_order_from_workbench_to_closing(sign, city, clock):
    """The administrator sends, the provider answers, the administrator closes; each sees only its own buttons."""
    authority, editor = sign("data_admin", login="guan"), sign("editor", login="bian")
    answer = send(authority, "/problems/person/order", title="请核对性别代码", rule="CODE_UNKNOWN:sex_code")
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    page = well_made(editor.get(path))
    assert "2026-12-04" in page and f"{path}/answer" in page and f"{path}/close" not in page
    assert f"{path}/answer" not in well_made(authority.get(path))
    assert f"within=order-{path.rpartition('/')[2]}" in page
    rows = well_made(editor.get(f"/problems/person?within=order-{path.rpartition('/')[2]}"))
    assert rows.count("<h2>第") == 1 and "整改单" in rows
    assert send(editor, f"{path}/answer", text="已通知窗口更正").status_code == 303
    assert "已通知窗口更正" in well_made(authority.get(path))
    clock.forward(minutes=10)
    assert send(authority, f"{path}/close", reason="已线下核实").status_code == 303
    assert "已办结" in well_made(editor.get("/orders"))
    assert send(editor, f"{path}/answer", text="再次答复说明").status_code == 409


def test_the_overdue_list(sign, city, hub, clock):
    """What is past its day stands in the overdue list, with the days."""
    authority = sign("data_admin", login="guan")
    send(authority, "/problems/person/order", title="请核对问题数据")
    assert "没有整改单" in well_made(authority.get("/orders?state=overdue"))
    clock.forward(days=14)
    late = sign("inspector", login="du")
    assert "逾期 2 天" in well_made(late.get("/orders?state=overdue"))
    assert re.search(r"已逾期 1 份", late.get("/orders").text)


def test_others_get_nowhere(sign, city):
    """Another department's editor and people without the role are refused on each route."""
    authority = sign("data_admin", login="guan")
    path = send(authority, "/problems/person/order", title="请核对问题数据").headers["location"]
    other = sign("editor", login="bie", department=OTHER)
    assert other.get(path).status_code == 403 and other.get(f"/api/v1{path}").status_code == 403
    assert other.get("/api/v1/orders").json() == []
    assert other.post(f"{path}/answer", data={"text": "已经更正"}).status_code == 403
    for role in ("system_admin", "analyst"):
        assert sign(role, login=role).get("/orders").status_code == 403
    assert authority.get("/orders/999").status_code == 404 and authority.get("/orders/x").status_code == 422


def test_the_api_does_what_the_pages_do(sign, city):
    """Orders and waivers are sent, answered and decided over the API; a cookie alone changes nothing."""
    authority, editor = sign("data_admin", login="guan"), sign("editor", login="bian")
    tokens = {c: {"x-csrf": form_token(c)} for c in (authority, editor)}
    order = {"dataset": "person", "title": "请核对问题数据"}
    assert authority.post("/api/v1/orders", json=order).status_code == 403
    made = authority.post("/api/v1/orders", json=order, headers=tokens[authority]).json()
    assert made["problems"] == 2 and made["due_on"] == "2026-12-04"
    path = f"/api/v1/orders/{made['id']}"
    said = editor.post(f"{path}/answer", json={"text": "已通知窗口更正"}, headers=tokens[editor])
    assert said.json()["state"] == "answered"
    row = editor.get("/api/v1/problems/person").json()["rows"][0]
    problem = next(each["problem"] for each in row["findings"] if each["problem"])
    asked = {"problem_id": problem, "reason": "当事人已无法核实", "until": "2026-11-30"}
    waiver = editor.post("/api/v1/waivers", json=asked, headers=tokens[editor]).json()
    decision = {"opinion": "情况属实", "grant": True}
    decided = authority.post(f"/api/v1/waivers/{waiver['id']}/decide", json=decision, headers=tokens[authority])
    assert decided.json()["state"] == "granted"
    assert authority.post(f"{path}/close", json={"reason": "短"}, headers=tokens[authority]).status_code == 422
    assert authority.post(f"{path}/close", json={"reason": "已线下核实"}, headers=tokens[authority]).status_code == 200


def form_token(client):
    """Reads the form token of the signed-in person from a page that has a form for everybody in business."""
    page = client.get("/problems/person").text + client.get("/me").text + client.get("/me/password").text
    return re.search(r'name="csrf" value="([^"]+)"', page).group(1)
