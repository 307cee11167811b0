"""Uploads: template, faults by place, full and increment through a run, declarations of no change, whose they are."""

import io
from dataclasses import replace

import openpyxl
import pytest

from catalog.stores import datasets, runs
from exchange import entries, sync, uploads
from exchange.access import Actor
from exchange.upload_files import upload_location
from schemas.errors import Denied, HubError, InputError, StateError
from tests.exchange.small_city import PROVIDER, citizen_id, contract, people

HEADINGS = ("公民身份号码", "姓名", "性别代码", "出生日期")
SOURCES = ("gmsfhm", "xm", "xb", "csrq")
EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER, "portal")


def workbook(rows, headings=HEADINGS, sheet="数据"):
    """Writes rows of people as a department would."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    book.active.append(headings)
    for row in rows:
        book.active.append([row[name] for name in SOURCES])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def as_csv(rows, encoding="gb18030"):
    """Writes rows as a CSV file."""
    lines = [",".join(HEADINGS), *(",".join(row[name] for name in SOURCES) for row in rows)]
    return "\r\n".join(lines).encode(encoding)


@pytest.fixture
def person(hub, admin):
    """An entry whose department uploads files."""
    server = {"connector": "file", "location": upload_location("person"), "format": "workbook", "mode": "snapshot"}
    entries.apply(hub, admin, contract(server=server), "person.yaml", publish=True)
    return "person"


def hand_in(hub, content, kind="full", name="人口.xlsx"):
    """Checks and submits a file."""
    return uploads.submit(hub, EDITOR, uploads.check(hub, EDITOR, "person", name, content, kind).id)


def test_template_reads_back(hub, person):
    """The template has the items' titles as headings, text columns, a drop-down of the code set, and can be filled."""
    made = uploads.data_template(hub, EDITOR, "person")
    assert made.name == "人口person_数据填报模板.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(made.content))
    sheet = book["数据"]
    assert [cell.value for cell in sheet[1]] == list(HEADINGS)
    assert sheet.column_dimensions["A"].width > 0 and book.sheetnames == ["数据", "填报说明", "代码集"]
    [choice] = sheet.data_validations.dataValidation
    assert str(choice.sqref).startswith("C2")
    assert "公民身份号码" in [cell.value for cell in book["填报说明"]["A"]]
    for column, value in enumerate((citizen_id(1), "张三", "男" if int(citizen_id(1)[16]) % 2 else "女"), 1):
        sheet.cell(2, column, value)
    sheet.cell(2, 4, people(2)[1]["csrq"])
    filled = io.BytesIO()
    book.save(filled)
    view = uploads.check(hub, EDITOR, "person", "填好.xlsx", filled.getvalue())
    assert (view.state, view.rows, view.faults) == ("checked", 1, [])


def test_full_then_increment_then_full(hub, person, admin, settings):
    """A full file is the whole table; an increment adds and changes by key and deletes nothing."""
    view = hand_in(hub, workbook(people(5)))
    assert (view.state, view.run_state) == ("submitted", "published")
    run = sync.show_run(hub, admin, view.run_id)
    assert (run.mode, run.inserted, run.extracted) == ("snapshot", 5, 5)
    changed = [people(5)[0] | {"xm": "李四"}, *people(2, start=5)]
    run = sync.show_run(hub, admin, hand_in(hub, as_csv(changed), "increment", "增量.csv").run_id)
    assert (run.mode, run.inserted, run.updated, run.deleted, run.rows_after) == ("watermark", 2, 1, 0, 7)
    run = sync.show_run(hub, admin, hand_in(hub, workbook(people(7)[1:])).run_id)
    assert (run.deleted, run.rows_after) == (1, 6)
    left = [path for path in (settings.var / "uploads").rglob("*") if path.is_file()]
    assert left == []


def test_faults_by_place_before_anything_is_published(hub, person):
    """Each fault names sheet, row, column and cell; the stored report holds no value; a mended file goes through."""
    rows = people(4)
    rows[1] = rows[1] | {"gmsfhm": "620402196001019999", "xb": "9x"}
    rows[3] = rows[3] | {"xm": ""}
    view = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(rows))
    assert (view.state, view.rows, view.faulty_rows) == ("faulty", 4, 2)
    found = {(f["sheet"], f["row"], f["column"], f["cell"], f["code"]) for f in view.faults}
    assert ("数据", 3, "性别代码", "C3", "CODE_UNKNOWN") in found
    assert ("数据", 5, "姓名", "B5", "ITEM_MISSING") in found
    assert any(column == "公民身份号码" and cell == "A3" for _, _, column, cell, _ in found)
    assert "620402196001019999" not in repr(view)
    with hub.transaction() as connection:
        assert datasets.find(connection, "person") is None
        assert runs.list_recent(connection, "person", 5) == []
    mended = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(4)))
    assert mended.state == "checked"


def test_equal_keys_are_faults(hub, person):
    """The same key with another content is a conflict on both rows; the same row twice is a duplicate."""
    rows = people(3)
    rows += [rows[0] | {"xm": "王五"}, rows[1]]
    view = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(rows))
    assert [(f["row"], f["code"]) for f in view.faults] == [(2, "KEY_CONFLICT"), (5, "KEY_CONFLICT")]
    assert view.duplicates == 1


