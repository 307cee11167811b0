"""Checks that compare items of one row: GX's pair and multicolumn vocabulary, and the hub's cross-field rules."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.checks import people
from quality.checks.registry import Check, register
from quality.checks.values import bound, scalar
from quality.normalise.cells import SHANGHAI, Mask, mask_of
from quality.normalise.shape import ItemPlan, arrow_type, none
from quality.rows import Rows, Verdict
from schemas.errors import ContractError

Kwargs = Mapping[str, Any]
Items = Mapping[str, ItemPlan]
PAIR = ("column_A", "column_B")
_PAIR_RULES = {"both_values_are_missing", "either_value_is_missing", "neither"}
#: Wide enough for any number of the hub, so that no value can stop a batch.
_SUM = pa.decimal256(70, 18)
CITIZEN_TYPES = ("111", "551", "552", "553")


def ignored_rows(rows: Rows, kwargs: Kwargs, columns: tuple[str, ...]) -> Mask | None:
    """Marks the rows that `ignore_row_if` leaves out; None where nothing is left out."""
    rule = kwargs.get("ignore_row_if", "neither")
    if rule in {"neither", "never"}:
        return None
    nulls = [rows.null(name) for name in columns]
    every = rule in {"both_values_are_missing", "all_values_are_missing"}
    left_out: Mask = np.logical_and.reduce(nulls) if every else np.logical_or.reduce(nulls)
    return left_out


def equal(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A pair of different values, or one value beside null, is unexpected."""
    first, second = _pair(rows, kwargs)
    return _pairs(rows, kwargs, ~mask_of(pc.equal(first, second)))


