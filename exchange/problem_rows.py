"""Rejected rows read back from quarantine: found by key or rule, as received beside as normalised, clear or masked.

Decides no permission and records nothing (exchange/problems.py does). Holds one page of rows at a time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.stores.runs import Run
from exchange.extraction import quarantine_folder
from exchange.hub import Hub
from exchange.runs import entry_of
from quality.gate import Gate
from schemas.entry import Entry, Item
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of

PAGE = 20
#: A finding's code, and the item when it matters.
Rule = tuple[str, str | None]
_SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Kinds with few possible values, none of which names anybody.
_OPEN_KINDS = frozenset({"code", "region", "date", "datetime", "integer", "decimal", "amount", "bool"})
_PLAIN_LEVEL = 2
_SHORT_CODE = re.compile(r"[0-9A-Za-z.-]{1,3}")
_CITIZEN = re.compile(r"\d{17}[\dXx]|\d{15}")
_MOBILE = re.compile(r"1\d{10}")
_LONG = 6


@dataclass(frozen=True, slots=True)
class Sought:
    """The rows of one run that are meant: those of the keys, or all when `keys` is None."""

    run: Run
    keys: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One data item of a row: as received, as normalised, and whether a finding speaks of it."""

    name: str
    title: str
    received: str | None
    normalised: str | None
    faulty: bool


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One finding of a row, with the open problem behind it when there is one."""

    code: str
    item: str
    severity: str
    says: str
    next: str
    problem: int | None = None
    times: int | None = None
    first_seen: datetime | None = None
    order: int | None = None
    waiver: str | None = None


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One rejected row; `raw` is what an unreadable record was."""

    run_id: str
    row: int
    place: str | None
    cells: tuple[Cell, ...]
    findings: tuple[RowFinding, ...]
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row with the hash of its key, which no page shows."""

    key: bytes | None
    row: ProblemRow


@dataclass(frozen=True, slots=True)
class Found:
    """One page of rows, whether more follow, and the runs whose rows have been removed by the retention rule."""

    rows: tuple[FoundRow, ...]
    more: bool
    removed: tuple[str, ...]


def find_rows(
    hub: Hub, sought: Sequence[Sought], rule: Rule | None, page: int, *, clear: bool, size: int = PAGE
) -> Found:
    """Reads one page of the rows that are meant and that have a finding of the rule (code, item), if one is given."""
    there = [each for each in sought if _exists(hub, each.run)]
    skip, left, rows = (page - 1) * size, size + 1, list[FoundRow]()
    for run, batch in _matching(hub, there, rule):
        if batch.num_rows <= skip:
            skip -= batch.num_rows
            continue
        chosen = batch.slice(skip, left)
        skip, left = 0, left - chosen.num_rows
        rows += _shown(hub, run, chosen, clear=clear)
        if left == 0:
            break
    removed = tuple(each.run.run_id for each in sought if each not in there and each.run.quarantined)
    return Found(tuple(rows[:size]), len(rows) > size, removed)


def _exists(hub: Hub, run: Run) -> bool:
    return run.quarantine_removed_at is None and hub.frames.exists(quarantine_folder(run))


def _matching(hub: Hub, sought: Sequence[Sought], rule: Rule | None) -> Iterator[tuple[Run, pa.RecordBatch]]:
    for each in sought:
        for batch in hub.frames.reader(quarantine_folder(each.run)):
            meant = np.ones(batch.num_rows, dtype=bool)
            if each.keys is not None:
                meant &= pc.is_in(batch.column("key_hash"), each.keys).to_numpy(zero_copy_only=False)
            if rule is not None:
                meant &= _has(batch.column("findings"), *rule)
            if meant.any():
                yield each.run, batch.filter(pa.array(meant))


def _has(findings: pa.ListArray, code: str, item: str | None) -> Any:
    """Marks the rows that have an error of a code, and of an item when one is given."""
    parents, flat = pc.list_parent_indices(findings), pc.list_flatten(findings)
    said = pc.and_(pc.equal(flat.field("code"), code), pc.equal(flat.field("severity"), "error"))
    if item is not None:
        said = pc.and_(said, pc.equal(pc.fill_null(flat.field("item"), ""), item))
    marked = np.zeros(len(findings), dtype=bool)
    marked[parents.filter(said).to_numpy()] = True
    return marked


def _shown(hub: Hub, run: Run, batch: pa.RecordBatch, *, clear: bool) -> Iterator[FoundRow]:
    entry, version = entry_of(hub, run)
    moment = run.data_time or run.created_at
    normal, _ = Gate(version.plan or {}, moment.astimezone(_SHANGHAI).date()).normalised(batch)
    values = {item.name: normal.values(item.name).to_pylist() for item in entry.items}
    titles = {item.name: item.title for item in entry.items}
    for at, received in enumerate(batch.to_pylist()):
        found = (described(each, titles) for each in received["findings"] if each["severity"] != "info")
        findings = sorted(found, key=lambda each: (each.severity, each.code, each.item))
        blamed = {name for found in findings for name in found.item.split(",")}
        raw, cells = received["_raw"], tuple[Cell, ...]()
        if raw is None:
            cells = tuple(
                _cell(item, received.get(item.source), values[item.name][at], item.name in blamed, clear=clear)
                for item in entry.items
            )
        row = ProblemRow(
            run.run_id, received["_row"], received["_place"], cells, tuple(findings), _raw(raw, clear=clear)
        )
        yield FoundRow(received["key_hash"], row)


def described(found: Mapping[str, Any], titles: Mapping[str, str]) -> RowFinding:
    """Puts a finding into words."""
    code, item = found["code"], found["item"] or ""
    if code not in known_codes():
        return RowFinding(code, item, found["severity"], code, "")
    kind = kind_of(code)
    return RowFinding(code, item, found["severity"], kind.says.replace("{item}", title_of(item, titles)), kind.next)


def title_of(item: str, titles: Mapping[str, str]) -> str:
    """Names the items of a finding (several are joined by commas); a finding of none speaks of the row."""
    return "、".join(titles.get(name, name) for name in item.split(",")) if item else "该行"


def titles_of(entry: Entry) -> dict[str, str]:
    """Returns the titles of an entry's items by name."""
    return {item.name: item.title for item in entry.items}


