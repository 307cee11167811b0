"""Values of an answer by the entry's item types: the gate's own checks, a faulty value nulled with its finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.gate import Gate
from quality.normalise.shape import arrow_type
from quality.plan import compile_plan
from schemas.entry import Entry

_SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Codes that say of a value that it is absent: there is nothing to null.
_ABSENT = frozenset({"KEY_MISSING", "ITEM_MISSING", "COND_MISSING"})


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Typed columns by item, and the finding codes by (code, item) → places of rows."""

    size: int
    values: Mapping[str, pa.Array]
    faults: Mapping[tuple[str, str], Sequence[int]]

    def codes_of(self, place: int, item: str) -> tuple[str, ...]:
        """Lists the codes of one value."""
        return tuple(code for (code, name), places in self.faults.items() if name == item and place in places)


@dataclass(frozen=True, slots=True)
class Checker:
    """The gate of one entry, reading columns that are called as its items."""

    entry: Entry
    gate: Gate

    @classmethod
    def of(cls, entry: Entry, now: datetime) -> "Checker":
        """Returns the checker of an entry for a day, built once a process."""
        return _checker(_Same(entry), now.astimezone(_SHANGHAI).date())

    def check(self, rows: Sequence[Mapping[str, Any]], items: Sequence[str]) -> CheckedRows:
        """Types and checks the values of some items; what is faulty becomes null."""
        if not rows:
            return CheckedRows(0, {name: pa.array([], arrow_type(self.entry.item(name))) for name in items}, {})
        faults: dict[tuple[str, str], list[int]] = {}
        columns = [pa.array(_texts(rows, name, faults), pa.string()) for name in items]
        checked = self.gate.check(pa.RecordBatch.from_arrays(columns, names=list(items)))
        for place, found in enumerate(checked.findings.to_pylist()):
            for finding in found or ():
                if finding["severity"] == "error" and finding["item"] in items and finding["code"] not in _ABSENT:
                    faults.setdefault((finding["code"], finding["item"]), []).append(place)
        values = {name: _nulled(checked.items.column(name), name, faults) for name in items}
        return CheckedRows(len(rows), values, faults)


class _Same:
    """Compares entries by identity: they are read once a process (exchange/contracts.py) and hold mappings."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def __hash__(self) -> int:
        return id(self.entry)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.entry is self.entry


@lru_cache(maxsize=128)
def _checker(same: _Same, day: date) -> Checker:
    own = replace(same.entry, items=tuple(replace(item, source=item.name) for item in same.entry.items))
    return Checker(own, Gate(compile_plan(own), day))


def _texts(rows: Sequence[Mapping[str, Any]], name: str, faults: dict[tuple[str, str], list[int]]) -> list[str | None]:
    out: list[str | None] = []
    for place, row in enumerate(rows):
        text = _text(row.get(name))
        if text is not None and not _is_text(text):
            faults.setdefault(("INTERFACE_TYPE", name), []).append(place)
            text = None
        out.append(text)
    return out


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _is_text(text: str) -> bool:
    """Says whether a text is one: JSON can write half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nulled(column: pa.Array, name: str, faults: Mapping[tuple[str, str], Sequence[int]]) -> pa.Array:
    wrong = np.zeros(len(column), dtype=bool)
    for (_, item), places in faults.items():
        if item == name:
            wrong[list(places)] = True
    if not wrong.any():
        return column
    return pc.if_else(pa.array(wrong), pa.scalar(None, column.type), column)
