"""The survey sheet of information systems (信息系统普查表): the template, and reading one with faults by place."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter
from openpyxl.utils import get_column_letter

from exchange.workbook_sheets import FileLimits, read_sheets
from exchange.workbook_sheets import Sheet as Texts
from schemas.errors import InputError

SHEET = "信息系统普查"
VERDICTS = {"keep": "保留", "merge": "整合", "clean": "清理"}
NETWORKS = ("政务外网", "政务内网", "互联网", "部门专网", "单机")
_MOST_ROWS = 5000
_LONGEST = 200
_HEADER_WITHIN = 10
_LIMITS = FileLimits(bytes=20_000_000, unpacked=200_000_000, rows=_MOST_ROWS, columns=50)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the sheet: its heading, its name in the facts, what is allowed."""

    name: str
    heading: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    hint: str = ""


COLUMNS = (
    Column("name", "信息系统名称", required=True, hint="与建设文件一致的全称"),
    Column("department_code", "主管部门统一社会信用代码", hint="留空为本部门；可填所辖乡镇街道"),
    Column("owner", "使用单位", hint="内设机构或下属单位"),
    Column("network", "运行网络", allowed=NETWORKS),
    Column("database", "数据库", hint="如 MySQL 8.0、达梦 8"),
    Column("volume", "数据量", hint="如 1200万条、350GB"),
    Column("built", "建成年份", hint="四位年份"),
    Column("content", "主要数据内容", hint="系统里有哪些数据"),
    Column("entries", "已编目录条目", hint="名称、数据集或资源代码，多个用“、”分开"),
    Column("verdict", "清理意见", required=True, allowed=tuple(VERDICTS.values())),
    Column("note", "备注"),
)
_BY_HEADING = {column.heading: column for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class SheetFault:
    """One fault: sheet, row, column, cell, what was got and how to mend it."""

    sheet: str
    row: int | None
    column: str
    cell: str
    says: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One row of the sheet."""

    row: int
    facts: dict[str, str]

    def fault(self, name: str, says: str, next_step: str, letters: dict[str, str]) -> SheetFault:
        """Makes the fault of a column of this row."""
        heading = _named(name)
        letter = letters.get(name, "")
        return SheetFault(SHEET, self.row, heading, f"{letter}{self.row}" if letter else "", says, next_step)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet says, its faults, and where its columns are."""

    rows: Sequence[Surveyed]
    faults: Sequence[SheetFault]
    letters: dict[str, str]


def template() -> bytes:
    """Makes the empty survey sheet with drop-downs and explanations."""
    return write([])


def write(rows: Sequence[dict[str, str]]) -> bytes:
    """Writes systems in the columns of the survey, every cell as text."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    sheet, notes = book.add_worksheet(SHEET), book.add_worksheet("填报说明")
    head = book.add_format({"bold": True, "bg_color": "#E8F0F9", "border": 1})
    must = book.add_format({"bold": True, "bg_color": "#FDF2DC", "border": 1})
    text = book.add_format({"num_format": "@"})
    for place, column in enumerate(COLUMNS):
        sheet.write_string(0, place, column.heading, must if column.required else head)
        sheet.set_column(place, place, 2 * len(column.heading) + 6, text)
        if column.allowed:
            sheet.data_validation(1, place, _MOST_ROWS, place, {"validate": "list", "source": list(column.allowed)})
        for number, row in enumerate(rows, 1):
            sheet.write_string(number, place, row.get(column.name, ""), text)
    sheet.freeze_panes(1, 0)
    notes.set_column(0, 2, 30)
    for place, heading in enumerate(("列", "必填", "说明")):
        notes.write_string(0, place, heading, head)
    for number, column in enumerate(COLUMNS, 1):
        says = column.hint or "、".join(column.allowed)
        for place, fact in enumerate((column.heading, "是" if column.required else "", says)):
            notes.write_string(number, place, fact)
    book.close()
    return made.getvalue()


def read(content: bytes) -> Sheet:
    """Reads a filled sheet; raises InputError when it is none."""
    sheet = _chosen(read_sheets(content, _LIMITS, _refused))
    head, places = _header(sheet.rows)
    letters = {name: get_column_letter(at + 1) for name, at in places.items()}
    rows: list[Surveyed] = []
    faults: list[SheetFault] = []
    for number, cells in enumerate(sheet.rows[head + 1 :], head + 2):
        facts = {name: cells[at] if at < len(cells) else "" for name, at in places.items()}
        spoilt = {name: sheet.spoilt[number - 1, at] for name, at in places.items() if (number - 1, at) in sheet.spoilt}
        if not any(facts.values()) and not spoilt:
            continue
        surveyed = Surveyed(number, facts)
        rows.append(surveyed)
        step = "请改为直接填写的文字"
        faults += [surveyed.fault(name, why, step, letters) for name, why in spoilt.items()]
        faults += [each for each in _faults(surveyed, letters) if each.column not in {_named(name) for name in spoilt}]
    if not rows:
        raise InputError("工作表里没有信息系统", "至少一行", "请填写后再导入", code="SURVEY_EMPTY")
    return Sheet(rows, faults + _twice(rows, letters), letters)


def _chosen(sheets: Sequence[Texts]) -> Texts:
    return next((sheet for sheet in sheets if sheet.name == SHEET), sheets[0]) if sheets else Texts("", [], {})


def _header(rows: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """Finds the line of headings, below a title or on top; raises InputError that names what is missing."""
    best: list[str] | None = None
    for number, cells in enumerate(rows[:_HEADER_WITHIN]):
        headings = ["".join(cell.split()) for cell in cells]
        places = {_BY_HEADING[each].name: at for at, each in enumerate(headings) if each in _BY_HEADING}
        missing = [each.heading for each in COLUMNS if each.required and each.name not in places]
        if not missing:
            return number, places
        best = missing if best is None or len(missing) < len(best) else best
    if best is None:
        raise _no_header()
    raise InputError(
        f"没有找到列名，缺少：{'、'.join(best)}",
        f"列名：{'、'.join(column.heading for column in COLUMNS)}",
        "请使用信息系统普查模板",
        code="SURVEY_COLUMNS",
    )


def _refused(got: str, next_step: str) -> InputError:
    return InputError(f"文件{got}", "信息系统普查模板（.xlsx）", next_step, code="SURVEY_FORMAT")


def _named(name: str) -> str:
    return next(column.heading for column in COLUMNS if column.name == name)


def _no_header() -> InputError:
    return InputError("工作表是空的", "第 1 行为列名", "请使用信息系统普查模板", code="SURVEY_COLUMNS")


def _faults(surveyed: Surveyed, letters: dict[str, str]) -> list[SheetFault]:
    found = []
    for column in COLUMNS:
        value = surveyed.facts.get(column.name, "")
        if column.required and not value:
            found.append(surveyed.fault(column.name, "没有填写", "此列必填", letters))
        elif value and column.allowed and value not in column.allowed:
            found.append(
                surveyed.fault(column.name, f"“{value[:20]}”不可用", f"可填：{'、'.join(column.allowed)}", letters)
            )
        elif len(value) > _LONGEST:
            found.append(surveyed.fault(column.name, f"超过 {_LONGEST} 字", "请写得简短些", letters))
    built = surveyed.facts.get("built", "")
    if built and not (built.isdecimal() and built.isascii() and 1980 <= int(built) <= 2100):
        found.append(surveyed.fault("built", "不是年份", "请填四位年份，如 2018", letters))
    return found


def _twice(rows: Sequence[Surveyed], letters: dict[str, str]) -> list[SheetFault]:
    first: dict[tuple[str, str], int] = {}
    found = []
    for each in rows:
        key = (each.facts.get("department_code", ""), each.facts["name"])
        if each.facts["name"] and first.setdefault(key, each.row) != each.row:
            says = f"与第 {first[key]} 行是同一个系统"
            found.append(each.fault("name", says, "请删去其中一行", letters))
    return found
