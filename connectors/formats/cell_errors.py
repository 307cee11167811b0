"""Which cells hold a formula's error (#DIV/0!, #N/A…) or one never computed: the fast reader gives them as empty."""

import re
import struct
import zipfile
from typing import IO, BinaryIO
from xml.etree import ElementTree as ET

import xlrd

_BLOCK_BYTES = 1 << 20
#: A formula has at most 8,192 characters; a name in it or an entity may be written with several bytes each.
_LONGEST_CELL_BYTES = 64 << 10
_ERROR_CELL = re.compile(rb"<(?:\w+:)?c\s(?=[^>]*\bt=[\"']e[\"'])[^>]*\br=[\"']([A-Z]{1,3})(\d{1,7})[\"'][^>]*>")
#: Programs that write workbooks without computing them leave the value out; a text result may well be empty.
_FORMULA_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?![^>]*\bt=[\"']str[\"'])[^>]*\br=[\"']([A-Z]{1,3})(\d{1,7})[\"'][^>]*>\s*"
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*(?:/>|>\s*</(?:\w+:)?v>)\s*)?</(?:\w+:)?c>"
)
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"
_STRICT_SHEET = "{http://purl.oclc.org/ooxml/spreadsheetml/main}sheet"
Position = tuple[int, int]


def cells_without_value(stream: BinaryIO, index: int) -> dict[Position, str]:
    """Maps (row, column) from 0 of the cells of sheet number `index` without a value to the finding that says why."""
    head = stream.read(4)
    stream.seek(0)
    if head == b"PK\x03\x04":
        return _of_xlsx(stream, index)
    return _of_xls(stream.read(), index)


def _of_xlsx(stream: BinaryIO, index: int) -> dict[Position, str]:
    with zipfile.ZipFile(stream) as book:
        path = _sheet_path(book, index)
        if path is None:
            return {}
        with book.open(path) as sheet:
            return _scan(sheet)


def _sheet_path(book: zipfile.ZipFile, index: int) -> str | None:
    """Finds the part of the sheet by the workbook's relations."""
    names = set(book.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    root = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314 - expat here expands no external entity
    sheets = [*root.iter(_SHEET), *root.iter(_STRICT_SHEET)]
    wanted = next((value for key, value in sheets[index].attrib.items() if key.endswith("}id")), None)
    relations = ET.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    target = next((relation.get("Target", "") for relation in relations if relation.get("Id") == wanted), "")
    path = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return path if path in names else None


def _scan(sheet: IO[bytes]) -> dict[Position, str]:
    found: dict[Position, str] = {}
    held = b""
    while block := sheet.read(_BLOCK_BYTES):
        held += block
        for match in _ERROR_CELL.finditer(held):
            found[_position(match)] = "CELL_ERROR"
        if b"<f" in held or b":f" in held:
            for match in _FORMULA_CELL.finditer(held):
                found.setdefault(_position(match), "CELL_UNCOMPUTED")
        held = held[-_LONGEST_CELL_BYTES:]
    return found


def _position(match: re.Match[bytes]) -> Position:
    return int(match[2]) - 1, _column(match[1])


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _of_xls(data: bytes, index: int) -> dict[Position, str]:
    try:
        with xlrd.open_workbook(file_contents=data, on_demand=True) as book:
            sheet = book.sheet_by_index(index)
            return {
                (row, column): "CELL_ERROR"
                for row in range(sheet.nrows)
                for column, kind in enumerate(sheet.row_types(row))
                if kind == xlrd.XL_CELL_ERROR
            }
    except (xlrd.XLRDError, AssertionError, IndexError, ValueError, struct.error):
        # The reader of values has read the workbook; what this one cannot read holds no error it could show.
        return {}
