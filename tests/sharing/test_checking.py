"""Every field of a request is checked, each finding names its field, and a right request has none."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from exchange.sharing import requests
from exchange.sharing.checking import Ground, findings, personal_levels
from schemas.contract import load
from schemas.errors import InputError
from schemas.grants import GrantedItem, Predicate, Quota, RowFilter
from schemas.sharing import content_json, needs_check, read_content, widened
from tests.sharing.conftest import ANALYST, content, terms, written

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 23)
GROUND = Ground(load(written("person"), "a").entry, "6204", TODAY)
REGIONAL = Ground(load(written("person", region=True), "a").entry, "6204", TODAY)


def asked(**changes):
    """Makes a request with other terms."""
    return content("person", terms(**changes))


WRONG = [
    ("legal_basis", content(legal_basis="法")),
    ("scenario", content(scenario="用")),
    ("service_item", content(service_item="abc")),
    ("security", content(security="有")),
    ("responsible", content(responsible="")),
    ("phone", content(phone="电话")),
    ("frequency", content(frequency="always")),
    ("items", asked(items=())),
    ("items", asked(items=(GrantedItem("nothing", "plain"),))),
    ("items", asked(items=(GrantedItem("sex_code", "plain"),) * 2)),
    ("items", asked(items=(GrantedItem("sex_code", "open"),))),
    ("items", asked(items=(GrantedItem("sex_code", "plain", comparisons=("=",)),))),
    ("items", asked(items=(GrantedItem("sex_code", "plain"), GrantedItem("name", "condition", comparisons=("like",))))),
    ("items", asked(states={"citizen_id": "condition"})),
    ("purposes", asked(purposes=())),
    ("purposes", asked(purposes=("fun",))),
    ("ways", asked(ways=())),
    ("ways", asked(ways=("lookup", "lookup"))),
    ("period", asked(ends=date(2026, 11, 22))),
    ("period", asked(starts=date(2027, 1, 2), ends=date(2027, 1, 1))),
    ("period", asked(ends=date(2029, 12, 1))),
    ("quota", asked(quota=Quota())),
    ("quota", asked(quota=Quota(keys_a_day=0))),
    ("quota", asked(quota=Quota(keys_a_day=100_001))),
    ("quota", asked(ways=("file",), quota=Quota(keys_a_day=5))),
    ("quota", asked(minimum_rows=9)),
    ("rows", asked(rows=RowFilter("sex_code", ("6204",)))),
    ("rows", asked(rows=RowFilter(predicates=(Predicate("nothing", "=", ("1",)),)))),
    ("rows", asked(rows=RowFilter(predicates=(Predicate("citizen_id", "=", ("1",)),)))),
    ("rows", asked(rows=RowFilter(predicates=(Predicate("sex_code", "=", ("1", "2")),)))),
    ("rows", asked(rows=RowFilter(predicates=(Predicate("sex_code", "between", ("1",)),)))),
    ("rows", asked(rows=RowFilter(predicates=(Predicate("sex_code", "=", ("1" * 101,)),)))),
]


@pytest.mark.parametrize(("field", "wrong"), WRONG, ids=lambda each: each if isinstance(each, str) else "")
def test_each_field_has_its_finding(field, wrong):
    """A field that is missing or wrong gives a finding with its name and the next step; others give none."""
    found = findings(wrong, GROUND)
    assert {each.field for each in found} == {field}
    assert all(each.says and each.next_step and each.code for each in found)
    assert findings(content(), GROUND) == []


def test_another_region_needs_a_reason():
    """Rows beyond the own region, or no region at all where the entry has one, need ten characters of reason."""
    own, wide = RowFilter("area_code", ("620402",)), RowFilter("area_code", ("62",))
    assert findings(asked(rows=own), REGIONAL) == []
    for rows in (RowFilter(), wide, RowFilter("area_code", ("6204", "6205"))):
        assert [each.field for each in findings(asked(rows=rows), REGIONAL)] == ["region_reason"]
        justified = replace(asked(rows=rows), region_reason="办理全省通办事项需要核对其他市州的人员")
        assert findings(justified, REGIONAL) == []
    for rows in (RowFilter("area_code", ()), RowFilter(None, ("6204",)), RowFilter("area_code", ("六二",))):
        assert "rows" in {each.field for each in findings(asked(rows=rows), REGIONAL)}


def test_a_service_item_stands_for_the_scenario():
    """With the code of a service item the scenario may be left out."""
    assert findings(content(scenario="", service_item="11620400XX00A0048G3620117002011"), GROUND) == []


def test_narrowing_knows_rows():
    """Fewer regions and more predicates are narrower; the other way round is wider."""
    city, district = terms(rows=RowFilter("a", ("6204",))), terms(rows=RowFilter("a", ("620402",)))
    assert widened(city, district) == [] and widened(district, city) == ["rows"]
    assert widened(city, terms()) == ["rows"] and widened(terms(), city) == []
    assert widened(city, terms(rows=RowFilter("b", ("620402",)))) == ["rows"]
    men = terms(rows=RowFilter(predicates=(Predicate("sex_code", "=", ("1",)),)))
    assert widened(terms(), men) == [] and widened(men, terms()) == ["rows"]
    assert widened(terms(), terms(starts=date(2027, 1, 1))) == []
    assert widened(terms(starts=date(2027, 1, 1)), terms()) == ["period"]


def test_narrowing_knows_masks_and_comparisons():
    """A chosen mask stays, and a condition gets no further comparison."""

    def one(state, mask=None, comparisons=()):
        return terms(items=(GrantedItem("name", state, mask, comparisons),))

    assert widened(one("masked", "name_first"), one("masked", "none")) == ["items"]
    assert widened(one("masked", "name_first"), one("masked", "name_first")) == []
    assert widened(one("condition", None, ("=",)), one("condition", None, ("=", "<"))) == ["items"]
    assert widened(one("condition", None, ("=", "<")), one("condition", None, ("=",))) == []


def test_which_items_are_about_persons():
    """All items of a register of persons; of bodies only those of their persons."""
    assert set(personal_levels(GROUND.entry)) == {"citizen_id", "name", "sex_code", "birth_date"}
    register = load((ROOT / "examples/contracts/legal_entity.yaml").read_text("utf-8"), "b").entry
    assert "legal_rep_name" in personal_levels(register)
    bodies = replace(register, items=tuple(i for i in register.items if i.subject is None or i.kind == "uscc"))
    assert set(personal_levels(bodies)) == {item.name for item in bodies.items if item.identifying}
    assert needs_check(terms(states={"x": "plain"}), {"x": 3}) and not needs_check(
        terms(states={"x": "plain"}), {"x": 2}
    )


def test_content_survives_its_storing():
    """What is stored as JSON is read as it was."""
    whole = content("person", terms(rows=RowFilter("a", ("62",), (Predicate("sex_code", "in", ("1", "2")),))))
    assert read_content(content_json(whole)) == whole


def test_an_incomplete_draft_is_kept_and_not_submitted(city):
    """A draft may be incomplete; submitting it names every finding."""
    number = requests.draft(city, ANALYST, content("wage", phone="", security="")).number
    with pytest.raises(InputError) as refused:
        requests.submit(city, ANALYST, number)
    assert refused.value.code == "REQUEST_FINDINGS"
    assert "电话" in str(refused.value) and "安全保障" in str(refused.value)
    assert {each.field for each in requests.check(city, ANALYST, content("wage", phone=""))} == {"phone"}
