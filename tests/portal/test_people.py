"""People over the portal: opening, first password, roles, hand-over, lock-out, the workbook, the own account."""

import base64
import html
import io
import re

import openpyxl
import pyotp
from fastapi.testclient import TestClient

from catalog.stores import accounts
from tests.portal.conftest import OTHER, PASSWORD, PROVIDER, add_person
from tests.portal.people_pages import check_page, csrf, post

NEW = "Harbour-2026x"


def first_of(answer):
    """Returns the password that a page shows."""
    assert answer.status_code == 200, answer.text
    check_page(answer.text)
    return html.unescape(re.search(r"<code>([^<]+)</code>", answer.text).group(1))


def test_first_password_is_shown_once_and_must_be_changed(sign, app):
    """The department administrator opens an account; its person sees nothing before the password is changed."""
    head = sign("dept_admin")
    values = {"name": "张三", "login": "zhangsan", "department": PROVIDER, "roles": ["editor"]}
    first = first_of(post(head, "/people/new", **values))
    person = TestClient(app, follow_redirects=False)
    signed = person.post("/sign-in", data={"login": "zhangsan", "password": first})
    assert signed.headers["location"] == "/me/password"
    for path in ("/entries", "/me", "/me/code"):
        assert person.get(path).headers["location"] == "/me/password"
    assert person.get("/entries.json").json()["error"]["code"] == "SIGN_IN_INCOMPLETE"
    assert person.get("/api/v1/entries").json()["error"]["code"] == "SIGN_IN_INCOMPLETE"
    weak = post(person, "/me/password", old=first, new="weak", again="weak")
    assert weak.status_code == 200 and "过于简单" in weak.text
    assert "不一致" in post(person, "/me/password", old=first, new=NEW, again="other").text
    changed = post(person, "/me/password", old=first, new=NEW, again=NEW)
    assert changed.headers["location"] == "/me"
    assert person.get("/entries").status_code == 200
    assert "zhangsan" in head.get("/people").text and first not in head.get("/people/zhangsan").text
    taken = post(head, "/people/new", **values)
    assert taken.status_code == 200 and "已有人使用" in taken.text


def test_one_time_codes_come_before_all_else(app, hub, clock):
    """A data administrator without codes is led to enrol them: QR code from here, recovery codes once."""
    add_person(hub, "he", "data_admin", totp_sealed=None)
    client = TestClient(app, follow_redirects=False)
    signed = client.post("/sign-in", data={"login": "he", "password": PASSWORD})
    assert signed.headers["location"] == "/me/code"
    assert client.get("/entries").headers["location"] == "/me/code"
    page = client.get("/me/code")
    check_page(page.text)
    drawn = client.get("/me/code/qr")
    assert drawn.headers["content-type"] == "image/svg+xml" and b"<svg" in drawn.content
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text).group(1).replace(" ", "")
    assert "动态码不对" in post(client, "/me/code", code="000000").text
    done = post(client, "/me/code", code=pyotp.TOTP(secret).at(clock.now()))
    codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", done.text)
    assert len(codes) == 8
    assert client.get("/entries").status_code == 200
    again = TestClient(app, follow_redirects=False)
    assert again.post("/sign-in", data={"login": "he", "password": PASSWORD}).status_code == 401
    entered = again.post("/sign-in", data={"login": "he", "password": PASSWORD, "code": codes[0]})
    assert entered.status_code == 303


def test_lock_unlock_reset_and_leave(sign, app, hub):
    """The department administrator unlocks, makes a new first password, and closes the account of who leaves."""
    head = sign("dept_admin")
    add_person(hub, "wang", "editor")
    wang = TestClient(app, follow_redirects=False)
    for _ in range(5):
        wang.post("/sign-in", data={"login": "wang", "password": "wrong"})
    assert "已锁定" in wang.post("/sign-in", data={"login": "wang", "password": PASSWORD}).text
    assert "解锁" in head.get("/people/wang").text
    assert post(head, "/people/wang", "/people/wang/unlock").status_code == 303
    assert wang.post("/sign-in", data={"login": "wang", "password": PASSWORD}).status_code == 303
    first = first_of(post(head, "/people/wang", "/people/wang/password"))
    assert wang.get("/entries").headers["location"].startswith("/sign-in")
    assert wang.post("/sign-in", data={"login": "wang", "password": first}).headers["location"] == "/me/password"
    assert post(head, "/people/wang", "/people/wang/roles", roles=["window"]).status_code == 303
    assert "窗口人员" in head.get("/people/wang").text
    assert post(head, "/people/wang", "/people/wang/close", reason="调离").status_code == 303
    assert "已关闭" in head.get("/people/wang").text
    assert wang.post("/sign-in", data={"login": "wang", "password": first}).status_code == 401


