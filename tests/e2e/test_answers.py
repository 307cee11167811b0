"""A city with twenty rows of every kind of defect, synced whole: every planted row found, every clean one published."""

from collections import Counter

import pytest

from examples import city
from examples.answers import ROW_ITEM, compare, row_number
from examples.registry import TABLES
from exchange import datasets
from tests.e2e import sources
from tests.e2e.conftest import ADMIN

#: The story takes more than a minute to tell: one process tells it.
pytestmark = pytest.mark.xdist_group("story")

DATASETS = list(city.CONTRACTS)
FIRST, SECOND, COMPARISON = range(3)
#: Read whole each time; the others are read from their cursor on.
WHOLE = ("legal_entity", "subsidy_payment", "marriage")


def _flags(dataset, chapter):
    return {row_number(dataset, row): row["flags"] or () for row in chapter.rows}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_city_has_twenty_rows_of_every_kind(story, dataset):
    """No kind of defect is tested by fewer than twenty rows."""
    planted = Counter(kind for answer in story.answers(dataset, 0) for kind in answer["kinds"])
    assert not [kind.name for kind in TABLES[dataset].defects if planted[kind.name] < 20]


@pytest.mark.parametrize("day", [FIRST, SECOND])
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_planted_row_and_no_clean_one(story, dataset, day):
    """Planted rows are rejected, flagged, doubled or tidied with their findings; clean rows are published unflagged."""
    flags = _flags(dataset, story.chapters[dataset][day])
    assert compare(story.answers(dataset, day), story.rejected(dataset, day), flags) == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_comparison_rejects_the_same_rows(story, dataset):
    """Reading the whole source again, after increments, keeps back exactly the rows that are bad in it."""
    last = story.chapters[dataset][COMPARISON]
    assert compare(story.answers(dataset, SECOND), last.rejected, _flags(dataset, last)) == []


@pytest.mark.parametrize("chapter", [FIRST, SECOND, COMPARISON])
@pytest.mark.parametrize("dataset", DATASETS)
def test_the_ledger_balances(story, dataset, chapter):
    """Every record read is accounted for once, and so is every published row.

    A deletion of an exchange table is an accepted record that inserts and updates nothing: it counts as deleted, or as
    unchanged when there was nothing to delete.
    """
    told = story.chapters[dataset][chapter]
    run = told.run
    assert run.extracted == run.accepted + run.quarantined + run.duplicates
    deletions = run.deleted if dataset == "death" else 0
    assert run.accepted == run.inserted + run.updated + run.unchanged + deletions
    assert run.rows_after == run.rows_before + run.inserted - run.deleted == len(told.rows)
    assert run.quarantined == len(told.rejected) >= run.conflicts
    assert len({(row.row, row.place) for row in told.rejected}) == len(told.rejected)
    if dataset in WHOLE or chapter != SECOND:
        assert run.extracted == len(told.source)
    before = story.chapters[dataset][chapter - 1].run.rows_after if chapter else 0
    assert run.rows_before == before


@pytest.mark.parametrize("chapter", [FIRST, SECOND, COMPARISON])
@pytest.mark.parametrize("dataset", DATASETS)
def test_published_rows_are_those_of_the_source(story, dataset, chapter):
    """Each published cell is what a second reading of the source, without the hub, says it is."""
    told, answers = story.chapters[dataset][chapter], story.answers(dataset, min(chapter, 1))
    source = told.source
    if dataset in ("population", "licence") and chapter == SECOND:
        # A time column does not show what is gone: rows deleted at the source stay until the comparison.
        source = _with_deleted(dataset, source, story.chapters[dataset][FIRST].source)
        assert len(source) > len(told.source)
    wanted = sources.published(dataset, source, answers)
    assert sources.differences(dataset, wanted, told.rows, answers) == []


def _with_deleted(dataset, now, before):
    column = sources.items(dataset)[ROW_ITEM[dataset]][0]
    there = {row[column] for row in now}
    return [*now, *(row for row in before if row[column] not in there)]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_day_of_changes_is_seen(story, dataset):
    """Rows of the day are inserted, updated and deleted, and nothing else is touched."""
    first, second, last = (chapter.run for chapter in story.chapters[dataset])
    assert min(second.inserted, second.updated) > 0
    assert (second.version, second.mode) == (2, first.mode if dataset in WHOLE else second.mode)
    seen = last if dataset in ("population", "licence") else second
    assert seen.deleted > 0
    assert (last.inserted, last.updated) == (0, 0)
    assert last.version == (3 if last.deleted else 2)


def test_payments_of_a_person(story):
    """A look-up gives all payments of the person, and no other's."""
    wanted, persons = _by_person(story, "subsidy_payment", {"公民身份号码": "本人"})
    assert sum(len(rows) for rows in wanted.values()) > 10 * len(persons)
    for number in persons:
        assert _looked_up(story, "subsidy_payment", number) == wanted[number]


def test_marriages_of_both(story):
    """A look-up by either of the two persons gives the row, with the role that the person has in it."""
    wanted, persons = _by_person(story, "marriage", {"sqr_zjhm": "本人", "po_zjhm": "配偶"})
    for number in persons:
        assert _looked_up(story, "marriage", number) == wanted[number]
    assert {role for number in persons for _, role in wanted[number]} == {"本人", "配偶"}


def _by_person(story, dataset, columns):
    """Person -> (row number, role) of every published row, and every person in some 200 rows' worth of the table."""
    told = story.chapters[dataset][COMPARISON]
    rows = sources.published(dataset, told.source, story.answers(dataset, SECOND))
    wanted = {}
    for number, row in rows.items():
        for column, role in columns.items():
            wanted.setdefault(sources.person(row[column]), set()).add((number, role))
    step = max(len(rows) // 200, 1) if dataset == "marriage" else 1
    persons = [sources.person(row[column]) for row in list(rows.values())[::step] for column in columns]
    return wanted, list(dict.fromkeys(persons))[: 200 * len(columns)]


def _looked_up(story, dataset, number):
    found = datasets.lookup(story.hub, ADMIN, dataset, number)
    return {(row_number(dataset, row.values), role) for row in found.rows for role in row.roles}
