"""Workbooks (.xlsx, .xls): one sheet as text, each cell in its text form with its place. Never computes a formula.

Rows above the header, empty rows and total rows are no records; merged cells all carry the range's value. A number of
fifteen digits or more has lost digits in the spreadsheet and is reported by its cell, so is a formula's error and a
formula that no program has computed yet.
A sheet holds at most 1,048,576 rows, which bounds the memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import python_calamine as calamine

from connectors.base import FINDINGS
from connectors.failures import no_header
from connectors.formats.cell_errors import cells_without_value
from connectors.formats.document import Document, empty
from connectors.formats.header import BLANKS, names_of, positions_of
from connectors.formats.merged_cells import MergedCells
from schemas.entry import Attachment
from schemas.errors import SourceError, SourceUnreadable
from schemas.source import SourceColumn

_BATCH_ROWS = 10_000
_LOST_DIGITS = 10**14
Cell = Any
Position = tuple[int, int]


def columns(document: Document, attachment: Attachment) -> list[SourceColumn]:
    """Lists the header's columns."""
    sheet = _Sheet(document, attachment)
    return [SourceColumn(name, pa.string()) for name in sheet.header if name]


def letters(document: Document, attachment: Attachment) -> dict[str, str]:
    """Returns the letter of each named column of the header."""
    return {name: _letters(position) for position, name in enumerate(_Sheet(document, attachment).header) if name}


def batches(document: Document, attachment: Attachment, wanted: Sequence[str], prefix: str) -> Iterator[pa.RecordBatch]:
    """Yields batches of text columns with `_place` (sheet and row) and `_findings`."""
    sheet = _Sheet(document, attachment, prefix)
    positions = positions_of(wanted, sheet.header, f"工作簿{document.name}", attachment.header_row)
    rows = sheet.records()
    while part := list(islice(rows, _BATCH_ROWS)):
        texts = [[text_of(row.cells[position]) for row in part] for position in positions]
        findings = [sheet.findings(row, wanted, positions) or None for row in part]
        places = [f"{sheet.place}!{row.number + 1}" for row in part]
        arrays = [pa.array(column, pa.string()) for column in texts]
        yield pa.RecordBatch.from_arrays(
            [*arrays, pa.array(places), pa.array(findings, FINDINGS)], names=[*wanted, "_place", "_findings"]
        )


def text_of(cell: Cell) -> str | None:
    """Returns a cell's text: ISO dates, whole numbers without `.0`, other numbers with the 15 digits that count."""
    if cell is None or cell == "":
        return None
    return next((text(cell) for kinds, text in _TEXTS if isinstance(cell, kinds)), str(cell))


def _number_text(number: float) -> str:
    if number == int(number):
        return str(int(number))
    return format(Decimal(format(number, ".15g")), "f")


def _duration_text(duration: timedelta) -> str:
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


