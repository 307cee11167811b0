"""What a program may send to an operation by key, and what it is told when it sends something else."""

import json

import pytest

from exchange.keyed import credentials
from tests.keyed.conftest import HEAD, PEOPLE, events, give, log_text
from tests.keyed.test_clients import body, opened, web  # noqa: F401 - a fixture

PATH = "/api/v1/keyed/person/lookup"
JSON = "application/json"
#: What nobody may find in an answer or in the log.
TOLD = "张三丰"


@pytest.fixture
def key(city):
    """The key of a client that may look up."""
    give(city)
    return credentials.new_secret(city, HEAD, opened(city), "key").secret


def post(web, key, content, kind=JSON):
    """Sends bytes as they are."""
    headers = {"X-API-Key": key} | ({"Content-Type": kind} if kind else {})
    return web.post(PATH, content=content, headers=headers)


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"])
def test_a_call_is_json_of_any_name(city, web, key, kind):
    """JSON under each of its media types is read."""
    assert post(web, key, json.dumps(body()).encode(), kind).json()["outcome"] == "found"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", JSON), (b"{", JSON), (b"[]", JSON), (b"null", JSON), (b"3", JSON), (b'"x"', JSON), (b"\xff\xfe", JSON),
        (b"[" * 100_000, JSON), (b'{"key": "\\ud800"}', JSON), (b"key=1", "application/x-www-form-urlencoded"),
        (json.dumps(body()).encode(), "text/plain"), (json.dumps(body()).encode(), None),
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_told_so(city, web, key, content, kind):
    """Anything but a JSON object has one answer; nothing was read, nothing is in the log as a look-up."""
    answer = post(web, key, content, kind)
    assert answer.status_code == 422
    assert answer.json()["error"]["got"] == "提交的内容不是JSON"
    assert not events(city, action="API_CALL", result="success")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"key": None}, "key"), ({"key": [TOLD]}, "key"), ({"why": TOLD}, "why"), ({"why": None}, "why"),
        ({"why": {"purpose": 3}}, "purpose"), ({"items": TOLD}, "items"),
    ],
)  # fmt: skip
def test_fields_that_are_not_usable_are_named(city, web, key, changed, field):
    """The answer names the field and never what was in it."""
    answer = post(web, key, json.dumps(body() | changed).encode())
    assert answer.status_code == 422
    assert answer.json()["error"]["got"] == f"{field} 的值不可用"
    assert TOLD not in answer.text + log_text(city)


def test_who_is_not_known_is_told_nothing_of_the_body(city, web):
    """The caller is asked for first."""
    told = {post(web, "sqk_nobody", content).text for content in (b"{", json.dumps(body()).encode())}
    assert len(told) == 1
    assert web.post(PATH, json=body()).json()["error"]["code"] == "SIGN_IN"
    assert PEOPLE[3]["gmsfhm"] not in told.pop()
