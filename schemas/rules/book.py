"""The rule book: rules.yaml and local overlays, typed. The only place that reads those files; it decides nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from schemas.errors import SetupError
from schemas.yaml_text import read_yaml

Value = int | float | str
Level = Literal["national", "provincial", "municipal", "county"]

#: From the widest to the most local.
LEVELS: tuple[Level, ...] = ("national", "provincial", "municipal", "county")
_FACTS = {"value", "source", "article", "evidence"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One deadline, limit or default. A `deadline` may be shortened locally, a `floor` raised, a `setting` replaced."""

    id: str
    value: Value
    unit: str
    kind: Literal["deadline", "floor", "setting"]
    says: str
    source: str
    article: str
    evidence: Literal["S", "V", "C", "M", "D"]
    level: Level = "national"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Values of one province, city or county: rule id → value, source, article, evidence."""

    level: Level
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleBook:
    """Rules by id."""

    rules: Mapping[str, Rule]

    def rule(self, rule_id: str) -> Rule:
        """Returns the rule in force; raises KeyError when there is none of that id."""
        return self.rules[rule_id]

    def value(self, rule_id: str) -> Value:
        """Returns the value in force; raises KeyError when there is no rule of that id."""
        return self.rules[rule_id].value

    def number(self, rule_id: str) -> float:
        """Returns a numeric value in force; raises KeyError or, for a word, TypeError."""
        value_ = self.value(rule_id)
        if isinstance(value_, str):
            raise TypeError(rule_id)
        return value_

    def overlaid(self, overlays: Iterable[Overlay]) -> "RuleBook":
        """Returns the book with local values laid over it, the widest level first; raises SetupError."""
        rules = dict(self.rules)
        for overlay in sorted(overlays, key=lambda each: LEVELS.index(each.level)):
            for rule_id, facts in overlay.values.items():
                rules[rule_id] = _overlaid(rules.get(rule_id), rule_id, overlay.level, facts)
        return RuleBook(rules)


def _overlaid(rule: Rule | None, rule_id: str, level: Level, facts: Mapping[str, Any]) -> Rule:
    if rule is None:
        raise SetupError(f"本地规则“{rule_id}”不存在", "只能调整rules.yaml中已有的规则", "请改正规则编号")
    if set(facts) - _FACTS or not {"value", "source"} <= set(facts):
        raise SetupError(f"本地规则“{rule_id}”写法不对", "要有value和source，可有article、evidence", "请改正")
    local = facts["value"]
    if isinstance(rule.value, str) != isinstance(local, str) or isinstance(local, bool) or local is None:
        raise SetupError(f"本地规则“{rule_id}”的值类型不对", f"与“{rule.value}”同类", "请改正")
    if not isinstance(local, str) and (local < 0 or _weaker(rule, local)):
        if local < 0:
            raise SetupError(f"本地规则“{rule_id}”的值为负", "不小于0", "请改正")
        return rule
    return replace(rule, level=level, **facts)


def _weaker(rule: Rule, local: float) -> bool:
    current = rule.value
    if isinstance(current, str) or rule.kind == "setting":
        return False
    return local >= current if rule.kind == "deadline" else local <= current


def read_overlay(text: str, level: Level) -> Overlay:
    """Reads an overlay's YAML: rule id → {value, source, article, evidence}; raises SetupError."""
    try:
        values = read_yaml(text) or {}
    except yaml.YAMLError:
        raise SetupError("本地规则文件不是有效的YAML", "规则编号: {value: …, source: …}", "请改正") from None
    if not isinstance(values, dict) or not all(isinstance(facts, dict) for facts in values.values()):
        raise SetupError("本地规则文件的结构不对", "规则编号: {value: …, source: …}", "请改正")
    return Overlay(level, values)


@cache
def book() -> RuleBook:
    """Loads the national rules, once."""
    raw = read_yaml(resources.files("schemas.rules").joinpath("rules.yaml").read_text("utf-8"))
    return RuleBook({rule_id: Rule(rule_id, **facts) for rule_id, facts in raw.items()})


def value(rule_id: str) -> Value:
    """Returns the national value of a rule; raises KeyError when there is none of that id."""
    return book().value(rule_id)


@cache
def _tokens() -> Mapping[str, tuple[str, ...]]:
    raw = read_yaml(resources.files("schemas.rules").joinpath("null_tokens.yaml").read_text("utf-8"))
    groups = raw["groups"]
    return {kind: tuple(token for group in names for token in groups[group]) for kind, names in raw["kinds"].items()}


def null_tokens(kind: str) -> tuple[str, ...]:
    """Lists the cells that stand for "no value" in items of `kind`; raises KeyError for an unknown kind."""
    return _tokens()[kind]
