"""The sheets of a directory's workbook → entries as they were written: header found by its words, rows gathered.

Title rows above the header and notes below the table are passed over. Judges the layout, not the values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exchange.workbook_sheets import FileLimits, Sheet, read_sheets
from schemas.errors import InputError
from schemas.forms.workbook import Column, fold, fold_heading, layout

_HEADER_WITHIN = 20
_FEWEST = 4
_NUMBERING = re.compile(r"[(（]?\d{1,2}[)）]?")
_NOTE = re.compile(r"^(注|说明|填表|填报|备注|合计|总计|审核|单位|制表)|[：:]")
#: What begins a line to be signed or summed: 填表人：, 审核, 合计.
_LABEL = re.compile(
    r"^(?:[附备]?注|说明|填[表报写]|制表|审[核批定]|复核|经办|负责|联系|电话|单位|部门|盖章|日期)[^，。；]{0,12}[:：]|^(?:合计|总计|小计|共计)"
)
_CLASS_DIGITS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a workbook, where, and how to mend it. Rows count from 1, `column` is a letter and heading."""

    sheet: str
    row: int
    column: str
    got: str
    mend: str


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row: the texts by column id."""

    sheet: str
    number: int
    cells: Mapping[str, str]


@dataclass
class RawEntry:
    """The rows of one entry, and the letters of the columns they have."""

    rows: list[RawRow]
    letters: Mapping[str, str]
    keeps_missing: bool = False

    @property
    def first(self) -> RawRow:
        """Returns the row that names the entry."""
        return self.rows[0]

    def cell(self, column: str) -> tuple[str, RawRow]:
        """Returns the first text of an entry's column and its row."""
        row = next((row for row in self.rows if row.cells.get(column)), self.first)
        return row.cells.get(column, ""), row

    def fault(self, row: RawRow, column: str, got: str, mend: str) -> Fault:
        """Says what is wrong with a cell."""
        return Fault(row.sheet, row.number, self.letters.get(column, ""), got, mend)


