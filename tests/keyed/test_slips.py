"""Verification slips: one page, sealed, confirmed by number and code without a value, printed again in the log."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from exchange.keyed import slips
from portal.app import create_app
from schemas.errors import Denied, NotFound
from tests.keyed.conftest import PEOPLE, STRANGER, WINDOW, events, give, log_text, why

ONE = PEOPLE[3]
KEY = ONE["gmsfhm"]


def made(hub, values=None):
    """Makes a slip."""
    return slips.make(hub, WINDOW, "person", KEY, why(service_item="11620400-000123"), values)


def pages_of(pdf):
    """Counts the pages of a PDF."""
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_a_slip_is_one_page_and_sealed(city):
    """Verify and look-up give a one-page PDF; what it says rests sealed and is not in the log."""
    give(city)
    for values in ({"name": ONE["xm"]}, None):
        slip = made(city, values)
        assert slip.pdf.startswith(b"%PDF")
        assert pages_of(slip.pdf) == 1
        assert b"STSong-Light" in slip.pdf
    with city.transaction() as connection:
        stored = str([dict(row) for row in connection.execute(text("select * from hub.verification_slips")).mappings()])
    for secret in (KEY, ONE["xm"], slip.code):
        assert secret not in stored
        assert secret not in log_text(city)


def test_the_hub_confirms_number_and_code_without_a_value(city):
    """Whoever holds number and code learns that the slip is true, and no value; a wrong one learns nothing."""
    give(city)
    slip = made(city, {"name": ONE["xm"]})
    with TestClient(create_app(city)) as web:
        asked = {"number": slip.number, "code": slip.code.lower()}
        answer = web.get("/api/v1/slips/confirm", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["says"] == "一致"
        page = web.post("/slips/confirm", data=asked)
        assert "凭证属实" in page.text
        for shown in (answer.text, page.text):
            assert KEY not in shown
            assert ONE["xm"] not in shown
        wrong = web.get("/api/v1/slips/confirm", params=asked | {"code": "A" * 20})
        other = web.get("/api/v1/slips/confirm", params=asked | {"number": "HY20990101000001"})
        assert wrong.status_code == other.status_code == 404
        assert wrong.json() == other.json()
    assert len(events(city, error_code="SLIP_UNKNOWN")) == 2


def test_printing_again_is_audited_and_said(city):
    """A second print counts, is in the log and is the department's alone."""
    give(city)
    slip = made(city)
    again = slips.reprint(city, WINDOW, slip.number)
    assert again.code == slip.code
    assert again.pdf != slip.pdf
    assert [each["detail"]["print"] for each in events(city, object_id=slip.number) if "print" in each["detail"]] == [2]
    with pytest.raises(NotFound):
        slips.reprint(city, STRANGER, slip.number)


def test_no_slip_without_a_grant_and_none_for_ever(city):
    """A refused verify makes no slip; after its time a slip is gone."""
    with pytest.raises(Denied):
        made(city)
    give(city)
    made(city)
    assert len(slips.list_slips(city, WINDOW)) == 1
    city.clock.forward(days=1097)
    assert slips.list_slips(city, WINDOW) == []
