"""A hub behind the portal's test client, and people of each role who are signed in with one line."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyotp
import pytest
from fastapi.testclient import TestClient

from catalog.stores import accounts, departments
from exchange.hub import Hub
from exchange.sessions import SECOND_FACTOR, hash_password, seal_totp
from portal.app import create_app
from tests.exchange.conftest import HandClock, clock, hub, no_gx, police, real_suite, settings  # noqa: F401

PASSWORD = "Shuqiao-2026"
HASHED = hash_password(PASSWORD)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PROVIDER = "11620400XX00A0048G"
OTHER = "11620400XX00C0014G"
Sign = Callable[..., TestClient]


def add_person(hub: Hub, login: str, *roles: str, department: str = PROVIDER, **values: object) -> None:
    """Records an account that signs in with PASSWORD; roles that need a one-time code have that of SECRET."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    facts = {"id": uuid.uuid4().hex, "login": login, "name": f"{login}（试）", "department_code": department}
    facts |= {"password_hash": HASHED, "created_by": "test", "created_at": now}
    if SECOND_FACTOR & set(roles):
        facts["totp_sealed"] = seal_totp(hub, str(facts["id"]), SECRET)
    facts |= values
    with hub.transaction() as connection:
        departments.save(connection, department, f"部门{department[-2:]}", now)
        accounts.add(connection, facts, roles)


def code_at(moment: datetime) -> str:
    """Returns the one-time code of SECRET at a moment."""
    return pyotp.TOTP(SECRET).at(moment)


@pytest.fixture
def app(hub):
    """The application over the test's hub."""
    return create_app(hub)


@pytest.fixture
def sign(app, hub) -> Iterator[Sign]:
    """Makes an account of the given roles and returns a client that is signed in as it (cookie and CSRF field)."""
    clients = []

    def signed(*roles: str, login: str = "", department: str = PROVIDER) -> TestClient:
        name = login or f"u{len(clients)}"
        add_person(hub, name, *roles, department=department)
        client = TestClient(app, follow_redirects=False)
        code = code_at(hub.clock.now()) if SECOND_FACTOR & set(roles) else ""
        answer = client.post("/sign-in", data={"login": name, "password": PASSWORD, "code": code})
        assert answer.status_code == 303, answer.text
        clients.append(client)
        return client

    yield signed
    for client in clients:
        client.close()
