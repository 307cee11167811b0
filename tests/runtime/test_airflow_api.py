"""The client of Airflow signs in, waits out a restart, and says what Airflow refused."""

import httpx
import pytest

from runtime import airflow_api
from runtime.airflow_api import AirflowApi
from schemas.errors import SetupError


class FakeAirflow:
    """Answers as Airflow does; `script` holds the status of the next answers."""

    def __init__(self, *script):
        self.script = list(script)
        self.calls = []

    def __call__(self, request):
        """Answers one request."""
        self.calls.append((request.method, request.url.path))
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": f"t{len(self.calls)}"})
        status = self.script.pop(0) if self.script else 200
        if status == 0:
            raise httpx.ConnectError("down")
        return httpx.Response(
            status, json={"dags": [], "pools": [{"name": "old", "slots": 1}, {"name": "kept", "slots": 2}]}
        )


@pytest.fixture
def client(monkeypatch):
    """Makes a client of a fake Airflow; no waiting between attempts."""
    monkeypatch.setattr(airflow_api.time, "sleep", lambda _seconds: None)
    made = []

    def make(*script):
        fake = FakeAirflow(*script)
        api = AirflowApi("http://127.0.0.1:1", "word")
        api._client = httpx.Client(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(fake))
        made.append(api)
        return api, fake

    yield make
    for api in made:
        api.close()


def test_signs_in_once_and_again_when_the_token_ended(client):
    """The first request signs in; a refused token signs in again and repeats the request."""
    api, fake = client(200, 401, 200)
    api.dag_ids()
    api.dag_ids()
    assert [path for _, path in fake.calls].count("/auth/token") == 2


@pytest.mark.parametrize("trouble", [0, 500, 503])
def test_restart_is_waited_out(client, trouble):
    """A server that is away or fails is asked again."""
    api, _ = client(trouble, trouble, 200)
    assert api.dag_ids() == set()


def test_long_silence_is_said(client):
    """A server that stays away is an error that names its log."""
    api, _ = client(0, 0, 0, 0)
    with pytest.raises(SetupError, match="airflow-api-server"):
        api.dag_ids()


def test_refusal_names_the_request(client):
    """What Airflow refuses is named by method, path and status."""
    api, _ = client(404)
    with pytest.raises(SetupError, match=r"PATCH /dags/x.*404"):
        api.pause("x", paused=True)


def test_wrong_password_is_said(client):
    """A refused sign-in says which file to renew, not the password."""
    api, _ = client()
    api._client = httpx.Client(base_url="http://x", transport=httpx.MockTransport(lambda _request: httpx.Response(401)))
    with pytest.raises(SetupError, match="airflow-passwords") as caught:
        api.dag_ids()
    assert "word" not in str(caught.value).replace("password", "")


def test_pools_are_made_changed_and_kept(client):
    """A missing pool is made, one of another size is changed, an equal one is left."""
    api, fake = client()
    api.set_pools({"new": 1, "old": 3, "kept": 2})
    assert [call for call in fake.calls if call[0] in {"POST", "PATCH"} and "pools" in call[1]] == [
        ("POST", "/api/v2/pools"),
        ("PATCH", "/api/v2/pools/old"),
    ]


def test_health_of_a_silent_airflow_is_empty(client):
    """While the API does not answer no part is healthy."""
    api, _ = client(0)
    assert api.health() == {}


def test_missing_dags_are_named(client):
    """Waiting for DAGs ends with the names of those that did not come."""
    api, _ = client()
    with pytest.raises(SetupError, match="sync_a"):
        api.wait_for_dags(["sync_a"], 0)
