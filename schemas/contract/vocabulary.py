"""The keys that a contract may carry at each place, read from vocabulary.yaml. Judges names and single values only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from schemas.contract.report import Path, Report, listed, shown, suggestion
from schemas.yaml_text import read_yaml

_TYPE_WORDS = {
    "text": "文字",
    "code": "文字或整数",
    "flag": "true或false",
    "whole": "整数",
    "number": "数",
    "texts": "文字的列表",
    "map": "键值对",
    "list": "列表",
}


@dataclass(frozen=True, slots=True)
class Key:
    """What one key may hold."""

    type: str
    required: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    shape: str = ""
    longest: int | None = None
    low: float | None = None
    high: float | None = None
    echo: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The keys of one place; `refused` ones are ODCS keys that the hub does not act on, with the reason."""

    keys: Mapping[str, Key]
    refused: Mapping[str, str] = field(default_factory=dict)
    elsewhere: str = ""


@cache
def places() -> Mapping[str, Place]:
    """Loads the vocabulary, once."""
    raw = read_yaml(resources.files("schemas.contract").joinpath("vocabulary.yaml").read_text("utf-8"))
    return {
        name: Place(
            {key: Key(**facts) for key, facts in place["keys"].items()},
            place.get("refused", {}),
            place.get("elsewhere", ""),
        )
        for name, place in raw.items()
    }


def read(report: Report, at: Path, mapping: Any, place_name: str) -> dict[str, Any]:
    """Reads a mapping's keys by the vocabulary; reports each misfit and leaves it out of the result."""
    if not isinstance(mapping, Mapping):
        report.add(at, "CONTRACT_TYPE", "此处不是键值对", "应为“键: 值”", "请按模板书写")
        return {}
    place = places()[place_name]
    facts: dict[str, Any] = {}
    for name, value in mapping.items():
        key = place.keys.get(name)
        if key is None:
            _refuse(report, (*at, name), name, place)
            continue
        fitting = kept(report, (*at, name), key, value)
        if fitting is not None:
            facts[name] = fitting
    _miss(report, at, place, set(mapping))
    return facts


def read_custom(report: Report, at: Path, listing: Any, place_name: str) -> tuple[dict[str, Any], dict[str, Path]]:
    """Reads ODCS customProperties (a list of property/value) by the vocabulary; also gives where each value stands."""
    place = places()[place_name]
    facts: dict[str, Any] = {}
    where: dict[str, Path] = {}
    for index, element in enumerate(listing if isinstance(listing, list) else []):
        name = element.get("property") if isinstance(element, Mapping) else None
        if not isinstance(name, str) or "value" not in element:
            report.add(
                (*at, index), "CONTRACT_TYPE", "customProperties的一项缺少property或value", "两者都要有", "请补全"
            )
            continue
        if name in where:
            report.add((*at, index, "property"), "CONTRACT_KEY_DUPLICATE", f"“{shown(name)}”重复", "", "请删去其中一个")
            continue
        where[name] = (*at, index, "value")
        key = place.keys.get(name)
        if key is None:
            _refuse(report, (*at, index, "property"), name, place)
            continue
        fitting = kept(report, where[name], key, element["value"])
        if fitting is not None:
            facts[name] = fitting
    _miss(report, at, place, set(where))
    return facts, where


def _refuse(report: Report, at: Path, name: str, place: Place) -> None:
    if name in place.refused:
        report.add(at, "CONTRACT_KEY_REFUSED", f"不能使用键“{shown(name)}”", place.refused[name], "请删去该键")
        return
    otherwise = f"请删去该键，或写在{place.elsewhere}中" if place.elsewhere else "请删去该键"
    step = suggestion(name, place.keys, otherwise)
    report.add(at, "CONTRACT_KEY_UNKNOWN", f"未知的键“{shown(name)}”", f"可用的键：{listed(place.keys)}", step)


def _miss(report: Report, at: Path, place: Place, present: set[str]) -> None:
    for name, key in place.keys.items():
        if key.required and name not in present:
            allowed = f"取值：{_values(key)}" if key.values else key.shape
            report.add((*at, name), "CONTRACT_KEY_MISSING", f"缺少“{name}”", allowed or "此键必填", f"请补上“{name}”")


def kept(report: Report, at: Path, key: Key, value: Any) -> Any:
    """Returns the value as its key's type; reports a misfit and returns None."""
    if value is None:
        if key.required:
            report.add(
                at, "CONTRACT_KEY_MISSING", f"“{at[-1]}”为空" if at[-1] != "value" else "值为空", "此键必填", "请填写"
            )
        return None
    converted = _converted(key.type, value)
    if converted is None:
        report.add(at, "CONTRACT_TYPE", "值的类型不对", f"应为{_TYPE_WORDS[key.type]}", "请改正（文字可加引号）")
        return None
    return converted if _fits(report, at, key, converted) else None


def _converted(kind: str, value: Any) -> Any:  # noqa: PLR0911 - one return a type
    if kind == "any":
        return value
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "code":
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if kind == "flag":
        return value if isinstance(value, bool) else None
    if kind == "whole":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "texts":
        return _texts(value)
    return value if isinstance(value, Mapping if kind == "map" else list) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    elements = value if isinstance(value, list) else [value]
    texts = [_converted("code", element) for element in elements]
    return None if None in texts else tuple(texts)


def _fits(report: Report, at: Path, key: Key, value: Any) -> bool:
    got = f"值“{shown(value)}”" if key.echo and not isinstance(value, tuple | list | Mapping) else "该值"
    texts = value if isinstance(value, tuple) else (value,)
    if key.values and value not in key.values:
        step = suggestion(str(value), key.values, "请改为其中一个")
        report.add(at, "CONTRACT_VALUE", f"{got}不在允许的取值中", f"取值：{_values(key)}", step)
    elif key.pattern and not all(re.fullmatch(key.pattern, text) for text in texts):
        report.add(at, "CONTRACT_VALUE", f"{got}的写法不对", f"应为{key.shape}", "请改正")
    elif isinstance(value, str) and not key.pattern and not value.strip():
        report.add(at, "CONTRACT_VALUE", "值是空白", "应有内容", "请填写")
    elif key.longest and isinstance(value, str) and len(value) > key.longest:
        report.add(at, "CONTRACT_VALUE", f"长{len(value)}字", f"不超过{key.longest}字", "请缩短")
    elif (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
        report.add(at, "CONTRACT_VALUE", f"{got}超出范围", _range(key), "请改正")
    else:
        return True
    return False


def _range(key: Key) -> str:
    if key.high is None:
        return f"不小于{key.low:g}"
    return f"{key.low:g}至{key.high:g}"


def _values(key: Key) -> str:
    return listed([name if name == says else f"{name}（{says}）" for name, says in key.values.items()])
