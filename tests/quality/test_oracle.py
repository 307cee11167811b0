"""GX's own engine and the gate agree, expectation by expectation: counts and failing rows."""

import csv
import gzip
import random
import string
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quality.gate import Gate
from quality.plan import compile_plan
from quality.suite import compile_suite
from schemas.entry import Subject
from tests.quality.landing import DATA_DATE, batch, citizen, entry, item, rule

REGISTERS = Path(__file__).parents[3] / "shared" / "data" / "legal_entities"
EQUAL_A = {"type": "comparison", "column": {"name": "code"}, "operator": "==", "parameter": "1"}
LATE = {"type": "comparison", "column": {"name": "start"}, "operator": ">=", "parameter": "2000-01-01"}
EITHER = {"type": "or", "conditions": [EQUAL_A, {"type": "nullity", "column": {"name": "note"}, "is_null": True}]}
OTHER = {"type": "comparison", "column": {"name": "code"}, "operator": "!=", "parameter": "1"}
AMONG = {"type": "comparison", "column": {"name": "code"}, "operator": "IN", "parameter": ["1", "2"]}


def every_rule():
    """An entry with every kind of item and every expectation that the gate runs."""
    items = [
        citizen(required=True),
        item("uscc", "uscc", length=18),
        item("org", "org_code", length=9),
        item("reg", "registration_number", length=15),
        item("licence", "licence_id"),
        item("holder_type", "code", code_set="holder_code_type"),
        item("holder", "identifier", length=32, level=4, subject=Subject("持证主体", None, "holder_type")),
        item("fixed", "identifier", length=32, level=4, subject=Subject("法定代表人", "111")),
        item("code", "code", code_set="gb_t_2261_1"),
        item("region", "region", code_set="gbt2260_current"),
        item("note", "text", length=6, facts={"min_length": 1}),
        item("wide", "address", length=8, length_unit="byte_gb18030"),
        item("start", "date", "D", required=True),
        item("end", "date", "D", open_end=True),
        item("moment", "datetime", "T", facts={"minimum": "1990-01-01 08:00:00"}),
        item("number", "decimal", "N", length=8, scale=2, facts={"minimum": 0, "maximum": 1000.5}),
        item("whole", "integer", "I"),
        item("real", "decimal", "B"),
        item("money", "amount", "Y"),
        item("flag", "bool", "L"),
        item("capital", "capital", "N"),
        item("currency", "capital_currency", source="capital", length=2),
        item("mobile", "mobile", length=11),
        item("telephone", "telephone", length=20),
        item("long", "text", "M"),
    ]
    rules = [
        rule("expect_citizen_id_birth_date_to_match", "ID_BIRTH_MISMATCH", column_A="citizen_id", column_B="start"),
        rule("expect_citizen_id_sex_to_match", "ID_SEX_MISMATCH", column_A="citizen_id", column_B="code"),
        rule("expect_column_pair_values_a_to_not_be_after_b", "DATE_ORDER", column_A="start", column_B="end"),
        rule("expect_column_pair_values_a_to_not_be_after_b", "DATE_ORDER", column_A="start", column_B="moment"),
        rule("expect_column_values_to_not_be_in_future", "DATE_FUTURE", column="start"),
        rule("expect_column_values_to_not_be_in_future", "DATE_FUTURE", column="moment"),
        rule(
            "expect_column_values_to_be_present_when",
            "COND_MISSING",
            column="note",
            when_column="code",
            when_values=["1", "9"],
        ),
        rule(
            "expect_column_values_to_be_absent_unless",
            "COND_UNEXPECTED",
            column="end",
            when_column="code",
            when_values=["2"],
        ),
        rule(
            "expect_citizen_age_to_be_at_least_when",
            "AGE_TOO_YOUNG",
            column_A="citizen_id",
            minimum_age=30,
            when_column="code",
            when_values=["1", "2"],
        ),
        rule("expect_column_values_to_be_in_set", column="note", value_set=["a", "甲", None]),
        rule("expect_column_values_to_be_in_set", column="whole", value_set=[1, 2, 1.5]),
        rule("expect_column_values_to_be_in_set", column="number", value_set=[1, 2.5]),
        rule("expect_column_values_to_not_be_in_set", column="note", value_set=["b"]),
        rule("expect_column_values_to_be_between", column="whole", min_value=0, max_value=10, strict_min=True),
        rule("expect_column_values_to_be_between", column="real", max_value=0.1, strict_max=True),
        rule("expect_column_values_to_be_between", column="money", min_value=0.1),
        rule("expect_column_values_to_be_between", column="start", min_value="1980-01-01", max_value="2020-12-31"),
        rule("expect_column_values_to_be_null", column="long", row_condition=EQUAL_A),
        rule("expect_column_values_to_not_be_null", column="long", row_condition=LATE),
        rule("expect_column_values_to_not_be_null", column="money", row_condition=EITHER),
        rule("expect_column_values_to_not_be_null", column="whole", row_condition=OTHER),
        rule("expect_column_values_to_not_be_null", column="real", row_condition=AMONG),
        rule("expect_column_value_lengths_to_be_between", column="long", min_value=2, max_value=4),
        rule("expect_column_value_lengths_to_equal", column="note", value=1),
        rule("expect_column_values_to_match_regex", column="note", regex=r"\A[a-z甲-龥]+\z"),
        rule("expect_column_values_to_not_match_regex", column="long", regex=r"\A.*x.*\z"),
        rule(
            "expect_column_values_to_match_regex_list",
            column="note",
            regex_list=[r"\Aa.*\z", r"\A.*b\z"],
            match_on="all",
        ),
        rule(
            "expect_column_values_to_match_regex_list",
            column="long",
            regex_list=[r"\Aa.*\z", r"\A.*b\z"],
            match_on="any",
        ),
        rule("expect_column_values_to_not_match_regex_list", column="long", regex_list=[r"\Aa.*\z", r"\A.*b\z"]),
        rule("expect_column_pair_values_to_be_equal", column_A="note", column_B="long"),
        rule(
            "expect_column_pair_values_to_be_equal",
            column_A="note",
            column_B="wide",
            ignore_row_if="either_value_is_missing",
        ),
        rule("expect_column_pair_values_a_to_be_greater_than_b", column_A="money", column_B="number", or_equal=True),
        rule(
            "expect_column_pair_values_a_to_be_greater_than_b",
            column_A="whole",
            column_B="number",
            ignore_row_if="either_value_is_missing",
        ),
        rule(
            "expect_column_pair_values_to_be_in_set",
            column_A="code",
            column_B="note",
            value_pairs_set=[["1", "a"], ["2", "b"]],
        ),
        rule("expect_multicolumn_values_to_be_equal", column_list=["note", "long", "wide"]),
        rule(
            "expect_select_column_values_to_be_unique_within_record",
            column_list=["note", "long", "wide"],
            ignore_row_if="any_value_is_missing",
        ),
        rule("expect_multicolumn_sum_to_equal", column_list=["number", "money"], sum_total=3.5),
        rule("expect_column_values_to_match_strftime_format", column="note", strftime_format="%Y"),
    ]
    return entry(items, rules, ("citizen_id",))


