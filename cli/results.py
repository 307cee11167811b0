"""Writes the rows of a result: a table, CSV, JSON or Parquet, to standard output or whole to a file. Decides nothing.

CSV is what people open in a spreadsheet: a text that a spreadsheet would run as a formula gets a quote before it, bytes
are hexadecimal, lists and records are JSON. JSON and Parquet hold the values as they are.
"""

import contextlib
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from cli.output import plain, print_table, say
from exchange.spreadsheets import MARK, guarded
from schemas.errors import InputError

TABLE_ROWS = 1000


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Batches(Protocol):
    """A result: its schema and, once, its batches."""

    schema: pa.Schema

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


def write_result(result: Batches, chosen: Format, output: Path | None) -> None:
    """Streams a result to standard output or to a file, which is there whole or not at all; raises InputError."""
    if output is None:
        _write_text(result, chosen, sys.stdout)
        return
    with _whole(output) as part:
        if chosen is Format.parquet:
            _write_parquet(result, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as stream:
                stream.write(MARK if chosen is Format.csv else "")
                _write_text(result, chosen, stream)
    say(f"已写入 {output}。")


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """Yields a file beside `output`, for its owner alone, which takes its place when the block has ended well."""
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise _unwritable(output, error) from None
    os.close(handle)
    try:
        yield Path(name)
        Path(name).replace(output)
    except OSError as error:
        raise _unwritable(output, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _unwritable(output: Path, error: OSError) -> InputError:
    return InputError(
        f"不能写文件 {output}（{type(error).__name__}）",
        "输出文件所在的文件夹应已存在且可写",
        "请核对 -o 的路径和磁盘空间",
        code="OUTPUT_UNWRITABLE",
    )


def _write_parquet(result: Batches, path: Path) -> None:
    try:
        with pq.ParquetWriter(path, result.schema, compression="zstd") as writer:
            for batch in result:
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError:
        raise InputError(
            "结果中有Parquet不能存放的类型", "", "请在语句中用 CAST 转换，或改用 --format json", code="OUTPUT_TYPE"
        ) from None


def _write_text(result: Batches, chosen: Format, stream: TextIO) -> None:
    rows = (dict(zip(result.schema.names, row, strict=True)) for row in _rows(result))
    if chosen is Format.json:
        write_json_rows(rows, stream)
    elif chosen is Format.csv:
        write_csv(result.schema.names, rows, stream)
    else:
        _write_table(result.schema.names, rows, stream)


def _rows(result: Batches) -> Iterator[tuple[Any, ...]]:
    for batch in result:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _write_table(names: Sequence[str], rows: Iterator[Mapping[str, Any]], stream: TextIO) -> None:
    shown = list(islice(rows, TABLE_ROWS + 1))
    if len(shown) > TABLE_ROWS:
        say(f"只显示前 {TABLE_ROWS} 行；要全部请用 --format csv 或 parquet 加 -o。")
    columns = [(name, name) for name in names]
    with contextlib.redirect_stdout(stream):
        print_table("", columns, shown[:TABLE_ROWS], empty="没有符合条件的行。")


def write_json_rows(rows: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Writes rows as one JSON list, a row at a time."""
    before = "[\n"
    for row in rows:
        stream.write(before + json.dumps(plain(row), ensure_ascii=False))
        before = ",\n"
    stream.write("[]\n" if before == "[\n" else "\n]\n")


def write_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Writes rows as CSV for spreadsheets."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def _cell(value: object) -> object:
    value = plain(value)
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if isinstance(value, str) else value
