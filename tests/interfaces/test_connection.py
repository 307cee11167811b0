"""The way to an interface: which addresses may be called, what a call sends, and how a secret is kept."""

import json

import httpcore
import pytest
from sqlalchemy import text

from connectors.rest import address as addresses
from connectors.rest.address import Address, callable_address, parse_address, resolve
from connectors.rest.authentication import Secret, Tokens
from connectors.rest.client import Limits, Outgoing, fill_path, send
from connectors.rest.transport import Deadline, Guarded
from exchange.interfaces import attaching, calling
from exchange.interfaces.attaching import Connection
from exchange.keyed.why import Why
from schemas.errors import Denied, HubError, InputError, SourceRefused, StateError
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import citizen_id
from tests.interfaces.conftest import ASKER, DATASET, EDITOR, MAPPED, grant
from tests.interfaces.provider import CLIENT_SECRET, SECRET, TEXT
from tests.sharing.conftest import CHIEF, OTHER, person


@pytest.mark.parametrize("number", [
    "127.0.0.1", "127.9.9.9", "::1", "::", "169.254.169.254", "fe80::1", "100.100.100.200", "168.63.129.16",
    "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "0.0.0.1", "::7f00:1", "0.1.2.3",
])  # fmt: skip
def test_addresses_of_this_machine_and_metadata_are_refused(number):
    """Loopback, link-local, metadata, multicast and what wraps them may not be called."""
    assert not callable_address(number)


@pytest.mark.parametrize("number", ["10.1.2.3", "172.16.0.9", "192.168.1.1", "59.218.1.1", "fd12::1", "2408:8000::1"])
def test_private_and_public_addresses_may_be_called(number):
    """Government networks are private."""
    assert callable_address(number)


def test_metadata_stays_refused_where_local_is_allowed():
    """The administrator's allowance opens loopback, never metadata or this-network addresses."""
    assert callable_address("127.0.0.1", local=True)
    assert not callable_address("100.100.100.200", local=True) and not callable_address("0.0.0.1", local=True)


@pytest.mark.parametrize("url", [
    "https://user:pw@host/", "https://host/?a=1", "https://host/#x", "ftp://host/", "file:///etc/passwd", "host",
    "https://host:99999/", "https:///x", "https://ho st/", "https://host/a b", "https://host/../x", "https://host/%2e%2e/x",
    "https://host\\@evil/", "https://[::1", "javascript:alert(1)", "",
])  # fmt: skip
def test_unreadable_addresses_are_refused_without_being_repeated(url):
    """Accounts in addresses, other schemes and odd writings are refused; the message does not repeat them."""
    with pytest.raises(InputError) as refused:
        parse_address(url)
    assert "pw" not in str(refused.value)


def test_plain_http_needs_an_allowance():
    """Plain http is refused unless it has been allowed."""
    with pytest.raises(InputError) as refused:
        parse_address("http://host/x")
    assert refused.value.code == "INTERFACE_PLAIN"
    assert parse_address("http://host/x/", plain=True) == Address("http", "host", 80, "/x")


