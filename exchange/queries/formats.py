"""A result as a file: CSV, JSON, Arrow, Parquet, xlsx, a batch at a time where the format allows. Decides nothing.

Every file says who exported it when under which grants (the watermark). Each also carries the export's own mark where
nobody looks: CSV and JSON in quotes and blanks that no reader minds, the others in their metadata. No cell starts a
formula: CSV gets a quote before what a table program would run, a workbook holds texts as texts.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.queries.results import plain
from exchange.spreadsheets import MARK, guarded
from schemas.errors import InputError

Format = Literal["csv", "json", "arrow", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MARK_BITS = 64
MOST_SHEET_ROWS, _MOST_TEXT = 200_000, 32_767
#: One record of a CSV file as it stands there: its first cell, with the quotes, and the rest.
_RECORD = re.compile(r"""("[^"]*(?:""[^"]*)*"|[^",\r\n]*)((?:,(?:"[^"]*(?:""[^"]*)*"|[^",\r\n]*))*)\r?\n""")


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file says of itself: the watermark's words, and the mark (16 hexadecimal digits) that nobody sees."""

    words: str
    mark: str

    @property
    def bits(self) -> str:
        """The mark as 0 and 1."""
        return f"{int(self.mark, 16):0{MARK_BITS}b}"

    @property
    def metadata(self) -> dict[str, str]:
        """Both, for formats that have metadata."""
        return {"shuqiao.watermark": self.words, "shuqiao.mark": self.mark}


