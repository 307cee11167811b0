"""One chunk of a CSV file to one record batch: plain lines by pyarrow's parser, the others by records.py, in order.

A line is plain when its quotes are by the book within the line and it begins with no byte order mark, which pyarrow
would drop, so that both parsers give the same text for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from connectors.base import FINDINGS
from connectors.formats.lines import CR, LF, Lines
from connectors.formats.records import NeedMoreLines, Record, record_at

_QUOTE = 34
_MARK = b"\xef\xbb\xbf"
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a record is laid out: `width` fields, of which `positions` go to the columns `names`."""

    width: int
    names: tuple[str, ...]
    positions: tuple[int, ...]
    delimiter: str


@dataclass(frozen=True, slots=True)
class Block:
    """A chunk in UTF-8 and its original bytes, line for line; `bad` are the lines that could not be decoded."""

    lines: Lines
    original: Lines
    bad: frozenset[int]


@dataclass(slots=True)
class _Odd:
    """The records that do not come from pyarrow, column-wise: where, what, why."""

    at: list[int] = field(default_factory=list)
    fields: list[Sequence[str | None] | None] = field(default_factory=list)
    raw: list[bytes | None] = field(default_factory=list)
    findings: list[list[dict[str, str | None]] | None] = field(default_factory=list)

    def add(
        self, at: int, fields: Sequence[str | None] | None, raw: bytes | None, *found: dict[str, str | None]
    ) -> None:
        """Notes one record."""
        self.at.append(at)
        self.fields.append(fields)
        self.raw.append(raw)
        self.findings.append(list(found) or None)


def read_block(block: Block, first: int, layout: Layout, *, last: bool) -> tuple[pa.RecordBatch, npt.NDArray[Any], int]:
    """Reads the records from line `first` on: the batch, each record's line index, and the first line that is not used.

    Lines at the end that may begin a record of several lines are not used unless `last`.
    """
    lines = block.lines
    plain = lines.ends > lines.starts
    plain[:first] = False
    strange = _strange(lines, layout.delimiter) & plain
    strange[[number for number in block.bad if number >= first]] = True
    odd, used = _Odd(), len(lines)
    following = first
    for index in np.flatnonzero(strange).tolist():
        if index < following:
            continue
        try:
            record = record_at(lines, index, layout.width, layout.delimiter, last=last)
        except NeedMoreLines:
            used = index
            break
        following = index + record.lines
        plain[index:following] = False
        _note(block, index, record, layout, odd)
    plain[used:] = False
    table, at = _by_arrow(block, plain, layout, odd)
    return (*_merged(table, at, odd, layout), used)


def _strange(lines: Lines, delimiter: str) -> Flags:
    """Marks the lines whose quotes are not by the book within the line, or that begin with a mark."""
    strange: Flags = np.zeros(len(lines), np.bool_)
    if _MARK in lines.data:
        strange |= [lines.data.startswith(_MARK, start) for start in lines.starts.tolist()]
    if b'"' not in lines.data:
        return strange
    buffer = np.frombuffer(lines.data, np.uint8)
    quotes = np.flatnonzero(buffer == _QUOTE)
    line = np.searchsorted(lines.starts, quotes, "right") - 1
    counts = np.bincount(line, minlength=len(lines))
    strange |= counts % 2 == 1
    opening = (np.arange(len(quotes)) - (np.cumsum(counts) - counts)[line]) % 2 == 0
    neighbour = np.where(opening, quotes - 1, quotes + 1)
    outside = (neighbour < 0) | (neighbour >= len(buffer))
    beside = buffer[np.clip(neighbour, 0, len(buffer) - 1)]
    allowed = np.zeros(256, np.bool_)
    allowed[[ord(delimiter), LF, CR, _QUOTE]] = True
    strange[line[~(allowed[beside] | outside)]] = True
    return strange


