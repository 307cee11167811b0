"""Loads code sets from schemas/codes/index.yaml and its CSV files, each once. Never writes."""

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.errors import NotFound
from schemas.yaml_text import read_yaml

FOLDER = Path(__file__).parent

#: Endings that people leave out or add: 男/男性, 汉/汉族, 壮/壮族.
ENDINGS = ("性", "族", "省", "市", "区", "县", "业")


@dataclass(frozen=True)
class CodeSet:
    """One code set: `codes` maps code → name, `rows` are all columns of its file."""

    id: str
    title: str
    source: str
    edition: str
    note: str
    codes: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...] = field(repr=False)

    def contains(self, code: object) -> bool:
        """Says whether `code` is exactly one of the codes."""
        return isinstance(code, str) and code in self.codes

    def normalise(self, value: object) -> str | None:
        """Returns the code that a code, a name or an unpadded number stands for, or None. Never raises."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        if isinstance(value, int):
            if not 0 <= value < 10**9:
                return None
            value = str(value)
        if value in self.codes:
            return value
        if len(value) > 200:
            return None
        return self._written.get(_fold(value))

    @cached_property
    def _written(self) -> Mapping[str, str]:
        return _ways_of_writing(self.rows)


@cache
def code_set(set_id: str) -> CodeSet:
    """Returns the code set called `set_id`; raises NotFound with near names when there is none."""
    facts = _index().get(set_id)
    if facts is None:
        near = get_close_matches(set_id, _index(), n=3) or sorted(_index())
        allowed = f"可用的代码集有：{'、'.join(near)}"
        raise NotFound(f"没有代码集“{set_id}”", allowed, "请核对代码集标识", code="CODE_SET_UNKNOWN")
    with (FOLDER / facts.get("file", f"{set_id}.csv")).open(encoding="utf-8", newline="") as file:
        every = [MappingProxyType(row) for row in csv.DictReader(file)]
    wanted = facts.get("where", {})
    rows = tuple(row for row in every if all(row[column] == value for column, value in wanted.items()))
    codes = {row["code"]: row["name"] for row in rows}
    return CodeSet(
        id=set_id,
        title=facts["title"],
        source=facts["source"],
        edition=str(facts["edition"]),
        note=facts.get("note", ""),
        codes=MappingProxyType(codes),
        rows=rows,
    )


def code_set_ids() -> tuple[str, ...]:
    """Lists the identifiers of all code sets, sorted."""
    return tuple(sorted(_index()))


@cache
def _index() -> dict[str, dict[str, Any]]:
    facts = read_yaml((FOLDER / "index.yaml").read_text(encoding="utf-8"))
    return dict(facts)


def _fold(text: str) -> str:
    """Folds width, case and blanks, by which written names differ."""
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


def _ways_of_writing(rows: tuple[Mapping[str, str], ...]) -> dict[str, str]:
    """Maps each folded way of writing to its code; what could mean two codes maps to none."""
    exact: dict[str, set[str]] = {}
    loose: dict[str, set[str]] = {}
    for row in rows:
        code = row["code"]
        for name in (code, row["name"], *filter(None, row.get("aliases", "").split("|"))):
            exact.setdefault(_fold(name), set()).add(code)
            loose.setdefault(_shortened(_fold(name)), set()).add(code)
    # The loose ways never shadow an exact one.
    ways = {text: codes for text, codes in loose.items() if text not in exact} | exact
    return {text: next(iter(codes)) for text, codes in ways.items() if len(codes) == 1}


def _shortened(name: str) -> str:
    """Drops the zeros before a number or the ending of a name."""
    if name.isdigit():
        return name.lstrip("0") or "0"
    return name[:-1] if len(name) > 1 and name.endswith(ENDINGS) else name
