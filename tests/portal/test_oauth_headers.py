"""The token route reads whatever header comes."""

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize("header", ["Basic /////w==", "Basic é", "Basic", "Bearer x", "Basic " + "A" * 5000])
def test_a_header_that_is_no_text_is_no_client(app, header):
    """What is no Base64 of a text is an unknown client, not a failure of ours."""
    said = TestClient(app, raise_server_exceptions=False).post(
        "/api/v1/oauth/token", data={"grant_type": "client_credentials"}, headers={"authorization": header.encode()}
    )
    assert said.status_code in (400, 401) and "error" in said.json()
