"""The directory's workbook: old templates come in whole, faults are named by their cell, nothing comes in by halves."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
import xlwt
import yaml
from msoffcrypto.format.ooxml import OOXMLFile

from catalog.stores import departments
from exchange import directory_workbook, entries, entry_odcs
from exchange.access import Actor
from exchange.entry_text import read_draft
from schemas.errors import Denied, InputError, NotFound
from tests.exchange import directory_books as books
from tests.exchange import old_directories as old
from tests.exchange.small_city import PROVIDER

OTHER = "11620400XX00C0014G"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "contracts").glob("*.yaml"))


@pytest.fixture
def editor(hub):
    """An editor of the first of two departments."""
    with hub.transaction() as connection:
        departments.save(connection, PROVIDER, "示例市民政局", NOW)
        departments.save(connection, OTHER, "示例市公安局", NOW)
    return Actor("wang", frozenset({"editor"}), PROVIDER, "portal")


def document(hub, admin, dataset):
    """Reads an entry's stored document."""
    return yaml.safe_load(entries.show_entry(hub, admin, dataset).text)


def draft(hub, admin, dataset):
    """Reads an entry's fields."""
    return read_draft(document(hub, admin, dataset))


def refused(hub, actor, content, name="目录.xlsx"):
    """Imports what must be refused as a file, and returns the error."""
    with pytest.raises(InputError) as caught:
        directory_workbook.import_workbook(hub, actor, name, content)
    assert caught.value.got and caught.value.next_step
    return caught.value


def test_a_plain_template_becomes_drafts(hub, admin, editor):
    """Each entry is a draft of the account's department; what the template lacks is proposed."""
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.simple())
    assert view.applied and not view.faults
    [entry] = view.entries
    assert (entry.dataset, entry.items, entry.what) == ("jszgxx", 4, "new")
    shown = entries.show_entry(hub, admin, "jszgxx")
    assert (shown.state, shown.provider_code, shown.provider_name) == (0, PROVIDER, "示例市民政局")
    found = draft(hub, admin, "jszgxx")
    assert found.values["publish_date"] == "2018-06-01" and found.values["update_cycle"] == "4"
    assert (found.values["format_category"], found.values["format_type"]) == ("3", "mysql")
    kinds = {row["title"]: (row["kind"], row["level"], row["name"]) for row in found.rows["items"]}
    assert kinds["公民身份号码"] == ("citizen_id", "S4", "gmsfhm") and kinds["姓名"][0] == "name"
    assert kinds["认定日期"][0] == "date"


def test_an_old_merged_template_comes_in_whole(hub, admin, editor):
    """Two header lines, merged entries, a line of numbers and a note do not matter; the cited law is kept."""
    view = directory_workbook.import_workbook(hub, editor, "2017.xlsx", books.merged())
    assert view.applied, view.faults
    assert [(each.title, each.items) for each in view.entries] == [("婚姻登记信息", 3), ("低保对象信息", 2)]
    first = draft(hub, admin, view.entries[0].dataset).values
    assert (first["classification"], first["share_type"], first["share_mode"]) == ("307005", "2", "2")
    assert (first["update_cycle"], first["publish_date"]) == ("5", "2017-12-01")
    assert first["provider_code"] == PROVIDER and any("老名称" in says for says in view.entries[0].notes)
    second = draft(hub, admin, view.entries[1].dataset)
    assert second.rows["legal_basis"][0]["article"] == "第二十五条" and second.values["no_share_reason"] == "1"


def test_survey_columns_and_share_types_by_item(hub, admin, editor):
    """Survey figures are kept where the directory has a place, others are named; an item may be shared less."""
    view = directory_workbook.import_workbook(hub, editor, "普查.xlsx", books.survey())
    assert view.applied, view.faults
    assert "已共享的数据存储量（G）" in view.notes[0]
    found = draft(hub, admin, view.entries[0].dataset)
    assert (found.values["data_volume"], found.values["record_count"]) == ("1.5", "120000")
    assert found.values["dept_code"] == "30700500/000012" and found.values["source_system"] == "企业登记系统"
    assert [row["share_type"] for row in found.rows["items"]] == ["", "", "2"] and found.values["share_type"] == "1"


