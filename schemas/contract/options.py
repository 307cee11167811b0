"""An item's logicalTypeOptions → rules: what ODCS lets a contract say of lengths, patterns and ranges is enforced."""

from datetime import date, datetime
from typing import Any

from schemas.contract.expectations import check_pattern
from schemas.contract.report import Path, Report
from schemas.entry import Item, Rule

_TEXT, _ORDERED = "CM", "NYIBFDT"
_LETTERS = {"minLength": _TEXT, "maxLength": _TEXT, "pattern": _TEXT, "minimum": _ORDERED, "maximum": _ORDERED}


def option_rules(report: Report, at: Path, item: Item) -> list[Rule]:
    """Returns the rules of an item's options; reports options that do not fit the item's type."""
    _check_letters(report, at, item)
    found: list[Rule] = []
    if "pattern" in item.facts:
        check_pattern(report, (*at, "pattern"), item.facts["pattern"])
        kwargs = {"regex": item.facts["pattern"]}
        found.append(_rule(item, "pattern", ("expect_column_values_to_match_regex", "VALUE_PATTERN"), kwargs))
    if "min_length" in item.facts:
        kwargs = {"min_value": item.facts["min_length"]}
        found.append(_rule(item, "minLength", ("expect_column_value_lengths_to_be_between", "VALUE_RULE"), kwargs))
        if item.length is not None and item.facts["min_length"] > item.length:
            report.add((*at, "minLength"), "CONTRACT_VALUE", "minLength大于长度", "不大于maxLength", "请改正")
    bounds = _bounds(report, at, item)
    if bounds:
        code = "DATE_RANGE" if item.type in "DT" else "NUMBER_RANGE"
        found.append(_rule(item, "range", ("expect_column_values_to_be_between", code), bounds))
    return found


def _rule(item: Item, what: str, kind: tuple[str, str], kwargs: dict[str, Any]) -> Rule:
    expectation, code = kind
    return Rule(f"{item.name}.{what}", expectation, {"column": item.name, **kwargs}, code, "error", (item.name,))


def _check_letters(report: Report, at: Path, item: Item) -> None:
    for option, letters in _LETTERS.items():
        if report.places((*at, option)) and item.type not in letters:
            step = "数的位数请写precision和scale" if option == "maxLength" else f"请删去{option}"
            allowed = f"类型{'、'.join(letters)}"
            report.add((*at, option), "CONTRACT_VALUE", f"{option}不用于类型{item.type}", allowed, step)


def _bounds(report: Report, at: Path, item: Item) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for option, argument in (("minimum", "min_value"), ("maximum", "max_value")):
        value = item.facts.get(option)
        if value is None:
            continue
        if _is_bound(value, item.type):
            bounds[argument] = value
        else:
            allowed = "日期，如1949-10-01" if item.type in "DT" else "数"
            report.add((*at, option), "CONTRACT_TYPE", f"{option}的写法不对", allowed, "请改正")
    if len(bounds) == 2 and bounds["min_value"] > bounds["max_value"]:
        report.add((*at, "minimum"), "CONTRACT_VALUE", "minimum大于maximum", "minimum不大于maximum", "请改正")
    return bounds


def _is_bound(value: Any, letter: str) -> bool:
    if letter not in "DT":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    try:
        return bool(date.fromisoformat(value) if letter == "D" else datetime.fromisoformat(value))
    except ValueError:
        return False
