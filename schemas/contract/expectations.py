"""A contract's quality rules → Rule: known expectations and arguments, existing items, allowed patterns."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas.contract import patterns
from schemas.contract.items import known_code_sets
from schemas.contract.report import Path, Report, listed, shown, suggestion
from schemas.contract.vocabulary import read, read_custom
from schemas.entry import Item, Rule, Severity
from schemas.findings import codes, finding
from schemas.yaml_text import read_yaml

_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "when_column", "type_column")
_LISTED_COLUMNS = ("column_list", "column_set")
_PATTERN_ARGUMENTS = ("regex", "regex_list")
_SEVERITIES: dict[str, Severity] = {"critical": "error", "error": "error", "warning": "warning", "info": "info"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an expectation takes and the finding that a failing row gets. `own`: one of quality's, not of GX's."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    code: str
    own: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Lists all arguments."""
        return self.required + self.optional


@cache
def expectations() -> Mapping[str, Expectation]:
    """Loads the expectations that a contract may name, once."""
    raw = read_yaml(resources.files("schemas.contract").joinpath("expectations.yaml").read_text("utf-8"))
    return {
        name: Expectation(tuple(facts["required"]), tuple(facts["optional"]), facts["code"], facts.get("own", False))
        for name, facts in raw.items()
    }


def read_rules(report: Report, at: Path, listing: Any, items: Mapping[str, Item], default: str | None) -> list[Rule]:
    """Reads the `quality` list of the table (`default` None) or of the item `default`."""
    rules: list[Rule] = []
    for index, element in enumerate(listing if isinstance(listing, list) else []):
        rule = _read_rule(report, (*at, index), element, items, default)
        if rule is not None:
            rules.append(rule)
    return rules


def _read_rule(report: Report, at: Path, element: Any, items: Mapping[str, Item], default: str | None) -> Rule | None:
    facts = read(report, at, element, "quality")
    if facts.get("type") != "custom":
        return None
    custom, where = read_custom(report, (*at, "customProperties"), facts.get("customProperties"), "quality_custom")
    implementation = facts.get("implementation")
    if implementation is None or "engine" not in facts:
        missing = "engine" if "engine" not in facts else "implementation"
        report.add((*at, missing), "CONTRACT_KEY_MISSING", f"缺少“{missing}”", "engine: greatExpectations", "请补全")
        return None
    here = (*at, "implementation")
    name, known = _named(report, here, implementation)
    if known is None:
        return None
    kwargs = _kwargs(report, here, implementation)
    if default and "column" in known.arguments:
        kwargs.setdefault("column", default)
    _check_kwargs(report, here, (name, known), kwargs)
    columns = _check_columns(report, here, kwargs, items)
    _check_values(report, here, kwargs)
    code = _code(report, where.get("code", at), custom.get("code"), _default_code(known.code, columns, items))
    severity = _SEVERITIES[facts["severity"]] if "severity" in facts else finding(code).severity
    return Rule(facts.get("id", f"{name}.{'.'.join(columns)}"), name, kwargs, code, severity, columns)


def _named(report: Report, here: Path, implementation: Mapping[str, Any]) -> tuple[str, Expectation | None]:
    key = "expectation" if "expectation" in implementation else "type"
    name = implementation.get(key)
    if not isinstance(name, str):
        report.add(
            (*here, "type"),
            "CONTRACT_KEY_MISSING",
            "缺少“type”",
            "期望的名字，如expect_column_values_to_not_be_null",
            "请补上",
        )
        return "", None
    known = expectations().get(name)
    if known is None:
        step = suggestion(name, expectations(), "请查docs/contract.md中可用的规则")
        report.add(
            (*here, key),
            "CONTRACT_EXPECTATION",
            f"没有规则“{shown(name)}”",
            "数桥规则和Great Expectations标准规则",
            step,
        )
    return name, known


