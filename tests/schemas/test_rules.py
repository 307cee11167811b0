"""The rule book: every rule complete, local overlays only ever stricter, null tokens per kind."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import rules
from schemas.entry import Kind
from schemas.errors import SetupError
from schemas.findings import codes
from schemas.rules import Overlay, read_overlay

BOOK = rules.book()


@pytest.mark.parametrize("rule", BOOK.rules.values(), ids=lambda rule: rule.id)
def test_a_rule_is_complete(rule):
    """Each rule has value, unit, Chinese words, source, article and evidence."""
    assert rule.kind in ("deadline", "floor", "setting")
    assert rule.evidence in tuple("SVCMD")
    assert isinstance(rule.value, str) == (rule.unit == "severity")
    assert all((rule.says, rule.source, str(rule.article), rule.unit))
    assert rule.level == "national"
    if not isinstance(rule.value, str):
        assert rule.value > 0


@pytest.mark.parametrize(
    ("rule_id", "value"),
    [
        ("REPLY_UNCONDITIONAL", 1),
        ("REPLY_CONDITIONAL", 10),
        ("SUPPLY_AFTER_APPROVAL", 20),
        ("DIRECTORY_UPDATE", 10),
        ("CORRECTION", 10),
        ("OBJECTION_ACCEPTANCE", 2),
        ("THRESHOLD_REJECT_RATIO", 0.05),
        ("THRESHOLD_FEWER_ROWS", 0.10),
        ("THRESHOLD_NULL_RATIO_POINTS", 0.10),
        ("WATERMARK_OVERLAP", 600),
        ("COMPARISON_EVERY", 7),
        ("RESUME_WITHIN", 60),
        ("LANDING_RETENTION", 7),
        ("QUARANTINE_RETENTION", 180),
        ("AUDIT_RETENTION_MINIMUM", 183),
        ("CYCLE_2_LATE", 36),
        ("CYCLE_8_VERY_LATE", 8784),
        ("SEVERITY_ID_SEX_MISMATCH", "error"),
    ],
)
def test_values_of_the_rules(rule_id, value):
    """The numbers are those of the regulation and the design."""
    assert rules.value(rule_id) == value


def test_late_comes_before_very_late():
    """For each update cycle a dataset is late before it is seriously late."""
    for cycle in range(1, 9):
        assert BOOK.number(f"CYCLE_{cycle}_LATE") < BOOK.number(f"CYCLE_{cycle}_VERY_LATE")


def test_severity_rules_name_findings():
    """A severity policy stands for a finding that exists."""
    named = [rule_id.removeprefix("SEVERITY_") for rule_id in BOOK.rules if rule_id.startswith("SEVERITY_")]
    assert named
    assert set(named) <= set(codes())


def overlay(level, rule_id, value):
    """Builds an overlay of one value."""
    return Overlay(level, {rule_id: {"value": value, "source": "本地办法"}})


def test_the_shortest_deadline_counts():
    """A local rule shortens a deadline and never lengthens it, whatever the order of the overlays."""
    county, city = overlay("county", "REPLY_CONDITIONAL", 5), overlay("municipal", "REPLY_CONDITIONAL", 7)
    for overlays in ([county, city], [city, county]):
        rule = BOOK.overlaid(overlays).rule("REPLY_CONDITIONAL")
        assert (rule.value, rule.level, rule.source) == (5, "county", "本地办法")
    longer = BOOK.overlaid([overlay("provincial", "REPLY_CONDITIONAL", 15)]).rule("REPLY_CONDITIONAL")
    assert (longer.value, longer.level) == (10, "national")
    assert BOOK.overlaid([overlay("provincial", "REPLY_CONDITIONAL", 3), county]).value("REPLY_CONDITIONAL") == 3
    assert rules.value("REPLY_CONDITIONAL") == 10


@given(st.lists(st.tuples(st.sampled_from(["provincial", "municipal", "county"]), st.integers(1, 30)), max_size=6))
def test_an_effective_deadline_is_the_minimum(locals_):
    """Whatever the overlays, the deadline in force is the smallest of all."""
    overlays = [overlay(level, "SUPPLY_AFTER_APPROVAL", value) for level, value in locals_]
    expected = min([20, *(value for _, value in locals_)])
    assert BOOK.overlaid(overlays).value("SUPPLY_AFTER_APPROVAL") == expected


def test_a_floor_is_only_raised_and_a_setting_replaced():
    """Retention may be longer locally, never shorter; a setting takes the most local value."""
    assert BOOK.overlaid([overlay("county", "AUDIT_RETENTION_MINIMUM", 30)]).value("AUDIT_RETENTION_MINIMUM") == 183
    assert BOOK.overlaid([overlay("county", "AUDIT_RETENTION_MINIMUM", 400)]).value("AUDIT_RETENTION_MINIMUM") == 400
    both = [overlay("county", "LANDING_RETENTION", 14), overlay("provincial", "LANDING_RETENTION", 3)]
    assert BOOK.overlaid(both).value("LANDING_RETENTION") == 14
    severity = [overlay("municipal", "SEVERITY_ID_SEX_MISMATCH", "warning")]
    assert BOOK.overlaid(severity).value("SEVERITY_ID_SEX_MISMATCH") == "warning"


@pytest.mark.parametrize(
    ("rule_id", "facts"),
    [
        ("NO_SUCH_RULE", {"value": 1, "source": "x"}),
        ("REPLY_CONDITIONAL", {"value": 1}),
        ("REPLY_CONDITIONAL", {"value": 1, "source": "x", "unit": "hours"}),
        ("REPLY_CONDITIONAL", {"value": "五", "source": "x"}),
        ("REPLY_CONDITIONAL", {"value": -1, "source": "x"}),
        ("REPLY_CONDITIONAL", {"value": True, "source": "x"}),
        ("REPLY_CONDITIONAL", {"value": None, "source": "x"}),
        ("SEVERITY_ID_SEX_MISMATCH", {"value": 3, "source": "x"}),
    ],
)
def test_a_bad_overlay_is_refused(rule_id, facts):
    """Unknown rules, missing sources and wrong values are set-up errors with their rule's name."""
    with pytest.raises(SetupError, match=rule_id):
        BOOK.overlaid([Overlay("county", {rule_id: facts})])


