"""The rules that follow from the items of an entry: required, kind, code set, length, and the limits an item states.

They are rules like those of the contract, so that GX's engine can run them too.
"""

from collections.abc import Iterator
from typing import Any

from quality.normalise.shape import IDENTIFIER_KINDS
from quality.normalise.texts import MOBILE, TELEPHONE
from schemas.entry import Entry, Item, Rule
from schemas.findings import finding

_TEXT = {"text", "name", "address"}
_READ = {"date", "datetime", "integer", "decimal", "amount", "capital", "bool", "capital_currency"}
#: Their own check already finds a wrong length.
_FIXED = {"citizen_id", "uscc", "org_code", "registration_number", "licence_id", "mobile"}
_READ_CODE = {
    "date": "DATE_FORMAT", "datetime": "DATE_FORMAT", "bool": "BOOL_FORMAT", "capital": "CAPITAL_FORMAT",
    "capital_currency": "CAPITAL_FORMAT",
}  # fmt: skip
_IDENTIFIER_CODE = {
    "citizen_id": "ID_CHECK", "uscc": "USCC_CHECK", "org_code": "ORG_CHECK", "registration_number": "REG_CHECK",
    "licence_id": "LICENCE_CHECK",
}  # fmt: skip
#: The companion column of GX's frame that holds what was received where a value could not be read.
RECEIVED = "__received"


def derived_rules(entry: Entry) -> Iterator[Rule]:
    """Lists the rules that follow from the items, in item order."""
    for item in entry.items:
        if item.derived:  # the item beneath is checked
            continue
        if item.name in entry.row_key:
            yield _rule("key", item, "expect_column_values_to_not_be_null", "KEY_MISSING")
        if item.required:
            yield _rule("required", item, "expect_column_values_to_not_be_null", "ITEM_MISSING")
        yield from _of_kind(item)
        yield from _of_length(item)
        yield from _of_limits(item)


def _of_kind(item: Item) -> Iterator[Rule]:
    if item.kind in _IDENTIFIER_CODE:
        yield _rule("kind", item, f"expect_column_values_to_be_{item.kind}", _IDENTIFIER_CODE[item.kind])
    elif item.kind == "identifier" and item.subject and item.subject.doc_type_item:
        arguments = {"type_column": item.subject.doc_type_item}
        yield _rule("kind", item, "expect_column_values_to_be_identifier_of_type", "IDENTIFIER_TYPE", **arguments)
    elif item.kind == "identifier" and item.subject and item.subject.doc_type:
        arguments = {"type_code": item.subject.doc_type}
        yield _rule("kind", item, "expect_column_values_to_be_identifier_of_type", "IDENTIFIER_TYPE", **arguments)
    elif item.kind in {"code", "region"} and item.code_set:
        code = "REGION_UNKNOWN" if item.kind == "region" else "CODE_UNKNOWN"
        yield _rule("kind", item, "expect_column_values_to_be_in_code_set", code, code_set=item.code_set)
    elif item.kind in _READ:
        yield _rule("kind", item, "expect_column_values_to_be_readable", _READ_CODE.get(item.kind, "NUMBER_FORMAT"))
    elif item.kind in _TEXT:
        yield _rule("kind", item, "expect_column_values_to_be_text_without_damage", "TEXT_MOJIBAKE")
    elif item.kind in {"mobile", "telephone"}:
        code = f"{item.kind.upper()}_FORMAT"
        pattern = MOBILE if item.kind == "mobile" else TELEPHONE
        yield _rule("kind", item, "expect_column_values_to_match_regex", code, regex=pattern)


def _of_length(item: Item) -> Iterator[Rule]:
    if item.type not in {"C", "M"} or item.kind in _FIXED or (item.kind in IDENTIFIER_KINDS and item.length is None):
        return
    if item.kind in {"code", "region"} and item.code_set:
        return
    lowest = item.facts.get("min_length")
    if item.length is None and lowest is None:
        return
    if item.length_unit == "char":
        bounds = {"min_value": lowest, "max_value": item.length}
        given = {name: value for name, value in bounds.items() if value is not None}
        yield _rule("length", item, "expect_column_value_lengths_to_be_between", "ITEM_TOO_LONG", **given)
        return
    if item.length is not None:
        arguments = {"max_value": item.length, "encoding": item.length_unit.removeprefix("byte_")}
        yield _rule("length", item, "expect_column_value_bytes_to_be_at_most", "ITEM_TOO_LONG", **arguments)
    if lowest is not None:
        # An id of its own: counts are kept by id.
        yield _rule("shortest", item, "expect_column_value_lengths_to_be_between", "ITEM_TOO_LONG", min_value=lowest)


def _of_limits(item: Item) -> Iterator[Rule]:
    if "pattern" in item.facts:
        yield _rule(
            "pattern", item, "expect_column_values_to_match_regex", "VALUE_PATTERN", regex=item.facts["pattern"]
        )
    bounds = {"min_value": item.facts.get("minimum"), "max_value": item.facts.get("maximum")}
    given = {name: value for name, value in bounds.items() if value is not None}
    if given:
        code = "DATE_RANGE" if item.type in {"D", "T"} else "NUMBER_RANGE"
        yield _rule("range", item, "expect_column_values_to_be_between", code, **given)


def _rule(what: str, item: Item, expectation: str, code: str, **kwargs: Any) -> Rule:
    names = tuple(dict.fromkeys((item.name, *(value for name, value in kwargs.items() if name == "type_column"))))
    return Rule(
        f"{what}.{item.name}", expectation, {"column": item.name, **kwargs}, code, finding(code).severity, names
    )
