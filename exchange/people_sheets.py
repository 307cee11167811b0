"""The workbook of departments and people (部门与人员): its template, its rows and their places. Records nothing."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter
from openpyxl.utils import get_column_letter

from exchange.workbook_sheets import FileLimits, Sheet, read_sheets
from schemas.errors import InputError

DEPARTMENTS, PEOPLE = "部门", "人员"
#: Sheet → heading → whether each row must have it, and how it is filled in.
COLUMNS: dict[str, dict[str, tuple[bool, str]]] = {
    DEPARTMENTS: {
        "统一社会信用代码": (True, "18位"),
        "部门名称": (True, "全称"),
        "简称": (False, ""),
        "行政区划代码": (True, "6、9或12位，须已登记"),
        "上级部门代码": (False, "上级部门的统一社会信用代码"),
        "主管部门": (False, "政务数据共享主管部门填“是”"),
    },
    PEOPLE: {
        "登录名": (True, "小写字母开头，3至32位"),
        "姓名": (True, ""),
        "部门代码": (True, "所在部门的统一社会信用代码"),
        "角色": (True, "多个角色用顿号分开"),
    },
}
_MOST_ROWS = 5000
_LIMITS = FileLimits(bytes=10 * 1024 * 1024, unpacked=200 * 1024 * 1024, rows=_MOST_ROWS + 1, columns=50)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a workbook, where, and how it is mended; never repeats what a cell holds."""

    sheet: str
    row: int | None
    column: str
    got: str
    mend: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the sheet, its cells by heading, and the letter of each heading's column."""

    sheet: str
    number: int
    cells: dict[str, str]
    letters: dict[str, str]

    def fault(self, heading: str, got: str, mend: str) -> Fault:
        """Names a cell of this row."""
        letter = self.letters.get(heading, "")
        return Fault(self.sheet, self.number, f"{letter} {heading}".strip(), got, mend)


def template() -> bytes:
    """Returns the empty workbook: codes as text, what must be filled in marked with *."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    text = book.add_format({"num_format": "@"})
    head = book.add_format({"bold": True, "bg_color": "#E8F0F9", "border": 1, "text_wrap": True})
    for name, columns in COLUMNS.items():
        sheet = book.add_worksheet(name)
        for at, (heading, (needed, hint)) in enumerate(columns.items()):
            sheet.set_column(at, at, 24, text)
            sheet.write_string(0, at, heading + ("*" if needed else ""), head)
            if hint:
                sheet.write_comment(0, at, hint)
        sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()


def read(content: bytes) -> tuple[dict[str, list[Row]], list[Fault]]:
    """Reads the rows of both sheets and the faults of form; raises InputError for what is no such workbook."""
    if len(content) > _LIMITS.bytes:
        raise InputError("文件超过10 MB", f"一次最多{_MOST_ROWS}行", "请分次导入", code="WORKBOOK_LARGE")
    found = {sheet.name: sheet for sheet in read_sheets(content, _LIMITS, _refused) if sheet.name in COLUMNS}
    if not found:
        raise InputError(
            "工作簿中没有“部门”或“人员”工作表", "工作表名称须与模板一致", "请使用模板", code="SHEET_MISSING"
        )
    faults: list[Fault] = []
    rows = {name: _rows(found[name], faults) for name in COLUMNS if name in found}
    if not faults and not any(rows.values()):
        raise InputError("工作簿中没有数据行", "第2行起填写", "请填写后重新上传", code="WORKBOOK_EMPTY")
    return {name: rows.get(name, []) for name in COLUMNS}, faults


def _refused(got: str, next_step: str) -> InputError:
    codes = {"含有宏": "WORKBOOK_MACRO", "解压后过大": "WORKBOOK_LARGE", "范围过大": "WORKBOOK_LARGE"}
    code = next((code for words, code in codes.items() if words in got), "WORKBOOK")
    return InputError(
        f"文件{got}", f"Excel 或 WPS 另存的 .xlsx，不含宏、不设密码，一次最多{_MOST_ROWS}行", next_step,
        code="WORKBOOK_ROWS" if got.endswith("行") else code,
    )  # fmt: skip


def _rows(sheet: Sheet, faults: list[Fault]) -> list[Row]:
    places = _places(sheet, faults) if sheet.rows else {}
    if faults:
        return []
    rows = (_row(sheet, number, cells, places, faults) for number, cells in enumerate(sheet.rows[1:], 2))
    return [row for row in rows if row is not None]


def _places(sheet: Sheet, faults: list[Fault]) -> dict[str, int]:
    headings = {text.rstrip("*＊").strip(): at for at, text in enumerate(sheet.rows[0])}
    columns = COLUMNS[sheet.name]
    missing = [heading for heading, (needed, _) in columns.items() if needed and heading not in headings]
    faults += [Fault(sheet.name, 1, heading, "缺少这一列", "请按模板补上列标题") for heading in missing]
    return {heading: at for heading, at in headings.items() if heading in columns}


def _row(sheet: Sheet, number: int, cells: Sequence[str], places: dict[str, int], faults: list[Fault]) -> Row | None:
    texts = {heading: cells[at] for heading, at in places.items() if at < len(cells)}
    spoilt = {heading: sheet.spoilt.get((number - 1, at), "") for heading, at in places.items()}
    if not any(texts.values()) and not any(spoilt.values()):
        return None
    letters = {heading: get_column_letter(at + 1) for heading, at in places.items()}
    row = Row(sheet.name, number, dict.fromkeys(COLUMNS[sheet.name], "") | texts, letters)
    faults += [row.fault(heading, why, "请改为直接填写的文字") for heading, why in spoilt.items() if why]
    for heading, (needed, _) in COLUMNS[sheet.name].items():
        if needed and not row.cells[heading] and not spoilt.get(heading):
            faults.append(row.fault(heading, "没有填写", "请填写"))
    return row
