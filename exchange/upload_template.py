"""The data template of an upload (文件填报): a workbook made from the entry. Reads no file."""

import io
from collections.abc import Iterator
from typing import Any

import xlsxwriter

from exchange.upload_files import headings_of
from schemas.codes import code_set
from schemas.entry import Entry, Item

#: Code sets longer than this have no drop-down: nobody picks from thousands.
_LONGEST_LIST = 1000
_BLANK_ROWS = 5000
_NUMBERS = frozenset({"integer", "decimal", "amount"})
_TYPES = {
    "C": "字符", "N": "数值", "Y": "货币", "D": "日期", "T": "日期时间", "L": "是/否", "M": "长文本",
    "I": "整数", "F": "数值", "B": "二进制", "G": "通用",
}  # fmt: skip


def template(entry: Entry) -> bytes:
    """Makes the data template: headings, drop-downs of codes, all but numbers as text, a sheet of explanations."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    attachment = entry.attachment
    name = attachment.sheet if attachment and isinstance(attachment.sheet, str) else "数据"
    sheet, notes, codes = book.add_worksheet(name[:31]), book.add_worksheet("填报说明"), book.add_worksheet("代码集")
    head = book.add_format({"bold": True, "bg_color": "#E8F0F9", "border": 1, "num_format": "@"})
    must = book.add_format({"bold": True, "bg_color": "#FDF2DC", "border": 1, "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    ranges = _write_codes(codes, entry, head)
    items = {item.source: item for item in reversed(entry.items)}
    for column, (source, heading) in enumerate(headings_of(entry).items()):
        item = items[source]
        sheet.write_string(0, column, heading, must if item.required else head)
        # A column of text keeps what is typed: no lost digit of a number of 18, no dropped leading zero.
        sheet.set_column(column, column, max(12, 2 * len(heading) + 4), None if item.kind in _NUMBERS else text)
        if item.code_set in ranges:
            choice = {"validate": "list", "source": ranges[item.code_set], "error_type": "warning"}
            choice |= {"error_title": "不在代码集中", "error_message": "请从下拉列表中选择"}
            sheet.data_validation(1, column, _BLANK_ROWS, column, choice)
    sheet.freeze_panes(1, 0)
    _write_notes(notes, entry, head, text)
    book.close()
    return made.getvalue()


def _write_codes(sheet: Any, entry: Entry, head: Any) -> dict[str, str]:
    """Writes each code set of the entry in two columns; returns the cells that a drop-down offers."""
    ranges = {}
    wanted = sorted({item.code_set for item in entry.items if item.code_set})
    for number, set_id in enumerate(wanted):
        found, left = code_set(set_id), 2 * number
        sheet.write_string(0, left, f"{found.title}：代码", head)
        sheet.write_string(0, left + 1, "名称", head)
        if len(found.codes) > _LONGEST_LIST:
            sheet.write_string(1, left, f"共{len(found.codes)}个代码，见{found.source}")
            continue
        for row, (code, name) in enumerate(found.codes.items(), 1):
            sheet.write_string(row, left, code)
            sheet.write_string(row, left + 1, name)
        # Names are offered where each stands for its code alone; the gate turns a name into the code.
        plain = all(found.normalise(name) == code for code, name in found.codes.items())
        letter = xlsxwriter.utility.xl_col_to_name(left + 1 if plain else left)
        ranges[set_id] = f"=代码集!${letter}$2:${letter}${len(found.codes) + 1}"
    return ranges


def _write_notes(sheet: Any, entry: Entry, head: Any, text: Any) -> None:
    sheet.set_column(0, 0, 24, text)
    sheet.set_column(1, 5, 16, text)
    says = (
        f"{entry.title}（{entry.provider_name}）数据填报模板，目录版本 {entry.version}",
        "第一张工作表的第一行是数据项名称，请勿改动；从第二行起每行填写一条记录，不要合并单元格，不要写合计行。",
        "公民身份号码、统一社会信用代码等号码列已设为文本；从别处粘贴时请选择“只粘贴文本”。",
        "全量：文件是全部记录，文件中没有的记录将被删除；增量：只含新增和变更的记录，按主键合并。",
    )
    for row, line in enumerate(says):
        sheet.write_string(row, 0, line)
    for column, name in enumerate(("数据项", "必填", "主键", "类型", "长度", "代码集")):
        sheet.write_string(len(says) + 1, column, name, head)
    for row, (item, heading) in enumerate(_headed(entry), len(says) + 2):
        facts = (
            heading,
            "是" if item.required else "",
            "是" if item.name in entry.row_key else "",
            _TYPES.get(item.type, item.type),
            str(item.length or ""),
            code_set(item.code_set).title if item.code_set else "",
        )
        for column, fact in enumerate(facts):
            sheet.write_string(row, column, fact)


def _headed(entry: Entry) -> Iterator[tuple[Item, str]]:
    headings, seen = headings_of(entry), set()
    for item in entry.items:
        if item.source not in seen:
            seen.add(item.source)
            yield item, headings[item.source]
