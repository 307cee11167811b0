"""The columns of the directory's workbook and how headings are told apart. Reads no workbook."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from schemas.codes import code_set
from schemas.forms.fields import Field, fields_of
from schemas.yaml_text import read_yaml

_PARTS = re.compile(r"[()\[\]【】《》<>/\\、,;:|·\-—]+")
_REMARK = re.compile(r"[(（\[【<《].*?[)）\]】>》]")


@dataclass(frozen=True)
class Column:
    """One column: its heading, the form fields it stands for, and how its cells are read."""

    id: str
    heading: str
    of: Literal["entry", "item"]
    fields: tuple[Field, ...]
    codec: str = "text"
    own: bool = False
    split: str = ""
    needed: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    code_set: str = ""
    strip: tuple[str, ...] = ()
    loose: bool = False

    def choice(self, text: str) -> str | None:
        """Returns the code that a cell means: code, name, both, or another way of writing; None when unknown.

        A cell of several parts (`C（字符型）`, `varchar(50)`) means what its known parts agree on. Only a loose column
        may hold other parts beside them: elsewhere they may be what restricts the value.
        """
        ways, whole = _ways(self.id), fold(text)
        for word in self.strip:
            if whole not in ways:
                whole = whole.replace(fold(word), "")
        if whole in ways:
            return ways[whole]
        if whole[:1] in ways and ways[whole[:1]] == ways.get(whole[1:]):  # 1开放
            return ways[whole[:1]]
        parts = [part for part in _PARTS.split(whole) if part]
        codes = {ways[part] for part in parts if part in ways}
        known = all(part in ways for part in parts)
        return codes.pop() if len(codes) == 1 and (known or self.loose) else None


@dataclass(frozen=True)
class Layout:
    """Columns, limits and sheet names."""

    columns: tuple[Column, ...]
    limits: Mapping[str, int]
    sheets: Mapping[str, str]
    silent: frozenset[str]
    by_heading: Mapping[str, Column]

    def column(self, heading: str) -> Column | None:
        """Finds the column of a heading, as old and new templates write it."""
        return self.by_heading.get(fold_heading(heading))


def fold(text: str) -> str:
    """Folds width, case and blanks."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def fold_heading(heading: str) -> str:
    """Folds a heading: no remarks, no marks, old and new nouns to one."""
    text = fold(_REMARK.sub("", heading))
    text = "".join(char for char in text if unicodedata.category(char)[0] in "LN")
    for noun, others in _raw()["replace"].items():
        for other in others:
            text = text.replace(other.casefold(), noun)
    return text


@cache
def layout() -> Layout:
    """Returns the workbook's layout, read once."""
    raw = _raw()
    columns = tuple(_column(dict(facts)) for facts in raw["columns"])
    headings: dict[str, Column] = {}
    for each in columns:
        for heading in (each.heading, *each.also):
            headings.setdefault(fold_heading(heading), each)
    silent = frozenset(fold_heading(each) for each in raw["silent"])
    return Layout(columns, raw["limits"], raw["sheets"], silent, headings)


@cache
def _raw() -> dict[str, Any]:
    text = resources.files("schemas.forms").joinpath("workbook.yaml").read_text("utf-8")
    return dict(read_yaml(text))


def _column(facts: dict[str, Any]) -> Column:
    known = dict(fields_of("entry" if facts["of"] == "entry" else "items"))
    named = tuple(known[name] for name in facts.pop("fields") if name in known)
    for name in ("also", "outside", "platform", "strip"):
        facts[name] = tuple(facts.get(name, ()))
    types = {code: tuple(words) for code, words in facts.pop("types", {}).items()}
    return Column(fields=named, types=types, **facts)


@cache
def _ways(column_id: str) -> dict[str, str]:
    """Maps every way of writing a value of a column to its code."""
    column = next(each for each in layout().columns if each.id == column_id)
    ways = {fold(word): code for word, code in column.words.items()}
    if column.code_set:
        for row in code_set(column.code_set).rows:
            ways |= {fold(alias): row["code"] for alias in row.get("aliases", "").split("|") if alias}
    for option in column.fields[0].options if column.fields else ():
        code, name = option.code, option.name
        ways |= {
            fold(way): code for way in (name, f"{code}{name}", f"{code}.{name}", f"{code}-{name}", f"{name}{code}")
        }
        ways |= {fold(f"{name}({code})"): code, fold(f"{code}:{name}"): code, fold(f"{code}、{name}"): code}
    ways |= {fold(option.code): option.code for option in (column.fields[0].options if column.fields else ())}
    return ways
