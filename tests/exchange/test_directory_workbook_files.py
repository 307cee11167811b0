"""Files that would harm the reader, or only look like a workbook, end in one sentence: in little memory, in time."""

import io
import random
import re
import resource
import zipfile
from collections.abc import Callable

import pytest
import xlwt

from exchange.directory_workbook_rows import read_directory
from schemas.errors import InputError
from tests.exchange import directory_books as books

SHEET, RELATIONS = "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"
TYPES = {"[Content_Types].xml": b"<Types/>"}


def packed(parts: dict[str, bytes]) -> bytes:
    """Packs parts as a file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return stream.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    """Takes a file apart."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return {each.filename: book.read(each) for each in book.infolist()}


def altered(change: Callable[[str], str], **more: bytes) -> bytes:
    """Makes a good workbook with its sheet changed."""
    parts = parts_of(books.simple())
    parts[SHEET] = change(parts[SHEET].decode()).encode()
    return packed(parts | more)


def with_rows(rows: str) -> bytes:
    """Makes a good workbook with more rows written below."""
    return altered(lambda sheet: sheet.replace("</sheetData>", rows + "</sheetData>"))


def with_cell(written: str) -> bytes:
    """Makes a good workbook whose abstract in row 3 is written another way."""
    return altered(lambda sheet: re.sub(r'<c r="F3"[^>]*>.*?</c>', written, sheet))


def text_at(place: str, text: str = "x") -> str:
    """Writes a row with one cell."""
    row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return f'<row r="{row}"><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>'


def merged(ranges: str) -> bytes:
    """Makes a good workbook with these merged ranges."""
    return altered(lambda sheet: sheet.replace("</sheetData>", f"</sheetData><mergeCells>{ranges}</mergeCells>"))


def shared_text() -> bytes:
    """Makes a workbook of which 20,000 cells show one text of 30,000 characters."""
    rows = "".join(
        f'<row r="{row}">' + "".join(f'<c r="{letter}{row}" t="s"><v>0</v></c>' for letter in "ABCDE") + "</row>"
        for row in range(9, 4009)
    )
    parts = parts_of(with_rows(rows))
    parts["xl/sharedStrings.xml"] = f"<sst><si><t>{'长' * 30_000}</t></si></sst>".encode()
    return packed(parts)


