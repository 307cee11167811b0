"""The administrator's SELECT: what it may do, what it may not, and what its errors say."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.query import Result, View, parse
from lake.table import LakeTable
from schemas.errors import HubError, QueryError, SealBroken
from tests.lake.people import MARRIAGES, PEOPLE, Hub, RealSeal, coder_of, marriage, person


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Two published datasets, one of them in two versions."""
    from lake.duck import connect  # noqa: PLC0415

    root = tmp_path_factory.mktemp("lake")
    with connect(256) as duck:
        people, marriages = Hub(root, PEOPLE, duck), Hub(root, MARRIAGES, duck)
        people.sync([person(n) for n in range(30)])
        people.sync([person(n, "620403" if n < 5 else "620402") for n in range(35)])
        marriages.sync([marriage(1, first_id=person(1)["citizen_id"]), marriage(2)])
    return root


def ask(lake, sql, version=None, **more):
    """Runs a statement and returns its rows."""
    views = {
        "people": View(LakeTable(lake, "people", version), coder_of(PEOPLE)),
        "marriages": View(LakeTable(lake, "marriages"), coder_of(MARRIAGES)),
    }
    with Result(parse(sql, list(views)), views, **more) as result:
        return [row for batch in result for row in batch.to_pylist()]


def test_sealed_items_are_opened_on_the_way(lake):
    """Sealed and plain items are columns alike."""
    rows = ask(lake, "SELECT name, birth, region FROM people WHERE citizen_id = '620402199003070003'")
    assert rows == [{"name": "测试3", "birth": person(3)["birth"], "region": "620403"}]


def test_groups_joins_and_subqueries(lake):
    """Ordinary SELECTs work: groups, self-joins, joins over key hashes, CTEs, unions, windows, lists."""
    assert ask(lake, "SELECT region, count(*) AS n FROM people GROUP BY ALL ORDER BY 1") == [
        {"region": "620402", "n": 30},
        {"region": "620403", "n": 5},
    ]
    assert ask(lake, "SELECT count(*) AS n FROM people a JOIN people b USING (key_hash)") == [{"n": 35}]
    join = "SELECT p.name FROM people p JOIN marriages m ON m.s_first_id = p.s_citizen_id"
    assert ask(lake, join) == [{"name": "测试1"}]
    assert ask(lake, "WITH x AS (SELECT count FROM people WHERE count < 3) SELECT sum(count) AS s FROM x") == [{"s": 3}]
    assert len(ask(lake, "SELECT count FROM people UNION ALL SELECT 1")) == 36
    assert ask(lake, "SELECT max(r) AS r FROM (SELECT row_number() OVER (ORDER BY name) AS r FROM people)") == [
        {"r": 35}
    ]
    assert ask(lake, "FROM people SELECT count(*) AS n") == [{"n": 35}]
    assert len(ask(lake, "SELECT * FROM generate_series(1, 3)")) == 3
    assert ask(lake, "VALUES (1)") == [{"col0": 1}]


def test_a_star_brings_every_item(lake):
    """A star, a table's name as a value and COLUMNS() give all items, sealed ones included."""
    every = {*(i.name for i in PEOPLE.items), "key_hash", "s_citizen_id", "flags"}
    assert set(ask(lake, "SELECT * FROM people LIMIT 1")[0]) == every
    assert set(ask(lake, "SELECT p FROM people p LIMIT 1")[0]["p"]) == every
    assert set(ask(lake, "SELECT COLUMNS('name|birth') FROM people LIMIT 1")[0]) == {"name", "birth"}
    assert ask(lake, "SELECT count(*) AS n FROM people NATURAL JOIN people b") != []


def test_an_older_version_is_read_with_its_own_rows(lake):
    """As of an older version the query sees that version."""
    assert ask(lake, "SELECT count(*) AS n, max(region) AS r FROM people", 0) == [{"n": 30, "r": "620402"}]


def test_results_stream(lake):
    """A large result comes in batches."""
    views = {"people": View(LakeTable(lake, "people"), coder_of(PEOPLE))}
    with Result(parse("SELECT a.name FROM people a, people b, people c", ["people"]), views, batch_rows=2048) as result:
        assert result.schema.names == ["name"]
        sizes = [batch.num_rows for batch in result]
    assert sum(sizes) == 35**3
    assert max(sizes) <= 2048


