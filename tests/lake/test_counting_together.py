"""Counting over two tables joined by hidden subjects: what the join leaves out or cuts off finds nobody's value."""

from datetime import date, timedelta
from itertools import product

import pytest

from lake.duck import connect
from schemas.errors import QueryError
from schemas.grants import GrantedItem
from tests.lake.granted import EVERY, ask, grant, granted, plain
from tests.lake.people import MARRIAGES, PEOPLE, Hub, marriage, person

ODD, OTHER, TOWN = 40, 45, 80
DAYS = [date(1950, 1, 1) + timedelta(days=n * 7919 % 20000) for n in range(TOWN)]
PEOPLES = [GrantedItem("citizen_id", "condition"), *plain("name", "region"),
           GrantedItem("birth", "condition", comparisons=EVERY)]  # fmt: skip
LISTED = [*plain("first_id"), *plain("second_id_type")]
JOIN = "FROM people p JOIN marriages m ON p.citizen_id = m.first_id"


def _town(root, births, listed):
    """Publishes people of two regions, and a register that lists some of them, each with a type."""
    people = [person(n, "620400" if n < ODD else "620401", birth=birth) for n, birth in enumerate(births)]
    rows = [marriage(n, first_id=people[n]["citizen_id"], second_id_type=kind) for n, kind in listed.items()]
    with connect(256) as duck:
        Hub(root, PEOPLE, duck).sync(people)
        Hub(root, MARRIAGES, duck).sync(rows)
    return granted(root, grant("people", PEOPLES), grant("marriages", LISTED))


def _towns(root, listed, first, second):
    """Publishes a town, and the same after two of its people exchanged their birthdays."""
    swapped = list(DAYS)
    swapped[first], swapped[second] = DAYS[second], DAYS[first]
    return [_town(root / name, births, listed) for name, births in (("a", DAYS), ("b", swapped))]


def _answer(views, sql):
    try:
        return sorted(map(str, ask(views, sql)))
    except QueryError as error:
        return error.code


def _statements():
    """Counts with and without the join, by and within the cells of either table, before a day that tells the two."""
    wheres = ["", " AND p.region = '620400'", " AND p.region <> '620400'", " AND p.region = '620401'",
              " AND m.second_id_type = '414'", " AND m.second_id_type <> '414'", " AND m.second_id_type IS NULL",
              " AND m.second_id_type = '414' AND p.region = '620400'",
              " AND (m.second_id_type = '414' OR p.region = '620401')"]  # fmt: skip
    outs = ["count(*) AS n", "p.region, count(*) AS n", "count(DISTINCT m.s_first_id) AS n"]
    between = DAYS[ODD] + (DAYS[OTHER] - DAYS[ODD]) / 2
    for where, out in product(wheres, outs):
        group = " GROUP BY p.region" if "region," in out else ""
        yield f"SELECT {out} {JOIN} WHERE p.birth < '{between}'{where}{group}"
        if "m." not in where + out:
            yield f"SELECT {out} FROM people p WHERE p.birth < '{between}'{where}{group}"


@pytest.mark.parametrize("listed", [
    {n: "414" if n <= ODD else "111" for n in range(TOWN)},  # one of a region has the other region's type
    {n: "414" for n in range(TOWN) if n != ODD},  # one is not listed
    dict.fromkeys([*range(20), ODD], "414"),  # one of a region is listed
    {n: "414" if n < 20 or n == ODD else "111" for n in range(60)},
])  # fmt: skip
def test_differences_of_joins_single_nobody_out(tmp_path, listed):
    """Whoever the join or the other table's cells would single out may have anybody's birthday, for all one can ask."""
    towns = _towns(tmp_path, listed, ODD, OTHER)
    answered = 0
    for sql in _statements():
        first, second = (_answer(views, sql) for views in towns)
        assert first == second, sql
        answered += isinstance(first, list) and bool(first)
    assert answered > 5


def test_whole_cells_are_still_counted(tmp_path):
    """Where each part is large enough, the join counts by the cells of both tables."""
    views = _town(tmp_path, DAYS, {n: "414" if n % 2 else "111" for n in range(TOWN)})
    sql = f"SELECT p.region, m.second_id_type, count(*) AS n {JOIN} WHERE p.birth > '1900-01-01' GROUP BY 1, 2"
    assert sorted(row["n"] for row in ask(views, sql.replace("1, 2", "p.region, m.second_id_type"))) == [20] * 4


def test_a_subject_with_several_rows_is_not_joined(tmp_path):
    """How many rows somebody has in the other table would tell him."""
    listed = dict.fromkeys(range(TOWN), "414")
    views = _town(tmp_path, DAYS, listed)
    with connect(256) as duck:
        twice = [marriage(n + 100 * again, first_id=person(n)["citizen_id"]) for n in range(20) for again in (0, 1)]
        Hub(tmp_path / "twice", MARRIAGES, duck).sync(twice)
    views |= granted(tmp_path / "twice", grant("marriages", LISTED))
    with pytest.raises(QueryError, match="CONDITION_USE"):
        ask(views, f"SELECT count(*) AS n {JOIN} WHERE p.birth < '1990-01-01'")


@pytest.mark.parametrize("sql", [
    f"SELECT count(*) {JOIN} JOIN marriages n ON m.key_hash = n.key_hash WHERE p.birth < '1990-01-01'",
    f"SELECT count(*) {JOIN} JOIN marriages n ON p.citizen_id = n.first_id WHERE p.birth < '1990-01-01'",
    f"SELECT count(*) {JOIN} AND p.s_citizen_id = m.key_hash WHERE p.birth < '1990-01-01'",
    f"SELECT count(*) {JOIN} AND p.region = m.s_first_id WHERE p.birth < '1990-01-01'",
    "SELECT count(*) FROM people p JOIN people q ON p.citizen_id = q.citizen_id WHERE p.birth < '1990-01-01'"
    " AND q.birth > '1960-01-01'",
    "SELECT count(*) FROM people p JOIN people q ON p.birth = q.birth AND p.s_citizen_id = q.s_citizen_id",
])  # fmt: skip
def test_no_chain_of_joins(tmp_path, sql):
    """A third table, a second key, hidden values on both sides: each would cut out few; refused."""
    views = _town(tmp_path, DAYS, dict.fromkeys(range(TOWN), "414"))
    with pytest.raises(QueryError, match="CONDITION_USE"):
        ask(views, sql)