def twice() -> bytes:
    """Makes a workbook with two parts of one name, which two readers would not read alike."""
    stream = io.BytesIO(books.simple())
    with zipfile.ZipFile(stream, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr(SHEET, b"<worksheet/>")
    return stream.getvalue()


def old(cells: dict[tuple[int, int], object] | None = None) -> bytes:
    """Makes an old .xls of the plain template, with more cells."""
    made = xlwt.Workbook()
    sheet = made.add_sheet("目录", cell_overwrite_ok=True)
    for row, line in enumerate((books.NATIONAL, *books.rows())):
        for column, text in enumerate(line):
            sheet.write(row, column, text)
    for (row, column), value in (cells or {}).items():
        sheet.write(row, column, value)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: with_rows(text_at("XFD1048576")), "超过30000行"),
        (lambda: with_rows(text_at("A1048576")), "超过30000行"),
        (lambda: with_rows(text_at("XFD29000")), "范围过大"),
        (lambda: with_rows(text_at("ZZZZ9999999")), "行号不可用"),
        (lambda: with_rows('<row><c r="A1B"><v>1</v></c></row>'), "单元格位置不可用"),
        (shared_text, "文字过多"),
        (lambda: merged('<mergeCell ref="A1:XFD1048576"/>' * 3), "合并单元格互相重叠"),
        (lambda: merged('<mergeCell ref="A:B"/>'), "合并单元格不可用"),
        (lambda: altered(lambda s: s.replace("<worksheet", '<!DOCTYPE x [<!ENTITY e "e">]><worksheet', 1)), "类型声明"),
        (lambda: altered(lambda s: s[: len(s) // 2]), "不是完整的工作簿"),
        (lambda: with_rows(text_at("B9", "a\0b")), "不是完整的工作簿"),
        (twice, "重名"),
        (lambda: packed({k: v for k, v in parts_of(books.simple()).items() if k != SHEET}), "缺少工作表"),
        (lambda: packed({k: v for k, v in parts_of(books.simple()).items() if k != RELATIONS}), "不是完整的工作簿"),
        (lambda: packed(TYPES | {"word/document.xml": b"<w/>"}), "Word文档"),
        (lambda: packed(TYPES | {"ppt/presentation.xml": b"<p/>"}), "演示文稿"),
        (lambda: packed({"content.xml": b"<x/>"}), ".ods 表格"),
        (lambda: packed(TYPES | {"xl/workbook.bin": b"x"}), ".xlsb 工作簿"),
        (lambda: altered(str, **{"xl/VBAProject.BIN": b"x"}), "含有宏"),
        (lambda: altered(str, **{"xl/macrosheets/sheet1.xml": b"<x/>"}), "含有宏"),
        (lambda: altered(str, **{"[Content_Types].xml": b"<Types>sheet.macroEnabled.main+xml</Types>"}), "含有宏"),
        (lambda: "信息资源名称,信息资源代码\n".encode("gb18030"), "不是工作簿"),
        ("\ufeff<table><tr><td>信息资源名称".encode, "网页"),
        (lambda: b"PK", "不是工作簿"),
        (lambda: b"PK\x03\x04" + random.Random(1).randbytes(4000), "不是完整的工作簿"),
        (lambda: old()[:2000], "不是完整的工作簿"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + random.Random(2).randbytes(8000), "不是完整的工作簿"),
        (lambda: old({(60_000, 0): "x"}), "超过30000行"),
    ],
)
def test_a_harmful_file_is_refused(make, words):
    """One sentence with what to do next; the memory stays that of a small file."""
    content = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as caught:
        read_directory(content, "目录.xlsx")
    assert words in caught.value.got and caught.value.next_step
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


@pytest.mark.parametrize(
    "written",
    [
        '<c r="F3" t="str"><f>1+1</f><v>教师</v></c>',
        '<c r="F3" t="str"><!-- a --><f>1+1</f><v>教师</v></c>',
        '<c r="F3" t="str"><v>教师</v><f>1+1</f></c>',
        '<c x="&gt;" r="F3" t="str"><f ca="1">1+1</f><v>教师</v></c>',
        '<c t="str"><f>1+1</f><v>教师</v></c>',
        '<c r="F3"><f t="shared" si="0"/><v>1</v></c>',
    ],
)
def test_a_formula_is_found_however_it_is_written(written):
    """A formula is a fault of its cell, also where only its last result shows."""
    [fault] = read_directory(with_cell(written), "a").faults
    assert (fault.row, fault.column[:1], fault.got) == (3, "F", "单元格是公式")


def test_a_formula_in_an_old_file_is_found():
    """The old format keeps formulas in records of their own; text that looks like one is text."""
    content = old({(1, 5): xlwt.Formula("1+1"), (2, 5): "=1+1"})
    [fault] = read_directory(content, "a").faults
    assert (fault.row, fault.column[:1], fault.got) == (2, "F", "单元格是公式")


@pytest.mark.parametrize("written", ["名称_x0001_一", "名称_x0000_一"])
def test_a_control_character_is_a_fault_of_its_cell(written):
    """What no text may hold is named by its cell instead of failing the database."""
    content = with_rows(text_at("B9", written))
    assert ("含有不可见的控制字符", 9) in [(f.got, f.row) for f in read_directory(content, "a").faults]


def test_blank_rows_and_columns_that_are_only_formatted_cost_nothing():
    """A sheet formatted down to its last row and over to its last column holds what is written in it."""
    rows = "".join(f'<row r="{row}"><c r="XFD{row}" s="1"/></row>' for row in range(40_000, 42_000))
    assert len(read_directory(with_rows(rows), "a").entries) == 1


def test_a_damaged_old_file_never_ends_the_process():
    """Bytes changed at random give a workbook or a refusal, nothing else."""
    base, chance = old(), random.Random(7)
    for _ in range(300):
        content = bytearray(base)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.choice([0, 255, 127, 1])
        try:
            read_directory(bytes(content), "a")
        except InputError:
            continue
