"""Single sign-on against a real OpenID Connect provider in a process of its own."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from catalog.stores import accounts, departments
from exchange import people
from exchange.access import Actor
from exchange.hub import open_hub
from exchange.people import NewPerson
from exchange.settings import Settings
from portal.app import create_app
from tests.portal.conftest import PROVIDER, add_person
from tests.portal.oidc_provider import CLIENT, SECRET

ADMIN = Actor("t", frozenset({"administrator"}))
LI = {
    "sub": "u-1", "preferred_username": "lisi", "name": "李四", "department": PROVIDER,
    "roles": ["catalog-editors", "wiki"],
}  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """A provider; returns its address and the file that says whom it lets in."""
    folder, port = tmp_path_factory.mktemp("issuer"), _free_port()
    file = folder / "person.json"
    file.write_text(json.dumps(LI), encoding="utf-8")
    script = Path(__file__).with_name("oidc_provider.py")
    process = subprocess.Popen([sys.executable, str(script), str(port), str(folder)])
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/jwks")
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the provider ended"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", file
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def issuer(provider):
    """Says whom the provider lets in next."""
    address, file = provider

    def lets_in(**changes):
        file.write_text(json.dumps(LI | changes), encoding="utf-8")

    lets_in()
    lets_in.address = address
    return lets_in


@pytest.fixture
def hub(database_url, tmp_path, clock, issuer):
    """A hub with single sign-on set up; its clock is the provider's."""
    clock.moment = datetime.now(UTC)
    facts = {
        "oidc_issuer": issuer.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_roles": {"catalog-editors": "editor", "heads": "dept_admin", "gods": "data_admin"},
    }
    chosen = Settings(var=tmp_path / "var", database_url=database_url, workers=1, dags_file=tmp_path / "d.py", **facts)
    with open_hub(chosen, clock) as opened:
        with opened.transaction() as connection:
            departments.save(connection, PROVIDER, "示例市公安局", clock.now())
        yield opened


@pytest.fixture
def browser(hub):
    """A browser that has not signed in."""
    with TestClient(create_app(hub), follow_redirects=False, base_url="http://127.0.0.1") as client:
        yield client


def go(browser, to="/entries"):
    """Goes to the issuer and comes back; returns the answer and the page's text."""
    out = browser.get("/sign-in/single", params={"next": to})
    assert out.status_code == 303, out.text
    there = httpx.get(out.headers["location"])
    assert there.status_code == 307, there.text
    back = urlsplit(there.headers["location"])
    assert back.path == "/sign-in/single/back"
    return browser.get(f"{back.path}?{back.query}")


def account(hub, login):
    """Finds an account."""
    with hub.transaction() as connection:
        return accounts.find_by_login(connection, login)


def test_claims_open_an_account_with_department_and_role(browser, hub, issuer):
    """The first sign-on opens the account; later ones follow the issuer's roles; a lost role closes the door."""
    assert "用统一身份认证登录" in browser.get("/sign-in").text
    assert go(browser).headers["location"] == "/entries"
    assert browser.get("/entries").status_code == 200
    known = account(hub, "lisi")
    assert (known.department_code, known.roles, known.name, known.password_hash) == (PROVIDER, {"editor"}, "李四", None)
    issuer(roles=["heads"])
    assert go(browser).status_code == 303
    assert account(hub, "lisi").roles == {"dept_admin"}
    issuer(roles=["wiki"])
    assert go(browser).status_code == 401
    assert browser.post("/sign-in", data={"login": "lisi", "password": ""}).status_code in {401, 422}


def test_the_issuer_gives_no_role_of_authority(browser, hub, issuer):
    """A claim that means data administrator gives nothing."""
    issuer(roles=["gods"])
    assert go(browser).status_code == 401 and account(hub, "lisi") is None
    issuer(roles=["gods", "catalog-editors"])
    assert go(browser).status_code == 303 and account(hub, "lisi").roles == {"editor"}