def write(kind: Format, schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    """Yields the file in pieces; raises InputError for what the format cannot hold."""
    return _WRITERS[kind](schema, batches, seal)


def _csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    yield (MARK + ",".join(_quoted(name) for name in schema.names) + "\r\n").encode()
    bits = cycle(seal.bits)
    for batch in batches:
        lines = []
        for row in _rows(batch):
            cells = [_cell(value) for value in row]
            # A first cell that needs its quotes says nothing of the mark, so no bit is spent on it.
            quotes = _needs_quotes(cells[0], alone=len(cells) == 1) or next(bits) == "1"
            first = _always_quoted(cells[0]) if quotes else cells[0]
            lines.append(",".join([first, *map(_quoted, cells[1:])]) + "\r\n")
        yield "".join(lines).encode("utf-8", "replace")
    yield (_always_quoted(f"# {seal.words}") + "\r\n").encode()


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _quoted(text: str) -> str:
    text = guarded(text)
    return _always_quoted(text) if _needs_quotes(text) else text


def _needs_quotes(text: str, *, alone: bool = False) -> bool:
    # An empty cell that stands alone would be a blank line, which readers skip.
    return any(each in text for each in ',"\r\n') or text != text.strip() or (alone and not text)


def _always_quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _json(schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    bits, places = seal.bits, count()
    yield ('{"watermark": ' + json.dumps(seal.words, ensure_ascii=False) + ', "rows": [').encode()
    for batch in batches:
        out = []
        for row in _rows(batch):
            at = next(places)
            wide = bits[at % MARK_BITS] == "1"
            facts = {name: plain(value) for name, value in zip(schema.names, row, strict=True)}
            text = json.dumps(facts, ensure_ascii=False)
            out.append((",\n" if at else "\n") + ("{ " + text[1:] if wide else text))
        yield "".join(out).encode("utf-8", "replace")
    yield b"\n]}\n"


def _arrow(schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    sink = io.BytesIO()
    marked = schema.with_metadata({**(schema.metadata or {}), **seal.metadata})
    with pa.ipc.new_stream(sink, marked, options=pa.ipc.IpcWriteOptions(compression=None)) as out:
        for batch in batches:
            out.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=marked))
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    taken = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return taken


def _parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    sink = io.BytesIO()
    marked = schema.with_metadata({**(schema.metadata or {}), **seal.metadata})
    try:
        # Row groups of one batch would be too small; they are gathered.
        with pq.ParquetWriter(sink, marked, compression="zstd") as out:
            table = pa.Table.from_batches(
                [pa.RecordBatch.from_arrays(b.columns, schema=marked) for b in batches], marked
            )
            out.write_table(table, row_group_size=100_000)
    except pa.ArrowNotImplementedError:
        raise InputError(
            "结果中有Parquet不能存放的类型", "", "请在语句中用 CAST 转换，或改用 JSON", code="OUTPUT_TYPE"
        ) from None
    yield sink.getvalue()


def _xlsx(schema: pa.Schema, batches: Iterable[pa.RecordBatch], seal: Seal) -> Iterator[bytes]:
    import xlsxwriter  # noqa: PLC0415 - only this format needs it

    sink = io.BytesIO()
    options = {"in_memory": True, "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    book: Any = xlsxwriter.Workbook(sink, options)
    book.set_properties({"title": "数桥查询导出", "comments": seal.words})
    book.set_custom_property("shuqiao.mark", seal.mark)
    sheet = book.add_worksheet("查询结果")
    sheet.set_footer(f"&L{seal.words.replace('&', '&&')[:200]}")
    bold, as_text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
    for column, name in enumerate(schema.names):
        sheet.write_string(0, column, name, bold)
    line = 0
    for batch in batches:
        for row in _rows(batch):
            line += 1
            if line > MOST_SHEET_ROWS:
                raise InputError(f"xlsx最多{MOST_SHEET_ROWS}行", "", "请改用 CSV 或 Parquet", code="OUTPUT_ROWS")
            _sheet_row(sheet, line, row, as_text)
    sheet.write_string(line + 1, 0, seal.words)
    book.close()
    yield sink.getvalue()


def _sheet_row(sheet: Any, line: int, row: tuple[Any, ...], as_text: Any) -> None:
    for column, value in enumerate(row):
        shown = plain(value)
        # More than 15 digits are cut by table programs.
        if isinstance(shown, int | float) and not isinstance(shown, bool) and abs(shown) < 10**15:
            sheet.write_number(line, column, shown)
        elif shown is not None:
            text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
            sheet.write_string(line, column, text[:_MOST_TEXT], as_text)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


_WRITERS = {"csv": _csv, "json": _json, "arrow": _arrow, "parquet": _parquet, "xlsx": _xlsx}


def mark_of(kind: Format, content: bytes) -> str | None:
    """Reads the mark of a file that was found somewhere; None when it has none, or too few rows to hold one."""
    if kind == "csv":
        bits = _bits_of_csv(content.decode("utf-8-sig"))
    elif kind == "json":
        bits = ["1" if line.startswith("{ ") else "0" for line in content.decode().split("\n")[1:-2]]
    else:
        return _mark_in_metadata(kind, content)
    return f"{int(''.join(bits[:MARK_BITS]), 2):016x}" if len(bits) >= MARK_BITS else None


def _bits_of_csv(text: str) -> list[str]:
    bits = []
    for first, rest in _RECORD.findall(text)[1:-1]:
        bare = first[1:-1].replace('""', '"') if first.startswith('"') else first
        if not _needs_quotes(bare, alone=not rest):
            bits.append("1" if first.startswith('"') else "0")
    return bits


def _mark_in_metadata(kind: Format, content: bytes) -> str | None:
    if kind == "xlsx":
        import openpyxl  # noqa: PLC0415 - for investigations alone

        found = openpyxl.load_workbook(io.BytesIO(content)).custom_doc_props  # type: ignore[attr-defined]  # the stubs do not know it
        return next((prop.value for prop in found.props if prop.name == "shuqiao.mark"), None)
    source = pa.BufferReader(content)
    schema = pa.ipc.open_stream(source).schema if kind == "arrow" else pq.read_schema(source)
    mark: bytes | None = (schema.metadata or {}).get(b"shuqiao.mark")
    return mark.decode() if mark else None
