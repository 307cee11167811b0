"""What leaves of an answer: rows of the asked key inside the grant, granted items alone, masked where masked.

The grant's plan is the one that look-ups and queries read (lake/disclosure.py). Rows of another key than was asked for
are dropped, whatever the provider says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exchange.interfaces.checking import CheckedRows, Checker
from exchange.interfaces.keys import Key
from lake.disclosure import Disclosure
from schemas.entry import Entry
from schemas.errors import StateError
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of
from schemas.masks import mask_array
from schemas.openapi.answers import Rows

_OWN = {
    "INTERFACE_TYPE": "{item}的类型与接口描述不符，未提供",
    "INTERFACE_MISSING": "接口没有返回{item}",
    "INTERFACE_NULL": "{item}为空，与接口描述不符",
}


@dataclass(frozen=True, slots=True)
class ValueFinding:
    """A fault of an item in the answer: how many rows have it. Never the value."""

    code: str
    item: str
    rows: int
    says: str


@dataclass(frozen=True, slots=True)
class Given:
    """What leaves, and all faults by code and item for the provider's statistics."""

    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    findings: tuple[ValueFinding, ...]
    faults: Mapping[str, int]


def require_fitting(plan: Disclosure, mapped: Sequence[str]) -> None:
    """Raises StateError when the grant's rows hang on an item that the interface does not give."""
    missing = sorted({term.item for term in plan.rows} - set(mapped))
    if missing:
        raise StateError(
            "接口没有返回授权的行范围所依据的数据项", "不能核对行范围时不提供任何数据", "请联系提供部门补充接口映射",
            code="INTERFACE_ROW_SCOPE",
        )  # fmt: skip


def given(entry: Entry, plan: Disclosure, keys: Sequence[Key], rows: Rows, now: datetime) -> Given:
    """Checks, filters and masks the rows of an answer."""
    mapped = tuple(rows.values[0]) if rows.values else ()
    checked = Checker.of(entry, now).check(rows.values, mapped)
    faults = {key: list(places) for key, places in rows.faults.items()}
    for key, places in checked.faults.items():
        faults.setdefault(key, []).extend(places)
    totals = {f"{code}:{item}": len(places) for (code, item), places in faults.items()}
    kept, strangers = _kept(checked, plan, keys)
    if strangers:
        totals["INTERFACE_OTHER_KEY"] = strangers
    leaving = _masked(checked, plan, kept)
    there = set(kept)
    found = [
        ValueFinding(code, item, count, _says(code, entry.item(item).title))
        for (code, item), places in sorted(faults.items())
        if item in plan.readable and (count := len(there & set(places)))
    ]
    return Given(leaving, tuple(found), totals)


def _kept(checked: CheckedRows, plan: Disclosure, keys: Sequence[Key]) -> tuple[list[int], int]:
    """Returns the places of the rows that are the asked key's and inside the grant, and how many were another's."""
    everything = pa.array([True] * checked.size, pa.bool_())
    own = [pc.fill_null(pc.equal(checked.values[key.item], key.value), False) for key in keys
           if key.item in checked.values]  # fmt: skip
    asked = reduce(pc.and_, own, everything)
    inside = (
        reduce(pc.and_, [term.mask(checked.values[term.item]) for term in plan.rows], asked) if checked.size else asked
    )
    strangers = checked.size - (pc.sum(asked).as_py() or 0)
    return [place for place, keeps in enumerate(inside.to_pylist()) if keeps], strangers


def _masked(checked: CheckedRows, plan: Disclosure, kept: list[int]) -> tuple[Mapping[str, Any], ...]:
    places = pa.array(kept, pa.int64())
    columns: dict[str, list[Any]] = {}
    for name, item in plan.readable.items():
        if name in checked.values:
            column = checked.values[name].take(places)
            columns[name] = (mask_array(item.mask, column) if item.mask else column).to_pylist()
    return tuple({name: values[at] for name, values in columns.items()} for at in range(len(kept)))


def _says(code: str, title: str) -> str:
    says = _OWN.get(code) or (kind_of(code).says if code in known_codes() else code)
    return says.replace("{item}", title)
