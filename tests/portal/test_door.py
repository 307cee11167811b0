"""Sign-in, sessions, and that nothing opens without them."""

import pytest
from fastapi.testclient import TestClient

from portal.routes import DECLARED, OPEN
from tests.portal.conftest import PASSWORD, add_person


def test_sign_in_and_out(sign, app):
    """A person signs in, reads a page, signs out; then the page asks again."""
    client = sign("editor")
    page = client.get("/entries")
    assert page.status_code == 200 and "<h1>政务数据目录</h1>" in page.text
    assert client.get("/entries.json").json() == {"entries": []}
    assert client.get("/api/v1/entries").json() == {"items": [], "next": None}
    assert client.post("/sign-out").status_code == 303
    assert client.get("/entries").headers["location"] == "/sign-in?next=/entries"
    assert client.get("/api/v1/entries").status_code == 401


def test_five_wrong_passwords_lock_for_half_an_hour(app, hub, clock):
    """After five wrong tries the right password does not help either, until the time has passed."""
    add_person(hub, "wang", "editor")
    client = TestClient(app, follow_redirects=False)
    for _ in range(5):
        assert client.post("/sign-in", data={"login": "wang", "password": "wrong"}).status_code == 401
    assert client.post("/sign-in", data={"login": "wang", "password": PASSWORD}).status_code == 401
    clock.forward(minutes=31)
    assert client.post("/sign-in", data={"login": "wang", "password": PASSWORD}).status_code == 303
    clock.forward(minutes=31)
    assert client.get("/entries").status_code == 303


def test_every_route_is_declared(app):
    """No route is without a permission, and every permission is an action."""
    from exchange.access import ACTIONS  # noqa: PLC0415

    for route in app.routes:
        for method in getattr(route, "methods", None) or ():
            if method == "HEAD" or route.path == "/api/v1/openapi.json":
                continue
            action = DECLARED.get((method, route.path))
            assert action is not None, (method, route.path)
            assert action == OPEN or action in ACTIONS, (route.path, action)


#: Use-cases of the machine's own user or of its scheduler, and what the API offers under another name.
_NO_API = {
    "session.sign_in", "sync.run", "sync.release", "sync.discard", "sync.revalidate", "entry.apply", "audit.archive",
}  # fmt: skip


def test_every_use_case_has_an_api(app):
    """What anybody but the machine's own user may do is there for programs too."""
    from exchange.access import ACTIONS  # noqa: PLC0415

    offered = {action for (_, path), action in DECLARED.items() if path.startswith("/api/v1/")}
    wanted = {name for name, action in ACTIONS.items() if action.roles - {"administrator"}}
    assert wanted - offered == _NO_API


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_sign_in_leads_nowhere_else(app, hub, to):
    """The address to go on to is one of this portal."""
    add_person(hub, "li", "editor")
    client = TestClient(app, follow_redirects=False)
    answer = client.post("/sign-in", data={"login": "li", "password": PASSWORD, "next": to})
    assert answer.headers["location"] == "/"
