"""A directory entry -> a GX ExpectationSuite as JSON: standard vocabulary and the hub's own expectations.

The frame that GX runs it on has the items, and beside each item that is read from text a column `<item>__received`
(quality.oracle.frame). Compiled at publish; imports GX only inside.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from quality.derived import RECEIVED
from quality.plan import compile_plan
from schemas.entry import Entry

#: Arguments of GX 1.24 that a suite of ours leaves to their defaults when they say nothing.
_PAIRED = {
    "expect_column_values_to_be_identifier_of_type": ("column", "type_column"),
    "expect_column_values_to_be_present_when": ("column", "when_column"),
    "expect_column_values_to_be_absent_unless": ("column", "when_column"),
    "expect_citizen_age_to_be_at_least_when": ("column_A", "when_column"),
}
_ABOUT_NULL = {
    "expect_column_values_to_be_identifier_of_type",
    "expect_column_values_to_be_present_when",
    "expect_column_values_to_be_absent_unless",
    "expect_citizen_age_to_be_at_least_when",
}
_OWN_PAIRS = {
    "expect_citizen_id_birth_date_to_match",
    "expect_citizen_id_sex_to_match",
    "expect_column_pair_values_a_to_not_be_after_b",
}


def compile_suite(entry: Entry) -> dict[str, Any]:
    """Compiles the suite of an entry; raises ContractError where compile_plan does."""
    from great_expectations import ExpectationSuite  # noqa: PLC0415 - three to ten seconds

    plan = compile_plan(entry)
    expectations = [configuration(rule, plan) for rule in (*plan["rules"], *plan["tables"])]
    from quality import expectations as own  # noqa: PLC0415, F401 - registers the hub's own classes

    suite = ExpectationSuite(name=f"{plan['dataset']}:{plan['version']}", expectations=expectations)
    written: dict[str, Any] = suite.to_json_dict()
    return written


def configuration(rule: Mapping[str, Any], plan: Mapping[str, Any], data_date: date | None = None) -> dict[str, Any]:
    """Writes a rule of the plan as a GX expectation configuration; `data_date` only to run it."""
    name = rule["expectation"]
    items = {item["name"]: item for item in plan["items"]}
    kwargs = dict(rule["kwargs"])
    if kwargs.get("row_condition") is None:
        kwargs.pop("row_condition", None)
    kwargs.pop("condition_parser", None)
    if name == "expect_column_values_to_be_readable":
        item = items[kwargs["column"]]
        kwargs["column"] += RECEIVED
        kwargs |= {key: item[key] for key in ("kind", "type", "length", "open_end")} | {"scale": decimals(item)}
    if name in _PAIRED:
        first, second = _PAIRED[name]
        kwargs["column_A"] = kwargs.pop(first)
        kwargs["column_B"] = kwargs.pop(second, None) or kwargs["column_A"]
    if name in _ABOUT_NULL:
        kwargs["ignore_row_if"] = "neither"
    if name in _OWN_PAIRS:
        kwargs["ignore_row_if"] = "either_value_is_missing"
    _timed_bounds(kwargs, items)
    if data_date is not None and name in _TAKES_DATE:
        kwargs["data_date"] = data_date.isoformat()
    meta = {"id": rule["id"], "code": rule["code"], "severity": rule["severity"]}
    severity = "critical" if rule["severity"] == "error" else rule["severity"]
    return {"type": name, "kwargs": kwargs, "meta": meta, "severity": severity}


_TAKES_DATE = {
    "expect_column_values_to_be_citizen_id",
    "expect_column_values_to_be_uscc",
    "expect_column_values_to_be_org_code",
    "expect_column_values_to_be_registration_number",
    "expect_column_values_to_be_licence_id",
    "expect_column_values_to_not_be_in_future",
    "expect_column_values_to_be_identifier_of_type",
    "expect_citizen_age_to_be_at_least_when",
}


def decimals(item: Mapping[str, Any]) -> int:
    """Counts the decimal places of an item of the plan."""
    from quality.normalise.shape import ItemPlan  # noqa: PLC0415 - keeps the plan's JSON the only input here

    return ItemPlan.from_json(item).decimals


def _timed_bounds(kwargs: dict[str, Any], items: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes bounds of dates as full datetimes: GX reads a bare date into a type that pandas does not compare."""
    item = items.get(str(kwargs.get("column")))
    if item is None or item["type"] not in {"D", "T"}:
        return
    zone = "+08:00" if item["type"] == "T" else ""
    for name in ("min_value", "max_value"):
        value = kwargs.get(name)
        if isinstance(value, str):
            moment = value.replace(" ", "T") if len(value) > 10 else f"{value}T00:00:00"
            kwargs[name] = moment if "+" in moment else moment + zone