def test_directories_of_other_years_come_in_whole(hub, admin, editor):
    """Each habit of compiling is read: no fault, every entry and item, and what the odd cells mean."""
    found = {}
    for make in (old.by_unit, old.by_section, old.by_item, old.both_ways, old.as_typed):
        view = directory_workbook.import_workbook(hub, editor, make.__name__, make())
        assert view.applied and not view.faults, (make.__name__, view.faults)
        found |= {entry.title: entry.items for entry in view.entries}
    assert found == {
        "社会组织登记信息": 3, "殡葬服务机构名录": 2, "低保家庭信息": 3,
        "社区工作者名册": 2, "村民委员会名录": 2, "地名信息": 2,
        "优抚对象信息": 5, "烈士名录": 1, "彩票销售网点信息": 3, "福利机构信息": 2,
        **{f"{letter}类信息": 1 for letter in "甲乙丙丁戊己"},
    }  # fmt: skip
    named = {each.title: draft(hub, admin, each.dataset) for each in entries.list_entries(hub, admin)}
    poor, workers, cared = named["低保家庭信息"], named["社区工作者名册"], named["优抚对象信息"]
    assert (poor.values["classification"], poor.values["publish_date"]) == ("307005", "2017-10-01")
    assert poor.rows["legal_basis"][0]["number"] == "国务院令第649号"
    assert [(row["name"], row["identifying"], row["key"]) for row in workers.rows["items"]] == [
        ("xm", "1", ""), ("sfzh", "", "1"),
    ]  # fmt: skip
    assert cared.values["share_condition"] == "工作参考" and cared.values["update_cycle"] == "4"
    assert [row["share_type"] for row in cared.rows["items"]] == ["", "", "3", "", ""]
    assert named["彩票销售网点信息"].values["publish_date"] == "2018-03-05"
    typed = [named[f"{letter}类信息"].values for letter in "甲乙丙丁戊己"]
    assert [each["format_category"] for each in typed] == ["3", "1", "4", "7", "1", "3"]
    assert [each["share_type"] for each in typed] == ["1", "2", "2", "1", "3", "2"]
    assert [each["share_mode_category"] + each["share_mode"] for each in typed[:4]] == ["11", "11", "13", "13"]
    assert [each["is_open"] for each in typed] == ["0", "0", "0", "1", "0", "0"]
    assert [each["update_cycle"] for each in typed] == ["2", "4", "6", "1", "7", "2"]
    assert [each["classification"] for each in typed[:3]] == ["101", "307005", "201"]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (10, "无条件共享（仅限公安）"),
        (10, "有条件共享/不予共享"),
        (13, "是（脱敏后）"),
        (9, "五十左右"),
        (16, "2018-13-01"),
        (16, "99999"),
        (15, "看情况"),
        (4, "11620400XX00Z0000X"),
    ],
)
def test_what_may_mean_two_things_is_a_fault(hub, editor, column, text):
    """A cell that restricts what it seems to say, or says nothing that is known, is asked for and not guessed."""
    line = list(books.rows()[0])
    line[column] = text
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.book(books.NATIONAL, line))
    assert not view.applied and [fault.column[0] for fault in view.faults[:1]] == [chr(ord("A") + column)]


def test_faults_have_sheet_row_column_and_mend_and_nothing_comes_in(hub, admin, editor):
    """One wrong cell keeps out all entries; every fault says where and how to mend."""
    wrong = books.rows(("307005", "好的条目", "", "", "", "内容", "数据库"))
    wrong += books.rows(
        share=("随便共享", "", "共享平台", "也许", "", "看情况再说", "昨天", ""), items=[("姓名", "啥型", "很长")]
    )
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.book(books.NATIONAL, *wrong))
    assert not view.applied
    places = {(each.row, each.column[0]) for each in view.faults}
    assert {(7, "I"), (7, "J"), (7, "K"), (7, "N"), (7, "P"), (7, "Q")} <= places
    assert all(each.sheet == "Sheet1" and each.got and each.mend for each in view.faults)
    assert entries.list_entries(hub, admin) == []


def test_the_old_file_format_comes_in_too(hub, admin, editor):
    """A .xls with merged entries is read like any other."""
    made = xlwt.Workbook()
    sheet = made.add_sheet("目录")
    for row, line in enumerate([books.NATIONAL, *books.rows()]):
        for column, text in enumerate(line):
            if row < 2 or 7 <= column <= 9:
                sheet.write(row, column, text)
    sheet.merge(1, 4, 1, 1)
    stream = io.BytesIO()
    made.save(stream)
    view = directory_workbook.import_workbook(hub, editor, "目录.xls", stream.getvalue())
    assert view.applied, view.faults
    assert [(each.title, each.items) for each in view.entries] == [("教师资格信息", 4)]


