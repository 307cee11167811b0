"""An analyst's query: granted rows and items alone, masked as granted, in bounded time, rows and memory."""

import threading
import time
from dataclasses import replace

import pytest

from lake.analysis import Analysis, Limits
from lake.rewrite import rewrite
from schemas.errors import Denied, HubError, QueryError, SealBroken
from schemas.grants import GrantedItem, Predicate, RowFilter
from schemas.masks import mask_text
from tests.lake.granted import CANARY, ROWS, USUAL, WEDDINGS, ask, build, grant, granted, numbered, plain
from tests.lake.people import RealSeal


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Both datasets, published."""
    return build(tmp_path_factory.mktemp("granted"))


@pytest.fixture(scope="module")
def views(root):
    """The usual grants."""
    return granted(root, USUAL, WEDDINGS)


WITHIN = [numbered(n) for n in range(ROWS) if n % 2 == 0 and n < 110]


def test_a_star_is_what_leaves(views):
    """A star gives granted rows and items, masked ones masked; no hash, no hidden item."""
    rows = ask(views, "SELECT * FROM people ORDER BY count")
    assert [row["count"] for row in rows] == [row["count"] for row in WITHIN]
    assert list(rows[0]) == ["citizen_id", "name", "region", "count", "updated"]
    assert rows[3]["citizen_id"] == mask_text("citizen_id", WITHIN[3]["citizen_id"]) == "620402********0006"
    assert rows[3]["name"] == mask_text("name", WITHIN[3]["name"])
    assert (
        ask(views, "SELECT x.* FROM (SELECT * FROM people) x JOIN marriages m ON true LIMIT 1")[0].keys()
        == rows[0].keys()
    )


def test_masked_items_are_their_masked_values(views):
    """They filter, group and sort as what is left of them."""
    assert ask(views, "SELECT count(*) AS n FROM people WHERE citizen_id = '620402********0006'") == [{"n": 1}]
    assert ask(views, f"SELECT count(*) AS n FROM people WHERE citizen_id = '{WITHIN[3]['citizen_id']}'") == [{"n": 0}]
    assert ask(views, "SELECT left(name, 1) AS f, count(*) AS n FROM people GROUP BY ALL") == [
        {"f": "金", "n": len(WITHIN)}
    ]
    assert not ask(views, f"SELECT 1 AS x FROM people WHERE name LIKE '{CANARY}%'")


def test_queries_that_need_no_opening_read_the_files(root):
    """Plain items alone are read without a seal, filters and masks included; the answer is the same as by opening."""
    given = grant(
        "people", [*plain("region", "count"), GrantedItem("birth", "masked")], RowFilter("region", ("620401",))
    )
    rows = ask(granted(root, given), "SELECT birth, region, count FROM people ORDER BY count")
    assert rows == [
        {"birth": str(r["birth"].year), "region": "620401", "count": r["count"]}
        for r in map(numbered, range(ROWS)) if r["region"] == "620401"
    ]  # fmt: skip
    sealed = granted(root, replace(given, items=(*given.items, *plain("memo"))))
    assert ask(sealed, "SELECT birth, region, count FROM people WHERE memo IS NOT NULL ORDER BY count") == rows


def test_a_row_filter_on_a_sealed_item_holds(root):
    """Predicates on items that rest sealed, granted or not, bind as well."""
    rows = RowFilter(predicates=(Predicate("name", "in", (f"{CANARY}004", f"{CANARY}007")),))
    assert ask(granted(root, grant("people", plain("count"), rows)), "SELECT count FROM people ORDER BY 1") == [
        {"count": 4}, {"count": 7},
    ]  # fmt: skip
    assert ask(granted(root, grant("people", plain("count"), rows)), "SELECT count(*) AS n FROM people") == [{"n": 2}]


def test_joins_by_hash_see_no_number(views):
    """Subjects are joined by their hashes; a hash that leaves is another at each query."""
    sql = "SELECT count(*) AS n FROM people p JOIN marriages m ON m.s_first_id = p.s_citizen_id"
    assert ask(views, sql) == [{"n": len(WITHIN)}]
    assert ask(views, "SELECT count(DISTINCT s_citizen_id) AS n FROM people") == [{"n": len(WITHIN)}]
    assert ask(views, "SELECT count(*) AS n FROM people a JOIN people b USING (key_hash)") == [{"n": len(WITHIN)}]
    shown = "SELECT min(key_hash) AS h FROM people"
    assert ask(views, shown) != ask(views, shown)
    pairs = "SELECT p.key_hash = q.key_hash AS same FROM people p JOIN people q ON p.count = q.count"
    assert {row["same"] for row in ask(views, pairs)} == {True}


def test_ordinary_sql_works(views):
    """Subqueries, CTEs, unions, windows, CASE, casts and dates."""
    for sql in (
        "WITH x AS (SELECT region, count(*) AS n FROM people GROUP BY region) SELECT max(n) FROM x",
        "SELECT region FROM people UNION SELECT unit_code FROM marriages ORDER BY region",
        "SELECT region, row_number() OVER (PARTITION BY region ORDER BY count DESC) AS r FROM people",
        "SELECT CASE WHEN count > 5 THEN 'a' ELSE 'b' END AS c, CAST(count AS VARCHAR), year(updated) FROM people",
        "SELECT sum(count) FILTER (WHERE count > 3), median(count), count(*) FROM people HAVING count(*) > 1",
        "SELECT m.registered, v.x FROM marriages m, (VALUES (1), (2)) AS v(x) WHERE v.x > 1 LIMIT 3 OFFSET 1",
        "SELECT 1 AS one",
        "SELECT region FROM people WHERE EXISTS (SELECT 1 FROM marriages WHERE s_first_id = people.s_citizen_id)",
        "SELECT date_trunc('month', registered) AS m, count(*) FROM marriages GROUP BY 1 ORDER BY 2 DESC, 1",
        "select Region, COUNT(*) from People group by REGION -- a comment",
    ):
        assert ask(views, sql), sql


def test_an_item_that_is_not_granted_is_not_there(views):
    """An ungranted item and an unknown one, an ungranted dataset and an unknown one: the same answer."""
    said = set()
    for sql in ("SELECT memo FROM people", "SELECT nothing FROM people", "SELECT 1 FROM people WHERE memo = 'x'",
                "SELECT p.memo FROM people p", "SELECT memo FROM (SELECT * FROM people)", "SELECT * FROM hidden",
                "SELECT * FROM register", "SELECT count(*) FROM people ORDER BY memo"):  # fmt: skip
        with pytest.raises(QueryError) as caught:
            ask(views, sql)
        said.add(str(caught.value))
    assert len(said) == 1
    assert "memo" not in said.pop()


def test_rows_over_the_limit_do_not_leave(views):
    """The batch that goes over the limit is an error."""
    assert len(ask(views, "SELECT count FROM people", Limits(rows=len(WITHIN)))) == len(WITHIN)
    with pytest.raises(QueryError, match="QUERY_ROWS"):
        ask(views, "SELECT count FROM people", Limits(rows=len(WITHIN) - 1))


ENDLESS = "SELECT count(*) FROM people a, people b, people c, people d, people e, people f WHERE a.count + f.count < 0"


def test_time_is_limited(views):
    """A query that does not end is stopped."""
    with pytest.raises(QueryError, match="QUERY_TIMEOUT"):
        ask(views, ENDLESS, Limits(seconds=0.3))


def test_a_running_query_is_stopped_from_outside(views):
    """A revoked grant ends the query with its own reason, within moments."""
    rewritten = rewrite(ENDLESS, {name: view.plan for name, view in views.items()})
    query = Analysis(rewritten, views)
    threading.Timer(0.3, query.cancel, [Denied("授权已撤销")]).start()
    begun = time.monotonic()
    with pytest.raises(Denied, match="已撤销"), query as result:
        list(result)
    assert 0.2 < time.monotonic() - begun < 5


def test_a_query_whose_grant_is_gone_gives_no_further_row(views):
    """Between two batches, and before the first, a cancelled query ends too."""
    plans = {name: view.plan for name, view in views.items()}
    query = Analysis(rewrite("SELECT a.count FROM people a, people b, people c", plans), views, Limits(batch_rows=2048))
    with query as result:
        batches = iter(result)
        next(batches)
        query.cancel()
        with pytest.raises(QueryError, match="QUERY_CANCELLED"):
            next(batches)
    before = Analysis(rewrite("SELECT count FROM people", plans), views)
    before.cancel()
    with pytest.raises(QueryError, match="QUERY_CANCELLED"), before:
        pass


def test_memory_is_limited_and_nothing_is_spilled(views):
    """What does not fit in memory fails."""
    sql = "SELECT a.name || b.name || c.name AS x FROM people a, people b, people c, people d ORDER BY x"
    with pytest.raises(QueryError, match="QUERY_MEMORY"):
        ask(views, sql, Limits(memory_mb=32))


def test_errors_repeat_no_value(views):
    """A conversion that fails says so without the value."""
    with pytest.raises(QueryError) as caught:
        ask(views, "SELECT CAST(name AS INT) FROM people")
    assert "金" not in str(caught.value)


def test_a_broken_seal_is_said_as_such(root):
    """What does not open reaches the caller as SealBroken; what needs no opening is not touched by it."""

    class Broken(RealSeal):
        def open(self, sealed, associated):
            """See schemas/ports.py."""
            raise SealBroken("密封数据打不开")

    views = granted(root, USUAL)
    views["people"].coder._seal = Broken()
    with pytest.raises(SealBroken):
        ask(views, "SELECT name FROM people")
    assert ask(views, "SELECT count(*) AS n FROM people") == [{"n": len(WITHIN)}]


def test_the_engine_reaches_no_other_file(views, root):
    """Even a statement that got past the checks could read nothing but the version's own files."""
    rewritten = rewrite("SELECT region FROM people", {name: view.plan for name, view in views.items()})
    other = next((root / "tables" / "marriages").rglob("*.parquet"))
    for sql in (f"SELECT * FROM '{other}'", "SELECT * FROM read_text('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/x'",
                "SET enable_external_access = true", "INSTALL httpfs", "ATTACH '/tmp/x.db' AS y"):  # fmt: skip
        with pytest.raises(HubError), Analysis(replace(rewritten, sql=sql), views):
            pass


def test_a_grant_without_items_gives_nothing(root):
    """Rows may be counted; nothing else is there."""
    views = granted(root, grant("people", []))
    assert ask(views, "SELECT count(*) AS n FROM people") == [{"n": ROWS}]
    with pytest.raises(QueryError):
        ask(views, "SELECT * FROM people")
