"""The gate: findings by row, reader findings, deletes, keys, severities, counts."""

import json
import pickle
from datetime import date

import pyarrow as pa
import pytest

from quality.counts import Counts
from quality.gate import Gate
from quality.plan import compile_plan
from quality.results import validation_result
from schemas.entry import Subject
from schemas.errors import ContractError, HubError
from tests.quality.landing import DATA_DATE, batch, citizen, entry, item, rule

GOOD = "620402199003079879"


def compared(column, operator, parameter=None):
    """Makes a comparison condition; without a parameter it is not one that GX takes."""
    given = {} if parameter is None else {"parameter": parameter}
    return {"type": "comparison", "column": {"name": column}, "operator": operator, **given}


def nullity(column, is_null=True):
    """Makes a condition about null."""
    return {"type": "nullity", "column": {"name": column}, "is_null": is_null}


def never(condition):
    """Makes a rule that no value of `a` passes under the condition."""
    return rule("expect_column_values_to_be_null", column="a", row_condition=condition)


def gate_of(*args, **kwargs):
    """Builds a gate from the plan as it comes back from storage."""
    return Gate(json.loads(json.dumps(compile_plan(entry(*args, **kwargs)))), DATA_DATE)


def findings(checked, row):
    """Lists code and item of a row's findings."""
    return [(each["code"], each["item"]) for each in checked.findings[row].as_py()]


def person_gate():
    """Makes the gate of a small population entry."""
    items = [
        citizen(required=True),
        item("name", "name", length=4, required=True),
        item("sex", "code", code_set="gb_t_2261_1"),
        item("birth", "date", "D", required=True),
        item("amount", "amount", "Y"),
    ]
    rules = [
        rule("expect_citizen_id_birth_date_to_match", "ID_BIRTH_MISMATCH", column_A="citizen_id", column_B="birth"),
        rule("expect_citizen_id_sex_to_match", "ID_SEX_MISMATCH", column_A="citizen_id", column_B="sex"),
        rule("expect_column_values_to_be_between", "NUMBER_RANGE", column="amount", min_value=0),
    ]
    return gate_of(items, rules, ("citizen_id",))


def people(**changes):
    """Makes the columns of one sound person, changed as asked."""
    columns = {"citizen_id": GOOD, "name": "张三", "sex": "1", "birth": "1990-03-07", "amount": "1.00"}
    return {name: [value] for name, value in {**columns, **changes}.items()}


def test_a_sound_row_has_no_finding_and_its_items_are_typed():
    """A clean record passes and comes out in the item's types, in item order."""
    checked = person_gate().check(batch(people(birth="1990-3-7", sex="男", citizen_id=" 620402900307987")))
    assert checked.bad.to_pylist() == [False]
    assert findings(checked, 0) == []
    assert checked.flags.to_pylist() == [[]]
    assert checked.items.schema.names == ["citizen_id", "name", "sex", "birth", "amount"]
    assert checked.items.column("birth").to_pylist() == [date(1990, 3, 7)]
    assert checked.items.column("citizen_id").to_pylist() == [GOOD]


def test_a_bad_row_carries_all_of_its_findings():
    """Check digit, broken name, wrong sex, impossible date, negative amount: one row says all, each with its place."""
    wrong = people(citizen_id="620402199003079878", name="张\ufffd三五六七", sex="2", birth="1990-02-30", amount="-1")
    checked = person_gate().check(batch(wrong))
    assert set(findings(checked, 0)) == {
        ("ID_CHECK", "citizen_id"),
        ("TEXT_MOJIBAKE", "name"),
        ("ITEM_TOO_LONG", "name"),
        ("ID_SEX_MISMATCH", "citizen_id"),
        ("DATE_FORMAT", "birth"),
        ("NUMBER_RANGE", "amount"),
    }
    assert {each["place"] for each in checked.findings[0].as_py()} == {"第2行"}
    assert {each["severity"] for each in checked.findings[0].as_py()} == {"error"}


def test_an_unreadable_value_is_not_called_missing_as_well():
    """A required date that is no date has DATE_FORMAT alone, though GX's not-null counts it."""
    checked = person_gate().check(batch(people(birth="x")))
    assert findings(checked, 0) == [("DATE_FORMAT", "birth")]
    assert checked.counts.rules["required.birth"].unexpected == 1


