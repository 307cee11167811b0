"""Scores of entries and runs, the result of a run, the conformance report as a workbook."""

from io import BytesIO

import openpyxl
import pytest

from exchange import entries, sync
from exchange.access import Actor
from exchange.conformance import Line, Report, as_workbook, report
from exchange.quality_scores import entry_quality, list_scores, run_result
from quality.scores import DIMENSIONS
from schemas.errors import Denied, InputError, NotFound
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, person, write_csv

EDITOR = Actor("bian", frozenset({"editor"}), PROVIDER, "portal")
ANALYST = Actor("fen", frozenset({"analyst"}), "11620400XX00C0014G", "portal")
OTHER = Actor("bie", frozenset({"editor"}), "11620400XX00C0014G", "portal")


@pytest.fixture
def source(hub, admin, tmp_path):
    """A register of 98 people in a file, two of them wrong; synced once."""
    path = tmp_path / "people.csv"
    write_csv(path, [*people(96), person(200) | {"xb": "7"}, person(201) | {"csrq": "2020-13-01"}])
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    assert sync.run(hub, admin, "person").state == "published"
    return path


def test_a_score_in_six_dimensions_with_its_basis(hub, source):
    """Wrong codes and dates lower 规范性; each dimension says what it was computed from."""
    [score] = list_scores(hub, ANALYST)
    by_name = {each.name: each for each in score.dimensions}
    assert tuple(by_name) == DIMENSIONS
    assert 99 < by_name["规范性"].score < 100 and by_name["规范性"].failing == 2
    assert "性别代码 1" in by_name["规范性"].basis
    assert by_name["完整性"].score == by_name["时效性"].score == by_name["可访问性"].score == 100.0
    assert 99 < score.total < 100


def test_data_that_is_late_or_not_delivered_scores_less(hub, admin, source, clock):
    """54 hours after a daily entry's batch 时效性 is half; a failed sync lowers 可访问性."""
    clock.forward(hours=54)
    source.unlink()
    with pytest.raises(Exception, match="SOURCE"):
        sync.run(hub, admin, "person")
    by_name = {each.name: each.score for each in entry_quality(hub, EDITOR, "person").score.dimensions}
    assert (by_name["时效性"], by_name["可访问性"]) == (50.0, 50.0)


def test_the_trend_follows_the_runs(hub, admin, source, clock):
    """A better batch a day later scores more; one that came three days late scores nothing in 时效性."""
    clock.forward(days=1)
    write_csv(source, people(98))
    sync.run(hub, admin, "person")
    clock.forward(days=3)
    sync.run(hub, admin, "person")
    first, second, third = entry_quality(hub, EDITOR, "person").trend
    timely = [next(d.score for d in each.dimensions if d.name == "时效性") for each in (first, second, third)]
    assert timely == [None, 100.0, 0.0]
    assert second.total == 100.0 > first.total > third.total


def test_an_entry_without_a_run_has_no_total(hub, admin, tmp_path):
    """Nothing is scored before anything was published; unknown entries are not found."""
    entries.apply(hub, admin, contract(server=csv_server(tmp_path / "x.csv")), "person.yaml", publish=True)
    [score] = list_scores(hub, EDITOR)
    assert score.total is None and entry_quality(hub, EDITOR, "person").trend == ()
    with pytest.raises(NotFound):
        entry_quality(hub, EDITOR, "nobody")


def test_a_draft_is_not_scored_for_others(hub, admin, tmp_path):
    """Another department learns nothing of an entry that is not published."""
    entries.apply(hub, admin, contract(server=csv_server(tmp_path / "x.csv")), "person.yaml")
    assert list_scores(hub, EDITOR) == []
    with pytest.raises(NotFound):
        entry_quality(hub, ANALYST, "person")


def test_the_result_of_a_run_names_rules_counts_and_rows(hub, admin, source):
    """Each expectation has its counts; failing ones come first with row numbers, and no value."""
    [run] = sync.list_runs(hub, admin)
    found = run_result(hub, EDITOR, run.run_id)
    assert (found.rows, found.bad_rows, found.success) == (98, 2, False)
    first = found.rules[0]
    assert not first.success and first.unexpected == 1 and len(first.rows) == 1 and first.rows[0] > 96
    # A date that cannot be read is missing in GX's eyes as well.
    assert {rule.id for rule in found.rules if not rule.success} == {
        "kind.sex_code", "kind.birth_date", "required.birth_date",
    }  # fmt: skip
    assert found.evaluated == len(found.rules) == found.successful + 3
    assert person(200)["gmsfhm"] not in repr(found)
    with pytest.raises(Denied):
        run_result(hub, OTHER, run.run_id)
    with pytest.raises(NotFound):
        run_result(hub, EDITOR, "no-such")
    with pytest.raises(NotFound):
        run_result(hub, EDITOR, sync.begin(hub, admin, "person"))


def test_the_conformance_report_has_directory_sharing_and_data_rules(hub, admin, source):
    """Rules L, R and those of the gate stand with their counts, for a department and for a batch."""
    [run] = sync.list_runs(hub, admin)
    found = report(hub, EDITOR, department=PROVIDER)
    rules = {line.rule for line in found.lines}
    assert {"L1", "L15", "R-06", "kind.sex_code"} <= rules and found.failing == 3
    line = next(each for each in found.lines if each.rule == "kind.sex_code")
    assert (line.evaluated, line.failing, line.conforms, line.run_id) == (98, 1, False, run.run_id)
    assert report(hub, EDITOR, run=run.run_id).lines == found.lines
    for actor, facts in ((OTHER, {"department": PROVIDER}), (OTHER, {"run": run.run_id}), (ANALYST, {})):
        with pytest.raises(Denied):
            report(hub, actor, **facts)
    with pytest.raises(InputError):
        report(hub, EDITOR)


def test_the_workbook_writes_codes_as_text():
    """A department code keeps its zeros, a text that looks like a formula stays a text, counts are numbers."""
    names = ("012345678901234567", "=1+1", "person", "人口", "007")
    line = Line(*names, "r", "数据规则", "x", "@说明", "错误", 10, 1, False)
    book = openpyxl.load_workbook(BytesIO(as_workbook(Report("r.xlsx", (line,)))))
    cells = list(book.active[2])
    assert [cell.value for cell in cells[:5]] == list(names)
    assert all(cell.data_type == "s" and cell.number_format == "@" for cell in cells[:5])
    assert [cell.value for cell in cells[-3:]] == [10, 1, "不符合"]
