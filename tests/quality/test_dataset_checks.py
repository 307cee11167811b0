"""Dataset checks: what holds a batch and what does not."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quality.dataset_checks import BatchFacts, check_dataset, check_rules
from quality.gate import Gate
from quality.plan import compile_plan
from quality.results import validation_result
from schemas.entry import Thresholds
from tests.quality.landing import DATA_DATE, batch, entry, item, rule

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def sample(mode="snapshot", **thresholds):
    """Makes an entry with the given thresholds."""
    return entry(
        [item("name", "name", length=9), item("day", "date", "D")], mode=mode, thresholds=Thresholds(**thresholds)
    )


def facts(rows=1000, quarantined=0, duplicates=0, **more):
    """Makes the facts of a batch."""
    return BatchFacts(rows, rows - quarantined - duplicates, quarantined, duplicates, more.pop("nulls", {}), **more)


def failed(results):
    """Names the required checks that failed."""
    return {result.name for result in results if result.required and not result.success}


@pytest.mark.parametrize(("quarantined", "held"), [(50, False), (51, True)])
def test_too_many_problem_rows_hold_the_batch(quarantined, held):
    """Five per cent pass, one row more holds."""
    assert ("reject_ratio" in failed(check_dataset(sample(), facts(quarantined=quarantined), None))) is held


@pytest.mark.parametrize(("rows", "held"), [(19, False), (20, True)])
def test_a_share_of_very_few_rows_says_nothing(rows, held):
    """An increment of 19 rows is not judged by its share of problem rows, one of 20 is."""
    assert ("reject_ratio" in failed(check_dataset(sample("watermark"), facts(rows, quarantined=rows), None))) is held


def test_no_rows_are_a_normal_increment():
    """An increment of 0 rows passes every check."""
    assert failed(check_dataset(sample("watermark"), facts(0), facts(100_000))) == set()


@pytest.mark.parametrize(("rows", "held"), [(900, False), (899, True), (600, True), (5000, False)])
def test_a_shrunken_snapshot_is_held(rows, held):
    """Ten per cent fewer rows pass, one row fewer holds; more rows never hold."""
    assert ("volume" in failed(check_dataset(sample(), facts(rows), facts(1000)))) is held


def test_duplicates_do_not_hide_a_shrunken_snapshot():
    """Rows are counted without the duplicates of either version."""
    assert "volume" in failed(check_dataset(sample(), facts(1000, duplicates=500), facts(1000)))
    assert failed(check_dataset(sample(), facts(1000), facts(1500, duplicates=500))) == set()


def test_an_increment_is_no_shrunken_snapshot():
    """An increment is not compared with a snapshot; a comparison run of the same entry is."""
    last = facts(1000, nulls={"day": 0})
    small = facts(30, nulls={"day": 30})
    for mode in ("watermark", "change_flag"):
        assert failed(check_dataset(sample(mode), small, last)) == set()
        assert failed(check_dataset(sample(mode), replace(small, mode="snapshot"), last)) == {"volume", "null_ratio"}


def test_the_first_version_has_nothing_to_compare_with():
    """Without a last version volume and null ratios pass, whatever they are."""
    assert failed(check_dataset(sample(), facts(3, nulls={"day": 3}), None)) == set()


@pytest.mark.parametrize(("nulls", "held"), [(200, False), (201, True)])
def test_more_nulls_hold_the_batch_and_name_the_item(nulls, held):
    """Ten points more nulls pass, more hold, and the note says of which item by its title."""
    results = check_dataset(sample(), facts(nulls={"day": nulls}), facts(nulls={"day": 100}))
    assert ("null_ratio" in failed(results)) is held
    if held:
        assert any("day空值率由10.00%升至20.10%" in note for result in results for note in result.notes)


def test_an_item_that_the_last_version_had_not_is_not_compared():
    """A new item may be all null."""
    assert failed(check_dataset(sample(), facts(nulls={"day": 1000}), facts(nulls={"name": 0}))) == set()


def test_minimum_rows_and_freshness_hold_where_they_are_set():
    """Too few accepted rows of a snapshot and data that is too old hold; unset thresholds do not."""
    strict = sample(minimum_rows=100, freshness_hours=24.0)
    old = facts(1000, data_time=NOW - timedelta(hours=25), now=NOW)
    assert failed(check_dataset(strict, old, None)) == {"freshness"}
    assert failed(check_dataset(strict, facts(120, quarantined=5, duplicates=20), None)) == {"minimum_rows"}
    assert failed(check_dataset(strict, facts(100, data_time=NOW, now=NOW), None)) == set()
    assert failed(check_dataset(strict, facts(100, now=NOW), None)) == set()
    assert failed(check_dataset(sample("watermark", minimum_rows=100), facts(5), None)) == set()


def test_facts_survive_json():
    """Facts of a run are stored and read back whole."""
    whole = facts(10, nulls={"a": 1}, data_time=NOW, now=NOW, mode="snapshot", deletes=2)
    assert BatchFacts.from_json(json.loads(json.dumps(whole.as_json()))) == whole


def test_mostly_and_table_rules_hold_the_batch():
    """`mostly` and rules about the whole table are judged on the counts of the run, warnings without holding it."""
    rules = [
        rule("expect_column_values_to_be_in_set", "VALUE_SET", column="name", value_set=["a"], mostly=0.6),
        rule("expect_table_row_count_to_be_between", min_value=5),
        rule("expect_table_row_count_to_equal", severity="warning", value=9),
        rule("expect_table_column_count_to_equal", value=1),
        rule(
            "expect_column_proportion_of_non_null_values_to_be_between", column="name", min_value=0.75, strict_min=True
        ),
    ]
    gate = Gate(compile_plan(entry([item("name", "text", length=9)], rules)), DATA_DATE)
    counts = gate.check(batch({"name": ["a", "b", "b", None]})).counts
    results = {result.name.split(".")[1]: result for result in check_rules(gate.plan, counts)}
    assert {name: (result.required, result.success) for name, result in results.items()} == {
        "expect_column_values_to_be_in_set": (True, False),
        "expect_table_row_count_to_be_between": (True, False),
        "expect_table_row_count_to_equal": (False, False),
        "expect_table_column_count_to_equal": (True, True),
        "expect_column_proportion_of_non_null_values_to_be_between": (True, False),
    }
    assert not validation_result(gate.plan, counts, "r")["success"]
