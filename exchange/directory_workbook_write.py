"""Entries → the directory's workbook, in the columns and order of the national template. Codes are texts.

Entry columns are repeated on every row, so that the sheet can be filtered; the hub's own columns come last.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter

from exchange.directory_workbook_cells import cells_of
from exchange.entry_text import Draft, Row
from schemas.forms.workbook import Column, layout

_WIDE = {"abstract": 40, "title": 28, "item": 24, "share_condition": 24, "provider": 24, "code": 22}
_NOTES = (
    "一行一个信息项（数据项）；同一目录条目的各栏可逐行重复，也可向下合并单元格。",
    "“信息资源”“信息项”即条例所称“政务数据”“数据项”。",
    "代码由数桥在发布时分配，新条目的“信息资源代码”留空。",
    "取值见“取值”表；写代码或名称都可以。",
    "共享类型为“有条件共享”的，写明共享条件和共享范围；“不予共享”的，写明法律、行政法规或国务院决定的名称和条款。",
    "后面几栏（数据集名称以后）由数桥使用，可以不填，导入时按名称建议。",
    "任何一处有错，整个文件都不导入；错处按工作表、行、列列出。",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry to write: its draft, the code it shows, and the items that go in."""

    draft: Draft
    code: str
    items: tuple[Row, ...]


def write_workbook(kind: str, title: str, entries: Sequence[Listed]) -> bytes:
    """Writes the full (`full`) or sharing (`sharing`) directory."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(layout().sheets[kind])
    columns = [each for each in layout().columns if not each.split]
    head = book.add_format({"bold": True, "bg_color": "#E8F0F9", "border": 1, "text_wrap": True, "valign": "vcenter"})
    own = book.add_format({"bold": True, "bg_color": "#EEF1F5", "border": 1, "text_wrap": True, "valign": "vcenter"})
    text = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
    for place, column in enumerate(columns):
        sheet.write_string(1, place, column.heading, own if column.own else head)
        sheet.set_column(place, place, _WIDE.get(column.id, 14), text)
    number = 2
    for each in entries:
        for row in each.items or ({},):
            cells = cells_of(each.draft, row, each.code)
            for place, column in enumerate(columns):
                if cells[column.id]:
                    sheet.write_string(number, place, cells[column.id], text)
            number += 1
    sheet.freeze_panes(2, 2)
    sheet.autofilter(1, 0, max(number - 1, 1), len(columns) - 1)
    _choices(sheet, columns)
    _explain(book, columns)
    book.close()
    return stream.getvalue()


def _choices(sheet: xlsxwriter.worksheet.Worksheet, columns: Sequence[Column]) -> None:
    """Offers the values of short lists where they are typed; other ways of writing stay allowed."""
    for place, column in enumerate(columns):
        names = [option.name for option in column.fields[0].options] if column.fields else []
        if column.codec == "choice" and names and len(",".join(names)) <= 255:
            facts = {"validate": "list", "source": names, "error_type": "information", "show_error": False}
            sheet.data_validation(2, place, layout().limits["rows"], place, facts)


def _explain(book: xlsxwriter.Workbook, columns: Sequence[Column]) -> None:
    notes = book.add_worksheet(layout().sheets["notes"])
    notes.set_column(0, 0, 100)
    for number, says in enumerate(_NOTES):
        notes.write_string(number, 0, says)
    codes = book.add_worksheet(layout().sheets["codes"])
    codes.set_column(0, 2, 30)
    number = 0
    for column in columns:
        for option in column.fields[0].options if column.fields else ():
            for place, says in enumerate((column.heading, option.code, option.name)):
                codes.write_string(number, place, says)
            number += 1
