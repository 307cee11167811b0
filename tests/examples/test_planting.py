"""Defects and dirt are planted as planned, reproducibly, and the contracts and findings know what they are about."""

from collections import Counter
from itertools import pairwise

import pytest

from examples import city, planting
from examples.planting import Plan, Planter
from examples.registry import TABLES
from examples.tables import Frame, Sizes
from schemas.contract import load
from schemas.findings import codes

DATASETS = tuple(TABLES)


def planter(dataset: str, plan: Plan, rows: int | None = None, seed: int = 1) -> Planter:
    """Makes a planter of one table."""
    sizes = city.enlarged(Sizes(), plan)
    return Planter(Frame(seed, sizes), TABLES[dataset], rows or sizes.of(dataset), plan)


@pytest.mark.parametrize("dataset", DATASETS)
def test_each_kind_often_enough(dataset: str) -> None:
    """With twenty rows a kind asked for, each kind has twenty, some rows carry three, and few enough are rejected."""
    made = planter(dataset, Plan(min_per_kind=20))
    answers = [answer for _, found in made.stretches() for answer in found]
    counted = Counter(name for answer in answers for name in answer.kinds)
    assert {kind.name: counted[kind.name] for kind in made.table.defects if counted[kind.name] < 20} == {}
    assert sum(len(answer.kinds) >= 3 for answer in answers) >= 20
    rejected = sum(answer.disposition == "quarantine" for answer in answers)
    assert rejected + sum(answer.partner is not None for answer in answers) < 0.05 * made.rows


def test_many_kinds() -> None:
    """There are far more than thirty kinds, every name once in a table."""
    names = {kind.name for table in TABLES.values() for kind in table.defects}
    assert len(names) >= 100
    for table in TABLES.values():
        assert len(table.defects) >= 40
        every = [kind.name for kind in (*table.defects, *table.dirt)]
        assert len(every) == len(set(every))


@pytest.mark.parametrize("dataset", DATASETS)
def test_two_per_cent_by_default(dataset: str) -> None:
    """By default two rows in a hundred are bad and two more untidy."""
    made = planter(dataset, Plan(), rows=10_000)
    answers = [answer for _, found in made.stretches() for answer in found]
    bad = sum(answer.disposition != "normalised" for answer in answers)
    assert 185 <= bad <= 200
    assert 170 <= len(answers) - bad <= 200


@pytest.mark.parametrize("dataset", DATASETS)
def test_contract_and_findings_know_the_answers(dataset: str) -> None:
    """Every expected code is a finding and every expected item an item of the dataset's contract."""
    entry = load(city.CONTRACTS[dataset].read_text("utf-8"), dataset).entry
    names = {item.name for item in entry.items} | {""}
    for kind in (*TABLES[dataset].defects, *TABLES[dataset].dirt):
        assert {found.code for found in kind.findings} <= set(codes())
        assert {found.item for found in kind.findings} | set(kind.tidied) <= names
        assert {code for code in kind.may if code != "*"} <= set(codes())


@pytest.mark.parametrize("dataset", DATASETS)
def test_stretches_do_not_depend_on_each_other(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stretch alone is the same as within the whole; another seed gives other rows."""
    monkeypatch.setattr(planting, "STRETCH", 1_000)
    rows = 2_100
    whole = list(planter(dataset, Plan(), rows).stretches())
    alone, answers = planter(dataset, Plan(), rows).stretch(1_000)
    assert alone.equals(whole[1][0])
    assert answers == whole[1][1]
    assert not planter(dataset, Plan(), rows, seed=2).stretch(1_000)[0].equals(alone)


def test_planted_rows_stand_apart() -> None:
    """The row before a planted one is clean, so that it can be copied."""
    records = sorted(answer.record for _, found in planter("population", Plan()).stretches() for answer in found)
    assert min(later - earlier for earlier, later in pairwise(records)) >= 2


def test_half_of_the_rows_bad() -> None:
    """For measurements every second row may be bad; more is refused with what to do."""
    made = planter("population", Plan(0.5, 0.0), rows=4_000)
    answers = [answer for _, found in made.stretches() for answer in found]
    assert len(answers) > 1_600
    with pytest.raises(ValueError, match="ask for more rows or fewer"):
        next(planter("population", Plan(0.6, 0.0), rows=4_000).stretches())


def test_no_planted_rows_at_all() -> None:
    """A table without any defect can be made."""
    assert [found for _, found in planter("licence", Plan(0.0, 0.0), rows=500).stretches()] == [[]]
