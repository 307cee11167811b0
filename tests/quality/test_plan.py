"""What the compiled plan says: derived rules, ids, severities of codes, arguments, conditions; found by mutation."""

import json
from datetime import date
from decimal import Decimal

import pytest

from quality.conditions import columns_of, compile_condition
from quality.plan import compile_plan, severity_of
from schemas.entry import Subject
from schemas.errors import ContractError
from schemas.findings import finding
from tests.quality.landing import batch, citizen, entry, item, rule
from tests.quality.test_gate import compared, gate_of, never, nullity


def rules_of(*args, **kwargs):
    """Compiles an entry; returns its rules by id."""
    return {each["id"]: each for each in compile_plan(entry(*args, **kwargs))["rules"]}


def said(*args, **kwargs):
    """Lists id, expectation without its prefix, code and arguments of the rules."""
    return [
        (
            each["id"],
            each["expectation"].removeprefix("expect_column_value").removeprefix("s"),
            each["code"],
            {name: value for name, value in each["kwargs"].items() if name != "column"},
        )
        for each in rules_of(*args, **kwargs).values()
    ]


def test_a_plan_says_what_it_was_compiled_from():
    """Format, dataset, version, row key, levels and items are in the plan, which is plain JSON."""
    plan = compile_plan(entry([citizen(), item("memo", "text", level=2)], key=("citizen_id",)))
    assert json.loads(json.dumps(plan)) == plan
    assert (plan["format"], plan["dataset"], plan["version"]) == (1, "sample", "1.0.0")
    assert (plan["row_key"], plan["levels"]) == (["citizen_id"], {"citizen_id": 4, "memo": 2})
    assert [each["name"] for each in plan["items"]] == ["citizen_id", "memo"]
    assert "NULL" in plan["items"][1]["null_tokens"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (citizen(), [("kind.x", "_to_be_citizen_id", "ID_CHECK", {})]),
        (item("x", "uscc"), [("kind.x", "_to_be_uscc", "USCC_CHECK", {})]),
        (item("x", "org_code", length=9), [("kind.x", "_to_be_org_code", "ORG_CHECK", {})]),
        (item("x", "registration_number"), [("kind.x", "_to_be_registration_number", "REG_CHECK", {})]),
        (item("x", "licence_id", length=99), [("kind.x", "_to_be_licence_id", "LICENCE_CHECK", {})]),
        (item("x", "identifier"), []),
        (item("x", "identifier", subject=Subject("本人")), []),
        (
            item("x", "identifier", subject=Subject("本人", "414")),
            [("kind.x", "_to_be_identifier_of_type", "IDENTIFIER_TYPE", {"type_code": "414"})],
        ),
        (
            item("x", "identifier", length=32, subject=Subject("本人", None, "t")),
            [
                ("kind.x", "_to_be_identifier_of_type", "IDENTIFIER_TYPE", {"type_column": "t"}),
                ("length.x", "_lengths_to_be_between", "ITEM_TOO_LONG", {"max_value": 32}),
            ],
        ),
        (item("x", "code"), []),
        (item("x", "code", subject=Subject("本人", "111")), []),
        (item("x", "code", subject=Subject("本人", None, "t")), []),
        (
            item("x", "text", subject=Subject("本人", None, "t")),
            [("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {})],
        ),
        (
            item("x", "text", subject=Subject("本人", "111")),
            [("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {})],
        ),
        (item("x", "code", length=3), [("length.x", "_lengths_to_be_between", "ITEM_TOO_LONG", {"max_value": 3})]),
        (
            item("x", "code", length=3, code_set="gb_t_2261_1"),
            [("kind.x", "_to_be_in_code_set", "CODE_UNKNOWN", {"code_set": "gb_t_2261_1"})],
        ),
        (
            item("x", "region", length=6, code_set="gbt2260_any"),
            [("kind.x", "_to_be_in_code_set", "REGION_UNKNOWN", {"code_set": "gbt2260_any"})],
        ),
        (item("x", "region"), []),
        (item("x", "date", "D", length=8), [("kind.x", "_to_be_readable", "DATE_FORMAT", {})]),
        (item("x", "datetime", "T"), [("kind.x", "_to_be_readable", "DATE_FORMAT", {})]),
        (item("x", "bool", "L"), [("kind.x", "_to_be_readable", "BOOL_FORMAT", {})]),
        (item("x", "capital", "N"), [("kind.x", "_to_be_readable", "CAPITAL_FORMAT", {})]),
        (item("x", "integer", "I"), [("kind.x", "_to_be_readable", "NUMBER_FORMAT", {})]),
        (item("x", "name"), [("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {})]),
        (
            item("x", "text", "M", length=9, facts={"min_length": 2}),
            [
                ("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {}),
                ("length.x", "_lengths_to_be_between", "ITEM_TOO_LONG", {"min_value": 2, "max_value": 9}),
            ],
        ),
        (
            item("x", "text", facts={"min_length": 2}, length_unit="byte_utf8"),
            [
                ("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {}),
                ("shortest.x", "_lengths_to_be_between", "ITEM_TOO_LONG", {"min_value": 2}),
            ],
        ),
        (
            item("x", "text", length=6, facts={"min_length": 2}, length_unit="byte_gb18030"),
            [
                ("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {}),
                ("length.x", "_bytes_to_be_at_most", "ITEM_TOO_LONG", {"max_value": 6, "encoding": "gb18030"}),
                ("shortest.x", "_lengths_to_be_between", "ITEM_TOO_LONG", {"min_value": 2}),
            ],
        ),
        (
            item("x", "integer", "I", facts={"minimum": 1}),
            [
                ("kind.x", "_to_be_readable", "NUMBER_FORMAT", {}),
                ("range.x", "_to_be_between", "NUMBER_RANGE", {"min_value": 1}),
            ],
        ),
        (
            item("x", "datetime", "T", facts={"maximum": "2020-01-01"}),
            [
                ("kind.x", "_to_be_readable", "DATE_FORMAT", {}),
                ("range.x", "_to_be_between", "DATE_RANGE", {"max_value": "2020-01-01"}),
            ],
        ),
        (
            item("x", "text", facts={"pattern": r"\Aa\z"}),
            [
                ("kind.x", "_to_be_text_without_damage", "TEXT_MOJIBAKE", {}),
                ("pattern.x", "_to_match_regex", "VALUE_PATTERN", {"regex": r"\Aa\z"}),
            ],
        ),
    ],
)
def test_rules_that_follow_from_an_item(made, expected):
    """Each kind of item gives exactly its own rules, with their codes and arguments."""
    made = citizen("x") if made.kind == "citizen_id" else made
    found = said([made, item("t", "identifier")])
    assert [(name, *rest) for name, *rest in found] == expected


@pytest.mark.parametrize("kind", ["mobile", "telephone"])
def test_telephones_have_a_pattern_and_only_one_kind_a_length(kind):
    """Both kinds match their own pattern; the length of a telephone number is checked too."""
    rules = rules_of([item("x", kind, length=20)])
    assert rules["kind.x"]["code"] == f"{kind.upper()}_FORMAT"
    assert ("1[3-9]" in rules["kind.x"]["kwargs"]["regex"].removeprefix(r"\A")[:7]) is (kind == "mobile")
    assert ("length.x" in rules) is (kind == "telephone")


def test_keys_and_required_items_must_be_there():
    """A key item is KEY_MISSING when null, a required one ITEM_MISSING, each with a rule of its own."""
    rules = rules_of([citizen("a", required=True), item("b", "identifier", required=True)], key=("a",))
    assert [(name, each["code"]) for name, each in rules.items()] == [
        ("key.a", "KEY_MISSING"),
        ("required.a", "ITEM_MISSING"),
        ("kind.a", "ID_CHECK"),
        ("required.b", "ITEM_MISSING"),
    ]
    assert all(each["derived"] and each["engine"] == "gate" and each["mostly"] == 1.0 for each in rules.values())


def test_a_contract_rule_replaces_the_derived_one_but_never_that_of_the_key():
    """The contract's own not-null takes the place of the derived one; a missing key stays a missing key."""
    own = rule("expect_column_values_to_not_be_null", "VALUE_RULE", "warning", column="a", mostly=0.9)
    rules = rules_of([citizen("a", required=True)], [own], ("a",))
    assert list(rules) == ["key.a", "kind.a", own.id]
    assert (rules[own.id]["derived"], rules[own.id]["mostly"]) == (False, 0.9)
    assert [each["derived"] for each in rules.values()] == [True, True, False]
    other = rule("expect_column_values_to_not_be_null", "VALUE_RULE", "warning", column="b")
    assert "required.a" in rules_of([citizen("a", required=True), item("b", "text")], [other])


def test_a_contract_rule_by_document_type_replaces_the_derived_one_of_the_same_two_items():
    """The item of the type belongs to the rule: with another one the derived rule stays."""
    items = [item("x", "identifier", subject=Subject("本人", None, "t")), item("t", "code"), item("u", "code")]
    name = "expect_column_values_to_be_identifier_of_type"
    same = rule(name, "IDENTIFIER_TYPE", "warning", column="x", type_column="t")
    other = rule(name, "IDENTIFIER_TYPE", "warning", column="x", type_column="u")
    assert list(rules_of(items, [same])) == [same.id]
    assert list(rules_of(items, [other])) == ["kind.x", other.id]


def test_equal_ids_are_numbered_from_two():
    """The second and third rule of one id get .2 and .3, and an id that a derived rule has is not taken again."""
    same = [rule("expect_column_values_to_match_regex", column="a", regex=rf"\A{each}\z") for each in "abc"]
    ids = list(rules_of([item("a", "identifier")], same))
    assert ids == [same[0].id, f"{same[0].id}.2", f"{same[0].id}.3"]


def test_severities_of_the_codes_of_a_rule():
    """Derived rules take the list's; a contract softens all codes to its severity and gives its own code that one."""
    listed = rules_of([item("a", "uscc")])["kind.a"]["codes"]
    assert listed == {code: finding(code).severity for code in listed}
    assert listed["USCC_CHECK"] == "error" and "warning" in listed.values()

    def codes(severity, code="USCC_CHECK"):
        made = rule("expect_column_values_to_be_uscc", code, severity, column="a")
        return rules_of([item("a", "uscc")], [made])[made.id]["codes"]

    order = ["info", "warning", "error"]
    for severity in order:
        softer = {code: min(each, severity, key=order.index) for code, each in listed.items()}
        assert codes(severity) == softer | {"USCC_CHECK": severity}
    assert codes("error", "USCC_REGION")["USCC_REGION"] == "error"
    assert codes("warning", "VALUE_RULE")["VALUE_RULE"] == "warning"
    assert "VALUE_RULE" not in codes("info", "VALUE_RULE")
    plain = rule("expect_column_values_to_be_null", "VALUE_RULE", "info", column="a")
    assert rules_of([item("a", "text")], [plain])[plain.id]["codes"] == {"VALUE_RULE": "info"}


def test_arguments_become_json():
    """Dates and decimals become text, sequences lists; numbers, truth values and null stay."""
    made = rule(
        "expect_column_values_to_be_in_set",
        column="a",
        value_set=("x", date(2020, 1, 2), Decimal("1.50"), None),
        meta={"notes": {1: [True, 2, 0.5]}},
    )
    kwargs = rules_of([item("a", "text")], [made])[made.id]["kwargs"]
    assert kwargs["value_set"] == ["x", "2020-01-02", "1.50", None]
    assert kwargs["meta"] == {"notes": {"1": [True, 2, 0.5]}}
    assert kwargs["meta"]["notes"]["1"][0] is True


def test_table_rules_are_kept_apart():
    """A rule about the whole table is no rule of rows; it keeps id, arguments, code and severity."""
    made = rule("expect_table_row_count_to_be_between", "VALUE_RULE", "warning", min_value=Decimal(5))
    plan = compile_plan(entry([item("a", "identifier")], [made, rule("expect_column_values_to_be_null", column="a")]))
    assert plan["tables"] == [
        {
            "id": made.id,
            "expectation": made.expectation,
            "kwargs": {"min_value": "5"},
            "code": "VALUE_RULE",
            "severity": "warning",
            "items": [],
        }
    ]
    assert [each["expectation"] for each in plan["rules"]] == ["expect_column_values_to_be_null"]


def test_rules_that_gx_runs_are_marked():
    """A row rule that only GX knows is left to its engine, with its items; one that nobody runs is refused by name."""
    made = rule("expect_column_values_to_be_json_parseable", column="a")
    compiled = rules_of([item("a", "identifier")], [made])[made.id]
    assert (compiled["engine"], compiled["items"], compiled["codes"]) == ("gx", ["a"], {"VALUE_RULE": "error"})
    with pytest.raises(ContractError) as caught:
        compile_plan(entry([item("a", "text")], [rule("expect_column_values_to_be_nice", column="a")]))
    assert caught.value.code == "CONTRACT_EXPECTATION"
    assert "to_be_nice" in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (rule("expect_column_values_to_be_null", column="zz"), "CONTRACT_REFERENCE"),
        (never(nullity("zz")), "CONTRACT_REFERENCE"),
        (never({"type": "or", "conditions": [nullity("a"), compared("zz", "==", 1)]}), "CONTRACT_REFERENCE"),
        (never({"type": "or", "conditions": []}), "CONTRACT_CONDITION"),
        (never({"type": "not", "column": "a"}), "CONTRACT_CONDITION"),
        (never({**compared("a", "==", "x"), "type": "pattern"}), "CONTRACT_CONDITION"),
        (never({**compared("a", "==", "x"), "type": "between"}), "CONTRACT_CONDITION"),
        (never("a is null"), "CONTRACT_CONDITION"),
        (never(compared("a", "IN")), "CONTRACT_CONDITION"),
        (never(compared("a", "LIKE", "x")), "CONTRACT_CONDITION"),
        (never(compared("n", "==", "x")), "CONTRACT_VALUE"),
        (never(compared("n", "IN", ["x"])), "CONTRACT_VALUE"),
    ],
)
def test_refusals_have_the_code_of_their_reason(bad, code):
    """What a rule or condition gets wrong is told by its code."""
    with pytest.raises(ContractError) as caught:
        compile_plan(entry([item("a", "text"), item("n", "integer", "I")], [bad]))
    assert caught.value.code == code


def test_no_condition_is_no_condition():
    """Null, an empty text and an empty mapping leave all rows in."""
    assert [compile_condition(nothing, {}) for nothing in (None, "", {})] == [None] * 3
    assert columns_of("a") == columns_of(None) == ()


def test_columns_of_a_condition():
    """Every item is named once, in order, however deep, also in GX's short form."""
    nested = {"type": "and", "conditions": [nullity("b"), {"type": "or", "conditions": [nullity("a"), nullity("b")]}]}
    assert columns_of(nested) == ("b", "a")
    assert columns_of({"type": "nullity", "column": "c", "is_null": True}) == ("c",)


@pytest.mark.parametrize(
    ("condition", "bad"),
    [
        (compared("n", "==", 2), "0100"),
        (compared("n", "!=", 2), "1011"),
        (compared("n", "<", 2), "1000"),
        (compared("n", "<=", 2), "1100"),
        (compared("n", ">", 2), "0010"),
        (compared("n", ">=", 2), "0110"),
        (compared("n", "IN", [1, 3]), "1010"),
        (compared("n", "IN", []), "0000"),
        (compared("n", "NOT_IN", [1, 3]), "0101"),
        (compared("n", "NOT_IN", []), "1111"),
        (compared("m", "==", "长"), "1000"),
        (compared("m", "!=", "长"), "0111"),
        (compared("m", "IN", ["长", "短"]), "1100"),
        (compared("y", ">", "1.50"), "0010"),
        (nullity("n"), "0001"),
        (nullity("n", is_null=False), "1110"),
        ({"type": "nullity", "column": {"name": "n"}}, "1110"),
        ({"type": "and", "conditions": [compared("n", ">", 1), None, compared("n", "<", 3)]}, "0100"),
        ({"type": "or", "conditions": [compared("n", "<", 2), compared("n", ">", 2), nullity("n")]}, "1011"),
        ({"type": "and", "conditions": [{"type": "or", "conditions": [nullity("n"), compared("n", "==", 1)]}]}, "1001"),
    ],
)
def test_rows_that_a_condition_leaves_in(condition, bad):
    """Each comparison, on numbers, amounts and long texts, takes exactly its rows; null differs from everything."""
    items = [item("a", "text"), item("n", "integer", "I"), item("m", "text", "M"), item("y", "amount", "Y")]
    rows = {
        "a": ["x"] * 4,
        "n": ["1", "2", "3", None],
        "m": ["长", "短", "中", None],
        "y": ["1.49", "1.50", "1.51", None],
    }
    checked = gate_of(items, [never(condition)]).check(batch(rows))
    assert "".join(str(int(each)) for each in checked.bad.to_pylist()) == bad


def test_severity_of_a_code_that_no_rule_claims():
    """A known code has its listed severity; a reader's unknown one is an error."""
    assert severity_of("ID_PLACEHOLDER") == "info"
    assert severity_of("USCC_CATEGORY") == "warning"
    assert severity_of("NO_SUCH_CODE") == "error"
