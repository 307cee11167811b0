"""An uploaded workbook → its sheets as rows of texts, merged cells filled. Refuses what is no harmless workbook.

Judged before anything is parsed: size, kind by its first bytes, what it unpacks to, macros, passwords, extent.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import python_calamine as calamine

from connectors.formats.workbook import text_of
from connectors.formats.xlsx_guard import kind_of, looked_over
from connectors.formats.xlsx_scan import Limits, Look, Position, Refuse
from exchange.workbook_xls import RawSheet, read_xls

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOST_DIGITS = 10**15
#: Controls but tab and line feeds; a workbook writes them as _x0000_ and the reader makes them of it again.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_DAMAGED = ("不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")


@dataclass(frozen=True)
class Sheet:
    """One sheet: texts by row and column from 0, and the cells that cannot be trusted, each with the reason."""

    name: str
    rows: list[list[str]]
    spoilt: dict[Position, str]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a workbook may be: bytes, bytes unpacked, rows that hold something, columns that are read."""

    bytes: int
    unpacked: int
    rows: int
    columns: int


def read_sheets(content: bytes, limits: FileLimits, refuse: Refuse) -> list[Sheet]:
    """Reads every sheet of an .xlsx or .xls; raises what `refuse` makes of what is wrong with the file and its mend."""
    if not content:
        raise refuse("是空文件", "请重新选择文件")
    if len(content) > limits.bytes:
        raise refuse(f"超过{limits.bytes // 1_000_000} MB", "请拆分后导入")
    if content.startswith(_OLE):
        return [_sheet(each, limits, refuse) for each in read_xls(content, refuse)]
    if not content.startswith(_ZIP):
        raise refuse(f"不是工作簿{kind_of(content)}", "请导入 .xlsx 或 .xls 文件")
    looks = looked_over(content, Limits(limits.rows, limits.unpacked), refuse)
    return [_sheet(each, limits, refuse) for each in _opened(content, looks, refuse)]


def _opened(content: bytes, looks: list[Look], refuse: Refuse) -> Iterator[RawSheet]:
    """Reads the sheets of an .xlsx that was looked over."""
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        for number, look in enumerate(looks):
            sheet = book.get_sheet_by_index(number)
            left = [""] * (sheet.start[1] if sheet.start else 0)  # the reader leaves out empty columns on the left
            rows = [[*left, *given] for given in sheet.iter_rows()]
            spoilt = dict.fromkeys(look.formulas, "单元格是公式") | dict.fromkeys(look.errors, "单元格是公式错误")
            yield RawSheet(sheet.name, rows, sheet.merged_cell_ranges or [], spoilt)
    except calamine.PasswordError:
        raise refuse("设有密码", "请取消密码后导入") from None
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError, ValueError, OSError, IndexError):
        raise refuse(*_DAMAGED) from None
    except BaseException as error:
        # A panic of the reader, which is not written in Python, is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise refuse(*_DAMAGED) from None


def _sheet(raw: RawSheet, limits: FileLimits, refuse: Refuse) -> Sheet:
    rows: list[list[str]] = []
    found = dict(raw.spoilt)
    last = 0
    for place, cells in enumerate(raw.rows):
        texts = [(text_of(cell) or "").strip() for cell in cells[: limits.columns]]
        if any(texts):
            last = place + 1
        if last > limits.rows:
            raise refuse(f"工作表“{raw.name}”超过{limits.rows}行", "请核对是否误传了数据，或拆分后导入")
        if place <= last + 1:
            rows.append(texts)
        for column, cell in enumerate(cells[: limits.columns]):
            if why := _spoilt(cell):
                found[place, column] = why
    del rows[last:]
    _fill(rows, raw.merged)
    return Sheet(raw.name, rows, found)


def _spoilt(cell: Any) -> str:
    """Says why a cell cannot be trusted; nothing where it can."""
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _LOST_DIGITS:
        return "数字超过15位，末几位已被软件改为0"
    if isinstance(cell, str) and _CONTROL.search(cell):
        return "含有不可见的控制字符"
    return ""


def _fill(rows: list[list[str]], ranges: Sequence[tuple[Position, Position]]) -> None:
    """Gives every cell of a merged range the range's text."""
    for (top, left), (bottom, right) in ranges:
        if top >= len(rows) or left >= len(rows[top]):
            continue
        text = rows[top][left]
        for row in rows[top : bottom + 1]:
            row[left : right + 1] = [text] * len(row[left : right + 1])
