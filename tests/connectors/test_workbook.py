"""Workbooks as departments write them: titles, totals, merged cells, numbers in identifiers, locked files."""

import re
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml
import openpyxl
import pytest
import xlwt

from connectors.registry import open_source
from schemas.entry import Attachment
from schemas.errors import SchemaDrift, SourceUnreadable
from schemas.source import ReadRequest

NAMES = ("姓名", "证件号码", "金额", "日期")
ID = "110101199003070011"


def read(path: Path, columns: tuple[str, ...] = NAMES, **settings: Any) -> list[dict[str, Any]]:
    """Reads all rows of a workbook."""
    source = open_source(Attachment(connector="file", mode="snapshot", location=str(path), **settings), None)
    with source.read(ReadRequest(columns, "snapshot", datetime.now(UTC))) as reading:
        return [row for batch in reading for row in batch.to_pylist()]


def values(row: dict[str, Any]) -> tuple[Any, ...]:
    """Returns the row's own columns."""
    return tuple(row[name] for name in NAMES)


@pytest.fixture
def book(tmp_path):
    """An .xlsx with a title, a header in row 3 and whatever the test adds from row 4 on."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "名册"
    sheet.merge_cells("A1:D1")
    sheet["A1"] = "补贴发放名册"
    sheet.append(["填报单位：某局"])
    sheet.append([" 姓名 ", *NAMES[1:]])
    made.create_sheet("说明")
    path = tmp_path / "a.xlsx"

    def saved(*rows: list[Any]) -> Path:
        for row in rows:
            sheet.append(row)
        made.save(path)
        return path

    saved.sheet = sheet
    return saved


def test_titles_empty_rows_and_totals_are_no_records(book):
    """Rows above the header, empty rows and total rows are passed over; a company called 小计… is not a total."""
    path = book(
        ["张三", ID, 100, None],
        [],
        [" ", None, "", None],
        ["小计算机公司", None, 5, None],
        ["合 计：", None, 105, None],
        ["总计（元）", None, 105, None],
        [None, "合计", 105, None],
        ["小计2人", None, None, None],
    )
    rows = read(path, header_row=3)
    assert [row["姓名"] for row in rows] == ["张三", "小计算机公司"]
    assert [row["_place"] for row in rows] == ["名册!4", "名册!7"]


def test_cells_have_the_text_that_people_see(book):
    """Whole numbers have no .0, dates are ISO, text numbers stay, computed noise beyond 15 digits is gone."""
    path = book(
        ["007", "12345", 12.5, date(2024, 5, 6)],
        [7, 7.0, 0.1 + 0.2, datetime.fromisoformat("2024-05-06 07:08:09")],
        [True, time(12, 30), 1e-7, timedelta(hours=30)],
    )
    assert [values(row) for row in read(path, header_row=3)] == [
        ("007", "12345", "12.5", "2024-05-06"),
        ("7", "7", "0.3", "2024-05-06 07:08:09"),
        ("TRUE", "12:30:00", "0.0000001", "30:00:00"),
    ]


def test_merged_cells_all_carry_the_value(book):
    """A range merged over several rows, or columns, gives its value to each."""
    path = book(["张三", ID, 1, None], [None, None, 2, None], [None, None, 3, None], ["李四", "x", None, None])
    book.sheet.merge_cells("A4:A6")
    book.sheet.merge_cells("B4:B5")
    book.sheet.merge_cells("B7:C7")
    rows = read(book(), header_row=3)
    assert [(row["姓名"], row["证件号码"], row["金额"]) for row in rows] == [
        ("张三", ID, "1"), ("张三", ID, "2"), ("张三", None, "3"), ("李四", "x", "x"),
    ]  # fmt: skip
    assert path.exists()


def test_an_identifier_kept_as_a_number_is_reported_by_its_cell(book):
    """A number of fifteen digits or more has lost some: its cell is named, the row stays."""
    rows = read(book(["张三", int(ID), 1, None], ["李四", ID, 99_999_999_999_999, None]), header_row=3)
    assert rows[0]["_findings"] == [{"code": "CELL_NUMBER_AS_ID", "column": "证件号码", "place": "名册!B4"}]
    assert rows[1]["_findings"] is None


def test_formula_errors_are_reported_by_their_cell(book):
    """#DIV/0! and its like are a finding, also where the row holds nothing else; the value is null."""
    path = book(["张三", ID, "=1/0", None], ["#N/A", None, None, None])
    for cell in (book.sheet["C4"], book.sheet["A5"]):
        cell.value, cell.data_type = "#N/A", "e"
    rows = read(book(), header_row=3)
    assert [(row["_findings"][0]["code"], row["_findings"][0]["place"]) for row in rows] == [
        ("CELL_ERROR", "名册!C4"),
        ("CELL_ERROR", "名册!A5"),
    ]
    assert rows[0]["金额"] is None
    assert path.exists()