def test_administrators_need_a_second_factor_there_too(browser, hub, issuer):
    """Who holds a role of authority gets in only when the issuer asked for a second factor."""
    assert go(browser).status_code == 303
    with hub.transaction() as connection:
        accounts.set_roles(connection, account(hub, "lisi").id, ["data_admin"])
    issuer(roles=[])
    page = go(browser)
    assert page.status_code == 401 and "多因素" in page.text
    issuer(roles=[], amr=["pwd", "otp"])
    assert go(browser).headers["location"] == "/entries"
    assert browser.get("/entries").status_code == 200


def test_a_local_account_is_not_taken_over(browser, hub):
    """The same login name is not the same person, unless the account was opened for single sign-on."""
    add_person(hub, "lisi", "editor")
    page = go(browser)
    assert page.status_code == 401 and account(hub, "lisi").subject is None


def test_an_account_opened_for_single_sign_on_is_joined(browser, hub, issuer):
    """It is joined at the first sign-on, once, and only from its own department."""
    person = NewPerson("lisi", "李四", PROVIDER, ("window",), single_sign_on=True)
    assert people.open_account(hub, ADMIN, person).password is None
    issuer(department="11620400XX00C0014G")
    assert go(browser).status_code == 401 and account(hub, "lisi").subject is None
    issuer()
    assert go(browser).status_code == 303 and account(hub, "lisi").subject == "u-1"
    issuer(sub="u-2")
    assert go(browser).status_code == 401


@pytest.mark.parametrize("changes", [{"department": "11620400XX00C0022B"}, {"department": None}, {"name": ""}])
def test_what_the_claims_lack_is_said(browser, hub, issuer, changes):
    """An unknown department or a nameless person opens nothing."""
    issuer(**changes, preferred_username="x" if "name" in changes else "lisi")
    page = go(browser)
    assert page.status_code == 401 and 'role="alert"' in page.text
    assert account(hub, "lisi") is None


@pytest.mark.parametrize("lie", ["nonce", "audience", "key", "old", "issuer", "refuses"])
def test_a_lying_issuer_is_refused(browser, hub, issuer, lie):
    """Signature, audience, nonce and time of the token are checked."""
    if lie == "issuer":
        issuer(**{"break": lie})
        assert browser.get("/sign-in/single").status_code == 401
        return
    issuer(**{"break": lie})
    assert go(browser).status_code == 401
    assert browser.get("/entries").status_code == 303 and account(hub, "lisi") is None


def test_state_ticket_and_time_are_checked(browser, clock):
    """A link that did not begin here, or too late, signs nobody in."""
    assert browser.get("/sign-in/single/back?code=x&state=y").status_code == 401
    out = browser.get("/sign-in/single")
    back = urlsplit(httpx.get(out.headers["location"]).headers["location"])
    assert browser.get(f"{back.path}?{back.query}x").status_code == 401
    out = browser.get("/sign-in/single")
    back = urlsplit(httpx.get(out.headers["location"]).headers["location"])
    clock.forward(minutes=11)
    assert browser.get(f"{back.path}?{back.query}").status_code == 401


def test_a_silent_issuer_is_said(hub, clock, tmp_path):
    """When nobody answers, the sign-in page says so and passwords still work."""
    silent = hub.settings.model_copy(update={"oidc_issuer": f"http://127.0.0.1:{_free_port()}"})
    app = create_app(replace(hub, settings=silent))
    with TestClient(app, follow_redirects=False) as client:
        page = client.get("/sign-in/single")
        assert "没有应答" in page.text and "口令" in page.text


def test_closed_people_stay_out(browser, hub):
    """Who left does not come back by single sign-on."""
    assert go(browser).status_code == 303
    people.close_account(hub, ADMIN, "lisi", "调离")
    assert browser.get("/entries").status_code == 303
    assert go(browser).status_code == 401