POOLS = {
    "citizen_id": [
        "620402199003079879",
        "620402199003079860",
        "620402199003079878",
        "620402900307987",
        "USA620481020315",
        "无",
        "130434200101019888",
        "6204",
    ],
    "uscc": [
        "91620400XX00A0013M",
        "91620400xx00a0013m",
        "91620400XX00A0013N",
        "9X620400XX00A0013Y",
        "-",
        "91620400XI00A0013M",
    ],
    "org": ["XX000006X", "XX0000190", "XX000006-X", "XX0000061", "甲"],
    "reg": ["620400000990012", "620400000990013", "62040000099", "无"],
    "licence": [
        "1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001.001.N",
        "1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001.001.M",
        "x",
    ],
    "holder_type": ["001", "111", "414", "统一社会信用代码", "553", "???"],
    "holder": ["91620400XX00A0013M", "620402199003079879", "E12345678", "*", "962840198102039915", "A" * 33],
    "fixed": ["620402199003079879", "810000199504129935", "91620400XX00A0013M", "无", "1" * 17 + "2" * 17],
    "code": ["1", "2", "男", "女性", "9", "x", "０"],
    "region": ["620402", "110103", "620400", "999999"],
    "note": ["a", "甲", "b", "ab", "abcdefg", "A", "锟斤拷", "1999", "无", "a\x07"],
    "wide": ["甲乙丙丁", "甲乙丙丁戊", "abcdefgh", "a", "abcdefghi", "𠀀𠀀", "\ue000"],
    "start": ["1990-03-07", "19900307", "2020-02-30", "2031-1-1", "33000", "1700-01-01", "2026-11-22", "9999-12-31"],
    "end": ["2020-01-01", "长期", "9999-12-31", "1980-1-1", "x"],
    "moment": [
        "2020-01-01 10:00:00",
        "1989-12-31",
        "2026-11-22 23:59:59",
        "2026-11-23",
        "1990-01-01 08:00:00",
        "44000.5",
        "z",
    ],
    "number": ["1", "2.5", "3.5", "1000.5", "1000.51", "-1", "1.234", "1,000.00", "x", "1e2"],
    "whole": ["1", "2", "0", "10", "11", "1.5", "9223372036854775808", "１"],
    "real": ["0.1", "0.05", "-3", "1e-3", "abc"],
    "money": ["0.1", "0.10", "0.09", "1.005", "2.5", "1"],
    "flag": ["是", "0", "maybe", "T"],
    "capital": ["200(万元人民币)", "50(万)", "100()", "x", "10(万美元)", "N/A"],
    "mobile": ["13812345678", "+86 138 1234 5678", "123"],
    "telephone": ["0943-8221234", "abc", "12345", "8" * 21],
    "long": ["a", "ab", "abcd", "abcde", "xb", "甲", "\ufffd"],
}


