"""Masks: what stays of a value, that masking twice changes nothing, that one value and an array are masked alike."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.identifiers import citizen_id, uscc
from schemas.masks import HIDDEN, MASKS, default_mask, mask_array, mask_text, mask_value
from tests.lake.people import item

SHOWN = [
    ("citizen_id", "620402199403079879", "620402********9879"),
    ("citizen_id", "620402940307987", "620402*****7987"),
    ("citizen_id", "E12345678", "E1*****78"),
    ("citizen_id", "12345", "*****"),
    ("uscc", "XX620402MA1234567A", "XX620402********7A"),
    ("name", "张", "*"),
    ("name", "张三", "张*"),
    ("name", "张小三", "张*三"),
    ("name", "欧阳小三", "欧**三"),
    ("name", "买买提·艾力", "买*****"),
    ("mobile", "13800138000", "138****8000"),
    ("telephone", "0943-8221234", "0943-*****34"),
    ("telephone", "010-82212345", "010-******45"),
    ("telephone", "09438221234", "0943*****34"),
    ("telephone", "02182212345", "021******45"),
    ("telephone", "13800138000", "138****8000"),
    ("telephone", "8221234", "*****34"),
    ("address", "甘肃省白银市白银区人民路街道胜利路3号", "甘肃省白银市白银区人民路街道****"),
    ("address", "白银区四龙镇民勤村12号", "白银区四龙镇****"),
    ("address", "白银市白银区北京路305号4单元502室", "白银市白银区****"),
    ("address", "北京路1号", "****"),
    ("address", "3号楼4单元502室旁边的乡下老屋", "3号楼4单元****"),
    ("bank_card", "6222020200112233445", "***************3445"),
    ("passport", "E12345678", "E1*****78"),
    ("email", "zhangsan@example.cn", "z***@example.cn"),
    ("email", "not an address", "**************"),
    ("year", "1990-03-07", "1990"),
    ("region", "620402", "6204**"),
    ("first", "低保户", "低**"),
    ("first", "是", "*"),
    ("hidden", "", HIDDEN),
]

quick = settings(max_examples=30, deadline=None)
TEXTS = st.text(max_size=24) | st.text("0123456789X-*@·张三路镇乡街道号\n", max_size=24)


@pytest.mark.parametrize(("rule", "value", "masked"), SHOWN)
def test_what_stays(rule, value, masked):
    """Each rule leaves what domain.md 7.2 shows."""
    assert mask_text(rule, value) == masked
    assert mask_array(rule, pa.array([value, None])).to_pylist() == [masked, None]


@pytest.mark.parametrize("rule", MASKS)
@quick
@given(value=TEXTS)
@example(value="0123")
def test_masking_twice_changes_nothing(rule, value):
    """A masked value is masked as itself."""
    once = mask_text(rule, value)
    assert mask_text(rule, once) == once


@pytest.mark.parametrize("rule", MASKS)
@quick
@given(values=st.lists(st.none() | TEXTS, max_size=8))
def test_one_value_and_an_array_agree(rule, values):
    """The array kernel gives what the single value gives, large strings included."""
    expected = [mask_text(rule, value) for value in values]
    assert mask_array(rule, pa.array(values, pa.string())).to_pylist() == expected
    assert mask_array(rule, pa.array(values, pa.large_string())).to_pylist() == expected


@quick
@given(st.dates(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)), st.integers(-9, 9))  # noqa: DTZ001
def test_values_of_other_types(day, moment, number):
    """Dates and moments become years, numbers are hidden, for one value as for an array."""
    assert mask_array("year", pa.array([day, None])).to_pylist() == [mask_value("year", day), None]
    times = pa.array([moment, None], pa.timestamp("us", "Asia/Shanghai"))
    assert mask_array("year", times).to_pylist() == [mask_value("year", times[0].as_py()), None]
    assert (
        mask_array("first", pa.array([number, None])).to_pylist()
        == [mask_value("first", number), None]
        == [HIDDEN, None]
    )


@quick
@given(st.text("0123456789X", min_size=15, max_size=18), st.sampled_from(sorted(MASKS)))
@example("11010519491231002X", "citizen_id")
@example("91350100M000100Y43", "uscc")
def test_a_masked_identifier_never_verifies(value, rule):
    """What is left of a citizen ID or USCC is no valid one; a year is the exception in form, not in length."""
    masked = mask_text(rule, value)
    assert not citizen_id(masked).ok
    assert not uscc(masked).ok


def test_every_kind_of_item_has_a_mask():
    """Names, numbers, places and dates have rules of their own; what has none is hidden."""
    assert default_mask(item("a", "citizen_id")) == "citizen_id"
    assert default_mask(item("a", "name")) == "name"
    assert default_mask(item("a", "mobile")) == "mobile"
    assert default_mask(item("a", "address")) == "address"
    assert default_mask(item("a", "date", "D")) == "year"
    assert default_mask(item("a", "text", "D")) == "year"
    assert default_mask(item("a", "text")) == "first"
    assert default_mask(item("a", "code")) == "hidden"
    assert default_mask(replace(item("a", "text"), type="B")) == "hidden"
    assert default_mask(item("a", "amount", "Y")) == "hidden"
    assert mask_value("year", date(1990, 3, 7)) == "1990"


def test_an_unknown_rule_is_no_rule():
    """A rule that is not there masks nothing and says so."""
    with pytest.raises(KeyError):
        mask_text("plain", "x")
    with pytest.raises(KeyError):
        mask_array("plain", pa.array(["x"]))