def _kwargs(report: Report, here: Path, implementation: Mapping[str, Any]) -> dict[str, Any]:
    inner = implementation.get("kwargs", {})
    if not isinstance(inner, Mapping):
        report.add((*here, "kwargs"), "CONTRACT_TYPE", "kwargs不是键值对", "应为“键: 值”", "请改正")
        inner = {}
    outer = {
        name: value for name, value in implementation.items() if name not in ("type", "expectation", "kwargs", "meta")
    }
    return {**outer, **inner}


def _check_kwargs(report: Report, here: Path, named: tuple[str, Expectation], kwargs: Mapping[str, Any]) -> None:
    name, known = named
    for argument in kwargs:
        if argument not in known.arguments:
            step = suggestion(argument, known.arguments, "请删去该参数")
            allowed = f"{name}的参数：{listed(known.arguments)}"
            report.add(
                _argument(report, here, argument),
                "CONTRACT_KEY_UNKNOWN",
                f"未知的参数“{shown(argument)}”",
                allowed,
                step,
            )
    for argument in known.required:
        if kwargs.get(argument) is None:
            report.add(
                (*here, argument), "CONTRACT_KEY_MISSING", f"缺少参数“{argument}”", f"{name}必填", f"请补上“{argument}”"
            )


def _argument(report: Report, here: Path, argument: str) -> Path:
    inner = (*here, "kwargs", argument)
    return inner if report.places(inner) else (*here, argument)


def _check_columns(report: Report, here: Path, kwargs: Mapping[str, Any], items: Mapping[str, Item]) -> tuple[str, ...]:
    columns: list[str] = []
    for argument in (*_COLUMN_ARGUMENTS, *_LISTED_COLUMNS):
        value = kwargs.get(argument)
        for name in value if isinstance(value, list) else [value]:
            if name is None:
                continue
            if not isinstance(name, str) or name not in items:
                step = suggestion(str(name), items, "请改为已有的数据项")
                got = f"{argument}指向不存在的数据项“{shown(name)}”"
                report.add(
                    _argument(report, here, argument), "CONTRACT_REFERENCE", got, f"数据项：{listed(items)}", step
                )
            elif name not in columns:
                columns.append(name)
    return tuple(columns)


def _check_values(report: Report, here: Path, kwargs: Mapping[str, Any]) -> None:
    for argument in _PATTERN_ARGUMENTS:
        value = kwargs.get(argument)
        for pattern in value if isinstance(value, list) else [value]:
            if pattern is not None:
                check_pattern(report, _argument(report, here, argument), pattern)
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 < mostly <= 1:
        report.add(_argument(report, here, "mostly"), "CONTRACT_VALUE", "mostly超出范围", "大于0，不超过1", "请改正")
    code_set = kwargs.get("code_set")
    if code_set is not None and code_set not in known_code_sets():
        step = suggestion(str(code_set), known_code_sets(), "请改用已有的代码集")
        got = f"没有代码集“{shown(code_set)}”"
        report.add(_argument(report, here, "code_set"), "CONTRACT_CODE_SET", got, listed(known_code_sets()), step)


def check_pattern(report: Report, at: Path, pattern: Any) -> None:
    """Adds a problem where `pattern` does not mean the same to every engine."""
    reason = patterns.refusal(pattern) if isinstance(pattern, str) else "正则表达式不是文字"
    if reason:
        step = r"请改写，如\A[0-9]{6}\z"
        report.add(at, "CONTRACT_PATTERN", f"正则表达式不可用：{reason}", "RE2，ASCII字符类，\\A…\\z", step)


def _default_code(code: str, columns: tuple[str, ...], items: Mapping[str, Item]) -> str:
    dated = columns and items[columns[0]].type in "DT"
    if code == "NUMBER_RANGE" and dated:
        return "DATE_RANGE"
    return "VALUE_RULE" if code == "DATE_ORDER" and columns and not dated else code


def _code(report: Report, at: Path, code: str | None, otherwise: str) -> str:
    if code is None:
        return otherwise
    if code not in codes():
        step = suggestion(code, codes(), "请改用schemas/findings.yaml中的代码")
        report.add(at, "CONTRACT_VALUE", f"没有问题代码“{shown(code)}”", "schemas/findings.yaml中的代码", step)
        return otherwise
    return code
