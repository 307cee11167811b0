"""The survey of information systems: import whole or not at all, verdicts, systems without entries, whose they are."""

import io
from dataclasses import replace

import openpyxl
import pytest

from catalog.stores import departments
from exchange import entries, survey
from exchange.access import Actor
from exchange.survey_workbook import COLUMNS, SHEET, read
from schemas.errors import Denied, InputError
from tests.exchange.small_city import PROVIDER, contract

EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER, "portal")
OTHER = "11620400XX00C0014G"
HEADINGS = [column.heading for column in COLUMNS]
SERVER = {"connector": "file", "location": "/nowhere.csv", "format": "csv", "mode": "snapshot"}


def sheet(*rows, headings=HEADINGS):
    """Writes a survey sheet of rows by heading."""
    book = openpyxl.Workbook()
    book.active.title = SHEET
    book.active.append(headings)
    for row in rows:
        book.active.append([row.get(heading) for heading in headings])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def system(name, verdict="保留", **more):
    """Makes a row."""
    return {"信息系统名称": name, "清理意见": verdict, "运行网络": "政务外网", "建成年份": 2018, **more}


@pytest.fixture
def offices(hub, clock):
    """Two departments."""
    with hub.transaction() as connection:
        departments.save(connection, PROVIDER, "示例市公安局", clock.now())
        departments.save(connection, OTHER, "示例市民政局", clock.now())


def test_import_again_changes_what_changed(hub, offices):
    """The first import adds, the second mends; the list counts verdicts."""
    done = survey.import_systems(hub, EDITOR, sheet(system("人口系统"), system("旧台账", "清理")))
    assert (done.rows, done.added, done.changed, done.faults) == (2, 2, 0, ())
    done = survey.import_systems(hub, EDITOR, sheet(system("人口系统", "整合", 数据量="1200万条")))
    assert (done.added, done.changed) == (0, 1)
    found = survey.list_systems(hub, EDITOR)
    assert [(s.name, s.verdict_name, s.facts.get("volume")) for s in found.systems] == [
        ("人口系统", "整合", "1200万条"),
        ("旧台账", "清理", None),
    ]
    assert found.verdicts == {"保留": 0, "整合": 1, "清理": 1} and found.without_entries == 1


def test_faults_by_place_and_nothing_taken_in(hub, offices):
    """Each fault has its cell; one fault keeps the whole sheet out."""
    rows = [
        system("好系统"),
        system("", "保留"),
        system("坏系统", "留着", 建成年份="二〇一八"),
        system("别家系统", 主管部门统一社会信用代码=OTHER),
        system("无主系统", 主管部门统一社会信用代码="11620400XX00Z0000X"),
        system("好系统"),
    ]
    done = survey.import_systems(hub, EDITOR, sheet(*rows))
    assert {(f.row, f.column, f.cell) for f in done.faults} == {
        (3, "信息系统名称", "A3"),
        (4, "清理意见", "J4"),
        (4, "建成年份", "G4"),
        (5, "主管部门统一社会信用代码", "B5"),
        (6, "主管部门统一社会信用代码", "B6"),
        (7, "信息系统名称", "A7"),
    }
    assert survey.list_systems(hub, EDITOR).systems == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG", b"PK\x03\x04", sheet(headings=["别的"]), sheet(), sheet(headings=[])],
)
def test_broken_sheets(hub, offices, content):
    """What is no survey sheet is refused with what to do."""
    with pytest.raises(InputError) as caught:
        survey.import_systems(hub, EDITOR, content)
    assert caught.value.next_step


def test_systems_without_entries(hub, admin, offices):
    """A system has an entry where the sheet names it or a contract names the system; the report lists the others."""
    entries.apply(hub, admin, contract(server=SERVER, source_system="人口系统"), "a.yaml", publish=True)
    rows = [
        system("人口系统"),
        system("户籍库", 已编目录条目="人口person，不存在的条目"),
        system("老系统"),
        system("弃用", "清理"),
    ]
    survey.import_systems(hub, EDITOR, sheet(*rows))
    found = {each.name: (each.entries, each.unknown) for each in survey.list_systems(hub, EDITOR).systems}
    assert found == {
        "人口系统": (("person",), ()),
        "户籍库": (("person",), ("不存在的条目",)),
        "老系统": ((), ()),
        "弃用": ((), ()),
    }
    report = read(survey.systems_without_entries(hub, EDITOR).content)
    assert [row.facts["name"] for row in report.rows] == ["老系统"] and not report.faults


def test_the_template_is_what_import_reads(hub, offices):
    """The template has every column and is refused only for being empty."""
    made = survey.survey_template(hub, EDITOR)
    book = openpyxl.load_workbook(io.BytesIO(made.content))
    assert [cell.value for cell in book[SHEET][1]] == HEADINGS
    with pytest.raises(InputError, match="没有信息系统"):
        survey.import_systems(hub, EDITOR, made.content)


def test_whose_systems(hub, offices):
    """Another department sees none of them; a window may not look."""
    survey.import_systems(hub, EDITOR, sheet(system("人口系统")))
    assert survey.list_systems(hub, replace(EDITOR, department=OTHER)).systems == []
    with pytest.raises(Denied):
        survey.list_systems(hub, Actor("w", frozenset({"window"}), PROVIDER))
    with pytest.raises(Denied):
        survey.import_systems(hub, Actor("i", frozenset({"inspector"}), PROVIDER), b"")


def test_an_entry_is_not_named_like_a_system(hub, admin, offices):
    """L1: the names of the survey keep entries from being named after a system."""
    from exchange.entry_publication import check_submission  # noqa: PLC0415
    from schemas import contract as contracts  # noqa: PLC0415
    from schemas.contract.lint import refused  # noqa: PLC0415

    survey.import_systems(hub, EDITOR, sheet(system("人口person")))
    with hub.transaction() as connection:
        results = check_submission(connection, contracts.load(contract(server=SERVER), "a.yaml"))
    assert "L1" in {result.id for result in refused(results)}


def test_a_sheet_as_departments_have_it(hub, offices):
    """A title above the headings, a formula, a lost number and merged cells: faults by cell, nothing by halves."""
    book = openpyxl.Workbook()
    book.active.title = SHEET
    book.active.append(["某市信息系统普查表"])
    book.active.append(HEADINGS)
    for name in ("一号系统", "二号系统"):
        book.active.append([system(name, "保留").get(heading) for heading in HEADINGS])
    book.active["F3"] = "=1+1"
    book.active["K4"] = 12345678901234567
    stream = io.BytesIO()
    book.save(stream)
    done = survey.import_systems(hub, EDITOR, stream.getvalue())
    assert [(f.row, f.cell, f.says[:5]) for f in done.faults] == [(3, "F3", "单元格是公"), (4, "K4", "数字超过1")]
    assert survey.list_systems(hub, EDITOR).systems == []


def test_another_departments_draft_is_no_answer(hub, admin, offices):
    """A sheet that names another department's draft does not learn that there is one."""
    entries.apply(hub, admin, contract(server=SERVER), "a.yaml")
    survey.import_systems(hub, replace(EDITOR, department=OTHER), sheet(system("探路", 已编目录条目="人口person")))
    [found] = survey.list_systems(hub, replace(EDITOR, department=OTHER)).systems
    assert (found.entries, found.unknown) == ((), ("人口person",))