def test_a_row_without_its_key_says_so():
    """A null row key is KEY_MISSING beside ITEM_MISSING; an unreadable key is KEY_MISSING too."""
    checked = person_gate().check(batch(people(citizen_id="无")))
    assert set(findings(checked, 0)) == {
        ("KEY_MISSING", "citizen_id"),
        ("ITEM_MISSING", "citizen_id"),
        ("ID_PLACEHOLDER", "citizen_id"),
    }
    dated = gate_of([item("day", "date", "D")], (), ("day",))
    assert set(findings(dated.check(batch({"day": ["x"]})), 0)) == {("KEY_MISSING", "day"), ("DATE_FORMAT", "day")}


def test_findings_of_the_reader_join_those_of_the_gate():
    """What the reader saw in a cell is said of the item; a number cell matters for identifiers only."""
    seen = [
        {"code": "CELL_ERROR", "column": "amount", "place": "B2"},
        {"code": "CELL_NUMBER_AS_ID", "column": "citizen_id", "place": "A2"},
    ]
    harmless = [{"code": "CELL_NUMBER_AS_ID", "column": "amount", "place": "B3"}]
    two = {name: values * 2 for name, values in people().items()}
    checked = person_gate().check(batch(two, findings=[seen, harmless]))
    assert findings(checked, 0) == [("CELL_ERROR", "amount"), ("CELL_NUMBER_AS_ID", "citizen_id")]
    assert checked.bad.to_pylist() == [True, False]
    assert [each["place"] for each in checked.findings[0].as_py()] == ["B2", "A2"]


def test_an_unreadable_record_goes_straight_to_quarantine():
    """A ragged or raw record has only the reader's finding and no items."""
    ragged = [{"code": "ROW_RAGGED", "column": None, "place": "第2行"}]
    two = {name: values * 2 for name, values in people(name="张\ufffd").items()}
    checked = person_gate().check(batch(two, findings=[ragged, None], raw=[None, b"\xff"]))
    assert findings(checked, 0) == [("ROW_RAGGED", "")]
    assert findings(checked, 1) == [("ROW_UNREADABLE", "")]
    assert checked.bad.to_pylist() == [True, True]
    assert checked.items.column("name").to_pylist() == [None, None]
    assert checked.counts.unreadable == 2
    assert checked.counts.rules["required.name"].rows == 0


def test_a_delete_is_judged_by_its_key_alone():
    """Of an `_op` D only the row key counts: null items are no fault, a wrong or absent key is."""
    three = {name: [None] * 3 for name in people()} | {
        "citizen_id": [GOOD, None, GOOD[:-1] + "1"],
        "amount": ["x", None, None],
    }
    checked = person_gate().check(batch(three, op=["D", "D", "D"]))
    assert [set(findings(checked, row)) for row in range(3)] == [
        set(),
        {("KEY_MISSING", "citizen_id"), ("ITEM_MISSING", "citizen_id")},
        {("ID_CHECK", "citizen_id")},
    ]
    assert checked.counts.deletes == 3
    assert checked.counts.nulls["name"] == 0


def test_an_unknown_operation_is_an_error():
    """Only I, U and D are changes."""
    checked = person_gate().check(batch({name: values * 2 for name, values in people().items()}, op=["X", "U"]))
    assert findings(checked, 0) == [("OPERATION_UNKNOWN", "")]
    assert checked.bad.to_pylist() == [True, False]


def test_a_warning_goes_on_as_a_flag_and_an_info_is_counted():
    """Warnings do not stop a row and are its flags; infos are counted and shown."""
    gate = gate_of([item("phone", "telephone", length=20), citizen()])
    checked = gate.check(batch({"phone": ["abc", None], "citizen_id": ["110103196508159897", "620499199001019919"]}))
    assert checked.bad.to_pylist() == [False, False]
    assert checked.flags.to_pylist() == [["TELEPHONE_FORMAT:phone"], ["ID_REGION_UNKNOWN:citizen_id"]]
    assert ("ID_REGION_ABOLISHED", "citizen_id") in findings(checked, 0)


def test_a_finding_that_is_worse_than_its_list_says_is_an_error():
    """USCC_CATEGORY is a warning, but a second character that is no digit makes it an error."""
    gate = gate_of([item("uscc", "uscc", length=18)])
    checked = gate.check(batch({"uscc": ["9X620400XX00A0013Y", "96620400XX00A00136"]}))
    assert checked.bad.to_pylist() == [True, False]
    assert [each["severity"] for each in checked.findings[0].as_py() if each["code"] == "USCC_CATEGORY"] == ["error"]


