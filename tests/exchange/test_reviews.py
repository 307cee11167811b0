"""Reviews before submission (R-23): recorded with the signed sheet, sealed, and readable only inside."""

from datetime import date

import pytest
from sqlalchemy import text

from exchange import entries, reviews
from exchange.access import Actor
from exchange.reviews import NewReview, record_review, show_scan
from exchange.scans import MOST_BYTES
from schemas.errors import InputError, NotFound, SealBroken, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server

EDITOR = Actor("li", frozenset({"editor"}), PROVIDER, "portal")
STRANGER = Actor("zhao", frozenset({"editor"}), "11620400XX00C0014G", "portal")
PNG = b"\x89PNG\r\n\x1a\n" + b"signed by hand"


def sheet(**changes):
    """Makes a review that passes."""
    facts = {"kind": "secrecy", "person": "王某", "reviewed_on": date(2026, 11, 20), "passed": True}
    return NewReview(**facts | {"opinion": "不涉密", "scan_name": "签批件.png", "scan": PNG} | changes)


@pytest.fixture
def draft(hub, admin, tmp_path):
    """A draft of the police."""
    return entries.apply(hub, admin, contract(server=csv_server(tmp_path / "p.csv")), "a")


def test_a_review_is_kept_with_its_sealed_sheet(hub, draft):
    """The sheet comes back byte for byte; at rest it is unreadable, and bound to its own review."""
    view = record_review(hub, EDITOR, "person", sheet())
    assert (view.kind_name, view.current, view.stale, view.scan_name) == ("保密审查", True, False, "签批件.png")
    found = show_scan(hub, EDITOR, "person", view.id)
    assert (found.content, found.media_type) == (PNG, "image/png")
    other = record_review(hub, EDITOR, "person", sheet(kind="leader", opinion="同意"))
    with hub.transaction() as connection:
        sealed = connection.execute(text("select scan_sealed from hub.entry_reviews order by id")).scalars().all()
        assert all(b"signed" not in bytes(each) for each in sealed)
        swap = "update hub.entry_reviews set scan_sealed = :sealed where id = :id"
        connection.execute(text(swap), {"sealed": sealed[0], "id": other.id})
    with pytest.raises(SealBroken):
        show_scan(hub, EDITOR, "person", other.id)


def test_the_newest_of_a_kind_counts(hub, draft):
    """A second review of a kind takes the first one's place; both stay to be seen."""
    first = record_review(hub, EDITOR, "person", sheet(passed=False))
    record_review(hub, EDITOR, "person", sheet())
    with hub.transaction() as connection:
        version = entries.store.latest_version(connection, "person")
        listed = reviews.reviews_of(connection, version)
    assert [(view.passed, view.current) for view in listed] == [(True, True), (False, False)]
    assert listed[1].id == first.id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scan": b""}, "SCAN_MISSING"),
        ({"scan": b"%PDF-" + b"0" * MOST_BYTES}, "SCAN_SIZE"),
        ({"scan": b"<html>%PDF-"}, "SCAN_TYPE"),
        ({"scan": b"GIF89a"}, "SCAN_TYPE"),
        ({"kind": "other"}, "REVIEW_KIND"),
        ({"person": " "}, "REVIEW_FIELD"),
        ({"opinion": ""}, "REVIEW_FIELD"),
        ({"opinion": "长" * 501}, "REVIEW_FIELD"),
        ({"reviewed_on": date(2026, 11, 23)}, "REVIEW_DATE"),
    ],
)
def test_a_bad_review_is_refused(hub, draft, changes, code):
    """What is missing or is no scan is named, by its content and not by its name."""
    with pytest.raises(InputError) as caught:
        record_review(hub, EDITOR, "person", sheet(**changes))
    assert caught.value.code == code and caught.value.next_step


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd.png"),
        ("C:\\tmp\\表 1.exe", "表_1.png"),
        ("", "签批件.png"),
        ("...", "签批件.png"),
        ("a\r\nSet-Cookie: x.png", "a__Set-Cookie__x.png"),
    ],
)
def test_a_sheet_has_a_harmless_name(hub, draft, given, kept):
    """Folders, control characters and endings that lie are taken off the name."""
    assert record_review(hub, EDITOR, "person", sheet(scan_name=given)).scan_name == kept


def test_reviews_are_for_the_department_and_for_drafts(hub, draft, admin, tmp_path):
    """Another department neither records nor reads; what is published takes no review; ids of others are not found."""
    view = record_review(hub, EDITOR, "person", sheet())
    with pytest.raises(NotFound):
        record_review(hub, STRANGER, "person", sheet())
    with pytest.raises(NotFound):
        show_scan(hub, STRANGER, "person", view.id)
    entries.apply(hub, admin, contract("second", server=csv_server(tmp_path / "p.csv")), "a", publish=True)
    with pytest.raises(NotFound):
        show_scan(hub, EDITOR, "second", view.id)
    with pytest.raises(StateError, match="不在编制中"):
        record_review(hub, EDITOR, "second", sheet())
    with pytest.raises(NotFound):
        record_review(hub, EDITOR, "none", sheet())