def greater(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A pair where A is not greater than B (or equal, with or_equal) is unexpected."""
    first, second = _pair(rows, kwargs)
    compare = pc.greater_equal if kwargs.get("or_equal") else pc.greater
    return _pairs(rows, kwargs, ~mask_of(compare(first, second)))


def not_after(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A pair where A is after B is unexpected; null on either side passes."""
    first, second = _pair(rows, kwargs)
    return _pairs(rows, kwargs, mask_of(pc.greater(first, second)))


def in_pairs(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A pair of values that is not in the set is unexpected."""
    first, second = (rows.values(kwargs[name]) for name in PAIR)
    allowed = none(rows.size)
    for one, other in kwargs["value_pairs_set"]:
        allowed |= _is(first, one) & _is(second, other)
    return _pairs(rows, kwargs, ~allowed)


def _is(values: pa.Array, wanted: pa.Scalar | None) -> Mask:
    return mask_of(values.is_null()) if wanted is None else mask_of(pc.equal(values, wanted))


def _pair(rows: Rows, kwargs: Kwargs) -> tuple[pa.Array, pa.Array]:
    first, second = (rows.values(kwargs[name]) for name in PAIR)
    if first.type == second.type:
        return first, second
    if pa.types.is_date(first.type) and pa.types.is_timestamp(second.type):
        return first, _day(second)
    if pa.types.is_timestamp(first.type) and pa.types.is_date(second.type):
        return _day(first), second
    return first, second


def _day(values: pa.Array) -> pa.Array:
    local = pc.local_timestamp(values.cast(pa.timestamp("ms", SHANGHAI)))
    return pc.floor_temporal(local, unit="day").cast(pa.timestamp("s")).cast(pa.date32())


def _pairs(rows: Rows, kwargs: Kwargs, unexpected: Mask) -> Verdict:
    ignored = ignored_rows(rows, kwargs, (kwargs["column_A"], kwargs["column_B"]))
    if ignored is None:
        return Verdict(unexpected, none(rows.size))
    return Verdict(unexpected & ~ignored, ignored)


def all_equal(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A row whose items are not all equal is unexpected."""
    names = kwargs["column_list"]
    same = ~none(rows.size)
    for name in names[1:]:
        pair = {"column_A": names[0], "column_B": name}
        both_null = rows.null(names[0]) & rows.null(name)
        same &= mask_of(pc.equal(*_pair(rows, pair))) | both_null
    return _many(rows, kwargs, ~same)


def all_different(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A row that has one value in two of the items is unexpected."""
    names = kwargs["column_list"]
    repeated = none(rows.size)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            repeated |= mask_of(pc.equal(*_pair(rows, {"column_A": first, "column_B": second})))
            repeated |= rows.null(first) & rows.null(second)
    return _many(rows, kwargs, repeated)


def sum_equal(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A row whose items do not add up to the total is unexpected, also where one of them is null."""
    total = pa.array([0] * rows.size, _SUM)
    for name in kwargs["column_list"]:
        total = pc.add(total, rows.values(name).cast(_SUM)).cast(_SUM)
    return _many(rows, kwargs, ~mask_of(pc.equal(total, kwargs["sum_total"])))


def _many(rows: Rows, kwargs: Kwargs, unexpected: Mask) -> Verdict:
    ignored = ignored_rows(rows, kwargs, tuple(kwargs["column_list"]))
    if ignored is None:
        return Verdict(unexpected, none(rows.size))
    return Verdict(unexpected & ~ignored, ignored)


def present_when(rows: Rows, kwargs: Kwargs) -> Verdict:
    """Null is unexpected where the other item has one of the values."""
    return Verdict(rows.null(kwargs["column"]) & _when(rows, kwargs), none(rows.size))


def absent_unless(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value is unexpected where the other item has none of the values."""
    return Verdict(~rows.null(kwargs["column"]) & ~_when(rows, kwargs), none(rows.size))


def _when(rows: Rows, kwargs: Kwargs) -> Mask:
    values = rows.values(kwargs["when_column"])
    values = values.cast(pa.string()) if pa.types.is_large_string(values.type) else values
    return mask_of(pc.is_in(values, value_set=kwargs["when_values"]))


def birth_date(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A citizen ID with another birth date than item B is unexpected; what cannot be compared passes."""
    born, _ = _people(rows, kwargs["column_A"])
    known = born != people.UNKNOWN
    values = rows.values(kwargs["column_B"])
    days = (values if pa.types.is_date(values.type) else _day(values)).cast(pa.int32()).fill_null(0)
    other = days.to_numpy(zero_copy_only=False) != born
    return _pairs(rows, kwargs, known & other & ~rows.null(kwargs["column_B"]))


def sex(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A citizen ID of the other sex than item B (GB/T 2261.1: 1 or 2) is unexpected; 0 and 9 pass."""
    _, sexes = _people(rows, kwargs["column_A"])
    stated = rows.values(kwargs["column_B"])
    wrong = ((sexes == 1) & mask_of(pc.equal(stated, "2"))) | ((sexes == 2) & mask_of(pc.equal(stated, "1")))
    return _pairs(rows, kwargs, wrong)


def old_enough(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A person younger than `minimum_age` is unexpected where the other item has one of the values."""
    born, _ = _people(rows, kwargs["column_A"])
    young = (born != people.UNKNOWN) & (born > people.born_before(rows.data_date, kwargs["minimum_age"]))
    return Verdict(young & _when(rows, kwargs), none(rows.size))


def _people(rows: Rows, name: str) -> tuple[people.Days, people.Sexes]:
    if name not in rows.worked_out:
        rows.worked_out[name] = _read_people(rows, name)
    known: tuple[people.Days, people.Sexes] = rows.worked_out[name]
    return known


def _read_people(rows: Rows, name: str) -> tuple[people.Days, people.Sexes]:
    text = rows.values(name)
    item = rows.items[name]
    if item.kind == "identifier" and item.doc_type_item:
        types = rows.values(item.doc_type_item)
        text = pc.if_else(pc.is_in(types, value_set=pa.array(CITIZEN_TYPES)), text, pa.scalar(None, text.type))
    return people.read(text)


def bind_pair(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses pairs that cannot be compared."""
    first, second = (items[kwargs[name]] for name in PAIR)
    same = {first.type, second.type}
    if not (same <= set("CM") or same <= set("NYI") or same <= set("BF") or same <= set("DT") or len(same) == 1):
        raise ContractError(
            f"“{first.title}”与“{second.title}”类型不同，不能比较",
            "同类的两个数据项",
            "请改正规则",
            code="CONTRACT_VALUE",
        )
    return _ignoring(kwargs, _PAIR_RULES, "both_values_are_missing")


def bind_own_pair(kwargs: Kwargs, items: Items) -> Kwargs:
    """The hub's own pair rules leave out rows with null on either side."""
    return {**kwargs, "ignore_row_if": "either_value_is_missing"}


def _bind_types(kwargs: Kwargs, items: Items, wanted: Mapping[str, str]) -> None:
    for argument, letters in wanted.items():
        item = items[kwargs[argument]]
        if item.type not in letters:
            raise ContractError(
                f"“{item.title}”的类型{item.type}不适用于该规则",
                f"类型{'、'.join(letters)}",
                "请改正规则",
                code="CONTRACT_VALUE",
            )


def bind_birth(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses a number that is no text and a birth date that is no date."""
    _bind_types(kwargs, items, {"column_A": "C", "column_B": "DT"})
    return bind_own_pair(kwargs, items)


def bind_sex(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses a number or a sex that is no text."""
    _bind_types(kwargs, items, {"column_A": "C", "column_B": "C"})
    return bind_own_pair(kwargs, items)


def bind_age(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses a number that is no text and an age that is no whole number."""
    _bind_types(kwargs, items, {"column_A": "C"})
    return {**bind_when(kwargs, items), "minimum_age": int(kwargs["minimum_age"])}


def bind_order(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses pairs that have no order."""
    return bind_own_pair(bind_pair({**kwargs, "ignore_row_if": "neither"}, items), items)


def bind_many(kwargs: Kwargs, items: Items) -> Kwargs:
    """Refuses an unknown ignore_row_if."""
    return _ignoring(kwargs, {"all_values_are_missing", "any_value_is_missing", "never"}, "all_values_are_missing")


def _ignoring(kwargs: Kwargs, allowed: set[str], otherwise: str) -> Kwargs:
    rule = kwargs.get("ignore_row_if", otherwise)
    if rule not in allowed:
        raise ContractError("ignore_row_if的值不可用", "、".join(sorted(allowed)), "请改正", code="CONTRACT_VALUE")
    return {**kwargs, "ignore_row_if": rule}


def bind_sum(kwargs: Kwargs, items: Items) -> Kwargs:
    """Types the total."""
    for name in kwargs["column_list"]:
        if items[name].type not in {"N", "Y", "I"}:
            raise ContractError(
                f"“{items[name].title}”不是数，不能求和", "数值型数据项", "请改正规则", code="CONTRACT_VALUE"
            )
    total = pa.scalar(str(kwargs["sum_total"])).cast(_SUM)
    return {**bind_many(kwargs, items), "sum_total": total}


def bind_pairs_set(kwargs: Kwargs, items: Items) -> Kwargs:
    """Types the members of a set of pairs."""
    pair = [items[kwargs[name]] for name in PAIR]
    members = [
        tuple(
            None if value is None else scalar(bound(value, item), item) for value, item in zip(each, pair, strict=True)
        )
        for each in kwargs["value_pairs_set"]
    ]
    return {**_ignoring(kwargs, _PAIR_RULES, "both_values_are_missing"), "value_pairs_set": members}


def bind_when(kwargs: Kwargs, items: Items) -> Kwargs:
    """Types the values of the other item."""
    item = items[kwargs["when_column"]]
    given = kwargs["when_values"] if isinstance(kwargs["when_values"], list | tuple) else [kwargs["when_values"]]
    kind = pa.string() if item.type == "M" else arrow_type(item)
    return {**kwargs, "when_values": pa.array([bound(value, item) for value in given], kind)}


for _name, _run, _bind in (
    ("expect_column_pair_values_to_be_equal", equal, bind_pair),
    ("expect_column_pair_values_a_to_be_greater_than_b", greater, bind_pair),
    ("expect_column_pair_values_to_be_in_set", in_pairs, bind_pairs_set),
    ("expect_column_pair_values_a_to_not_be_after_b", not_after, bind_order),
    ("expect_citizen_id_birth_date_to_match", birth_date, bind_birth),
    ("expect_citizen_id_sex_to_match", sex, bind_sex),
):
    register(Check(_name, _run, columns=PAIR, bind=_bind))
for _name, _run, _bind in (
    ("expect_multicolumn_values_to_be_equal", all_equal, bind_many),
    ("expect_select_column_values_to_be_unique_within_record", all_different, bind_many),
    ("expect_multicolumn_sum_to_equal", sum_equal, bind_sum),
):
    register(Check(_name, _run, columns=("column_list",), bind=_bind))
for _name, _run in (
    ("expect_column_values_to_be_present_when", present_when),
    ("expect_column_values_to_be_absent_unless", absent_unless),
):
    register(Check(_name, _run, columns=("column", "when_column"), bind=bind_when, about_null=True))
register(
    Check("expect_citizen_age_to_be_at_least_when", old_enough, columns=("when_column", "column_A"), bind=bind_age)
)
