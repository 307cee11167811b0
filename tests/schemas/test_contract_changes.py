"""What changed between two versions, and whether those who use the data must be told beforehand."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas import contract
from schemas.contract.changes import breaking, changes
from schemas.entry import Item, Subject

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
ENTRY = contract.load((CONTRACTS / "full.yaml").read_text("utf-8"), "full").entry
NEW = Item("remark", "bz", "备注", "M", "text")


def with_item(name, **facts):
    """Gives the entry with one item changed."""
    return replace(ENTRY, items=tuple(replace(each, **facts) if each.name == name else each for each in ENTRY.items))


CASES = [
    (replace(ENTRY, title="证照"), "title", True),
    (replace(ENTRY, share_type=3), "share_type", False),
    (replace(ENTRY, share_type=1), "share_type", True),
    (replace(ENTRY, row_key=("licence_no",)), "row_key", False),
    (replace(ENTRY, update_cycle="3"), "update_cycle", False),
    (replace(ENTRY, update_cycle="1"), "update_cycle", True),
    (replace(ENTRY, update_cycle="8"), "update_cycle", False),
    (replace(ENTRY, schedule="0 3 * * *"), "schedule", True),
    (replace(ENTRY, attachment=None), "attachment", True),
    (replace(ENTRY, metadata={**ENTRY.metadata, "abstract": "新"}), "abstract", True),
    (replace(ENTRY, items=(*ENTRY.items, NEW)), "remark", True),
    (replace(ENTRY, items=(*ENTRY.items, replace(NEW, required=True))), "remark", False),
    (replace(ENTRY, items=ENTRY.items[:-1]), "update_time", False),
    (with_item("licence_no", title="编号"), "licence_no.title", True),
    (with_item("licence_no", source="bh"), "licence_no.source", True),
    (with_item("licence_no", length=200), "licence_no.length", True),
    (with_item("licence_no", length=64), "licence_no.length", False),
    (with_item("licence_no", length=None), "licence_no.length", True),
    (with_item("licence_id", length=None), "licence_id.length", True),
    (with_item("area_code", length=6), "area_code.length", False),
    (with_item("fee", scale=3), "fee.scale", True),
    (with_item("fee", scale=1), "fee.scale", False),
    (with_item("licence_no", type="M"), "licence_no.type", True),
    (with_item("fee", type="I"), "fee.type", False),
    (with_item("licence_no", required=False), "licence_no.required", False),
    (with_item("licence_no", level=4), "licence_no.level", False),
    (with_item("licence_no", level=2), "licence_no.level", True),
    (with_item("licence_no", identifying=False), "licence_no.identifying", False),
    (with_item("status", code_set="trust_level"), "status.code_set", False),
    (with_item("issuer_code", subject=Subject("别的", "001")), "issuer_code.subject", False),
    (with_item("licence_no", null_tokens=None), "licence_no.null_tokens", True),
    (with_item("status_desc", share_type=3), "status_desc.share_type", False),
    (with_item("status_desc", share_type=None), "status_desc.share_type", True),
    (with_item("licence_no", kind="name"), "licence_no.kind", False),
    (replace(ENTRY, rules=ENTRY.rules[1:]), "quality.valid_period", True),
]


@pytest.mark.parametrize(("new", "place", "compatible"), CASES, ids=[f"{case[1]}-{case[2]}" for case in CASES])
def test_each_change_is_found_and_judged(new, place, compatible):
    """One change gives one finding at its place, compatible or breaking."""
    found = changes(ENTRY, new)
    assert [(each.place, each.compatible) for each in found] == [(place, compatible)]
    assert found[0].says
    assert found[0].before != found[0].after
    assert breaking(found) == ([] if compatible else found)


def test_an_equal_entry_has_no_changes():
    """The same entry read twice differs in nothing."""
    again = contract.load((CONTRACTS / "full.yaml").read_text("utf-8"), "again").entry
    assert changes(ENTRY, again) == []


def test_several_changes_are_all_listed():
    """Entry, item, rule and metadata changes stand together."""
    new = replace(with_item("licence_no", length=200), title="证照", rules=(), metadata={})
    places = [each.place for each in changes(ENTRY, new)]
    assert places[:2] == ["title", "licence_no.length"]
    assert "abstract" in places
    assert sum(place.startswith("quality.") for place in places) == len(ENTRY.rules)
