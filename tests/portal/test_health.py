"""What monitors ask: alive, ready, figures; open to all, and nothing personal and no draft in them."""

from fastapi.testclient import TestClient

from exchange import entries, sync
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server, people, write_csv


def test_alive_and_ready(app, hub):
    """Without a session both answer; ready names each part."""
    client = TestClient(app)
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "parts": {"database": "ok", "lake": "ok", "keys": "ok"}}


def test_not_ready_names_what_is_missing(app, hub):
    """Without its key file the hub is alive and not ready."""
    hub.settings.key_file.unlink()
    client = TestClient(app)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["keys"] == "NOT_READABLE"
    assert str(hub.settings.var) not in answer.text


def test_not_ready_without_the_database(app, hub):
    """A database that refuses is named; the answer is short and comes at once."""
    object.__setattr__(hub, "engine", hub.engine.execution_options())
    hub.engine.dispose()
    hub.engine.url  # noqa: B018 - still the same address
    from catalog.engine import make_engine  # noqa: PLC0415

    object.__setattr__(hub, "engine", make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    answer = TestClient(app).get("/readyz")
    assert answer.status_code == 503 and answer.json()["parts"]["database"] != "ok"
    assert "nobody" not in answer.text


def test_figures_for_prometheus(app, hub, tmp_path):
    """Counts and ages by published dataset; a draft's name and a person's number are not there."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, ADMIN, contract(server=csv_server(path)), "person.yaml", publish=True)
    entries.apply(hub, ADMIN, contract("secret_draft", server=csv_server(path)), "draft.yaml")
    sync.run(hub, ADMIN, "person")
    text = TestClient(app).get("/metrics").text
    assert "shuqiao_entries 1.0" in text
    assert 'shuqiao_dataset_rows{dataset="person"} 50.0' in text
    assert 'shuqiao_runs_today{state="published"} 1.0' in text
    assert "secret_draft" not in text and "620402" not in text
