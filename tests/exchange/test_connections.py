"""Connections: sealed, shown without secrets, tested step by step."""

import pytest
from sqlalchemy import text

from exchange import connections
from schemas.errors import InputError, NotFound

PASSWORD = "Tr0ub4dor"


def test_the_password_is_sealed_and_never_shown(hub, admin):
    """What is stored and shown holds no password; the connector gets the URL as it was given."""
    url = f"postgresql://reader:{PASSWORD}@10.0.0.1:5433/rk"
    view = connections.set_connection(hub, admin, "police", url)
    assert (view.kind, view.host, view.port, view.database, view.username) == (
        "postgresql", "10.0.0.1", 5433, "rk", "reader",
    )  # fmt: skip
    assert (view.address, view.user) == ("10.0.0.1:5433/rk", "reader")
    assert PASSWORD not in repr(connections.list_connections(hub, admin))
    with hub.engine.connect() as connection:
        stored = connection.execute(text("select c::text from hub.connections c")).scalar_one()
        events = connection.execute(text("select string_agg(e::text, '') from hub.audit_events e")).scalar_one()
    assert PASSWORD not in stored and PASSWORD.encode().hex() not in stored and PASSWORD not in events
    assert connections.url_of(hub, "police") == url


def test_folders_are_connections_too(hub, admin, tmp_path):
    """A plain path is a folder of files."""
    view = connections.set_connection(hub, admin, "files", str(tmp_path))
    assert (view.kind, view.address) == ("file", str(tmp_path))


@pytest.mark.parametrize(("name", "url"), [("Police", "x"), ("p;", "x"), ("police", " "), ("police", "://u:hunter2@")])
def test_bad_names_and_urls_are_refused_without_repeating_them(hub, admin, name, url):
    """A name or URL that cannot be read is refused; the message does not repeat the URL."""
    with pytest.raises(InputError) as caught:
        connections.set_connection(hub, admin, name, url)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_connection_is_not_found(hub, admin):
    """The URL of a connection that is not registered is not found, with what to do."""
    with pytest.raises(NotFound, match="connection set"):
        connections.url_of(hub, "nowhere")


def test_testing_a_connection_says_which_step_failed(hub, admin, police):
    """The steps of a test come in order; a wrong port fails at the port and shows no password."""
    connections.set_connection(hub, admin, "police", police.url)
    steps = connections.test_connection(hub, admin, "police")
    assert steps and all(step.passed or step.warning for step in steps)
    connections.set_connection(hub, admin, "dead", f"postgresql://u:{PASSWORD}@127.0.0.1:1/x")
    failed = [step for step in connections.test_connection(hub, admin, "dead") if not step.passed]
    assert failed[0].name == "port" and PASSWORD not in repr(failed)
