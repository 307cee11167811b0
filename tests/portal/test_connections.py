"""Connections in the browser: the password goes in once and never comes out; each step is told; others see nothing."""

import re

PASSWORD = "Tr0ub4dor"


def csrf_of(page):
    """Returns the form token of a page, nothing where it offers no form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    return found[1] if found else ""


def register(client, **changes):
    """Sends the form of a connection."""
    form = {"name": "police", "kind": "postgresql", "host": "127.0.0.1", "port": "1", "database": "rk",
            "username": "reader", "password": PASSWORD}  # fmt: skip
    token = csrf_of(client.get("/connections/new"))
    return client.post("/connections/new", data=form | changes | {"csrf": token})


def test_a_connection_is_registered_shown_without_password_and_tested(sign):
    """After saving, no page holds the password; a test says which step failed."""
    client = sign("editor")
    empty = client.get("/connections")
    assert "登记第一个连接" in empty.text and empty.text.count("<h1>") == 1
    saved = register(client)
    assert saved.status_code == 303 and saved.headers["location"] == "/connections/police"
    shown = client.get("/connections/police")
    tested = client.post("/connections/police/test", data={"csrf": csrf_of(shown)})
    assert "没有应答" in tested.text and "失败" in tested.text
    pages = (shown, tested, client.get("/connections"), client.get("/connections/new?name=police"))
    for page in (*pages, client.get("/connections.json"), client.get("/api/v1/connections")):
        assert page.status_code == 200 and "reader" in page.text and PASSWORD not in page.text


def test_faults_give_the_form_back_without_the_password(sign):
    """A wrong name, port or a path of this machine is said in place; nothing is saved."""
    client = sign("editor")
    for changes, words in (
        ({"name": "Police"}, "连接名称不可用"),
        ({"port": "99999"}, "端口不可用"),
        ({"kind": "sqlite", "host": "x"}, "网络上的系统"),
        ({"kind": "postgresql", "host": "/var/run"}, "网络上的系统"),
    ):
        page = register(client, **changes)
        assert page.status_code == 200 and words in page.text and PASSWORD not in page.text, changes
    assert client.get("/connections.json").json() == {"connections": []}


def test_another_department_and_other_roles_are_kept_out(sign):
    """Nobody else sees or tests a department's connection; who may not register gets no form."""
    register(sign("editor"))
    other = sign("editor", department="11620400XX00C0014G")
    assert other.get("/connections.json").json() == {"connections": []}
    assert other.get("/connections/police").status_code == 404
    token = csrf_of(other.get("/connections/new"))
    assert other.post("/connections/police/test", data={"csrf": token}).status_code == 404
    assert other.get("/connections/police/tables").status_code == 404
    assert register(other).status_code == 200  # the name is taken by another department: the form says so
    window = sign("window")
    assert window.get("/connections").status_code == 403
    assert window.get("/connections/new").status_code == 403
