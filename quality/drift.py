"""Drift: the source's columns against the entry's items. What breaks the entry holds, what only grows is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from rapidfuzz import fuzz, process

from schemas.entry import Entry, Item
from schemas.source import SourceColumn

_LIKENESS = 55
_LIKELY = 3


@dataclass(frozen=True, slots=True)
class Notice:
    """One difference. `says` is Chinese and names the entry, the column and, where it is gone, likely new names."""

    code: str
    column: str
    says: str
    likely: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """Differences that hold the run, and those that are told only."""

    holds: list[Notice]
    notices: list[Notice]


def compare_columns(entry: Entry, columns: Sequence[SourceColumn]) -> Drift:
    """Compares the columns that the source has with those that the entry names."""
    by_name = {column.name: column for column in columns}
    drift = Drift([], [])
    extra = [column for column in columns if column.name not in entry.source_columns]
    for source in entry.source_columns:
        item = next(item for item in entry.items if item.source == source)
        column = by_name.get(source)
        if column is None:
            drift.holds.append(_missing(entry, item, extra))
            continue
        for each in (each for each in entry.items if each.source == source):
            _compare(entry, each, column, drift)
    drift.notices.extend(_extra(entry, column) for column in extra if column.name not in _own_columns(entry))
    return drift


def _own_columns(entry: Entry) -> frozenset[str]:
    """Columns that reading itself uses: no item needs to name them."""
    attachment = entry.attachment
    if attachment is None:
        return frozenset()
    names = {attachment.watermark_column}
    if attachment.mode == "change_flag":
        names |= {attachment.operation_column, attachment.time_column, attachment.batch_column, attachment.guid_column}
    return frozenset(name for name in names if name)


def _missing(entry: Entry, item: Item, extra: Sequence[SourceColumn]) -> Notice:
    likely = _likely(item, extra)
    where = f"“{entry.title}”的来源中没有列“{item.source}”（数据项{item.title}）"
    if likely:
        return Notice("COLUMN_RENAMED", item.source, f"{where}，可能改名为：{'、'.join(likely)}", likely)
    return Notice("COLUMN_MISSING", item.source, f"{where}，没有相近的新列", ())


def _likely(item: Item, extra: Sequence[SourceColumn]) -> tuple[str, ...]:
    """Ranks the extra columns of a fitting type by likeness of name, comment included."""
    fitting = [column for column in extra if fits(item, column.type)]
    scored: list[tuple[float, str]] = []
    for column in fitting:
        names = [column.name.casefold(), *([column.comment.casefold()] if column.comment else [])]
        wanted = {item.source.casefold(), item.name.casefold(), item.title.casefold()}
        score = max(process.extractOne(name, wanted, scorer=fuzz.WRatio)[1] for name in names)
        if score >= _LIKENESS:
            scored.append((score, column.name))
    return tuple(name for _, name in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:_LIKELY])


def fits(item: Item, kind: pa.DataType) -> bool:
    """Says whether a column of this type can hold the item's values. Text can hold anything: the gate reads it."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _is_text(kind) or pa.types.is_null(kind):
        return True
    family = _FAMILIES.get(item.kind)
    if family is not None:
        return any(belongs(kind) for belongs in family)
    return not _is_bytes(kind) and not pa.types.is_nested(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
#: Beside text, the types that hold a kind; of a kind that is not here, all but bytes and nested ones.
_FAMILIES: dict[str, tuple[Callable[[pa.DataType], bool], ...]] = {
    "date": (pa.types.is_temporal, pa.types.is_integer, pa.types.is_floating),
    "datetime": (pa.types.is_temporal, pa.types.is_integer, pa.types.is_floating),
    "integer": _NUMBERS,
    "decimal": _NUMBERS,
    "amount": _NUMBERS,
    "capital": _NUMBERS,
    "bool": (pa.types.is_boolean, pa.types.is_integer),
    "binary": (_is_bytes,),
    "name": (),
    "address": (),
    # Floats have lost the last of 18 digits.
    "citizen_id": (pa.types.is_integer, pa.types.is_decimal),
    "uscc": (pa.types.is_integer, pa.types.is_decimal),
    "licence_id": (),
    "identifier": (pa.types.is_integer, pa.types.is_decimal),
}


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _compare(entry: Entry, item: Item, column: SourceColumn, drift: Drift) -> None:
    where = f"“{entry.title}”的来源列“{column.name}”（数据项{item.title}）"
    if not fits(item, column.type):
        says = f"{where}的类型变为{column.type}，不能容纳该数据项"
        drift.holds.append(Notice("TYPE_NARROWED", column.name, says))
        return
    if item.kind == "datetime" and pa.types.is_date(column.type):
        drift.holds.append(Notice("TYPE_NARROWED", column.name, f"{where}的类型变为日期，失去了时间"))
    if item.kind == "decimal" and (item.scale or 0) > 0 and pa.types.is_integer(column.type):
        drift.holds.append(Notice("TYPE_NARROWED", column.name, f"{where}的类型变为整数，失去了小数"))
    if column.length is None or item.length is None or item.type not in {"C", "M"} or not _is_text(column.type):
        return
    if column.length < _shortest(item):
        says = f"{where}的长度缩短为{column.length}，目录规定{item.length}"
        drift.holds.append(Notice("LENGTH_NARROWED", column.name, says))
    elif column.length > item.length:
        says = f"{where}的长度为{column.length}，大于目录规定的{item.length}"
        drift.notices.append(Notice("LENGTH_LONGER", column.name, says))


def _shortest(item: Item) -> int:
    """Counts the characters that a full value takes: a length in bytes is two or three times that of its characters."""
    length = item.length or 0
    if item.length_unit == "char":
        return length
    return -(-length // (2 if item.length_unit == "byte_gb18030" else 3))


def _extra(entry: Entry, column: SourceColumn) -> Notice:
    return Notice("COLUMN_EXTRA", column.name, f"“{entry.title}”的来源多出列“{column.name}”，目录中没有，不读取")