def test_every_resolved_address_is_checked(monkeypatch):
    """A name that resolves to a private and to a loopback address is refused as a whole."""
    found = [(2, 1, 6, "", ("10.0.0.1", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_args, **_facts: found)
    with pytest.raises(Denied):
        resolve(Address("https", "rebind.example", 443))


def test_no_other_host_or_socket_is_connected():
    """The connection refuses any host and port but the registered one, and sockets of this machine."""
    guarded = Guarded(Address("https", "host", 443), Deadline(1))
    for host, port in (("other", 443), ("host", 444)):
        with pytest.raises(httpcore.ConnectError):
            guarded.connect_tcp(host, port)
    with pytest.raises(httpcore.ConnectError):
        guarded.connect_unix_socket("/run/x")


@pytest.mark.parametrize("value", ["../admin", "a/b", "a?b=1", "a#b", "%2e%2e", "a\r\nX: y", "{x}"])
def test_a_path_value_stays_one_segment(value):
    """No key leads to another path, a query or a header."""
    rest = fill_path("/people/{id}", {"id": value}).removeprefix("/people/")
    assert not set(rest) & set("/?#\r\n ") and rest.lower() != "%2e%2e"


@pytest.mark.parametrize("value", [".", "..", ""])
def test_a_path_value_of_dots_is_refused(value):
    """Dots alone would be another path, also when encoded."""
    with pytest.raises(InputError):
        fill_path("/people/{id}", {"id": value})


def test_a_self_signed_certificate_is_refused(tmp_path, monkeypatch):
    """TLS is verified: a certificate that nobody trusts ends the call."""
    import datetime as dt  # noqa: PLC0415
    import ssl  # noqa: PLC0415
    import threading  # noqa: PLC0415
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"{}"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "both.pem").write_bytes(private + pem)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    try:
        with pytest.raises(SourceRefused) as refused:
            send(parse_address(url, local=True), Outgoing("GET", "/"), Limits(5))
        assert refused.value.code == "INTERFACE_TLS"
        trusted = parse_address(url, local=True, ca=pem.decode())
        assert send(trusted, Outgoing("GET", "/"), Limits(5)).status == 200
        wrong = Address("https", "127.0.0.1", server.server_port, "", True, pem.decode())
        with pytest.raises(SourceRefused):
            send(wrong, Outgoing("GET", "/"), Limits(5))
    finally:
        server.shutdown()
        server.server_close()


def test_only_what_may_be_repeated_is(system, provider):
    """A GET that meets 503 is sent once more, a POST never."""
    from tests.interfaces.provider import raw  # noqa: PLC0415

    provider.accepts = {}
    provider.behave = lambda key: raw("", status=503)
    there = parse_address(system[1], local=True, plain=True)
    assert send(there, Outgoing("GET", "/pensions/a", repeatable=True), Limits(5)).tries == 2
    assert send(there, Outgoing("GET", "/pensions/a"), Limits(5)).tries == 1


def test_kinds_of_secrets_and_a_refused_token(system, provider):
    """Each kind gives its header; OAuth2 fetches a token once and again when it is forgotten."""
    there = parse_address(system[1], local=True, plain=True)
    tokens = Tokens()
    assert tokens.headers("h", Secret("api_key", "X-K", "v"), there, Limits()) == {"X-K": "v"}
    assert tokens.headers("h", Secret("basic", "u", "p"), there, Limits())["Authorization"] == "Basic dTpw"
    assert tokens.headers("h", Secret("bearer", "", "t"), there, Limits())["Authorization"] == "Bearer t"
    secret = Secret("oauth2", "hub", CLIENT_SECRET, system[1].replace("/api", "/token"))
    first = tokens.headers("h", secret, there, Limits())
    assert tokens.headers("h", secret, there, Limits()) == first and tokens.forget("h")
    assert tokens.headers("h", secret, there, Limits()) != first
    assert CLIENT_SECRET not in repr(secret) + repr(tokens)


def test_oauth2_through_the_hub(city, system, provider):
    """A call fetches its token, and a token that the interface no longer takes is fetched anew."""
    grant(city)
    token_url = system[1].replace("/api", "/token")
    attaching.connect(city, EDITOR, DATASET, Connection(system[1], "oauth2", "hub", CLIENT_SECRET, token_url))
    asked = {"citizen_id": citizen_id(3)}
    assert len(calling.call(city, ASKER, DATASET, asked, Why("basis", case_no="BJ-1")).rows) == 1
    moved = Connection(system[1], "oauth2", "hub", None, token_url.replace("/token", "/elsewhere"))
    with pytest.raises(InputError, match="INTERFACE_SECRET"):  # what is held goes to no other host
        attaching.connect(city, EDITOR, DATASET, moved)
    provider.accepts = {"authorization": "Bearer nobody"}
    assert len(calling.call(city, ASKER, DATASET, asked, Why("basis", case_no="BJ-1")).rows) == 1


def test_a_secret_is_sealed_and_goes_nowhere_else(city, system):
    """The secret is no text of the database or view; a new address needs it anew, and a new review."""
    with city.transaction() as connection:
        stored = connection.execute(text("select sealed_secret from hub.interfaces")).scalar()
    assert SECRET.encode() not in bytes(stored)
    with pytest.raises(InputError) as refused:
        attaching.connect(city, EDITOR, DATASET, Connection("https://elsewhere.example", "api_key", "X-API-Key"))
    assert refused.value.code == "INTERFACE_SECRET"
    moved = attaching.connect(city, EDITOR, DATASET, Connection("https://elsewhere.example", "api_key", "X-K", "new"))
    assert (moved.state, moved.local_address, moved.plain_http) == ("draft", False, False)


def test_a_new_secret_needs_no_review(city, system):
    """Changing the secret alone keeps the interface in use; so does leaving it as it is."""
    view = attaching.connect(city, EDITOR, DATASET, Connection(system[1], "api_key", "X-API-Key", "other"))
    assert view.state == "active"
    assert attaching.connect(city, EDITOR, DATASET, Connection(system[1], "api_key", "X-API-Key")).state == "active"


def test_without_allowance_this_machine_is_not_called(city, provider):
    """An interface whose name leads to this machine is refused at the call, and suspended."""
    grant(city)
    attaching.allow(city, ADMIN, DATASET, False, True)
    with pytest.raises(Denied) as refused:
        calling.call(city, ASKER, DATASET, {"citizen_id": citizen_id(3)}, Why("basis", case_no="BJ-1"))
    assert refused.value.code == "INTERFACE_ADDRESS_REFUSED" and provider.seen == []


def test_only_the_machines_administrator_allows(city):
    """No account of the portal opens addresses of this machine."""
    for actor in (EDITOR, CHIEF):
        with pytest.raises(Denied):
            attaching.allow(city, actor, DATASET, True, True)


def test_other_departments_touch_nothing(city):
    """Another department's editor may neither see nor change an interface."""
    stranger = person("stranger", "editor", OTHER)
    for act in (
        lambda: attaching.show(city, stranger, DATASET),
        lambda: attaching.describe(city, stranger, DATASET, TEXT),
        lambda: attaching.map_interface(city, stranger, DATASET, "GET /pensions/{id}", MAPPED),
        lambda: attaching.close(city, stranger, DATASET),
    ):
        with pytest.raises(HubError):
            act()
    assert attaching.list_interfaces(city, stranger) == []


def test_guards_of_submission_and_review(city):
    """A new description takes the interface out of use; it cannot be submitted before the steps are done again."""
    changed = json.loads(TEXT)
    changed["info"]["version"] = "2"
    view = attaching.describe(city, EDITOR, DATASET, json.dumps(changed))
    assert view.state == "draft" and "测试还没有通过" in view.lacks
    with pytest.raises(StateError):
        attaching.submit(city, EDITOR, DATASET)
    with pytest.raises(StateError):
        attaching.decide(city, CHIEF, DATASET, True, "")
    closed = attaching.close(city, EDITOR, DATASET)
    assert (closed.state, closed.secret_kind, closed.has_sample) == ("closed", "none", False)