def test_a_contract_may_soften_the_rule_of_a_kind():
    """A rule of the contract on the same item replaces the derived one, and its severity bounds all of its codes."""
    softer = rule("expect_column_values_to_be_uscc", "USCC_CHECK", "warning", column="uscc")
    gate = gate_of([item("uscc", "uscc", length=18)], [softer])
    checked = gate.check(batch({"uscc": ["91620400XX00A0013N", "9X620400XX00A0013Y", "91"]}))
    assert checked.bad.to_pylist() == [False, False, False]
    assert "USCC_CHECK:uscc" in checked.flags.to_pylist()[0]
    assert "USCC_LENGTH:uscc" in checked.flags.to_pylist()[2]


def test_mostly_never_saves_a_row():
    """A rule that holds for most rows still rejects the row that fails it."""
    lenient = rule("expect_column_values_to_be_in_set", "VALUE_SET", column="grade", value_set=["A", "B"], mostly=0.5)
    gate = gate_of([item("grade", "text", length=1)], [lenient])
    checked = gate.check(batch({"grade": ["A", "A", "C"]}))
    assert checked.bad.to_pylist() == [False, False, True]
    (result,) = [
        each
        for each in validation_result(gate.plan, checked.counts, "r1")["results"]
        if "in_set" in each["expectation_config"]["type"]
    ]
    assert result["success"]
    assert result["result"]["partial_unexpected_index_list"] == [3]


@pytest.mark.parametrize(
    ("condition", "bad"),
    [
        (compared("kind", "==", "a"), [True, False, False]),
        (compared("kind", "!=", "a"), [False, True, True]),
        (compared("kind", "IN", ["a", "b"]), [True, True, False]),
        (compared("kind", "NOT_IN", ["a"]), [False, True, True]),
        (nullity("kind"), [False, False, True]),
        (nullity("kind", is_null=False), [True, True, False]),
        (
            {"type": "and", "conditions": [nullity("kind", is_null=False), compared("size", ">=", 2)]},
            [False, True, False],
        ),
        ({"type": "or", "conditions": [nullity("kind"), compared("size", "<", 2)]}, [True, False, True]),
    ],
)
def test_row_conditions_narrow_a_rule(condition, bad):
    """A rule with a row condition looks at the rows of the condition alone."""
    forbidden = rule("expect_column_values_to_be_null", column="value", row_condition=condition)
    gate = gate_of(
        [item("value", "text", length=9), item("kind", "text", length=9), item("size", "integer", "I")], [forbidden]
    )
    checked = gate.check(batch({"value": ["x"] * 3, "kind": ["a", "b", None], "size": ["1", "2", "3"]}))
    assert checked.bad.to_pylist() == bad


@pytest.mark.parametrize(
    "bad",
    [
        rule("expect_column_values_to_be_null", column="a", row_condition="a == 1", condition_parser="pandas"),
        never({"type": "pass_through", "pass_through_filter": "a"}),
        never(nullity("zz")),
        never({"type": "and", "conditions": []}),
        never(compared("a", "~", 1)),
        never(compared("a", "==")),
        rule("expect_column_values_to_be_unique", column="a"),
        rule("expect_column_values_to_be_increasing", column="a"),
        rule("expect_column_median_to_be_between", column="n", min_value=1),
        rule("expect_table_row_count_to_be_between", min_value=1, row_condition=nullity("a")),
        rule("expect_column_values_to_match_regex", column="a", regex=r"(?=x)y"),
        rule("expect_column_values_to_match_regex", column="n", regex=r"\A1\z"),
        rule("expect_column_values_to_be_between", column="n", min_value=5, max_value=1),
        rule("expect_column_values_to_be_between", column="n"),
        rule("expect_column_values_to_be_between", column="d", min_value="yesterday"),
        rule("expect_column_values_to_be_in_set", column="n", value_set=["x"]),
        rule("expect_column_pair_values_to_be_equal", column_A="a", column_B="n"),
        rule("expect_column_pair_values_to_be_equal", column_A="a", column_B="a", ignore_row_if="sometimes"),
        rule("expect_column_values_to_not_be_in_future", column="a"),
        rule("expect_column_values_to_be_uscc", column="n"),
        rule("expect_multicolumn_sum_to_equal", column_list=["a", "n"], sum_total=1),
        rule("expect_column_values_to_be_null", column="zz"),
        rule("expect_column_values_to_be_in_set", column="a", value_set=3),
        rule("expect_column_values_to_be_in_set", column="n", value_set=[float("inf")]),
        rule("expect_column_value_lengths_to_be_between", column="a", max_value="long"),
        rule("expect_column_pair_values_to_be_in_set", column_A="a", column_B="n", value_pairs_set=[["x"]]),
        rule("expect_column_values_to_be_present_when", column="a", when_column="n", when_values=["x"]),
        rule("expect_citizen_id_birth_date_to_match", column_A="a", column_B="n"),
        rule("expect_citizen_id_sex_to_match", column_A="n", column_B="a"),
        rule(
            "expect_citizen_age_to_be_at_least_when", column_A="a", minimum_age="x", when_column="a", when_values=["1"]
        ),
        rule("expect_multicolumn_values_to_be_equal", column_list=[]),
        rule("expect_column_values_to_be_null", column="a", row_condition=compared("n", "IN", 3)),
        rule("expect_column_values_to_be_in_code_set", column="a", code_set=["x"]),
    ],
)
def test_what_the_gate_cannot_run_is_refused_when_the_entry_is_published(bad):
    """Conditions, table rules and arguments without an exact meaning are a ContractError in Chinese, not a guess."""
    items = [item("a", "text", length=9), item("n", "integer", "I"), item("d", "date", "D")]
    with pytest.raises(ContractError) as error:
        compile_plan(entry(items, [bad]))
    assert any("\u4e00" <= character <= "\u9fff" for character in str(error.value))