def test_a_check_writes_nothing(hub, admin, editor):
    """Only checking says what would come in."""
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.simple(), check_only=True)
    assert not view.applied and not view.faults and view.entries[0].what == "new"
    assert entries.list_entries(hub, admin) == []


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (("姓名", "字符型", "50"), "重复"),
        (("", "字符型", "50"), "没有信息项名称"),
    ],
)
def test_wrong_items_are_named(hub, editor, item, words):
    """A repeated item and one without a name are faults of their row."""
    lines = books.rows(items=[("姓名", "字符型", "50"), item])
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.book(books.NATIONAL, *lines))
    assert [each.row for each in view.faults] == [4] and words in view.faults[0].got


def test_another_departments_entries_are_refused(hub, admin, editor):
    """An editor brings in nothing for another department, by name or by code; an unknown code is named."""
    for name, code, words in (
        ("示例市公安局", "", "不是本部门"),
        ("", OTHER, "不是本部门"),
        ("", "11620400XX00C00306", "没有登记"),
    ):
        entry = ("307005", "条目", "", name, code, "内容", "数据库")
        view = directory_workbook.import_workbook(
            hub, editor, "目录.xlsx", books.book(books.NATIONAL, *books.rows(entry))
        )
        assert not view.applied and words in view.faults[0].got
    assert entries.list_entries(hub, admin) == []


def test_rights(hub, editor):
    """Analysts import nothing; everyone may export what they see."""
    analyst = Actor("li", frozenset({"analyst"}), OTHER, "portal")
    with pytest.raises(Denied):
        directory_workbook.import_workbook(hub, analyst, "目录.xlsx", books.simple())
    directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.simple())
    assert len(directory_workbook.print_directory(hub, editor)) == 1
    assert directory_workbook.print_directory(hub, analyst) == ()
    with pytest.raises(NotFound):
        directory_workbook.print_directory(hub, analyst, None, "jszgxx")
    with pytest.raises(NotFound):
        entry_odcs.export_contract(hub, analyst, "jszgxx")


def formula():
    """A workbook with a computed length."""
    made = openpyxl.load_workbook(io.BytesIO(books.simple()))
    made.active["J3"] = "=16*2"
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def test_a_formula_is_a_fault_of_its_cell(hub, editor):
    """A formula is named by its cell."""
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", formula())
    assert [(each.row, each.column[:1], each.got) for each in view.faults[:1]] == [(3, "J", "单元格是公式")]


def with_part(content, name, data=b"x"):
    """Adds a part to a workbook."""
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as made:
        made.writestr(name, data)
    return stream.getvalue()


