"""An old .xls workbook → its sheets as rows of values. Read by Python alone: what is damaged ends in an error.

A formula shows its last result like any value in this format; where formulas are is read from the file's records.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import xlrd
from xlrd.compdoc import CompDoc, CompDocError

from connectors.formats.xlsx_scan import Position, Refuse

_FORMULAS = frozenset({0x0006, 0x0206, 0x0406})
_SHEET, _END = 0x0085, 0x000A
_WORKSHEET = 0
_BROKEN = (
    xlrd.XLRDError, CompDocError, struct.error, AssertionError, ValueError, LookupError, TypeError,
    AttributeError, ArithmeticError, OSError, EOFError, NotImplementedError, RecursionError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True)
class RawSheet:
    """A sheet as a reader gives it: rows of values, merged ranges, the cells that cannot be trusted with the reason."""

    name: str
    rows: Sequence[Sequence[Any]]
    merged: Sequence[tuple[Position, Position]]
    spoilt: dict[Position, str]


def read_xls(content: bytes, refuse: Refuse) -> list[RawSheet]:
    """Reads every sheet; raises what `refuse` makes of a reason and its mend."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise refuse("设有密码", "请取消密码后导入")
    if "_VBA_PROJECT".encode("utf-16-le") in content:
        raise refuse("含有宏", "请另存为不含宏的 .xlsx 后导入")
    try:
        formulas = list(_formulas(_stream(content)))
        with xlrd.open_workbook(
            file_contents=content, logfile=io.StringIO(), formatting_info=True, ragged_rows=True
        ) as book:
            return [_sheet(book, number, formulas) for number in range(book.nsheets)]
    except _BROKEN as error:
        if "encrypted" in str(error).lower():
            raise refuse("设有密码", "请取消密码后导入") from None
    raise refuse("不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")


def _sheet(book: xlrd.Book, number: int, formulas: Sequence[set[Position]]) -> RawSheet:
    sheet = book.sheet_by_index(number)
    spoilt = dict.fromkeys(formulas[number], "单元格是公式") if number < len(formulas) else {}
    rows = []
    for row in range(sheet.nrows):
        kinds, values = sheet.row_types(row), sheet.row_values(row)
        rows.append([_value(book, kind, value) for kind, value in zip(kinds, values, strict=True)])
        errors = (column for column, kind in enumerate(kinds) if kind == xlrd.XL_CELL_ERROR)
        spoilt |= {(row, column): "单元格是公式错误" for column in errors}
    # Ends are exclusive in this reader.
    merged = [((top, left), (bottom - 1, right - 1)) for top, bottom, left, right in sheet.merged_cells]
    return RawSheet(sheet.name, rows, merged, spoilt)


def _value(book: xlrd.Book, kind: int, value: Any) -> Any:
    if kind == xlrd.XL_CELL_DATE:
        return xlrd.xldate.xldate_as_datetime(value, book.datemode)
    if kind == xlrd.XL_CELL_BOOLEAN:
        return bool(value)
    return value if kind in (xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER) else ""


def _stream(content: bytes) -> bytes:
    """Returns the stream of records; empty where it is in none of its usual places."""
    container = CompDoc(content, logfile=io.StringIO())
    for name in ("Workbook", "Book"):
        memory, start, length = container.locate_named_stream(name)
        if memory:
            return bytes(memory[start : start + length])
    return b""


def _formulas(stream: bytes) -> Iterator[set[Position]]:
    """Yields the formula cells of each worksheet, in the workbook's order."""
    places = [
        struct.unpack_from("<I", data)[0]
        for kind, data in _records(stream, 0)
        if kind == _SHEET and len(data) > 5 and data[5] == _WORKSHEET
    ]
    for place in places:
        found = ((kind, data) for kind, data in _records(stream, place) if kind in _FORMULAS and len(data) >= 4)
        yield {struct.unpack_from("<HH", data) for _, data in found}


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Yields the records of one substream with their kind."""
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        yield kind, stream[place + 4 : place + 4 + length]
        if kind == _END:
            return
        place += 4 + length
