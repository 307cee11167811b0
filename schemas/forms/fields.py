"""The fields that forms may show, read from fields.yaml and the contract's vocabulary."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from schemas.codes import code_set
from schemas.contract.items import doc_types, known_code_sets
from schemas.contract.vocabulary import Key, places

#: Roles that subjects have in the hub's own examples; others may be typed.
ROLES = ("本人", "配偶", "父亲", "母亲", "户主", "法定代表人", "持证主体", "颁发机构", "经营主体", "受理机构")
_WIDGETS = {"text", "area", "choice", "flag", "lines", "number", "date", "department"}


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a picker."""

    code: str
    name: str

    @property
    def says(self) -> str:
        """Says code and name."""
        return self.name if self.name == self.code else f"{self.code} {self.name}"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: what it is called, where it stands in a contract, what it takes."""

    name: str
    label: str
    place: str
    key: str
    rule: Key
    widget: str = "text"
    hint: str = ""
    required: bool = False
    default: str = ""
    codec: str = ""
    options: tuple[Option, ...] = ()
    needed_when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fault(self, value: str) -> str:
        """Says what is wrong with a value that was typed, and what to do; empty when nothing is."""
        if not value.strip():
            return f"“{self.label}”没有填写，请填写" if self.required else ""
        if self.widget == "choice" and self.options and value not in {option.code for option in self.options}:
            return f"“{self.label}”没有这个选项，请从列表中选择"
        if self.codec == "length":
            return "" if re.fullmatch(r"[0-9]{1,7}(,[0-9]{1,2})?", value) else "长度写整数，数值型可写“总位数,小数位数”"
        texts = value.splitlines() if self.rule.type == "texts" else [value]
        return next((fault for text in texts if (fault := self._misfit(text.strip()))), "")

    def says(self, value: str) -> str:
        """Writes a value for reading: the names of codes, 是 for a tick."""
        if self.widget == "flag":
            return "是" if value == "1" else ""
        named = {option.code: option.says for option in self.options}
        return "、".join(named.get(line, line) for line in value.splitlines())

    def _misfit(self, text: str) -> str:
        rule = self.rule
        if rule.type in ("whole", "number"):
            return self._out_of_range(text)
        if rule.pattern and text and not re.fullmatch(rule.pattern, text):
            return f"“{self.label}”的写法不对，应为{rule.shape}"
        if rule.longest and len(text) > rule.longest:
            return f"“{self.label}”长{len(text)}字，不超过{rule.longest}字，请缩短"
        return ""

    def _out_of_range(self, text: str) -> str:
        shape = r"-?[0-9]{1,15}" if self.rule.type == "whole" else r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
        if not re.fullmatch(shape, text):
            return f"“{self.label}”应为{'整数' if self.rule.type == 'whole' else '数'}"
        low, high = self.rule.low, self.rule.high
        if (low is not None and float(text) < low) or (high is not None and float(text) > high):
            return f"“{self.label}”超出范围"
        return ""


@cache
def fields_of(group: str) -> Mapping[str, Field]:
    """Returns the fields of a group: `entry`, or the name of a list of rows."""
    raw = yaml.safe_load(resources.files("schemas.forms").joinpath("fields.yaml").read_text("utf-8"))
    return {name: _field(name, facts) for name, facts in raw[group].items()}


def _field(name: str, facts: dict[str, Any]) -> Field:
    place, _, key = facts.pop("at").partition(".")
    rule = places()[place].keys[key]
    options = _options(facts.pop("options", None), rule)
    needed = {other: tuple(values) for other, values in facts.pop("needed_when", {}).items()}
    made = Field(name=name, place=place, key=key, rule=rule, options=options, needed_when=needed, **facts)
    if made.widget not in _WIDGETS:
        raise ValueError(f"fields.yaml: {name}: widget {made.widget}")
    return made


def _options(given: Any, rule: Key) -> tuple[Option, ...]:
    if isinstance(given, Mapping):
        named: Mapping[str, str] = given
    elif isinstance(given, str):
        named = _NAMED[given]()
    else:
        named = rule.values
    return tuple(Option(str(code), name) for code, name in named.items())


def class_names() -> Mapping[str, str]:
    """Returns the names of the directory's classes (类、项) by code."""
    raw = yaml.safe_load(resources.files("schemas.forms").joinpath("classes.yaml").read_text("utf-8"))
    return {str(code): str(name) for code, name in raw.items()}


_NAMED: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "code_sets": lambda: {each: code_set(each).title for each in known_code_sets()},
    "doc_types": lambda: {each: code_set("holder_code_type").codes[each] for each in doc_types()},
    "industries": lambda: code_set("gb_t_4754").codes,
    "classes": class_names,
    "roles": lambda: {role: role for role in ROLES},
}
