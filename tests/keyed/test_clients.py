"""Machine clients: opened, consented to, called with; keys, tokens, networks, rotation, freeze, rate."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from exchange.keyed import clients, credentials
from exchange.keyed.clients import NewClient
from exchange.keyed.credentials import calling
from portal.app import create_app
from schemas.errors import Denied, InputError, NotFound, StateError
from tests.keyed.conftest import CHIEF, GUARD, HEAD, OTHER, PEOPLE, events, give, log_text, person

INSIDE, OUTSIDE = "10.8.0.5", "10.9.0.5"
NEW = NewClient("综窗系统", "受理时核对身份信息", ("lookup", "verify"), ("10.8.0.0/24",), 90)


def opened(hub, new=NEW):
    """Opens a client with the authority's consent; returns its id."""
    found = clients.open_client(hub, HEAD, new)
    return clients.consent(hub, CHIEF, found.id).id


@pytest.fixture
def web(city):
    """A program within the client's network."""
    with TestClient(create_app(city), client=(INSIDE, 4000)) as client:
        yield client


def body(number=1, **changes):
    """Makes the body of a look-up."""
    said = {"purpose": "basis", "case_no": "BJ-2026-1", "handler": "李经办", "window": "三号",
            "request_id": f"request-{number:05d}"}  # fmt: skip
    return {"key": PEOPLE[3]["gmsfhm"], "why": said | changes}


def test_a_client_calls_only_after_consent(city):
    """Before the authority consents there is no secret; it is shown once and kept as a hash."""
    found = clients.open_client(city, HEAD, NEW)
    with pytest.raises(StateError, match="CLIENT_STATE"):
        credentials.new_secret(city, HEAD, found.id, "key")
    clients.consent(city, CHIEF, found.id)
    made = credentials.new_secret(city, HEAD, found.id, "key")
    assert calling(city, made.secret, INSIDE).ways == {"lookup", "verify"}
    assert made.secret not in log_text(city)
    with city.transaction() as connection:
        stored = connection.execute(text("select * from hub.client_secrets")).mappings().one()
    assert made.secret not in str(dict(stored))
    assert clients.show_client(city, HEAD, found.id).secrets[0].prefix == made.prefix


def test_only_its_department_and_the_authority_know_a_client(city):
    """Another department's administrator gets the answer for a client that is not there, and can't consent himself."""
    found = clients.open_client(city, HEAD, NEW)
    other = person("other_admin", "dept_admin", OTHER)
    with pytest.raises(NotFound):
        clients.show_client(city, other, found.id)
    with pytest.raises(NotFound):
        credentials.new_secret(city, other, found.id, "key")
    with pytest.raises(Denied):
        clients.consent(city, HEAD, found.id)


@pytest.mark.parametrize(
    "wrong", [{"ways": ()}, {"ways": ("query",)}, {"addresses": ("0.0.0.0/0",)}, {"addresses": ("x",)}, {"days": 9999},
              {"calls_a_minute": 0}, {"name": ""}, {"addresses": ()}]
)  # fmt: skip
def test_a_client_is_checked_when_it_is_opened(city, wrong):
    """Ways, networks, days and rate have bounds."""
    facts = {name: getattr(NEW, name) for name in NEW.__slots__} | wrong
    with pytest.raises(InputError):
        clients.open_client(city, HEAD, NewClient(**facts))


def test_wider_asks_for_consent_anew(city):
    """A narrower client goes on, a wider one waits and calls nothing."""
    client = opened(city)
    key = credentials.new_secret(city, HEAD, client, "key").secret
    facts = {name: getattr(NEW, name) for name in NEW.__slots__}
    narrower = NewClient(**facts | {"ways": ("verify",), "addresses": ("10.8.0.0/28",)})
    assert clients.change_client(city, HEAD, client, narrower).state == "active"
    assert calling(city, key, INSIDE).ways == {"verify"}
    assert clients.change_client(city, HEAD, client, NEW).state == "pending"
    with pytest.raises(Denied, match="CREDENTIAL"):
        calling(city, key, INSIDE)


def test_every_bad_credential_gets_one_answer(city):
    """Unknown, revoked, expired, frozen, from elsewhere: the same words, each recorded."""
    give(city)
    client = opened(city)
    key = credentials.new_secret(city, HEAD, client, "key")
    said = set()

    def refused(secret, address):
        with pytest.raises(Denied) as error:
            calling(city, secret, address)
        said.add(str(error.value))

    refused("sqk_0000_no", INSIDE)
    refused("x" * 5000, INSIDE)
    refused(key.secret, OUTSIDE)
    refused(key.secret, None)
    clients.freeze(city, GUARD, client, "疑似泄露")
    refused(key.secret, INSIDE)
    clients.unfreeze(city, GUARD, client, "已核实无误")
    assert calling(city, key.secret, INSIDE).name == client
    credentials.revoke_secret(city, HEAD, client, key.prefix, "更换系统")
    refused(key.secret, INSIDE)
    second = credentials.new_secret(city, HEAD, client, "key")
    city.clock.forward(days=91)
    refused(second.secret, INSIDE)
    assert len(said) == 1
    reasons = [each["detail"]["reason"] for each in events(city, error_code="CREDENTIAL")]
    assert reasons == ["unknown", "unknown", "address", "address", "frozen", "unknown", "unknown"]


