"""Single checks of the gate on small columns, beside what the oracle compares."""

import pytest

from quality.gate import Gate
from quality.plan import compile_plan
from tests.quality.landing import DATA_DATE, batch, citizen, entry, item, rule


def bad_rows(items, rules, columns, **reader):
    """Lists which rows fail."""
    return (
        Gate(compile_plan(entry(items, rules, reader.pop("key", ()))), DATA_DATE)
        .check(batch(columns, **reader))
        .bad.to_pylist()
    )


@pytest.mark.parametrize(
    ("bounds", "bad"),
    [
        ({"min_value": 2}, [True, False, False]),
        ({"min_value": 2, "strict_min": True}, [True, True, False]),
        ({"max_value": 2}, [False, False, True]),
        ({"max_value": 2, "strict_max": True}, [False, True, True]),
        ({"min_value": 2, "max_value": 2}, [True, False, True]),
    ],
)
def test_bounds_are_inclusive_unless_strict(bounds, bad):
    """A bound itself passes, a strict bound does not."""
    rules = [rule("expect_column_values_to_be_between", column="n", **bounds)]
    assert bad_rows([item("n", "integer", "I")], rules, {"n": ["1", "2", "3"]}) == bad


@pytest.mark.parametrize(
    ("text", "bad"),
    [("ñ" * 2, True), ("é" * 3, False), ("αβγ", False), ("𠀀𠀀", True), ("甲乙丙", False), ("甲乙丙a", True)],
)
def test_lengths_in_gb18030_count_its_bytes(text, bad):
    """A Greek letter, é and a Han character take two bytes, ñ and what is outside the first plane four."""
    assert bad_rows([item("t", "text", length=6, length_unit="byte_gb18030")], [], {"t": [text]}) == [bad]


@pytest.mark.parametrize(
    ("ignore", "bad"),
    [
        ("both_values_are_missing", [False, True, True, False]),
        ("either_value_is_missing", [False, True, False, False]),
        ("neither", [False, True, True, True]),
    ],
)
def test_ignore_row_if_leaves_rows_out_of_a_pair_rule(ignore, bad):
    """Null on one side or both is a failing pair or no pair at all, as the rule says."""
    rules = [rule("expect_column_pair_values_to_be_equal", column_A="a", column_B="b", ignore_row_if=ignore)]
    columns = {"a": ["x", "x", "x", None], "b": ["x", "y", None, None]}
    assert bad_rows([item("a", "text", length=1), item("b", "text", length=1)], rules, columns) == bad


def test_a_rule_that_reads_more_than_the_key_is_not_asked_of_a_delete():
    """A birth date that differs is no reason to refuse a delete; a rule of the key alone is."""
    rules = [
        rule("expect_citizen_id_birth_date_to_match", column_A="citizen_id", column_B="birth"),
        rule("expect_column_values_to_match_regex", column="citizen_id", regex=r"\A6.*\z"),
    ]
    columns = {"citizen_id": ["620402199003079879", "130434200101019888"], "birth": ["2001-01-02", "2001-01-02"]}
    both = [citizen(), item("birth", "date", "D")]
    assert bad_rows(both, rules, columns, key=("citizen_id",), op=["D", "D"]) == [False, True]
    assert bad_rows(both, rules, columns, key=("citizen_id",), op=["U", "U"]) == [True, True]


def test_conditional_presence_looks_at_the_other_item():
    """A value must be there when the other item has one of the values, and may be there only then."""
    rules = [
        rule(
            "expect_column_values_to_be_present_when",
            "COND_MISSING",
            column="why",
            when_column="state",
            when_values=["9"],
        ),
        rule(
            "expect_column_values_to_be_absent_unless",
            "COND_UNEXPECTED",
            column="why",
            when_column="state",
            when_values=["9"],
        ),
    ]
    columns = {"state": ["9", "9", "1", "1", None], "why": ["x", None, None, "x", "x"]}
    both = [item("state", "code", code_set="person_status"), item("why", "text", length=9)]
    assert bad_rows(both, rules, columns) == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("number", "young"), [("620402200611219879", False), ("620402200611229873", False), ("620402200611239879", True)]
)
def test_age_counts_full_years_on_the_data_date(number, young):
    """Twenty years are full on the birthday itself."""
    rules = [
        rule(
            "expect_citizen_age_to_be_at_least_when",
            "AGE_TOO_YOUNG",
            column_A="id",
            minimum_age=20,
            when_column="state",
            when_values=["1"],
        )
    ]
    both = [item("id", "text", length=18), item("state", "text", length=1)]
    assert bad_rows(both, rules, {"id": [number], "state": ["1"]}) == [young]
    assert bad_rows(both, rules, {"id": [number], "state": ["2"]}) == [False]


def test_dates_up_to_the_end_of_the_data_date_are_not_in_the_future():
    """The last millisecond of the data date passes, the first of the next day does not."""
    rules = [
        rule("expect_column_values_to_not_be_in_future", column="d"),
        rule("expect_column_values_to_not_be_in_future", column="t"),
    ]
    columns = {"d": ["2026-11-22", "2026-11-23", None], "t": ["2026-11-22 23:59:59.999", None, "2026-11-23 00:00:00"]}
    assert bad_rows([item("d", "date", "D"), item("t", "datetime", "T")], rules, columns) == [False, True, True]


def test_sums_and_sets_of_rows_are_exact():
    """Sums are decimal; equal and different items are compared row by row."""
    items = [item("a", "amount", "Y"), item("b", "amount", "Y")]
    assert bad_rows(
        items,
        [rule("expect_multicolumn_sum_to_equal", column_list=["a", "b"], sum_total=0.3)],
        {"a": ["0.1", "0.1"], "b": ["0.2", "0.21"]},
    ) == [False, True]
    null = {"a": ["0.3", None], "b": [None, None]}
    assert bad_rows(items, [rule("expect_multicolumn_sum_to_equal", column_list=["a", "b"], sum_total=0.3)], null) == [
        True,
        False,
    ]
    texts = [item("a", "text", length=3), item("b", "text", length=3)]
    columns = {"a": ["x", "x", None], "b": ["x", "y", "y"]}
    assert bad_rows(texts, [rule("expect_multicolumn_values_to_be_equal", column_list=["a", "b"])], columns) == [
        False,
        True,
        True,
    ]
    different = rule("expect_select_column_values_to_be_unique_within_record", column_list=["a", "b"])
    assert bad_rows(texts, [different], columns) == [True, False, False]