def test_faulty_rows_may_wait_as_problem_data(hub, person, admin):
    """A file with a few faulty rows can be submitted: these rows are problem data, the others are published."""
    rows = people(40)
    rows[7] = rows[7] | {"csrq": "1960-13-45"}
    run = sync.show_run(hub, admin, hand_in(hub, workbook(rows)).run_id)
    assert (run.state, run.accepted, run.quarantined) == ("published", 39, 1)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xlsx", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "UPLOAD_FORMAT"),
        ("a.xlsx", b"PK\x03\x04broken", "UPLOAD_FORMAT"),
        ("a.pdf", b"%PDF-1.7", "UPLOAD_FORMAT"),
        ("a.xlsx", workbook([]), "UPLOAD_EMPTY"),
        ("a.xlsx", workbook(people(1), ("公民身份号码", "名字", "性别代码", "出生日期")), "UPLOAD_COLUMNS"),
        ("a.csv", "公民身份号码,姓名\n1,2\n".encode(), "UPLOAD_COLUMNS"),
        ("a.xlsx", workbook(people(1), ("", "", "", "")), None),
        ("a.csv", b"", None),
    ],
)
def test_unreadable_files_get_a_clear_error(hub, person, name, content, code):
    """What is no table of this entry is refused as a whole, in plain words."""
    with pytest.raises(HubError) as caught:
        uploads.check(hub, EDITOR, "person", name, content)
    assert caught.value.next_step
    assert code is None or caught.value.code == code


def test_macro_is_refused(hub, person):
    """A workbook with a macro is not opened."""
    import zipfile  # noqa: PLC0415

    made = io.BytesIO(workbook(people(1)))
    with zipfile.ZipFile(made, "a") as package:
        package.writestr("xl/vbaProject.bin", b"macro")
    with pytest.raises(InputError, match="宏"):
        uploads.check(hub, EDITOR, "person", "a.xlsx", made.getvalue())


def test_no_change_counts_as_an_update(hub, person, clock):
    """The declaration moves the data time; without any data there is nothing to declare."""
    with pytest.raises(StateError, match="还没有填报"):
        uploads.declare(hub, EDITOR, "person", "2026年11月")
    hand_in(hub, workbook(people(3)))
    clock.forward(days=31)
    view = uploads.declare(hub, EDITOR, "person", "2026年12月")
    assert (view.kind, view.state, view.period) == ("no_change", "declared", "2026年12月")
    with hub.transaction() as connection:
        held = datasets.find(connection, "person")
    assert held.data_time == clock.now() and held.current_version == 1 and held.rows == 3


def test_a_file_is_submitted_once(hub, person):
    """The same upload makes one run; afterwards there is nothing left to submit."""
    view = hand_in(hub, workbook(people(2)))
    with pytest.raises(StateError, match="已经提交"):
        uploads.submit(hub, EDITOR, view.id)


def test_an_increment_waits_for_a_held_batch(hub, person):
    """A held increment would be lost under a newer one, so that one is refused; a full file replaces it."""
    hand_in(hub, workbook(people(40)))
    view = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(10)))
    assert uploads.submit(hub, EDITOR, view.id).run_state == "held"
    more = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(2, start=50)), "increment")
    with pytest.raises(StateError, match="暂缓发布"):
        uploads.submit(hub, EDITOR, more.id)
    assert hand_in(hub, workbook(people(41))).run_state == "published"
    assert uploads.submit(hub, EDITOR, more.id).run_state == "published"


def test_what_an_earlier_file_left_is_not_published(hub, person, admin):
    """A failed run of an earlier file gives way to the mended file, and the same trigger can be tried again."""
    first = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(3)))
    faults = hub.faults
    object.__setattr__(hub, "faults", Failing(faults, "validate.started"))
    with pytest.raises(HubError):
        uploads.submit(hub, EDITOR, first.id)
    object.__setattr__(hub, "faults", faults)
    run = sync.show_run(hub, admin, hand_in(hub, workbook(people(5))).run_id)
    assert (run.rows_after, run.state) == (5, "published")
    assert uploads.submit(hub, EDITOR, first.id).run_state in {"published", "held"}


class Failing:
    """Fault points of which one breaks."""

    def __init__(self, inner, point):
        self.inner, self.point = inner, point

    def reach(self, point):
        """Breaks at the point."""
        if point == self.point:
            raise OSError(5, "io")
        self.inner.reach(point)


def test_only_ones_own_department(hub, person):
    """Another department's editor can neither see, check, submit nor declare; other roles may not upload."""
    view = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(2)))
    other = replace(EDITOR, name="other", department="11620400XX00C0014G")
    for act in (
        lambda: uploads.check(hub, other, "person", "a.xlsx", workbook(people(2))),
        lambda: uploads.submit(hub, other, view.id),
        lambda: uploads.declare(hub, other, "person", "2026年"),
        lambda: uploads.show_upload(hub, other, view.id),
        lambda: uploads.data_template(hub, other, "person"),
        lambda: uploads.check(hub, Actor("w", frozenset({"window"}), PROVIDER), "person", "a", b""),
    ):
        with pytest.raises(Denied):
            act()
    assert uploads.list_uploads(hub, other).entries == [] and uploads.list_uploads(hub, other).uploads == []
    board = uploads.list_uploads(hub, EDITOR)
    assert [e.dataset for e in board.entries] == ["person"] and [u.id for u in board.uploads] == [view.id]


def test_an_entry_with_a_source_takes_no_upload(hub, admin, tmp_path):
    """A table or a file that the hub fetches is not uploaded; the scheduler gets no upload entry."""
    from tests.exchange.small_city import csv_server  # noqa: PLC0415

    entries.apply(hub, admin, contract(server=csv_server(tmp_path / "p.csv")), "person.yaml", publish=True)
    with pytest.raises(StateError, match="不是文件填报"):
        uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(1)))


def test_the_scheduler_fetches_no_upload(hub, person, settings):
    """An uploaded entry has no DAG: there is nothing to fetch."""
    assert '"entries": []' in (settings.directory / "dags.json").read_text(encoding="utf-8")