def test_formulas_that_nobody_computed_are_reported_by_their_cell(book):
    """A formula without its value is a finding and no silent null; an empty text and a number are results."""
    path = book(["张三", "=A4", "=1+1", None], [None, None, "=1+1", None], ["王五", ID, "=1+1", "=TEXT(1,2)"])
    cell = rb'<c r="%s"[^>]*><f>([^<]*)</f><v ?/?>(?:</v>)?</c>'
    results = {b"C4": b"", b"C6": b"<v>2</v>", b"D6": b"<v></v>"}
    with zipfile.ZipFile(path) as there:
        parts = {name: there.read(name) for name in there.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    for place, value in results.items():
        kind = b' t="str"' if place == b"D6" else b""
        sheet, count = re.subn(cell % place, rb'<c r="%s"%s><f>\1</f>%s</c>' % (place, kind, value), sheet)
        assert count == 1
    with zipfile.ZipFile(path, "w") as made:
        for name, part in (parts | {"xl/worksheets/sheet1.xml": sheet}).items():
            made.writestr(name, part)
    rows = read(path, header_row=3)
    assert [[found["place"] for found in row["_findings"] or ()] for row in rows] == [
        ["名册!B4", "名册!C4"],
        ["名册!C5"],
        [],
    ]
    assert {found["code"] for row in rows for found in row["_findings"] or ()} == {"CELL_UNCOMPUTED"}
    assert values(rows[2]) == ("王五", ID, "2", None)


def test_a_hidden_sheet_is_read_only_by_its_name(book):
    """A number counts the sheets that people see."""
    path = book(["张三", ID, 1, None])
    hidden = book.sheet.parent.create_sheet("旧名册", 0)
    for row in ([], [], [*NAMES], ["李四", ID, 2, None]):
        hidden.append(row)
    for state in ("hidden", "veryHidden"):
        hidden.sheet_state = state
        book()
        assert [row["姓名"] for row in read(path, header_row=3)] == ["张三"]
        assert [row["姓名"] for row in read(path, header_row=3, sheet="旧名册")] == ["李四"]
        with pytest.raises(SourceUnreadable, match="现有：名册、说明；"):
            read(path, sheet=2)


def test_headings_merged_over_two_lines(book):
    """A heading merged downwards counts in the lower line, where the parts of one merged sideways stand."""
    sheet = book.sheet
    for row in (["姓名", "证件号码", "发放", None], [None, None, "金额", "日期"], ["张三", ID, 5, "2024-1-1"]):
        sheet.append(row)
    for cells in ("A4:A5", "B4:B5", "C4:D4"):
        sheet.merge_cells(cells)
    rows = read(book(), header_row=5)
    assert [(row["_place"], *values(row)) for row in rows] == [("名册!6", "张三", ID, "5", "2024-1-1")]


def test_a_range_merged_to_the_end_of_the_sheet_takes_no_memory(book):
    """A range of seventeen thousand million cells is no more than a range."""
    sheet = book.sheet
    path = book(["张三", ID, 1, None], ["李四", ID, 2, None])
    sheet.merged_cells.add("A5:XFD1048576")
    book()
    assert [row["姓名"] for row in read(path, header_row=3)] == ["张三", "李四"]


def test_an_old_workbook_says_the_same(tmp_path):
    """.xls: errors, numbers in identifiers, merged cells and dates as in .xlsx."""
    made = xlwt.Workbook()
    sheet = made.add_sheet("表")
    for column, name in enumerate(NAMES):
        sheet.write(0, column, name)
    sheet.write_merge(1, 2, 0, 0, "张三")
    sheet.write(1, 1, int(ID))
    sheet.write(1, 3, date(2024, 5, 6), xlwt.easyxf(num_format_str="yyyy/m/d"))
    sheet.row(2).set_cell_error(2, 0x2A)
    path = tmp_path / "a.xls"
    made.save(str(path))
    rows = read(path)
    assert [row["姓名"] for row in rows] == ["张三", "张三"]
    assert rows[0]["日期"] == "2024-05-06"
    assert [row["_findings"][0] for row in rows] == [
        {"code": "CELL_NUMBER_AS_ID", "column": "证件号码", "place": "表!B2"},
        {"code": "CELL_ERROR", "column": "金额", "place": "表!C3"},
    ]


def test_a_sheet_is_chosen_by_name_or_number(book):
    """A sheet that is not there is refused with the names of those that are."""
    path = book(["张三", ID, 1, None])
    assert len(read(path, header_row=3, sheet="名册")) == 1
    with pytest.raises(SourceUnreadable, match="名册、说明"):
        read(path, sheet="没有")
    with pytest.raises(SourceUnreadable, match="不是表头"):
        read(path, sheet=1)


def test_the_header_must_be_one(book):
    """A wrong header row, a missing name and a name twice are told apart."""
    path = book(["张三", ID, 1, None])
    with pytest.raises(SourceUnreadable, match="第1行不是表头"):
        read(path)
    with pytest.raises(SourceUnreadable, match="第4行不是表头") as caught:
        read(path, header_row=4)
    assert ID not in str(caught.value)
    with pytest.raises(SchemaDrift, match="性别"):
        read(path, (*NAMES, "性别"), header_row=3)
    book.sheet["E3"] = "姓名"
    with pytest.raises(SourceUnreadable, match="重复"):
        read(book(), header_row=3)


def test_a_password_is_told(book, tmp_path):
    """A password-protected workbook is refused as that."""
    path = tmp_path / "locked.xlsx"
    with book(["张三", ID, 1, None]).open("rb") as plain, path.open("wb") as locked:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("x", locked)
    for _ in range(2):
        with pytest.raises(SourceUnreadable, match="密码"):
            read(path, header_row=3)


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n", b"PK\x03\x04" + b"\x00" * 100, b"\xd0\xcf\x11\xe0" + b"\x00" * 600]
)
def test_a_damaged_workbook_is_refused(tmp_path, data):
    """An empty, cut or quite other file is no workbook."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(data)
    with pytest.raises(SourceUnreadable):
        read(path)


def test_a_cut_workbook_is_refused(book, tmp_path):
    """A workbook that lost its end in transfer is refused."""
    path = tmp_path / "cut.xlsx"
    path.write_bytes(book(["张三", ID, 1, None]).read_bytes()[:-300])
    with pytest.raises(SourceUnreadable):
        read(path, header_row=3)


def test_several_workbooks_are_one_reading(book, tmp_path):
    """Places name the file where there are several."""
    data = book(["张三", int(ID), 1, None]).read_bytes()
    (tmp_path / "b.xlsx").write_bytes(data)
    rows = read(tmp_path / "*.xlsx", header_row=3)
    assert [row["_place"] for row in rows] == ["a.xlsx:名册!4", "b.xlsx:名册!4"]
    assert rows[1]["_findings"][0]["place"] == "b.xlsx:名册!B4"
