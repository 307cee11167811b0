"""A directory entry -> the gate plan: JSON that says all the gate must know. Compiled when the entry is published.

Needs no GX. Refuses with ContractError what the gate could not run as GX means it; changes nothing and reads no data.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from quality.checks import CHECKS, Check, items_of
from quality.conditions import columns_of, compile_condition
from quality.derived import derived_rules
from quality.fallback import falls_back
from quality.normalise.shape import ItemPlan, Normalised, arrow_type
from quality.rows import Rows
from quality.tables import bind_table, is_table
from schemas.entry import Entry, Rule, Severity
from schemas.errors import ContractError, HubError
from schemas.findings import codes as known_codes
from schemas.findings import finding

FORMAT = 1
_WEIGHT: dict[Severity, int] = {"info": 0, "warning": 1, "error": 2}


def compile_plan(entry: Entry) -> dict[str, Any]:
    """Compiles the plan of an entry: items to normalise, rules with ids; raises ContractError."""
    items = {item.name: ItemPlan.of(item, _null_tokens(item.kind)) for item in entry.items}
    for item in entry.items:
        below = entry.beneath(item)
        if below is not None:
            items[item.name] = items[item.name].over(items[below.name])
    rules, tables = [], []
    for rule, derived in _all_rules(entry):
        if is_table(rule.expectation):
            bind_table(rule, items)
            tables.append(_table(rule))
            continue
        rules.append(_compiled(rule, items, derived=derived))
    return {
        "format": FORMAT,
        "dataset": entry.dataset,
        "version": entry.version,
        "row_key": list(entry.row_key),
        "items": [item.as_json() for item in items.values()],
        "levels": {item.name: item.level for item in entry.items},
        "rules": rules,
        "tables": tables,
    }


def _null_tokens(kind: str) -> tuple[str, ...]:
    from schemas.rules import null_tokens  # noqa: PLC0415 - reads the rules file, only when a plan is compiled

    return tuple(null_tokens(kind))


def _all_rules(entry: Entry) -> Iterator[tuple[Rule, bool]]:
    """Gives derived rules first; a contract rule of the same expectation on the same items replaces the derived one."""
    own = {(rule.expectation, rule.items) for rule in entry.rules}
    ids: set[str] = set()
    for rule in derived_rules(entry):
        if (rule.expectation, rule.items) not in own or rule.code == "KEY_MISSING":
            ids.add(rule.id)
            yield rule, True
    for rule in entry.rules:
        name, count = rule.id, 1
        while name in ids:
            count += 1
            name = f"{rule.id}.{count}"
        ids.add(name)
        yield (Rule(name, rule.expectation, rule.kwargs, rule.code, rule.severity, rule.items), False)


def _compiled(rule: Rule, items: Mapping[str, ItemPlan], *, derived: bool) -> dict[str, Any]:
    check = CHECKS.get(rule.expectation)
    engine = "gate"
    if check is None:
        if not falls_back(rule.expectation):
            raise ContractError(
                f"规则“{rule.expectation}”不能逐行检查",
                "逐行的规则，或行数、列的汇总规则",
                "请改用其他规则",
                code="CONTRACT_EXPECTATION",
            )
        engine = "gx"
    for name in (*rule.items, *columns_of(rule.kwargs.get("row_condition"))):
        if name not in items:
            raise ContractError("规则指向不存在的数据项", "目录中的数据项", "请改正规则", code="CONTRACT_REFERENCE")
    kwargs = dict(rule.kwargs)
    _try(rule, check, items)
    named = (items_of(check, kwargs) if check else ()) or rule.items
    if not named:
        raise ContractError("规则没有指明数据项", "目录中的数据项", "请改正规则", code="CONTRACT_REFERENCE")
    return {
        "id": rule.id,
        "expectation": rule.expectation,
        "kwargs": _plain(kwargs),
        "code": rule.code,
        "severity": rule.severity,
        "codes": _codes(rule, check.codes() if check else (), derived=derived),
        "items": list(named),
        "derived": derived,
        "engine": engine,
        "mostly": float(kwargs.get("mostly", 1.0)),
    }


def _try(rule: Rule, check: Check | None, items: Mapping[str, ItemPlan]) -> None:
    """Binds a rule and runs it on one row of nulls, so that arguments of a wrong type show here and not in a sync."""
    row = {name: Normalised(pa.nulls(1, arrow_type(item)), {}) for name, item in items.items()}
    rows = Rows(1, items, row, date(2000, 1, 1), {})
    try:
        condition = compile_condition(rule.kwargs.get("row_condition"), items)
        if condition is not None:
            condition(rows)
        if check is not None:
            check.run(rows, check.bind(rule.kwargs, items) if check.bind else rule.kwargs)
    except HubError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, pa.ArrowException):
        raise ContractError(
            f"规则“{rule.expectation}”的参数不可用",
            "与数据项类型相符的参数",
            "请核对规则的参数",
            code="CONTRACT_VALUE",
        ) from None


def _codes(rule: Rule, several: tuple[str, ...], *, derived: bool) -> dict[str, Severity]:
    """Gives the severity of each code of a rule: a contract may soften all of them, or change that of its own code."""
    if not several:
        return {rule.code: rule.severity}
    if derived:
        return {code: finding(code).severity for code in several}
    limit = _WEIGHT[rule.severity]
    softened = {code: min(finding(code).severity, rule.severity, key=lambda each: _WEIGHT[each]) for code in several}
    return {**softened, rule.code: rule.severity} if limit or rule.code in softened else softened


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Makes arguments JSON: dates and decimals become text, which binding reads again."""
    return {name: _json(value) for name, value in kwargs.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _table(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "expectation": rule.expectation,
        "kwargs": _plain(rule.kwargs),
        "code": rule.code,
        "severity": rule.severity,
        "items": list(rule.items),
    }


def severity_of(code: str) -> Severity:
    """Gives the severity of a finding that no rule of the plan claims; unknown codes of a reader are errors."""
    return finding(code).severity if code in known_codes() else "error"
