"""Whatever the grant and the statement: the rows and values that leave are those of a plain model of the grant."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import QueryError
from schemas.grants import Comparison, GrantedItem, Predicate, RowFilter
from schemas.masks import MASKS, default_mask, mask_value
from tests.lake.granted import ask, build, grant, granted, numbered
from tests.lake.people import PEOPLE

ITEMS = ["citizen_id", "name", "birth", "region", "count", "alive", "memo", "amount"]
ROWS = [numbered(n) for n in range(120)]
BY_NAME = {each.name: each for each in PEOPLE.items}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Both datasets, published."""
    return build(tmp_path_factory.mktemp("rewrite"))


_STATES = st.sampled_from(["plain", "masked", "masked", "condition", None])
_PREDICATES = st.sampled_from(
    [
        Predicate("count", "<", ("50",)), Predicate("name", ">", ("金丝雀060",)), Predicate("alive", "=", ("true",)),
        Predicate("birth", "between", ("1955-01-01", "1975-01-01")), Predicate("region", "in", ("620400", "110101")),
        Predicate("memo", "is null"), Predicate("amount", "<>", ("5",)), Predicate("count", ">=", ("10",)),
    ]
)  # fmt: skip


@st.composite
def grants(draw):
    """Draws what is granted of PEOPLE: a state and perhaps a mask for each item, a region, predicates."""
    items = []
    for name in draw(st.permutations(ITEMS)):
        state = draw(_STATES)
        mask = draw(st.sampled_from([None, "hidden", "first"])) if state == "masked" else None
        if state:
            items.append(GrantedItem(name, state, mask, ("=", "<", ">") if state == "condition" else ()))
    prefixes = draw(st.sampled_from([(), ("62",), ("620400", "11"), ("99",)]))
    region = "region" if prefixes else None
    return grant("people", items, RowFilter(region, prefixes, tuple(draw(st.lists(_PREDICATES, max_size=2)))))


def model(given_grant):
    """Returns what a grant gives, computed row by row in Python."""
    out = []
    for row in ROWS:
        rows = given_grant.rows
        if rows.region_item and not row["region"].startswith(rows.region_prefixes):
            continue
        if all(_meets(row[p.item], p.comparison, p.values, p.item) for p in rows.predicates):
            out.append({i.name: _shown(i, row[i.name]) for i in given_grant.items if i.state != "condition"})
    return out


def _meets(value, comparison: Comparison, values, item):
    if value is None or comparison == "is null":
        return value is None and comparison == "is null"
    parse = {"count": int, "birth": date.fromisoformat, "alive": "true".__eq__, "amount": float}.get(item, str)
    wanted = [parse(each) for each in values]
    value = float(value) if item == "amount" else value
    return {
        "<": value < wanted[0], ">": value > wanted[0], ">=": value >= wanted[0], "=": value == wanted[0],
        "<>": value != wanted[0], "in": value in wanted, "between": wanted[0] <= value <= wanted[-1],
    }[comparison]  # fmt: skip


def _shown(item, value):
    value = value.quantize(Decimal("0.01")) if item.name == "amount" else value
    return mask_value(item.mask or default_mask(BY_NAME[item.name]), value) if item.state == "masked" else value


def _as_text(rows):
    return sorted(str([row[name] for name in sorted(row)]) for row in rows)


quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(given_grant=grants(), data=st.data())
def test_what_leaves_is_what_the_grant_gives(root, given_grant, data):
    """Stars, chosen columns, subqueries and filters over any grant give the model's rows and values, no other."""
    views, expected = granted(root, given_grant), model(given_grant)
    readable = [item.name for item in given_grant.items if item.state != "condition"]
    if not readable:
        with pytest.raises(QueryError):
            ask(views, "SELECT * FROM people")
        assert ask(views, "SELECT count(*) AS n FROM people") == [{"n": len(expected)}]
        return
    assert _as_text(ask(views, "SELECT * FROM people")) == _as_text(expected)
    some = data.draw(st.lists(st.sampled_from(readable), min_size=1, max_size=3, unique=True))
    sql = f"WITH x AS (SELECT {', '.join(some)}, 1 AS one FROM people p) SELECT {', '.join(some)} FROM x WHERE one = 1"
    assert _as_text(ask(views, sql)) == _as_text([{name: row[name] for name in some} for row in expected])
    by = some[0]
    groups = ask(views, f"SELECT {by} AS v, count(*) AS n FROM people GROUP BY {by}")
    assert sum(row["n"] for row in groups) == len(expected)
    assert {str(row["v"]) for row in groups} == {str(row[by]) for row in expected}


@quick
@given(given_grant=grants(), data=st.data())
def test_what_does_not_leave_has_no_name(root, given_grant, data):
    """An item that is not readable can't be put out, in whatever clothes."""
    views = granted(root, given_grant)
    readable = {item.name for item in given_grant.items if item.state != "condition"}
    closed = data.draw(st.sampled_from(sorted({*BY_NAME, "digest", "sealed", "nothing"} - readable)))
    shape = data.draw(
        st.sampled_from(
            [
                "SELECT {0} FROM people", "SELECT max({0}) FROM people", "SELECT p.{0} FROM people p",
                'SELECT "{0}" FROM people',
                "SELECT count(*) FROM people GROUP BY {0}", "SELECT x.{0} FROM (SELECT * FROM people) x",
                "SELECT 1 FROM people ORDER BY {0}", "SELECT CASE WHEN {0} IS NULL THEN 1 END FROM people",
                "WITH c AS (SELECT {0} AS v FROM people) SELECT v FROM c", "SELECT (SELECT min({0}) FROM people)",
                "SELECT 1 FROM people WHERE EXISTS (SELECT 1 FROM people q WHERE q.{0} IS NOT NULL)",
            ]
        )
    )  # fmt: skip
    with pytest.raises(QueryError):
        ask(views, shape.format(closed))


@quick
@given(given_grant=grants())
def test_plan_and_sql_give_the_same(root, given_grant):
    """Look-ups, files and subscriptions (Arrow) give what SQL gives."""
    view = granted(root, given_grant)["people"]
    if not view.plan.readable:
        return
    names = view.plan.at_rest(list(view.plan.readable))
    rows = [
        row
        for batch in view.table.read(columns=names)
        for row in view.plan.reveal(batch, view.coder).to_pylist()
    ]  # fmt: skip
    assert _as_text(rows) == _as_text(model(given_grant))


def test_the_model_knows_every_mask():
    """The masks of the drawn grants are there."""
    assert {"hidden", "first"} <= MASKS.keys()
