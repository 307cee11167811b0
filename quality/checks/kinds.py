"""Checks that follow from an item's kind: identifiers, code sets, readable dates and numbers, undamaged text."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from quality.checks.registry import Check, register
from quality.normalise.cells import SHANGHAI, mask_of
from quality.normalise.damage import damaged
from quality.normalise.keys import checked, checked_by_type
from quality.normalise.shape import ItemPlan, Normalised, none
from quality.rows import Rows, Verdict
from schemas.errors import ContractError
from schemas.findings import codes, finding

Kwargs = Mapping[str, Any]
Items = Mapping[str, ItemPlan]

#: Findings that come of comparing a citizen ID with something else.
_COMPARED = {"ID_SEX_MISMATCH", "ID_BIRTH_MISMATCH", "ID_DUPLICATE_PERSON"}


#: Identifier kinds and how the codes of their findings begin.
_PREFIXES = {
    "citizen_id": "ID_",
    "uscc": "USCC_",
    "org_code": "ORG_",
    "registration_number": "REG_",
    "licence_id": "LICENCE_",
}
READING_CODES = (
    "DATE_FORMAT",
    "DATE_RANGE",
    "NUMBER_FORMAT",
    "NUMBER_SCALE",
    "BOOL_FORMAT",
    "CAPITAL_FORMAT",
    "CAPITAL_UNIT",
)


def _codes_of(*kinds: str) -> tuple[str, ...]:
    prefixes = tuple(_PREFIXES[kind] for kind in kinds)
    return tuple(code for code in codes() if code.startswith(prefixes) and code not in _COMPARED)


def is_error(code: str) -> bool:
    """Says whether a finding is an error in itself."""
    return finding(code).severity == "error"


def identifier(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value that is no valid identifier of the kind is unexpected."""
    name, kind = kwargs["column"], kwargs["kind"]
    column = rows.columns[name]
    if rows.items[name].kind != kind:
        column = checked(_text(rows, name), kind, rows.data_date)
    return _by_marks(rows, name, column)


def identifier_of_type(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value that does not fit the document type beside it is unexpected."""
    name = kwargs["column"]
    item = rows.items[name]
    if item.kind == "identifier" and item.doc_type_item == kwargs.get("type_column"):
        return replace(_by_marks(rows, name, rows.columns[name]), missing=none(rows.size))
    types = rows.values(kwargs["type_column"])
    found = _by_marks(rows, name, checked_by_type(_text(rows, name), types, rows.data_date))
    return replace(found, missing=none(rows.size))


def readable(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value that could not be read as its kind is unexpected."""
    name = kwargs["column"]
    marks = {code: mask for code, mask in rows.marks(name).items() if code in READING_CODES}
    unexpected = none(rows.size)
    for mask in marks.values():
        unexpected |= mask
    return Verdict(unexpected, rows.null(name) & ~rows.unreadable(name), marks)


def in_code_set(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A value that is no code of the set is unexpected."""
    name = kwargs["column"]
    missing = rows.null(name)
    known = mask_of(pc.is_in(_text(rows, name), value_set=kwargs["codes"]))
    return Verdict(~known & ~missing, missing)


def bind_code_set(kwargs: Kwargs, items: Items) -> Kwargs:
    """Loads the code set; an unknown one raises NotFound."""
    from schemas.codes import code_set  # noqa: PLC0415 - reads data files, only where a rule needs them

    return {**_bind_text(kwargs, items), "codes": pa.array(sorted(code_set(kwargs["code_set"]).codes), pa.string())}


def undamaged(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A text with broken characters (TEXT_MOJIBAKE) or control characters (TEXT_CONTROL) is unexpected."""
    name = kwargs["column"]
    broken, control = damaged(rows.values(name))
    dropped = rows.marks(name).get("TEXT_CONTROL")
    codes = {"TEXT_MOJIBAKE": broken, "TEXT_CONTROL": control if dropped is None else control | dropped}
    return Verdict(broken | control, rows.null(name), codes)


def not_in_future(rows: Rows, kwargs: Kwargs) -> Verdict:
    """A date after the data date is unexpected; a datetime may be any time of the data date."""
    name = kwargs["column"]
    values, missing = rows.values(name), rows.null(name)
    if pa.types.is_date(values.type):
        late = mask_of(pc.greater(values, pa.scalar(rows.data_date)))
    else:
        midnight = datetime.combine(rows.data_date, datetime.min.time(), ZoneInfo(SHANGHAI)) + timedelta(days=1)
        late = mask_of(pc.greater_equal(values, pa.scalar(midnight, values.type)))
    return Verdict(late & ~missing, missing)


def _by_marks(rows: Rows, name: str, column: Normalised) -> Verdict:
    unexpected = none(rows.size)
    for code, mask in column.marks.items():
        if is_error(code):
            unexpected |= mask
    for mask in column.escalated.values():
        unexpected |= mask
    return Verdict(unexpected, rows.null(name), column.marks, escalated=column.escalated)


def _text(rows: Rows, name: str) -> pa.Array:
    values = rows.values(name)
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def _bind_text(kwargs: Kwargs, items: Items) -> Kwargs:
    item = items[kwargs["column"]]
    if item.type not in {"C", "M"}:
        raise ContractError(
            f"“{item.title}”不是文字，规则不适用", "字符型或备注型数据项", "请改正规则", code="CONTRACT_VALUE"
        )
    return kwargs


def _bind_time(kwargs: Kwargs, items: Items) -> Kwargs:
    item = items[kwargs["column"]]
    if item.type not in {"D", "T"}:
        raise ContractError(
            f"“{item.title}”不是日期，规则不适用", "日期型或日期时间型数据项", "请改正规则", code="CONTRACT_VALUE"
        )
    return kwargs


def _binder(kind: str) -> Any:
    return lambda kwargs, items: {**_bind_text(kwargs, items), "kind": kind}


for _kind in _PREFIXES:
    register(
        Check(f"expect_column_values_to_be_{_kind}", identifier, bind=_binder(_kind), codes=partial(_codes_of, _kind))
    )
register(
    Check(
        "expect_column_values_to_be_identifier_of_type",
        identifier_of_type,
        columns=("column", "type_column"),
        bind=_bind_text,
        codes=lambda: ("IDENTIFIER_TYPE", *_codes_of("citizen_id"), *_codes_of("uscc")),
    )
)
register(Check("expect_column_values_to_be_readable", readable, codes=lambda: READING_CODES))
register(Check("expect_column_values_to_be_in_code_set", in_code_set, bind=bind_code_set))
register(
    Check(
        "expect_column_values_to_be_text_without_damage",
        undamaged,
        bind=_bind_text,
        codes=lambda: ("TEXT_MOJIBAKE", "TEXT_CONTROL"),
    )
)
register(Check("expect_column_values_to_not_be_in_future", not_in_future, bind=_bind_time))