def _note(block: Block, index: int, record: Record, layout: Layout, odd: _Odd) -> None:
    end = index + record.lines
    damaged = not block.bad.isdisjoint(range(index, end))
    if not damaged and record.fields is not None:
        odd.add(index, [record.fields[position] for position in layout.positions], None)
        return
    raw = block.original.span(index, end - 1)
    if not damaged:
        odd.add(index, None, raw, {"code": "ROW_RAGGED", "column": None, "place": None})
        return
    if record.fields is None:
        odd.add(index, None, raw, {"code": "ROW_ENCODING", "column": None, "place": None})
        return
    values = [record.fields[position] for position in layout.positions]
    broken = [name for name, value in zip(layout.names, values, strict=True) if "\ufffd" in value]
    found: list[dict[str, str | None]] = [{"code": "ROW_ENCODING", "column": name, "place": None} for name in broken]
    found = found or [{"code": "ROW_ENCODING", "column": None, "place": None}]
    odd.add(index, [None if "\ufffd" in value else value for value in values], raw, *found)


def _by_arrow(block: Block, plain: Flags, layout: Layout, odd: _Odd) -> tuple[pa.Table | None, npt.NDArray[Any]]:
    """Parses the plain lines; those with a wrong number of fields join the odd ones."""
    at = np.flatnonzero(plain)
    if len(at) == 0:
        return None, at
    wrong: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        wrong.append(row.number - 1)
        return "skip"

    data = _cut_out(block.lines, plain, at)
    table = pacsv.read_csv(
        pa.py_buffer(data),
        read_options=pacsv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=[str(number) for number in range(layout.width)]
        ),
        parse_options=pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pacsv.ConvertOptions(
            column_types={str(number): pa.string() for number in range(layout.width)},
            include_columns=[str(position) for position in layout.positions] or ["0"],
            strings_can_be_null=False,
        ),
    )
    if table.num_rows + len(wrong) != len(at):
        raise AssertionError
    for number in wrong:
        index = int(at[number])
        odd.add(index, None, block.original.span(index, index), {"code": "ROW_RAGGED", "column": None, "place": None})
    return table, np.delete(at, wrong)


def _cut_out(lines: Lines, plain: Flags, at: npt.NDArray[Any]) -> bytes | memoryview:
    """Joins the runs of plain lines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], plain, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    view = memoryview(lines.data)
    if len(begins) == 1:
        return view[lines.starts[at[0]] : lines.nexts[at[-1]]]
    return b"".join(view[lines.starts[b] : lines.nexts[e - 1]] for b, e in zip(begins, ends, strict=True))


def _merged(
    table: pa.Table | None, at: npt.NDArray[Any], odd: _Odd, layout: Layout
) -> tuple[pa.RecordBatch, npt.NDArray[Any]]:
    names = list(layout.names)
    schema = pa.schema([(name, pa.string()) for name in names])
    parsed = table.rename_columns(names) if table is not None and names else schema.empty_table()
    if not odd.at:
        return _one_batch(parsed, len(at)), at
    wide = len(names)
    rows = [fields if fields is not None else (None,) * wide for fields in odd.fields]
    extra = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=schema)
    order = np.argsort(np.concatenate([at, np.array(odd.at, np.int64)]), kind="stable")
    whole = pa.concat_tables([parsed, extra]).take(pa.array(order))
    before = len(at)
    raw = pa.array([None] * before + odd.raw, pa.binary()).take(pa.array(order))
    findings = pa.array([None] * before + odd.findings, FINDINGS).take(pa.array(order))
    whole = whole.append_column("_raw", raw).append_column("_findings", findings)
    return _one_batch(whole, len(order)), np.concatenate([at, np.array(odd.at, np.int64)])[order]


def _one_batch(table: pa.Table, rows: int) -> pa.RecordBatch:
    if rows == 0:
        return pa.RecordBatch.from_pylist([], schema=table.schema)
    return table.combine_chunks().to_batches(max_chunksize=rows)[0]


def places(lines: npt.NDArray[Any], before: int, prefix: str) -> pa.Array:
    """Returns `_place` of each record: its line number, behind the file's name when there are several files."""
    texts = pa.array(lines + (before + 1)).cast(pa.string())
    return pc.binary_join_element_wise(prefix, texts, "") if prefix else texts