def test_rotation_overlaps(city):
    """After rotation the old key works until the overlap ends; then the new one alone."""
    client = opened(city)
    old = credentials.new_secret(city, HEAD, client, "key").secret
    new = credentials.new_secret(city, HEAD, client, "key", 2).secret
    assert calling(city, old, INSIDE).name == calling(city, new, INSIDE).name == client
    city.clock.forward(hours=3)
    with pytest.raises(Denied):
        calling(city, old, INSIDE)
    assert calling(city, new, INSIDE).name == client


def test_too_many_calls_a_minute_are_refused(city):
    """Above its rate a client is told to slow down, and the log has it."""
    client = opened(city, NewClient("慢系统", "受理时核对", ("verify",), ("10.8.0.0/24",), 9, calls_a_minute=3))
    key = credentials.new_secret(city, HEAD, client, "key").secret
    for _ in range(3):
        calling(city, key, INSIDE)
    with pytest.raises(Denied, match="RATE"):
        calling(city, key, INSIDE)
    assert events(city, error_code="RATE")


def test_a_key_calls_over_http(city, web):
    """With its key a client looks up; without, with a foreign one or without reasons it does not."""
    give(city)
    key = credentials.new_secret(city, HEAD, opened(city), "key").secret
    path = "/api/v1/keyed/person/lookup"
    answer = web.post(path, json=body(), headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"][0]["values"]["name"] == PEOPLE[3]["xm"]
    assert web.post(path, json=body(), headers={"Authorization": f"Bearer {key}"}).json() == answer.json()
    assert web.post(path, json=body(2)).status_code == 401
    assert web.post(path, json=body(2), headers={"X-API-Key": key + "x"}).status_code == 403
    assert web.post(path, json=body(2, case_no=""), headers={"X-API-Key": key}).status_code == 422
    outside = web.post("/api/v1/keyed/person/compare", headers={"X-API-Key": key}, json={
        "keys": [{"key": PEOPLE[3]["gmsfhm"], "values": {"name": "x"}}], "why": body(3)["why"]})  # fmt: skip
    assert outside.json()["error"]["code"] == "CLIENT_WAY"


def test_client_credentials_give_a_short_token(city, web):
    """OAuth2: a secret gets a token with the scopes asked for; it ends by itself, and with its secret."""
    give(city)
    client = opened(city)
    secret = credentials.new_secret(city, HEAD, client, "oauth")
    form = {"grant_type": "client_credentials", "scope": "verify"}
    answer = web.post("/api/v1/oauth/token", data=form, auth=(client, secret.secret))
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "verify"
    assert answer.json()["expires_in"] == 1800
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    asked = {"key": PEOPLE[3]["gmsfhm"], "values": {"name": PEOPLE[3]["xm"]}, "why": body(7)["why"]}
    assert web.post("/api/v1/keyed/person/verify", json=asked, headers=bearer).json()["outcome"] == "match"
    assert web.post("/api/v1/keyed/person/lookup", json=body(8), headers=bearer).status_code == 403
    city.clock.forward(minutes=31)
    asked["why"]["request_id"] = "request-00009"
    assert web.post("/api/v1/keyed/person/verify", json=asked, headers=bearer).status_code == 403
    by_form = form | {"client_id": client, "client_secret": secret.secret}
    assert web.post("/api/v1/oauth/token", data=by_form).status_code == 200
    wrong = web.post("/api/v1/oauth/token", data=form, auth=(client, "sqs_no"))
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_client"
    assert (
        web.post("/api/v1/oauth/token", data=form | {"scope": "query"}, auth=(client, secret.secret)).status_code == 400
    )


def test_a_proxy_is_believed_only_when_declared(city):
    """X-Forwarded-For counts from a declared proxy, and only its last word."""
    give(city)
    key = credentials.new_secret(city, HEAD, opened(city), "key").secret
    app = create_app(city)
    headers = {"X-API-Key": key, "X-Forwarded-For": f"{OUTSIDE}, {INSIDE}"}
    with TestClient(app, client=("192.0.2.1", 1)) as web:
        assert web.post("/api/v1/keyed/person/lookup", json=body(1), headers=headers).status_code == 403
    app.state.hub = hub_with_proxy(city)
    with TestClient(app, client=("192.0.2.1", 1)) as web:
        assert web.post("/api/v1/keyed/person/lookup", json=body(2), headers=headers).status_code == 200
        forged = headers | {"X-Forwarded-For": f"{INSIDE}, {OUTSIDE}"}
        assert web.post("/api/v1/keyed/person/lookup", json=body(3), headers=forged).status_code == 403


def hub_with_proxy(hub):
    """Returns the hub with a declared proxy."""
    from dataclasses import replace  # noqa: PLC0415

    return replace(hub, settings=hub.settings.model_copy(update={"trusted_proxies": ["192.0.2.0/24"]}))