def _cell(item: Item, received: Any, normalised: Any, faulty: bool, *, clear: bool) -> Cell:
    shown = [_text(received), _text(normalised)]
    if not clear:
        shown = [masked(value, item, faulty=faulty) for value in shown]
    return Cell(item.name, item.title, shown[0], shown[1], faulty)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, bytes):
        return f"（二进制，{len(value)} 字节）"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _raw(raw: bytes | None, *, clear: bool) -> str | None:
    if raw is None:
        return None
    if not clear:
        return f"（原始内容已遮蔽，{len(raw)} 字节）"
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "backslashreplace")


def masked(value: str | None, item: Item, *, faulty: bool) -> str | None:
    """Hides a value from an administrator; a wrong cell may hold anything, so it is hidden whatever its item."""
    if not value:
        return value
    harmless = item.kind in _OPEN_KINDS and item.level <= _PLAIN_LEVEL and not item.identifying
    if harmless and (not faulty or _SHORT_CODE.fullmatch(value)):
        return value
    head, tail = _ends(value, item)
    return value[:head] + "*" * (len(value) - head - tail) + value[len(value) - tail :]


def _ends(value: str, item: Item) -> tuple[int, int]:
    """Returns how many characters stay at both ends: 620402********9879, 138****8000, 张*三, 张*."""
    if _CITIZEN.fullmatch(value):
        return 6, 4
    if _MOBILE.fullmatch(value):
        return 3, 4
    if item.kind == "name":
        return (1 if len(value) > 1 else 0), (1 if len(value) > 2 else 0)
    return (1, 1) if len(value) > _LONG else (0, 0)