def test_an_overlay_is_read_from_yaml():
    """A local file is YAML of rule ids; anything else is refused."""
    read = read_overlay("REPLY_CONDITIONAL: {value: 5, source: 县办法, article: 第八条, evidence: V}\n", "county")
    assert BOOK.overlaid([read]).rule("REPLY_CONDITIONAL").article == "第八条"
    assert read_overlay("", "county").values == {}
    for text in ("- a\n", "REPLY_CONDITIONAL: 5\n", "a: [\n"):
        with pytest.raises(SetupError):
            read_overlay(text, "county")


def test_numbers_and_unknown_rules():
    """A word is no number and an unknown id a KeyError."""
    with pytest.raises(TypeError):
        BOOK.number("SEVERITY_ID_SEX_MISMATCH")
    with pytest.raises(KeyError):
        rules.value("NO_SUCH_RULE")


def test_every_kind_has_null_tokens():
    """Each kind of item has its own list, and unknown kinds none."""
    for kind in get_args(Kind):
        tokens = rules.null_tokens(kind)
        assert len(set(tokens)) == len(tokens)
    with pytest.raises(KeyError):
        rules.null_tokens("nope")


@pytest.mark.parametrize(
    ("kind", "token", "is_null"),
    [
        ("text", "无", False),
        ("text", "未知", False),
        ("text", r"\N", True),
        ("text", "NULL", True),
        ("text", "N/A", True),
        ("text", "--", True),
        ("name", "无", True),
        ("name", "NA", False),
        ("name", "不详", True),
        ("date", "0000-00-00", True),
        ("date", "9999-12-31", False),
        ("code", "不详", True),
        ("decimal", "-", True),
        ("decimal", "0", False),
        ("bool", "无", False),
        ("mobile", "无", True),
        ("citizen_id", "无", False),
        ("uscc", r"\N", True),
        ("binary", "", False),
    ],
)
def test_null_tokens_are_per_kind(kind, token, is_null):
    """无 is an answer in free text, a missing name elsewhere; identifiers leave words to their own check."""
    assert (token in rules.null_tokens(kind)) == is_null
