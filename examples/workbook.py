"""Writes the payment workbook as a clerk keeps it: notes first, a title row, merged cells, totals."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import xlsxwriter

from examples.tables import AS_ERROR, AS_NUMBER, Column

#: An .xlsx sheet ends at row 1,048,576.
LARGEST = 1_000_000
_SUBTOTAL_EVERY = 1_200
_MERGED_PEOPLE = (2, 5, 9, 14, 20)
_PERSON_ROWS = 12


class Workbook:
    """One workbook; rows come in order. `cell_rows` gives the sheet row of each record asked for."""

    def __init__(self, path: Path, columns: tuple[Column, ...], sheet: str, title: str) -> None:
        # Not constant_memory: merged ranges reach back over rows that are already written.
        self._book: Any = xlsxwriter.Workbook(str(path))
        self._book.set_properties({"title": title, "created": datetime(2026, 11, 20, tzinfo=UTC)})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._centre = self._book.add_format({"align": "center"})
        notes: Any = self._book.add_worksheet("填表说明")
        notes.write_string(0, 0, "本表由各县区填报，金额单位为元。")
        self._sheet: Any = self._book.add_worksheet(sheet)
        self._columns = columns
        self._sheet.merge_range(0, 0, 0, len(columns) - 1, title, self._centre)
        for place, column in enumerate(columns):
            self._sheet.write_string(1, place, column.name)
        self._next, self._records, self._sum = 2, 0, 0.0
        self.cell_rows: dict[int, int] = {}

    def write(self, stretches: Iterable[tuple[pa.RecordBatch, set[int]]]) -> None:
        """Writes every stretch; with each come the numbers of its planted records."""
        for batch, planted in stretches:
            first = self._records
            for row in batch.to_pylist():
                self._records += 1
                if self._records in planted:
                    self.cell_rows[self._records] = self._next + 1
                self._write_row(row)
                if self._records % _SUBTOTAL_EVERY == 0:
                    self._write_total("小计")
            if first == 0:
                self._merge_people(batch, planted)
        self._write_total("合计")
        self._book.close()

    def _write_row(self, row: dict[str, str | None]) -> None:
        for place, column in enumerate(self._columns):
            self._write_cell(self._next, place, row[column.name], column.cell)
        self._next += 1

    def _write_cell(self, row: int, place: int, value: str | None, nature: str) -> None:
        if value is None:
            return
        if value.startswith(AS_ERROR):
            self._sheet.write_formula(row, place, "=NA()", None, value[1:])
        elif value.startswith(AS_NUMBER):
            self._sheet.write_number(row, place, float(value[1:]))
        elif nature == "number" and (number := _number(value)) is not None:
            self._sheet.write_number(row, place, number)
            self._sum += number if self._columns[place].name == "发放金额" else 0
        elif nature == "date" and (day := _day(value)) is not None:
            self._sheet.write_datetime(row, place, day, self._day)
        else:
            self._sheet.write_string(row, place, value)

    def _write_total(self, word: str) -> None:
        self._sheet.write_string(self._next, 0, word)
        self._sheet.write_number(self._next, 6, round(self._sum, 2))
        self._next += 1

    def _merge_people(self, batch: pa.RecordBatch, planted: set[int]) -> None:
        """Merges the number and name of some people over their twelve rows, as clerks do by hand."""
        for person in _MERGED_PEOPLE:
            first = person * _PERSON_ROWS
            records = set(range(first, first + _PERSON_ROWS + 2))
            if first + _PERSON_ROWS > batch.num_rows or records & planted:
                continue
            for name in ("公民身份号码", "姓名"):
                place = [column.name for column in self._columns].index(name)
                value = batch.column(name)[first].as_py()
                self._sheet.merge_range(2 + first, place, 1 + first + _PERSON_ROWS, place, value, self._centre)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if text == text.strip() else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