def bomb():
    """A small file that unpacks to 300 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        made.writestr("xl/workbook.xml", b"<x/>")
        made.writestr("xl/worksheets/sheet1.xml", b" " * 300_000_000)
    return stream.getvalue()


def many_rows():
    """A table of data instead of a directory: 100,000 rows."""
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet()
    sheet.append(list(books.NATIONAL))
    for number in range(100_000):
        sheet.append(["307005", f"名称{number}"])
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def empty_book():
    """A workbook with one empty sheet."""
    return books.book(title="")


def encrypted():
    """A workbook that a real password protects."""
    stream = io.BytesIO()
    OOXMLFile(io.BytesIO(books.simple())).encrypt("secret", stream)
    return stream.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (bytes, "空文件"),
        (lambda: PNG, "PNG图片"),
        (lambda: b"%PDF-1.7" + bytes(100), "PDF文件"),
        ("名称,代码\n".encode, "不是工作簿"),
        (lambda: with_part(books.simple(), "xl/vbaProject.bin"), "含有宏"),
        (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "设有密码"),
        (lambda: OLE + "_VBA_PROJECT".encode("utf-16-le"), "含有宏"),
        (lambda: OLE + bytes(4000), "不是完整的工作簿"),
        (lambda: books.simple()[:3000], "不是完整的工作簿"),
        (lambda: books.simple()[:-30], "不是完整的工作簿"),
        (bomb, "解压后过大"),
        (lambda: bytes(21_000_000), "超过20 MB"),
        (many_rows, "超过30000行"),
        (empty_book, "没有目录表"),
        (encrypted, "设有密码"),
        (lambda: books.book(("甲", "乙", "丙"), (1, 2, 3)), "没有目录表"),
        (lambda: books.book(books.NATIONAL), "表头下没有内容"),
        (lambda: with_part(b"PK\x05\x06" + bytes(18), "a.txt"), "是压缩包"),
    ],
)
def test_broken_files_give_one_clear_error(hub, admin, editor, make, words):
    """Whatever is no harmless directory workbook is refused in one sentence with a next step."""
    assert words in refused(hub, editor, make()).got
    assert entries.list_entries(hub, admin) == []


def test_digits_lost_by_the_spreadsheet_are_a_fault(hub, editor):
    """A long code that was typed as a number has lost its last digits."""
    line = list(books.rows()[0])
    line[2] = 307005040010100100000000
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", books.book(books.NATIONAL, line))
    assert not view.applied and "超过15位" in view.faults[0].got and view.faults[0].column.startswith("C")


def test_two_hundred_entries_at_once(hub, editor):
    """A directory of 200 entries with 10 items each is taken in whole; benchmarks/bench_directory.py times it."""
    items = [(f"数据项{n}", "字符型", "50") for n in range(7)] + [("姓名", "字符型", "50"), *books.ITEMS[2:]]
    lines = [
        row
        for n in range(200)
        for row in books.rows(("307005", f"第{n}号登记信息", "", "", "", "内容", "数据库"), items)
    ]
    content = books.book(books.NATIONAL, *lines)
    view = directory_workbook.import_workbook(hub, editor, "目录.xlsx", content)
    assert view.applied and len(view.entries) == 200


def registered(hub, admin):
    """Registers the example contracts and returns their texts."""
    texts = {path.stem: path.read_text("utf-8") for path in EXAMPLES}
    for name, text in texts.items():
        document = yaml.safe_load(text)
        del document["servers"]
        with hub.transaction() as connection:
            facts = {each["property"]: each["value"] for each in document["customProperties"]}
            departments.save(connection, facts["provider_code"], facts["provider_name"], NOW)
        texts[name] = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
        entry_odcs.import_contract(hub, admin, name, texts[name])
    return texts


def test_importing_what_was_exported_changes_nothing(hub, admin):
    """Workbook and contract files of the example city, exported and imported, leave every text as it was."""
    texts = registered(hub, admin)
    for sharing in (False, True):
        file = directory_workbook.export_directory(hub, admin, sharing=sharing)
        view = directory_workbook.import_workbook(hub, admin, file.name, file.content)
        assert not view.faults and view.applied
        assert {each.what for each in view.entries} == {"unchanged"}
    for name, text in texts.items():
        file = entry_odcs.export_contract(hub, admin, name)
        assert entry_odcs.import_contract(hub, admin, name, file.content.decode()).what == "unchanged"
        shown = entries.show_entry(hub, admin, name)
        assert shown.text == text and shown.version == 1


def test_an_edited_export_changes_only_what_was_edited(hub, admin):
    """A new abstract, a renamed length and a new item come in; everything the workbook does not know stays."""
    registered(hub, admin)
    before = document(hub, admin, "death")
    file = directory_workbook.export_directory(hub, admin)
    made = openpyxl.load_workbook(io.BytesIO(file.content))
    sheet = made.worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[2]}
    for row in range(3, sheet.max_row + 1):
        if sheet.cell(row, heads["数据集名称"]).value == "death":
            sheet.cell(row, heads["信息资源摘要"]).value = "改过的摘要"
    stream = io.BytesIO()
    made.save(stream)
    view = directory_workbook.import_workbook(hub, admin, "目录.xlsx", stream.getvalue())
    assert {each.dataset: each.what for each in view.entries}["death"] == "changed" and view.applied
    after = document(hub, admin, "death")
    assert after["description"]["purpose"] == "改过的摘要"
    after["description"] = before["description"]
    assert after == before


def test_the_sharing_directory_leaves_out_what_is_not_shared(hub, admin, editor):
    """Entries and items of type 3 are not in the sharing directory; the full one has them."""
    directory_workbook.import_workbook(hub, editor, "2017.xlsx", books.merged())
    directory_workbook.import_workbook(hub, editor, "普查.xlsx", books.survey())
    names = {}
    for sharing in (False, True):
        file = directory_workbook.export_directory(hub, editor, PROVIDER, sharing=sharing)
        sheet = openpyxl.load_workbook(io.BytesIO(file.content)).worksheets[0]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
        names[sharing] = {row[1] for row in rows}
    assert names[True] < names[False] and names[False] - names[True] == {"低保对象信息"}
    assert file.name == "示例市民政局政务数据共享目录.xlsx"