REFUSED = [
    "", ";", "SELECT 1; SELECT 2", "SELECT FROM WHERE", "DROP TABLE people", "INSERT INTO people VALUES (1)",
    "UPDATE people SET name = 'x'", "DELETE FROM people", "CREATE TABLE x AS SELECT * FROM people",
    "CREATE VIEW x AS SELECT 1", "COPY people TO '/tmp/x'", "COPY (SELECT 1) TO '/tmp/x'", "ATTACH '/tmp/x' AS y",
    "DETACH y", "PRAGMA database_list", "SET threads = 1", "RESET threads", "CALL pragma_version()", "INSTALL httpfs",
    "LOAD httpfs", "EXPLAIN SELECT 1", "DESCRIBE people", "SHOW TABLES", "SUMMARIZE people", "EXPORT DATABASE '/tmp'",
    "IMPORT DATABASE '/tmp'", "USE memory", "BEGIN", "CHECKPOINT", "VACUUM", "PREPARE x AS SELECT 1", "EXECUTE x",
    "SELECT * FROM '/etc/passwd'", "SELECT * FROM \"/etc/passwd\"", "SELECT * FROM 'x.parquet'",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/etc/passwd')", "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('x')", "SELECT * FROM parquet_scan('x')", "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM read_json('x')", "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM pragma_table_info('people')", "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('people')", "SELECT getenv('HOME')", "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')", "SELECT * FROM information_schema.tables", "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM sqlite_master", "SELECT * FROM main.people", "SELECT * FROM memory.main.people",
    "SELECT * FROM nothing", "SELECT * FROM people, nothing", "SELECT (SELECT max(x) FROM nothing)",
    "WITH people AS (SELECT 1) SELECT * FROM people", "SELECT $1", "SELECT ?", "SELECT * FROM people WHERE name = $x",
    "SELECT nothing FROM people", "SELECT name FROM people GROUP BY region", "SELECT nothing(name) FROM people",
    "SELECT CAST(name AS INT) FROM people", "PIVOT people ON region USING count(*)", "SELECT * INTO x FROM people",
    "SELECT * FROM range(10) CROSS JOIN read_text('/etc/passwd')", "(" * 400 + "SELECT 1" + ")" * 400,
    "SELECT '620402199003070003' AS 张三 FROM nothing", "SELECT * FROM nothing WHERE n = '620402199003070003'",
]  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_is_refused(lake, sql):
    """Whatever is not one SELECT over datasets is a QueryError in Chinese that repeats no value."""
    with pytest.raises(QueryError) as caught:
        ask(lake, sql)
    said = str(caught.value)
    assert said.startswith("[")
    assert not any(word in said for word in ("passwd", "620402199003070003", "张三", "Error:"))
    assert any("一" <= letter <= "鿿" for letter in said)


def test_a_missing_column_is_named_with_those_there_are(lake):
    """A column that is not there is named, with the columns that are."""
    with pytest.raises(QueryError, match=r"没有列 nmae.*citizen_id、name"):
        ask(lake, "SELECT nmae FROM people")


def test_plaintext_is_never_spilled(lake):
    """A query that needs more memory than it may have fails instead of writing plaintext to disk."""
    sql = (
        "SELECT a.name || b.name || c.name AS x, a.citizen_id FROM people a, people b, people c, people d ORDER BY x, 2"
    )
    with pytest.raises(QueryError, match="内存"):
        ask(lake, sql, memory_mb=32)


def test_a_broken_seal_is_said_as_such(lake):
    """A sealed value that does not open reaches the caller as SealBroken."""

    class Broken(RealSeal):
        def open(self, sealed, associated):
            """See schemas/ports.py."""
            raise SealBroken("密封数据打不开")

    coder = coder_of(PEOPLE)
    coder._seal = Broken()
    views = {"people": View(LakeTable(lake, "people"), coder)}
    with pytest.raises(SealBroken), Result(parse("SELECT name FROM people", ["people"]), views) as result:
        list(result)
    with Result(parse("SELECT region FROM people", ["people"]), views) as result:
        assert sum(batch.num_rows for batch in result) == 35


def test_an_unpublished_dataset_says_so(lake):
    """A dataset that is registered but not yet published is named as such."""
    entry = replace(PEOPLE, dataset="empty")
    views = {"empty": View(LakeTable(lake, "empty"), coder_of(entry))}
    with pytest.raises(QueryError, match="尚未发布"):
        Result(parse("SELECT * FROM empty", ["empty"]), views)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40) | st.text("selctfromwhp*(),;'\" \n-/", max_size=40))
def test_any_text_is_a_statement_or_a_clear_error(sql):
    """No text makes the parser fail in another way."""
    try:
        parse(sql, ["people"])
    except HubError as error:
        assert isinstance(error, QueryError)