def mixed(rows, seed):
    """Draws rows of sound and broken cells, a fifth of them absent."""
    chance = random.Random(seed)
    return {
        name: [None if chance.random() < 0.2 else chance.choice(pool) for _ in range(rows)]
        for name, pool in POOLS.items()
    }


def test_gx_and_the_gate_agree_on_every_kind_of_rule(oracle):
    """On drawn rows of every kind of item, each rule has the same counts and the same failing rows in both engines."""
    gate = Gate(compile_plan(every_rule()), DATA_DATE)
    data = batch(mixed(1500, 11))
    assert oracle.compare(gate, data) == []
    failing = {name for name, (count, _) in gate.unexpected(data).items() if count.unexpected}
    assert failing == {each["id"] for each in gate.plan["rules"]}, "every rule is to be seen failing"


def test_gx_and_the_gate_agree_on_a_clean_small_batch(oracle):
    """A batch without one bad row, and rules about nothing but null, agree too."""
    gate = Gate(compile_plan(every_rule()), DATA_DATE)
    assert oracle.compare(gate, batch({name: [None, None] for name in POOLS})) == []


CELLS = st.one_of(
    st.none(),
    st.sampled_from([cell for pool in POOLS.values() for cell in pool]),
    st.text(string.digits + "-/. aXx甲年月日,", max_size=12),
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(POOLS, CELLS)), min_size=1, max_size=25))
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
def test_gx_and_the_gate_agree_on_any_rows(oracle, rows):
    """Whatever text stands in whatever column, both engines say the same."""
    gate = Gate(compile_plan(every_rule()), DATA_DATE)
    assert oracle.compare(gate, batch({name: [row[name] for row in rows] for name in POOLS})) == []


def test_the_suite_is_one_that_gx_takes(oracle):
    """The compiled suite is a GX ExpectationSuite of registered expectations with our ids and codes."""
    gx = pytest.importorskip("great_expectations")
    written = compile_suite(every_rule())
    suite = gx.ExpectationSuite(name=written["name"], expectations=written["expectations"])
    assert len(suite.expectations) == len(compile_plan(every_rule())["rules"])
    assert {each["meta"]["code"] for each in written["expectations"]} >= {"ID_CHECK", "KEY_MISSING", "DATE_ORDER"}


def test_a_rule_that_the_gate_cannot_run_runs_on_gx(oracle):
    """An expectation outside the gate runs on GX's engine, and the plan says so."""
    gate = Gate(
        compile_plan(
            entry([item("j", "text", length=99)], [rule("expect_column_values_to_be_json_parseable", column="j")])
        ),
        DATA_DATE,
    )
    checked = gate.check(batch({"j": ['{"a": 1}', "{", None]}))
    assert checked.bad.to_pylist() == [False, True, False]
    assert [each["engine"] for each in gate.plan["rules"] if not each["derived"]] == ["gx"]


def register():
    """The entry of a province's register, as its file has the columns."""
    return entry(
        [
            item("name", "name", source="企业名称", length=200, required=True),
            item("uscc", "uscc", source="统一社会信用代码", length=18, required=True),
            item("day", "date", "D", source="注册日期"),
            item("capital", "capital", "N", source="注册资金"),
            item("currency", "capital_currency", source="注册资金", length=3),
            item("scope", "text", "M", source="经营范围"),
            item("address", "address", source="注册地址", length=200),
        ],
        [rule("expect_column_values_to_not_be_in_future", "DATE_FUTURE", column="day")],
        ("uscc",),
    )


@pytest.mark.real_data
@pytest.mark.parametrize("province", ["gansu", "yunnan", "henan", "hebei", "liaoning"])
def test_gx_and_the_gate_agree_on_a_real_register(oracle, province):
    """On rows of a real register, damaged ones first, both engines say the same of every rule."""
    path = REGISTERS / f"{province}.csv.gz"
    if not path.exists():
        pytest.skip("needs ../shared/data")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    rows = [line for line in lines if len(line) == len(header)]
    broken = [line for line in rows if any("\ufffd" in cell for cell in line)][:500]
    columns = dict(zip(header, zip(*(broken + rows[:2000]), strict=True), strict=True))
    gate = Gate(compile_plan(register()), DATA_DATE)
    data = batch({name: pa.array(values) for name, values in columns.items()})
    assert oracle.compare(gate, data) == []