def test_counts_add_up_over_batches_and_processes():
    """Counts of parts, through JSON and pickle, add up to the counts of the whole."""
    gate = pickle.loads(pickle.dumps(person_gate()))  # noqa: S301 - our own bytes
    columns = {name: values * 6 for name, values in people().items()} | {
        "name": ["甲", None, "乙", None, "丙丙丙丙丙", "\ufffd"]
    }
    whole = batch(columns)
    parts = [gate.check(whole.slice(0, 2)).counts, gate.check(whole.slice(2)).counts]
    added = Counts.from_json(json.loads(json.dumps((parts[0] + parts[1]).as_json())))
    assert added == gate.check(whole).counts
    assert added.codes == {"ITEM_MISSING": 2, "ITEM_TOO_LONG": 1, "TEXT_MOJIBAKE": 1}
    assert added.rules["required.name"].first == [2, 4]


def test_a_result_holds_counts_and_row_numbers_but_no_value():
    """The GX-shaped result names expectations, counts, codes and row numbers; no value of a row is in it."""
    gate = person_gate()
    checked = gate.check(batch(people(citizen_id="620402199003079878", name="欧阳某某某某", amount="-7.77")))
    written = json.dumps(validation_result(gate.plan, checked.counts, "run-1"), ensure_ascii=False)
    assert not any(value in written for value in ("620402199003079878", "欧阳", "7.77"))
    assert json.loads(written)["statistics"]["unsuccessful_expectations"] == 3


def test_an_empty_batch_and_a_missing_column_are_no_accident():
    """No rows give no findings; a column that the landing lacks is null in every row."""
    gate = person_gate()
    empty = batch({name: [] for name in people()})
    checked = gate.check(empty)
    assert (len(checked.bad), len(checked.findings), checked.items.num_rows) == (0, 0, 0)
    short = {name: values for name, values in people().items() if name != "birth"}
    assert findings(gate.check(batch(short)), 0) == [("ITEM_MISSING", "birth")]


def test_a_table_is_taken_like_a_batch():
    """A pyarrow Table, even of several chunks, is checked as one batch."""
    whole = pa.Table.from_batches([batch(people()), batch(people(name=None))])
    assert person_gate().check(whole).bad.to_pylist() == [False, True]


def test_a_plan_of_another_format_is_refused():
    """A plan that an older version compiled asks for publishing again."""
    with pytest.raises(HubError):
        Gate({**compile_plan(entry([citizen()])), "format": 0}, DATA_DATE)


