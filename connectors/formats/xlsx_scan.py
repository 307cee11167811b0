"""Looks the sheets of an .xlsx over before the fast reader opens it: extent, formulas, errors, merged cells, texts.

The fast reader sets memory aside for the whole rectangle of a sheet, and ends the process when there is none: one cell
in the last corner of an empty sheet is enough. This reads each part once, as a stream, and stops at the first limit.
"""

import posixpath
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

Position = tuple[int, int]
Refuse = Callable[[str, str], Exception]
_BLOCK = 1 << 16
_MOST_MERGED = 100_000
_LAST = (1_048_576, 16_384)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sheet may hold: rows, and cells of the rectangle that they span. And a workbook: bytes, characters."""

    rows: int
    unpacked: int
    rectangle: int = 3_000_000
    characters: int = 20_000_000


@dataclass(slots=True)
class Look:
    """What a sheet holds, without its values: which cells are formulas, and which are the error of one."""

    name: str
    rows: int = 0
    columns: int = 0
    formulas: set[Position] = field(default_factory=set)
    errors: set[Position] = field(default_factory=set)


def look_over(book: zipfile.ZipFile, limits: Limits, refuse: Refuse) -> list[Look]:
    """Looks every sheet over, in the workbook's order; raises what `refuse` makes of a reason and its mend."""
    parts = {_plain(name): name for name in book.namelist()}
    if len(parts) != len(book.namelist()):
        raise refuse("有重名的部分，不是完整的工作簿", "请用 Excel 或 WPS 重新另存后导入")
    texts = _Texts(limits, refuse)
    looks = [_look(book, parts, name, path, (limits, refuse, texts)) for name, path in _sheets(book, parts, refuse)]
    for name in parts.values():
        if _plain(name).endswith("sharedstrings.xml"):
            texts.again()
            _parse(book, name, texts, refuse)
    return looks


