"""Whatever comes in, the answer is one of ours: the one shape for programs, a page for people, never more than that."""

import pytest
from fastapi.testclient import TestClient

from exchange import me
from portal.app import create_app
from portal.limits import limit_of

_SHAPE = {"code", "got", "allowed", "next"}


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/nothing.json", 404),
    ("GET", "/api/v1/connections/..%2F..%2Fetc%2Fpasswd/tables", 404),
    ("PUT", "/api/v1/people", 405),
    ("OPTIONS", "/api/v1/entries/person/submit", 405),
])  # fmt: skip
def test_what_no_route_takes_has_the_one_shape(sign, method, path, status):
    """An address or a method that is not there is refused as everything else."""
    answer = sign("editor").request(method, path)
    assert answer.status_code == status and set(answer.json()["error"]) == _SHAPE


def test_a_person_gets_a_page(sign):
    """An address that is not there is a page in Chinese that leads on, with the menu of who is signed in."""
    answer = sign("editor").get("/nothing")
    assert answer.status_code == 404 and "没有这个页面" in answer.text and "/sign-out" in answer.text


@pytest.mark.parametrize(("body", "code"), [
    (b"{", "INPUT"),
    (b"\xff\xfe", "INPUT"),
    (b"[" * 50_000, "REQUEST"),
    (b'{"name": "\\ud800", "text": "\\ud800"}', "INPUT_VALUE"),
    (b'{"name": "a.yaml", "text": "a\\u0000b"}', "CONTRACT_YAML"),
])  # fmt: skip
def test_an_unreadable_body_is_refused(sign, body, code):
    """What is no JSON, or holds what is no character, is the caller's fault and changes nothing."""
    client = sign("editor")
    headers = {"Authorization": f"Bearer {client.cookies['shuqiao_session']}", "Content-Type": "application/json"}
    answer = client.post("/api/v1/contracts", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] == code


def test_a_foreign_letter_in_the_forms_token_is_refused(sign):
    """A token of the form that is no plain text is a wrong token, not a failure."""
    assert sign("editor").post("/entries/person/submit", data={"csrf": "é漢"}).status_code == 403


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_ends_early(app, announced):
    """More than a request may hand in is refused, whether its length was said or not, and before anybody signs in."""
    most = limit_of("/api/v1/contracts")
    assert limit_of("/uploads/new/person") > most == limit_of("/entries/import")
    client, block = TestClient(app), b"x" * 1_000_000
    content = block * (most // len(block) + 1) if announced else (block for _ in range(most // len(block) + 1))
    answer = client.post("/api/v1/contracts", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "BODY_SIZE"


def test_what_nobody_foresaw_says_nothing_of_itself(hub, sign, monkeypatch):
    """A failure of ours is said in the one shape, without the words of the exception."""
    client = sign("editor")

    def broken(*_: object) -> None:
        raise RuntimeError("620402199003079879")

    monkeypatch.setattr(me, "show_me", broken)
    again = TestClient(create_app(hub), raise_server_exceptions=False, cookies=dict(client.cookies))
    for path in ("/me.json", "/me"):
        answer = again.get(path)
        assert answer.status_code == 500 and "INTERNAL" in answer.text and "620402" not in answer.text
