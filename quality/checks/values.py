"""Checks of one item's values in GX's standard vocabulary: null, set, range, pattern, length."""

import decimal
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.checks.registry import Check, register
from quality.normalise.cells import SHANGHAI, Mask, mask_of
from quality.normalise.shape import ItemPlan, arrow_type, none
from quality.rows import Rows, Verdict
from schemas.errors import ContractError

Kwargs = Mapping[str, Any]
Items = Mapping[str, ItemPlan]


def not_null(rows: Rows, kwargs: Kwargs) -> Verdict:
    """Null is unexpected."""
    return Verdict(rows.null(kwargs["column"]), none(rows.size))


def null(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value is unexpected."""
    return Verdict(~rows.null(kwargs["column"]), none(rows.size))


def in_set(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value outside the set is unexpected."""
    return _values(rows, kwargs, ~_is_in(rows, kwargs))


def not_in_set(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value of the set is unexpected."""
    return _values(rows, kwargs, _is_in(rows, kwargs))


def _is_in(rows: Rows, kwargs: Kwargs) -> Mask:
    return mask_of(pc.is_in(_comparable(rows.values(kwargs["column"])), value_set=kwargs["value_set"]))


def between(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value outside the bounds is unexpected."""
    values = _comparable(rows.values(kwargs["column"]))
    return _values(rows, kwargs, _outside(values, kwargs))


def lengths_between(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text with too few or too many characters is unexpected."""
    column = rows.values(kwargs["column"])
    return _values(rows, kwargs, _outside(pc.utf8_length(column), kwargs))


def lengths_equal(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text of another length is unexpected."""
    column = rows.values(kwargs["column"])
    return _values(rows, kwargs, mask_of(pc.not_equal(pc.utf8_length(column), kwargs["value"])))


def bytes_between(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text that is too long when written in `encoding` is unexpected."""
    column = rows.values(kwargs["column"])
    size = pc.binary_length(column)
    if kwargs["encoding"] == "gb18030":
        # Every UTF-8 length bounds the GB18030 length from above but for 2-byte characters: count only near the limit.
        near = mask_of(pc.greater(pc.multiply(size, 2), kwargs["max_value"]))
        size = np.array(size.fill_null(0).to_numpy(zero_copy_only=False))
        cells = column.filter(pa.array(near)).to_pylist()
        size[near] = [len(cell.encode("gb18030", errors="replace")) for cell in cells]
        size = pa.array(size)
    return _values(rows, kwargs, mask_of(pc.greater(size, kwargs["max_value"])))


def match(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text without a match is unexpected."""
    return _values(rows, kwargs, ~_matches(rows, kwargs, kwargs["regex"]))


def not_match(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text with a match is unexpected."""
    return _values(rows, kwargs, _matches(rows, kwargs, kwargs["regex"]))


def match_list(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text that matches none of (or, with match_on: all, not all of) the patterns is unexpected."""
    hits = [_matches(rows, kwargs, pattern) for pattern in kwargs["regex_list"]]
    together = np.logical_and.reduce(hits) if kwargs.get("match_on") == "all" else np.logical_or.reduce(hits)
    return _values(rows, kwargs, ~together)


def not_match_list(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text that matches any of the patterns is unexpected."""
    return _values(rows, kwargs, np.logical_or.reduce([_matches(rows, kwargs, each) for each in kwargs["regex_list"]]))


def _matches(rows: Rows, kwargs: Kwargs, pattern: str) -> Mask:
    return mask_of(pc.match_substring_regex(rows.values(kwargs["column"]), pattern))


def _values(rows: Rows, kwargs: Kwargs, unexpected: Mask) -> Verdict:
    missing = rows.null(kwargs["column"])
    return Verdict(unexpected & ~missing, missing)


def _outside(values: pa.Array, kwargs: Kwargs) -> Mask:
    outside = none(len(values))
    if (low := kwargs.get("min_value")) is not None:
        outside |= mask_of((pc.less_equal if kwargs.get("strict_min") else pc.less)(values, low))
    if (high := kwargs.get("max_value")) is not None:
        outside |= mask_of((pc.greater_equal if kwargs.get("strict_max") else pc.greater)(values, high))
    return outside


def _comparable(values: pa.Array) -> pa.Array:
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values


def bound(value: Any, item: ItemPlan) -> Any:
    """Turns a bound or set member of the contract into a value of the item's type; raises ContractError."""
    try:
        return _typed(value, item)
    except (ValueError, TypeError, ArithmeticError):
        raise ContractError(
            f"规则中“{item.title}”的比较值与数据项类型不符",
            f"应为类型{item.type}的值",
            "请改正规则",
            code="CONTRACT_VALUE",
        ) from None


def _typed(value: Any, item: ItemPlan) -> Any:
    kind = arrow_type(item)
    if pa.types.is_date(kind):
        return (
            value
            if isinstance(value, date) and not isinstance(value, datetime)
            else date.fromisoformat(str(value)[:10])
        )
    if pa.types.is_timestamp(kind):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(SHANGHAI))
    if pa.types.is_boolean(kind):
        if not isinstance(value, bool):
            raise TypeError
        return value
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return str(value)
    if isinstance(value, bool):
        raise TypeError
    number = decimal.Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return float(number) if pa.types.is_floating(kind) else number


def bind_range(kwargs: Kwargs, items: Items) -> Kwargs:
    """Types the bounds of a range; one of them at least must be there."""
    item = items[kwargs["column"]]
    given = {name: bound(kwargs[name], item) for name in ("min_value", "max_value") if kwargs.get(name) is not None}
    if not given:
        raise ContractError("规则没有写明范围", "min_value、max_value至少要有一个", "请补上", code="CONTRACT_VALUE")
    if len(given) == 2 and given["min_value"] > given["max_value"]:
        raise ContractError("规则的min_value大于max_value", "min_value不大于max_value", "请改正", code="CONTRACT_VALUE")
    return {**kwargs, **{name: scalar(value, item) for name, value in given.items()}}


def scalar(value: Any, item: ItemPlan) -> pa.Scalar:
    """Makes a typed bound comparable with the item's column."""
    kind = arrow_type(item)
    if isinstance(value, decimal.Decimal):
        return pa.scalar(value)
    return pa.scalar(value, pa.string() if pa.types.is_large_string(kind) else kind)


def bind_set(kwargs: Kwargs, items: Items) -> Kwargs:
    """Types the members of a value set."""
    item = items[kwargs["column"]]
    kind = pa.string() if item.type == "M" else arrow_type(item)
    members = [bound(value, item) for value in kwargs["value_set"] if value is not None]
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        members = [value for value in members if value == round(value, item.decimals if item.type != "I" else 0)]
        members = [int(value) for value in members] if item.type == "I" else members
    return {**kwargs, "value_set": pa.array(members, kind)}


def bind_lengths(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses lengths of what is no text."""
    item = items[kwargs["column"]]
    if item.type not in {"C", "M"}:
        raise ContractError(
            f"“{item.title}”不是文字，不能检查长度或格式", "字符型或备注型数据项", "请删去该规则", code="CONTRACT_VALUE"
        )
    return kwargs


def bind_pattern(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses patterns that RE2 does not take."""
    for pattern in [kwargs["regex"]] if "regex" in kwargs else kwargs["regex_list"]:
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except (pa.ArrowInvalid, TypeError):
            raise ContractError(
                "规则中的正则表达式不可用",
                r"RE2，ASCII字符类，\A…\z，无环视和反向引用",
                "请改写",
                code="CONTRACT_PATTERN",
            ) from None
    return bind_lengths(kwargs, items)


for _name, _run, _bind in (
    ("expect_column_values_to_be_in_set", in_set, bind_set),
    ("expect_column_values_to_not_be_in_set", not_in_set, bind_set),
    ("expect_column_values_to_be_between", between, bind_range),
    ("expect_column_value_lengths_to_be_between", lengths_between, bind_lengths),
    ("expect_column_value_lengths_to_equal", lengths_equal, bind_lengths),
    ("expect_column_value_bytes_to_be_at_most", bytes_between, bind_lengths),
    ("expect_column_values_to_match_regex", match, bind_pattern),
    ("expect_column_values_to_not_match_regex", not_match, bind_pattern),
    ("expect_column_values_to_match_regex_list", match_list, bind_pattern),
    ("expect_column_values_to_not_match_regex_list", not_match_list, bind_pattern),
):
    register(Check(_name, _run, bind=_bind))
register(Check("expect_column_values_to_not_be_null", not_null, about_null=True))
register(Check("expect_column_values_to_be_null", null, about_null=True))