@dataclass
class Found:
    """What was read of a workbook."""

    entries: list[RawEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    end: int
    columns: Mapping[str, tuple[int, ...]]
    unknown: tuple[str, ...]


def read_directory(content: bytes, name: str) -> Found:
    """Reads a directory's workbook; raises one InputError that says what is wrong with the file."""

    def refuse(got: str, next_step: str) -> InputError:
        return InputError(
            f"文件“{name[:80]}”{got}", "目录工作簿为不含宏、不设密码的 .xlsx 或 .xls", next_step, code="WORKBOOK"
        )

    limits = layout().limits
    most = FileLimits(limits["bytes"], limits["unpacked"], limits["rows"], limits["columns"])
    return gather(read_sheets(content, most, refuse), name)


def gather(sheets: Sequence[Sheet], name: str) -> Found:
    """Finds the entries of every sheet that has the template's headings; raises InputError when none has."""
    found = Found()
    headed = [(sheet, header) for sheet in sheets if (header := _header(sheet))]
    if not headed:
        names = "、".join(sheet.name for sheet in sheets[:10]) or "（无）"
        raise InputError(
            f"文件“{name[:80]}”中没有目录表（工作表：{names}）",
            "表头应有“信息资源名称”和至少三个其他栏目",
            "请下载目录模板对照，或核对是否选错了文件",
            code="WORKBOOK_HEADER",
        )
    for sheet, header in headed:
        _gather_sheet(sheet, header, found)
        found.unknown += [each for each in header.unknown if each not in found.unknown]
    if len(found.entries) > layout().limits["entries"]:
        raise InputError(
            f"文件“{name[:80]}”有{len(found.entries)}个目录条目", f"一次至多{layout().limits['entries']}个",
            "请按部门拆分后导入", code="WORKBOOK",
        )  # fmt: skip
    if not found.entries and not found.faults:
        raise InputError(f"文件“{name[:80]}”的表头下没有内容", "一行一个数据项", "请填写后导入", code="WORKBOOK_EMPTY")
    return found


def _header(sheet: Sheet) -> _Header | None:
    best: _Header | None = None
    for row in range(min(_HEADER_WITHIN, len(sheet.rows))):
        for height in (1, 2):
            made = _read_header(sheet.rows[row : row + height], row + height)
            if made and (best is None or len(made.columns) > len(best.columns) or _lower(made, best, height)):
                best = made
    return best


def _lower(made: _Header, best: _Header, height: int) -> bool:
    """Of two equal readings the lower one-line header is the header; its merged cells reach down to it."""
    return height == 1 and len(made.columns) == len(best.columns) and made.end > best.end


def _read_header(lines: Sequence[Sequence[str]], end: int) -> _Header | None:
    columns: dict[str, list[int]] = {}
    unknown = []
    for place in range(max(map(len, lines), default=0)):
        texts = list(dict.fromkeys(line[place] for line in lines if place < len(line) and line[place]))
        column = _column_of(texts)
        if column is not None:
            columns.setdefault(column.id, []).append(place)
        elif texts and fold_heading(texts[-1]) not in layout().silent:
            unknown.append(texts[-1][:30])
    if "title" not in columns or len(columns) < _FEWEST:
        return None
    return _Header(end, {name: tuple(places) for name, places in columns.items()}, tuple(dict.fromkeys(unknown)))


def _column_of(texts: Sequence[str]) -> Column | None:
    """Reads a heading of one line, or of a group and what stands under it."""
    if not texts:
        return None
    known = layout().column("".join(texts)) or layout().column(texts[-1])
    group = layout().column(texts[0])
    return known or (group if group is not None and group.id == "classification" else None)


def _gather_sheet(sheet: Sheet, header: _Header, found: Found) -> None:
    letters = {name: f"{letters_of(places[0])}（{_heading(name)}）" for name, places in header.columns.items()}
    used = {place: name for name, places in header.columns.items() for place in places}
    sharing = layout().sheets["sharing"]
    keeps = sharing in sheet.name or any(sharing in cell for row in sheet.rows[: header.end] for cell in row)
    current: RawEntry | None = None
    for number, cells in _records(sheet, header):
        row = RawRow(sheet.name, number + 1, cells)
        for place in used:
            if why := sheet.spoilt.get((number, place)):
                found.faults.append(Fault(sheet.name, number + 1, letters[used[place]], why, _mend(why)))
        if _begins(current, cells):
            current = RawEntry([row], letters, keeps)
            found.entries.append(current)
        elif current is None:
            mend = "请填写该数据项所属的名称，或删去该行"
            found.faults.append(Fault(sheet.name, number + 1, letters["title"], "没有信息资源名称", mend))
        else:
            current.rows.append(row)


def _mend(why: str) -> str:
    if "公式" in why:
        return "请改为直接填写的文字"
    return "请把单元格设为文本后重新填写" if "数字" in why else "请清除单元格后重新填写"


def _begins(current: RawEntry | None, cells: Mapping[str, str]) -> bool:
    title, code = cells.get("title", ""), cells.get("code", "")
    if not title:
        return False
    if current is None or fold(title) != fold(current.first.cells["title"]):
        return True
    before, _ = current.cell("code")
    return bool(code and before and code != before)


def _records(sheet: Sheet, header: _Header) -> Iterator[tuple[int, dict[str, str]]]:
    for number in range(header.end, len(sheet.rows)):
        row = sheet.rows[number]
        cells = {name: _cell(row, places) for name, places in header.columns.items()}
        spoilt = any((number, place) in sheet.spoilt for places in header.columns.values() for place in places)
        texts = {text for text in row if text}
        first = next((text for text in row if text), "")
        if spoilt or (texts and not _aside(first, texts, cells)):
            yield number, cells


def _cell(row: Sequence[str], places: Sequence[int]) -> str:
    texts = [row[place] for place in places if place < len(row)]
    if len(places) == 1:
        return texts[0] if texts else ""
    given = [text for text in texts if text]
    if len(set(given)) == 1 and not given[0].isdigit():  # one cell merged across the columns of its heading
        return given[0]
    if given and all(text.isdigit() for text in given):
        widths = [*_CLASS_DIGITS, *[0] * len(given)]
        return "".join(text.zfill(width) for text, width in zip(given, widths, strict=False))
    return "·".join(given)


def _aside(first: str, texts: set[str], cells: Mapping[str, str]) -> bool:
    """Says whether a row is no record: numbers of columns, a note, a line to be signed."""
    if all(_NUMBERING.fullmatch(text) for text in texts) and not cells.get("item"):
        return True
    if all(_NUMBERING.fullmatch(text) for text in texts) and len(texts) > 3:
        return True
    item = cells.get("item", "")
    of_item = item and cells.get("type") and (item == first or not _LABEL.search(item))
    if first and _LABEL.search(first) and not of_item:
        return True
    only = next(iter(texts))
    if len(texts) == 1:
        return (not cells.get("title") and not cells.get("item")) or bool(_NOTE.search(only))
    named = cells.get("title") or cells.get("item")
    return not named and all(_NOTE.search(text) for text in texts)


def _heading(name: str) -> str:
    return next(each.heading for each in layout().columns if each.id == name)


def letters_of(place: int) -> str:
    """Returns the letters of a column that counts from 0."""
    letters, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
