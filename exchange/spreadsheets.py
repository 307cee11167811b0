"""Tables as files that Excel and WPS open without damage: codes stay text, no cell starts a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

Cell = str | int | float | None
#: Excel and WPS read a file without this mark in the code page of the machine.
MARK = "\ufeff"
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9 ().-]*$)")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
#: A workbook has no room for more in one cell, and none of these characters in a sheet's name.
_MOST_TEXT, _MOST_NAME = 32_767, 31
_WIDEST = 60
_SAFE = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def guarded(text: str) -> str:
    """Puts a quote before what a table program would run as a formula; a plain number with a sign is none."""
    return "'" + text if _FORMULA.match(text) else text


def as_csv(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Writes rows as CSV with the mark that makes Excel read it as UTF-8."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([guarded(heading) for heading in headings])
    writer.writerows([["" if cell is None else guarded(str(cell)) for cell in row] for row in rows])
    return (MARK + stream.getvalue()).encode()


def as_workbook(name: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Writes rows as a workbook of one sheet: numbers as numbers, everything else as text."""
    import xlsxwriter  # noqa: PLC0415 - the command line writes CSV and never needs it

    stream = io.BytesIO()
    book: Any = xlsxwriter.Workbook(stream, _SAFE)
    sheet = book.add_worksheet(_NOT_IN_NAMES.sub(" ", name).strip(" '")[:_MOST_NAME] or "Sheet1")
    bold, as_text = book.add_format({"bold": True, "bg_color": "#E8F0F9"}), book.add_format({"num_format": "@"})
    widths = [len(heading) * 2 + 2 for heading in headings]
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, heading, bold)
    last = 0
    for last, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, int | float):
                sheet.write_number(last, column, cell)
            else:
                sheet.write_string(last, column, (cell or "")[:_MOST_TEXT], as_text)
                widths[column] = max(widths[column], min(len((cell or "").encode("gb18030", "replace")) + 2, _WIDEST))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(last, 1), max(len(headings) - 1, 0))
    book.close()
    return stream.getvalue()