def _plain(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/").lstrip("/")).casefold()


def _look(
    book: zipfile.ZipFile, parts: Mapping[str, str], name: str, path: str, rest: tuple[Limits, Refuse, "_Texts"]
) -> Look:
    limits, refuse, texts = rest
    if path not in parts:
        raise refuse("缺少工作表的内容，不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
    cells = _Cells(Look(name), limits, refuse, texts)
    _parse(book, parts[path], cells, refuse)
    cells.judge_merged()
    return cells.look


def _sheets(book: zipfile.ZipFile, parts: Mapping[str, str], refuse: Refuse) -> Iterator[tuple[str, str]]:
    """Yields name and part of each sheet, by the workbook's relations."""
    wanted = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
    if not set(wanted) <= set(parts):
        raise refuse("不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
    root, relations = (ET.fromstring(book.read(parts[part])) for part in wanted)  # noqa: S314 - expat bounds entities
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in root.iter():
        if each.tag.rpartition("}")[2] == "sheet":
            wanted_id = next((value for key, value in each.attrib.items() if key.endswith("}id")), None)
            target = (targets.get(wanted_id) or "").replace("\\", "/")
            yield each.get("name", ""), _plain(target if target.startswith("/") else f"xl/{target}")


class _Texts:
    """How many characters the cells of a workbook show: first those of their own, then those of the shared texts."""

    def __init__(self, limits: Limits, refuse: Refuse) -> None:
        self._limits, self._refuse = limits, refuse
        self._shown: dict[str, int] = {}
        self._used = 0
        self._number, self._times, self._inside = -1, 0, False

    def use(self, number: str) -> None:
        """Notes a cell that shows a shared text."""
        self._shown[number] = self._shown.get(number, 0) + 1

    def add(self, characters: int) -> None:
        """Counts characters that a cell shows."""
        self._used += characters
        if self._used > self._limits.characters:
            raise self._refuse("文字过多", "目录的单元格写得简短；请核对是否选错了文件，或按部门拆分后导入")

    def again(self) -> None:
        """Begins a list of shared texts."""
        self._number = -1

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        """Begins an element of the shared texts."""
        if name == "si":
            self._number += 1
            self._times = self._shown.get(str(self._number), 0)
        self._inside = name == "t"

    def end(self, _name: str) -> None:
        """Ends an element."""
        self._inside = False

    def text(self, text: str) -> None:
        """Counts a shared text once for each cell that shows it."""
        if self._inside and self._times:
            self.add(len(text) * self._times)


class _Cells:
    """The cells of one sheet as they are written: where they are, never what they hold."""

    def __init__(self, look: Look, limits: Limits, refuse: Refuse, texts: _Texts) -> None:
        self.look, self._limits, self._refuse, self._texts = look, limits, refuse, texts
        self._row = self._column = -1
        self._kind = ""
        self._taken = ""
        self._shown: list[str] = []
        self._merged: list[tuple[Position, Position]] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Begins an element of the sheet."""
        if name == "c":
            self._place(attributes.get("r"))
            self._kind = attributes.get("t", "")
        elif name == "row":
            self._row = self._number(attributes.get("r"), self._row)
            self._column = -1
        elif name in {"v", "t"}:
            self._taken = name
            self._reach()
        elif name == "f":
            self._reach()
            self.look.formulas.add((self._row, self._column))
        elif name == "mergeCell":
            self._note_merged(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        """Ends an element of the sheet."""
        if name == "v":
            shown = "".join(self._shown).strip()
            if self._kind == "s":
                self._texts.use(shown)
            else:
                self._texts.add(len(shown))
            if self._kind == "e":
                self.look.errors.add((self._row, self._column))
        elif name == "t":
            self._texts.add(sum(map(len, self._shown)))
        self._taken, self._shown = "", []

    def text(self, text: str) -> None:
        """Keeps what a value is written with until its element ends."""
        if self._taken:
            self._shown.append(text)

    def _number(self, given: str | None, before: int) -> int:
        if given is None:
            return before + 1
        if not (given.isascii() and given.isdigit() and 0 < int(given) <= _LAST[0]):
            raise self._refuse("行号不可用，不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
        return int(given) - 1

    def _place(self, given: str | None) -> None:
        if given is None:
            self._row, self._column = max(self._row, 0), self._column + 1
            return
        place = _position(given)
        if place is None:
            raise self._refuse("单元格位置不可用，不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")
        self._row, self._column = place

    def _reach(self) -> None:
        """Widens the rectangle to the present cell, which holds something."""
        look = self.look
        look.rows, look.columns = max(look.rows, self._row + 1), max(look.columns, self._column + 1)
        if look.rows > self._limits.rows:
            says = f"工作表“{look.name[:40]}”超过{self._limits.rows}行"
            raise self._refuse(says, "请核对是否误传了数据，删去表格下方的内容，或按部门拆分后导入")
        if look.rows * look.columns > self._limits.rectangle:
            says = f"工作表“{look.name[:40]}”的内容一直到第{look.rows}行、第{look.columns}列，范围过大"
            raise self._refuse(says, "请删去表格以外的内容后导入")

    def _note_merged(self, ref: str) -> None:
        first, _, last = ref.partition(":")
        places = _position(first), _position(last or first)
        if places[0] is None or places[1] is None or len(self._merged) >= _MOST_MERGED:
            raise self._refuse("合并单元格不可用，不是完整的工作簿", "请取消合并后重新合并，另存为 .xlsx 后导入")
        self._merged.append((places[0], places[1]))

    def judge_merged(self) -> None:
        """Refuses merged cells that lie over one another: together they would be larger than the sheet."""
        rows, columns = self.look.rows, self.look.columns
        covered = sum(
            max(0, min(bottom + 1, rows) - top) * max(0, min(right + 1, columns) - left)
            for (top, left), (bottom, right) in self._merged
        )
        if covered > rows * columns:
            raise self._refuse(f"工作表“{self.look.name[:40]}”的合并单元格互相重叠", "请取消合并后重新合并")


def _position(reference: str) -> Position | None:
    """Reads `AB12` as row and column from 0; None where it is no place of a sheet."""
    letters = reference.rstrip("0123456789")
    digits = reference[len(letters) :]
    if not (letters.isascii() and letters.isalpha() and digits) or len(letters) > 3 or len(digits) > 7:
        return None
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    row = int(digits)
    return (row - 1, column - 1) if 0 < row <= _LAST[0] and column <= _LAST[1] else None


@lru_cache(maxsize=1000)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _parse(book: zipfile.ZipFile, name: str, reader: Any, refuse: Refuse) -> None:
    """Runs a part through the reader's start, end and text."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def no_types(*_: object) -> None:
        raise refuse("含有文件类型声明，不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入")

    parser.StartDoctypeDeclHandler = no_types
    parser.StartElementHandler = lambda tag, attributes: reader.start(_local(tag), attributes)
    parser.EndElementHandler = lambda tag: reader.end(_local(tag))
    parser.CharacterDataHandler = reader.text
    try:
        with book.open(name) as part:
            while block := part.read(_BLOCK):
                parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise refuse("不是完整的工作簿", "请用 Excel 或 WPS 打开，另存为 .xlsx 后导入") from None
