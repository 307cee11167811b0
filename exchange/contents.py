"""What sampled values look like: identifiers, telephones, dates, codes. Keeps no value; tells kinds and ratios only."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from schemas.codes import code_set, code_set_ids
from schemas.identifiers import citizen_id, uscc

_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_DAY = re.compile(r"(19|20)\d{2}[-/.年]?\d{1,2}[-/.月]?\d{1,2}日?", re.ASCII)
_MOMENT = re.compile(
    r"(19|20)\d{2}[-/]?\d{1,2}[-/]?\d{1,2}[T ]?\d{2}:?\d{2}(:?\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
#: So many of the values must look alike before content alone says what a column is.
MOST = 0.8
_FEWEST = 3
_CODES_AT_MOST = 120


@dataclass(frozen=True, slots=True)
class Contents:
    """What the sample of one column says. `looks` is a kind of item, empty where nothing fits."""

    filled: int
    distinct: int
    looks: str
    longest: int
    decimals: int
    unique: bool
    values: frozenset[str]
    tally: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def always_filled(self) -> bool:
        """Says whether no sampled row lacks the value."""
        return self.filled > 0 and "" not in self.values

    def fits(self, set_id: str) -> bool:
        """Says whether every sampled value is a code or a name of the code set."""
        known = code_set(set_id)
        values = self.values - {""}
        return bool(values) and all(known.normalise(value) is not None for value in values)

    def share_in(self, set_id: str) -> float:
        """Returns how large a share of the filled rows holds a code or a name of the code set."""
        known = code_set(set_id)
        held = sum(rows for value, rows in self.tally.items() if known.normalise(value) is not None)
        return held / self.filled if self.filled else 0.0


def contents_of(column: pa.Array) -> Contents:
    """Looks at one sampled column."""
    texts = [_text(value) for value in column.to_pylist()]
    filled = [text for text in texts if text]
    distinct = frozenset(filled)
    small = distinct if len(distinct) <= _CODES_AT_MOST else frozenset()
    return Contents(
        filled=len(filled),
        distinct=len(distinct),
        looks=_looks(filled),
        longest=max(map(len, filled), default=0),
        decimals=max((len(text.partition(".")[2]) for text in filled if _NUMBER.fullmatch(text)), default=0),
        unique=bool(filled) and len(distinct) == len(texts),
        values=small | ({""} if len(filled) < len(texts) else frozenset()),
        tally=Counter(filled),
    )


def fitting_set(contents: Contents) -> str | None:
    """Finds the one code set that holds all sampled values; None where they are too few or several sets fit."""
    values = contents.values - {""}
    if len(values) < _FEWEST or contents.filled < 2 * len(values):
        return None
    if all(re.fullmatch(r"\d{6}", value, re.ASCII) for value in values):
        return "gbt2260_any" if all(code_set("gbt2260_any").contains(value) for value in values) else None
    if all(value.isdigit() and len(value) == 1 for value in values):
        return None  # one digit is a code of nearly every set
    sets = [name for name in code_set_ids() if not name.startswith("gbt2260") and contents.fits(name)]
    return sets[0] if len(sets) == 1 else None


def _text(value: Any) -> str:
    if value is None or isinstance(value, bytes):
        return ""
    return str(value).strip()


def _looks(filled: Sequence[str]) -> str:
    """Names the kind that most values have."""
    if len(filled) < _FEWEST:
        return ""
    needed = MOST * len(filled)
    return next((kind for kind, test in _KINDS if sum(map(test, filled)) >= needed), "")


def _is_citizen(text: str) -> bool:
    return len(text) in {15, 18} and citizen_id(text).ok


def _is_credit(text: str) -> bool:
    return len(text) == 18 and uscc(text).ok


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    digits = re.sub(r"\D+", "-", text).strip("-")
    try:
        return bool(datetime.strptime(digits, "%Y-%m-%d" if "-" in digits else "%Y%m%d"))  # noqa: DTZ007 - a date
    except ValueError:
        return False


_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("citizen_id", _is_citizen),
    ("uscc", _is_credit),
    ("mobile", lambda text: _MOBILE.fullmatch(text) is not None),
    ("date", _is_day),
    ("datetime", lambda text: _MOMENT.fullmatch(text) is not None),
)