def test_another_departments_people_are_not_there(sign, hub):
    """Neither page, nor data, nor change; and no account is opened there."""
    head = sign("dept_admin")
    add_person(hub, "other", "editor", department=OTHER)
    token = csrf(head, "/people/new")
    for path in ("/people/other", "/people/other.json", "/api/v1/people/other"):
        assert head.get(path).status_code == 404
    assert "other" not in {each["login"] for each in head.get("/people.json").json()["people"]}
    for act, data in [("unlock", {}), ("password", {}), ("roles", {"roles": ["editor"]}), ("close", {"reason": "x"})]:
        assert head.post(f"/people/other/{act}", data={"csrf": token, **data}).status_code == 403
        assert head.post(f"/people/other/{act}", data=data).status_code == 403
    values = {"csrf": token, "name": "某人", "login": "someone", "department": OTHER, "roles": ["editor"]}
    assert head.post("/people/new", data=values).status_code == 403
    for role in ("editor", "window", "audit_admin"):
        assert sign(role, login=f"only-{role}").get("/people/new").status_code == 403
    with hub.transaction() as connection:
        assert accounts.find_by_login(connection, "someone") is None
        assert accounts.find_by_login(connection, "other").active


def test_people_from_a_workbook(sign):
    """The template comes filled back; faults are listed with place and mend; then all are in, with first passwords."""
    head = sign("dept_admin")
    template = head.get("/people/template")
    assert template.status_code == 200 and "attachment" in template.headers["content-disposition"]

    def filled(*rows):
        book = openpyxl.load_workbook(io.BytesIO(template.content))
        for row in rows:
            book["人员"].append(row)
        out = io.BytesIO()
        book.save(out)
        return {"file": ("部门与人员.xlsx", out.getvalue())}

    good, bad = ("li.si", "李四", PROVIDER, "目录编制员"), ("Wu", "王五", PROVIDER, "目录编制员")
    page = post(head, "/people/import", files=filled(good, bad))
    check_page(page.text)
    assert "没有导入任何内容" in page.text and "A 登录名" in page.text and "li.si" not in head.get("/people").text
    done = post(head, "/people/import", files=filled(good))
    assert first_of(done) and "li.si" in head.get("/people").text
    assert "文件不是工作簿，而是PNG图片" in post(head, "/people/import", files={"file": ("a.xlsx", b"\x89PNG")}).text


def test_the_own_account_and_lists_over_the_api(sign, hub):
    """A program changes its password, is offered codes, and brings people; nothing of a list with faults."""
    client = sign("system_admin", login="sys")
    headers = {"Authorization": f"Bearer {client.cookies['shuqiao_session']}"}
    assert len(client.get("/api/v1/me/code", headers=headers).json()["secret"]) == 32
    changed = client.post("/api/v1/me/password", json={"old": PASSWORD, "new": "Harbour-2026x"}, headers=headers)
    assert changed.status_code == 200 and changed.json()["login"] == "sys"
    content = base64.b64encode(_book([("a.person", "某人", PROVIDER, "国王")])).decode()
    done = client.post("/api/v1/people/import", json={"content": content}, headers=headers).json()
    assert [fault["column"] for fault in done["faults"]] == ["D 角色"] and done["opened"] == []


def _book(people):
    """Makes a list of people."""
    book = openpyxl.Workbook()
    book.active.title = "人员"
    for row in (("登录名", "姓名", "部门代码", "角色"), *people):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_signing_in_over_the_api(app, hub, clock):
    """A token opens the API and nothing else does; ended, it is worth nothing."""
    add_person(hub, "wang", "editor")
    client = TestClient(app)
    wrong = client.post("/api/v1/session", json={"login": "wang", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "LOGIN")
    assert client.post("/api/v1/session", json={"login": "wang"}).status_code == 422
    said = client.post("/api/v1/session", json={"login": "wang", "password": PASSWORD}).json()
    head = {"Authorization": f"Bearer {said['token']}"}
    own = client.get("/api/v1/me", headers=head).json()
    assert (own["login"], own["roles"], len(own["sessions"])) == ("wang", ["editor"], 1)
    assert client.delete("/api/v1/session").status_code == 401
    assert client.delete("/api/v1/session", headers=head).status_code == 204
    assert client.get("/api/v1/me", headers=head).status_code == 401