def test_limits_that_an_item_states_are_rules():
    """minLength, pattern, minimum, maximum and lengths in bytes become rules of their own."""
    items = [
        item("a", "text", length=4, facts={"min_length": 2, "pattern": r"\A[a-z]+\z"}),
        item("n", "integer", "I", facts={"minimum": 1, "maximum": 9}),
        item("g", "text", length=6, length_unit="byte_gb18030", facts={"min_length": 2}),
        item("u", "text", length=6, length_unit="byte_utf8"),
        item("d", "date", "D", facts={"minimum": "2020-01-01"}),
    ]
    rows = {
        "a": ["ab", "a", "ab1", "abcde"],
        "n": ["1", "0", "10", None],
        "g": ["三个字", "四个汉字", "一", "ab𠀀"],
        "u": ["二字", "三个字", "abcdef", "abcdefg"],
        "d": ["2020-01-01", "2019-12-31", None, None],
    }
    checked = gate_of(items).check(batch(rows))
    assert [set(findings(checked, row)) for row in range(4)] == [
        set(),
        {
            ("ITEM_TOO_LONG", "a"),
            ("NUMBER_RANGE", "n"),
            ("ITEM_TOO_LONG", "g"),
            ("ITEM_TOO_LONG", "u"),
            ("DATE_RANGE", "d"),
        },
        {("VALUE_PATTERN", "a"), ("NUMBER_RANGE", "n"), ("ITEM_TOO_LONG", "g")},
        {("ITEM_TOO_LONG", "a"), ("ITEM_TOO_LONG", "u")},
    ]


def test_an_identifier_rule_works_on_a_plain_text_item():
    """A rule of the contract checks an item of another kind, and a type column that the item itself does not name."""
    items = [item("any", "text", length=32), item("kind", "code", code_set="holder_code_type")]
    rules = [
        rule(
            "expect_column_values_to_be_uscc", "USCC_CHECK", column="any", row_condition=compared("kind", "==", "001")
        ),
        rule("expect_column_values_to_be_identifier_of_type", "IDENTIFIER_TYPE", column="any", type_column="kind"),
    ]
    good, wrong = "91620400XX00A0013M", "91620400XX00A0013N"
    rows = {"any": [good, wrong, good, None], "kind": ["001", "001", "111", "111"]}
    checked = gate_of(items, rules).check(batch(rows))
    assert checked.bad.to_pylist() == [False, True, True, False]
    assert findings(checked, 1) == [("USCC_CHECK", "any")]


def test_pairs_of_dates_and_times_are_compared_by_day():
    """A date beside a datetime is compared with its day in Shanghai."""
    items = [item("day", "date", "D"), item("at", "datetime", "T")]
    rules = [
        rule("expect_column_pair_values_a_to_not_be_after_b", "DATE_ORDER", column_A="day", column_B="at"),
        rule("expect_column_pair_values_to_be_equal", "PAIR_UNEQUAL", column_A="at", column_B="day"),
    ]
    rows = {"day": ["2020-01-02", "2020-01-02"], "at": ["2020-01-02 00:00:00", "2020-01-01 23:59:59"]}
    checked = gate_of(items, rules).check(batch(rows))
    assert [findings(checked, row) for row in range(2)] == [[], [("DATE_ORDER", "day"), ("PAIR_UNEQUAL", "at")]]


def test_a_person_by_type_is_compared_only_where_the_type_is_a_persons():
    """An all-digit credit code is not read as a birth date, and a card of 2017 tells birth date and sex."""
    items = [
        item("kind", "code", code_set="holder_code_type"),
        item("holder", "identifier", length=32, subject=Subject("持证主体", None, "kind")),
        item("birth", "date", "D"),
        item("sex", "code", code_set="gb_t_2261_1"),
    ]
    rules = [
        rule("expect_citizen_id_birth_date_to_match", "ID_BIRTH_MISMATCH", column_A="holder", column_B="birth"),
        rule("expect_citizen_id_sex_to_match", "ID_SEX_MISMATCH", column_A="holder", column_B="sex"),
    ]
    rows = {
        "kind": ["001", "111", "553", "553"],
        "holder": ["916204001990030798", "620402199003079879", "USA620481020315", "USA620481020315"],
        "birth": ["2000-01-01", "1990-03-08", "1981-02-03", "1981-02-04"],
        "sex": ["2", "2", "1", "2"],
    }
    checked = gate_of(items, rules).check(batch(rows))
    compared_ = [
        {code for code, _ in findings(checked, row)} & {"ID_BIRTH_MISMATCH", "ID_SEX_MISMATCH"} for row in range(4)
    ]
    assert compared_ == [
        set(),
        {"ID_BIRTH_MISMATCH", "ID_SEX_MISMATCH"},
        set(),
        {"ID_BIRTH_MISMATCH", "ID_SEX_MISMATCH"},
    ]


def test_ids_of_rules_are_unique():
    """Two rules of the same expectation on the same item keep two counts."""
    same = [
        rule("expect_column_values_to_match_regex", column="a", regex=pattern) for pattern in (r"\Aa.*\z", r"\A.*b\z")
    ]
    ids = [each["id"] for each in compile_plan(entry([item("a", "text", length=9)], same))["rules"]]
    assert len(ids) == len(set(ids)) == 4
