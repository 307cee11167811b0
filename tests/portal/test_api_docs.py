"""The API's documentation is our own page and true; no input makes the API fail."""

import re

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from portal.app import create_app


def test_the_page_is_offline_and_whole(app):
    """Every operation is on the page, grouped, with an example; nothing comes from elsewhere."""
    client = TestClient(app)
    page = client.get("/api/v1/docs")
    document = client.get("/api/v1/openapi.json").json()
    assert page.status_code == 200 and page.text.count("<h1>") == 1
    assert not re.search(r'(src|href)="(https?:)?//', page.text)
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids)) > 10
    assert all(f'id="{each}"' in page.text for each in ids)
    for path in document["paths"]:
        assert path in page.text


def test_every_error_has_the_one_shape(app, sign):
    """The OpenAPI knows the shape of errors, and refusals, unknown things and bad input have it."""
    document = TestClient(app).get("/api/v1/openapi.json").json()
    assert set(document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]) == {
        "code", "got", "allowed", "next",
    }  # fmt: skip
    client = sign("inspector")
    for path, status in (("/api/v1/runs/none", 404), ("/api/v1/runs?day=soon", 422), ("/api/v1/runs?state=x", 422)):
        answer = client.get(path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "got", "allowed", "next"}
    assert set(TestClient(app).get("/api/v1/runs").json()["error"]) == {"code", "got", "allowed", "next"}


@pytest.mark.parametrize("roles", [("editor", "dept_reviewer", "dept_admin"), ("data_admin",)])
def test_no_input_makes_the_api_fail(hub, sign, roles):
    """Generated requests of every operation find no 500 and no answer that the OpenAPI does not know."""
    app = create_app(hub)
    client = sign(*roles)
    token = client.cookies["shuqiao_session"]
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    failures: list[str] = []
    quick = hypothesis_settings(
        max_examples=3, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    for result in schema.get_all_operations():
        operation = result.ok()
        try:
            _try(operation, token, quick, failures)
        except Exception as error:  # noqa: BLE001 - each operation is looked at, whatever one of them does
            failures.append(f"{operation.label}: {type(error).__name__} {str(error)[:300]}")
    assert not failures, "\n".join(failures)


def _try(operation, token, quick, failures):
    from hypothesis import given  # noqa: PLC0415

    @quick
    @given(case=operation.as_strategy())
    def ask(case):
        """Asks one generated request."""
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        if answer.status_code >= 500 and "AIRFLOW" not in answer.text:
            failures.append(
                f"{operation.label}: {answer.status_code} {answer.text[:200]} {case.as_curl_command()[:300]}"
            )

    ask()
