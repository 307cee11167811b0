"""What is proposed where nothing was written: kinds by an item's name, short names by pinyin initials."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from schemas.contract.items import RESERVED

_PLAIN = re.compile(r"[^a-z0-9_]+")
_LONGEST_ITEM, _LONGEST_DATASET = 40, 40


def proposed_item(title: str) -> Mapping[str, str]:
    """Returns what an item of this name probably is: kind, type, length, level, code set, subject."""
    name = _folded(title)
    return next(facts for tests, facts in _proposals() if not tests or _fits(name, tests))


def _fits(name: str, tests: Mapping[str, tuple[str, ...]]) -> bool:
    return (
        name in tests.get("is", ())
        or name.endswith(tests.get("ends") or ("\0",))
        or any(part in name for part in tests.get("has", ()))
    )


def _folded(title: str) -> str:
    """Drops blanks, remarks in brackets and width."""
    text = "".join(unicodedata.normalize("NFKC", title).split())
    return re.sub(r"[(（\[【].*?[)）\]】]", "", text) or text


@cache
def _proposals() -> tuple[tuple[dict[str, tuple[str, ...]], dict[str, str]], ...]:
    raw: list[dict[str, Any]] = yaml.safe_load(
        resources.files("schemas.forms").joinpath("proposals.yaml").read_text("utf-8")
    )
    words = ("is", "ends", "has")
    return tuple(
        (
            {word: tuple(facts[word]) for word in words if word in facts},
            {name: str(value) for name, value in facts.items() if name not in words},
        )
        for facts in raw
    )


def item_name(title: str, taken: Collection[str]) -> str:
    """Returns a column name for an item: the pinyin initials of its name, numbered when they are taken."""
    return _numbered(_initials(title, "x")[:_LONGEST_ITEM], {*taken, *RESERVED})


def dataset_name(title: str, taken: Collection[str]) -> str:
    """Returns a dataset name: the pinyin initials of the title, numbered when they are taken."""
    name = _initials(title, "d")[:_LONGEST_DATASET]
    name = name if len(name) > 1 else f"{name}_1"
    return _numbered(name.replace("__", "_"), {*taken, *RESERVED})


def _initials(title: str, letter: str) -> str:
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - its tables take a quarter of a second

    parts = lazy_pinyin(_folded(title), style=Style.FIRST_LETTER)
    name = _PLAIN.sub("_", "".join(parts).lower()).strip("_")
    return name if name and name[0].isalpha() and name[0].isascii() else f"{letter}_{name}".rstrip("_")


def _numbered(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