#: In this order: a bool is an int, a datetime is a date.
_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, str),
    (bool, lambda cell: "TRUE" if cell else "FALSE"),
    ((int, float), _number_text),
    (datetime, lambda cell: cell.isoformat(" ")),
    ((date, time), lambda cell: cell.isoformat()),
    (timedelta, _duration_text),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A record: its row number from 0, its cells with merged ones filled, the first cell of each that is merged."""

    number: int
    cells: list[Cell]
    origins: dict[int, Position]


class _Sheet:
    """The chosen sheet of a document, open for one pass."""

    def __init__(self, document: Document, attachment: Attachment, prefix: str = "") -> None:
        self._document = document
        self._attachment = attachment
        self._stream = document.open()
        if not self._stream.read(1):
            raise empty(document.name)
        self._stream.seek(0)
        sheet, index = self._choose(self._open())
        self.name = sheet.name
        self.place = f"{prefix}{sheet.name}"
        self._merged = MergedCells(sheet.merged_cell_ranges or [])
        self._rows = enumerate(sheet.iter_rows(), start=0)
        self.header = self._read_header()
        self._index = index
        self._without_value: dict[Position, str] = {}

    def _open(self) -> calamine.CalamineWorkbook:
        failure = _damaged(self._document.name)
        try:
            return calamine.CalamineWorkbook.from_filelike(self._stream)
        except calamine.PasswordError:
            failure = _protected(self._document.name)
        except calamine.CalamineError:
            self._stream.seek(0)
            # An encrypted .xlsx is an OLE file with a stream of this name (UTF-16).
            if "EncryptedPackage".encode("utf-16-le") in self._stream.read(1 << 16):
                failure = _protected(self._document.name)
        raise failure

    def _choose(self, book: calamine.CalamineWorkbook) -> tuple[calamine.CalamineSheet, int]:
        wanted, names = self._attachment.sheet, book.sheet_names
        # A number counts the sheets that people see; a hidden one is read when it is named.
        seen = [at for at, each in enumerate(book.sheets_metadata) if each.visible == calamine.SheetVisibleEnum.Visible]
        chosen = seen if isinstance(wanted, int) else [at for at, name in enumerate(names) if name == wanted]
        place = wanted if isinstance(wanted, int) else 0
        if not 0 <= place < len(chosen):
            there = "、".join(names[at] for at in seen)
            raise SourceUnreadable(
                f"工作簿{self._document.name}没有工作表“{wanted}”", f"现有：{there}", "请修改挂接中的sheet"
            )
        return book.get_sheet_by_index(chosen[place]), chosen[place]

    def _read_header(self) -> list[str]:
        title, wanted = f"工作簿{self._document.name}的工作表“{self.name}”", self._attachment.header_row
        for number, row in self._rows:
            filled, origins = self._merged.fill(number, row)
            if number == wanted - 1:
                # A heading merged downwards is there; one merged sideways names its first column alone.
                cells = [
                    filled[column] if origins.get(column, (0, column))[1] == column else ""
                    for column in range(len(row))
                ]
                return names_of([text_of(cell) or "" for cell in cells], title, wanted)
        raise no_header(title, wanted)

    def records(self) -> Iterator[_Row]:
        """Yields the records, merged cells filled."""
        self._stream.seek(0)
        self._without_value = cells_without_value(self._stream, self._index)
        rows = frozenset(row for row, _ in self._without_value)
        for number, row in self._rows:
            blank = all(cell == "" or (isinstance(cell, str) and not cell.strip(BLANKS)) for cell in row)
            filled, origins = self._merged.fill(number, row)
            if (blank and number not in rows) or self._is_total(row):
                continue
            yield _Row(number, filled, origins)

    def _is_total(self, row: list[Cell]) -> bool:
        first = next((cell for cell in row if cell != ""), "")
        if not isinstance(first, str):
            return False
        text = "".join(character for character in first if character not in BLANKS)
        for word in self._attachment.total_rows:
            rest = text.removeprefix(word)
            if text.startswith(word) and (not rest or rest[0] in ":：(（[【" or rest[0].isdigit()):
                return True
        return False

    def findings(self, row: _Row, wanted: Sequence[str], positions: Sequence[int]) -> list[dict[str, str]]:
        """Lists what is wrong with a record's wanted cells."""
        found = []
        for name, position in zip(wanted, positions, strict=True):
            source = row.origins.get(position, (row.number, position))
            code = self._without_value.get(source) or ("CELL_NUMBER_AS_ID" if _lost(row.cells[position]) else None)
            if code:
                place = f"{self.place}!{_letters(position)}{row.number + 1}"
                found.append({"code": code, "column": name, "place": place})
        return found


def _lost(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _LOST_DIGITS


def _letters(position: int) -> str:
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _protected(name: str) -> SourceError:
    return SourceUnreadable(f"工作簿{name}设有密码", "文件应不设密码", "请提供部门取消密码后重新提供")


def _damaged(name: str) -> SourceError:
    return SourceUnreadable(
        f"文件{name}不是完整的工作簿", "应为.xlsx或.xls", "请提供部门重新另存，或修改挂接中的format"
    )
