"""Look-up, query, versions and exports at the terminal, on a generated city."""

import csv
import io
import json
import stat

import pyarrow.parquet as pq

from tests.cli.conftest import DATASETS
from tests.exchange.small_city import citizen_id


def found(done) -> list[dict[str, object]]:
    """Reads the rows of a look-up."""
    return json.loads(done.stdout)["rows"]


def rows(hub, statement, *options) -> list[dict[str, object]]:
    """Reads the rows of a query."""
    return json.loads(hub.ok("dataset", "query", statement, "--json", *options).stdout)


def test_lists_and_views(hub):
    """Datasets, versions, entries and connections as tables and as JSON of the same things."""
    listed = json.loads(hub.ok("dataset", "list", "--json").stdout)
    assert [view["dataset"] for view in listed] == sorted(DATASETS)
    table = hub.ok("dataset", "list").stdout
    assert all(view["title"] in table and str(view["rows"]) in table for view in listed)
    shown = json.loads(hub.ok("dataset", "show", "population", "--json").stdout)
    assert {item["name"]: item["sealed"] for item in shown["items"]}["citizen_id"] is True
    assert {problem["code"] for problem in shown["open_problems"]}
    assert "公民身份号码" in hub.ok("dataset", "show", "population").stdout
    (version,) = json.loads(hub.ok("dataset", "versions", "population", "--json").stdout)
    assert (version["version"], version["kind"], version["inserted"]) == (1, "同步", shown["rows"])
    entry = json.loads(hub.ok("entry", "show", shown["dataset"], "--json").stdout)
    assert json.loads(hub.ok("entry", "show", entry["code"], "--json").stdout) == entry
    assert "人口基础信息" in hub.ok("entry", "show", entry["code"]).stdout
    assert "口令" not in hub.ok("connection", "list").stdout


def test_look_up_by_person(hub):
    """A person is found in any writing of the number, with the role; one who is not there gives no row."""
    key = rows(hub, "SELECT citizen_id FROM population WHERE doc_type = '111' LIMIT 1")[0]["citizen_id"]
    wide = "".join(chr(ord(character) + 0xFEE0) for character in key)
    for typed in (key, f" {key[:6]} {key[6:].lower()} ", wide):
        (row,) = found(hub.ok("dataset", "lookup", "population", "--json", "--", typed))
        assert row["values"]["citizen_id"] == key and row["roles"] == ["本人"]
    assert found(hub.ok("dataset", "lookup", "population", "-", "--json", input=key + "\n"))
    assert found(hub.ok("dataset", "lookup", "population", citizen_id(9), "--json")) == []
    shown = hub.ok("dataset", "lookup", "population", key)
    assert "本人" in shown.stdout and "共 1 行" in shown.stderr


def test_look_up_of_payments(hub):
    """A person with twelve payments has twelve rows."""
    person, count = rows(
        hub, "SELECT person_id AS p, count(*) AS n FROM subsidy_payment GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )[0].values()
    assert count > 1 and len(found(hub.ok("dataset", "lookup", "subsidy_payment", person, "--json"))) == count


def test_look_up_by_either_spouse(hub):
    """A marriage is found by each of its two persons, in the role that each has."""
    pair = rows(hub, "SELECT registration_no, person_id, spouse_id FROM marriage WHERE spouse_id_type = '111' LIMIT 1")[
        0
    ]
    for item, role in (("person_id", "本人"), ("spouse_id", "配偶")):
        answers = found(hub.ok("dataset", "lookup", "marriage", pair[item], "--json"))
        roles = {row["values"]["registration_no"]: row["roles"] for row in answers}
        assert roles[pair["registration_no"]] == [role]


def test_look_up_by_company_and_by_its_head(hub):
    """A company is found by its code; by its legal representative's number it is found in that role."""
    company = rows(hub, "SELECT uscc, legal_rep_id FROM legal_entity WHERE legal_rep_id_type = '111' LIMIT 1")[0]
    (row,) = found(hub.ok("dataset", "lookup", "legal_entity", company["uscc"], "--json"))
    assert row["roles"] == ["本单位"]
    heads = found(hub.ok("dataset", "lookup", "legal_entity", company["legal_rep_id"], "--json"))
    assert ["法定代表人"] in [each["roles"] for each in heads]


def test_formats_of_a_query(hub, tmp_path):
    """The same rows as table, CSV, JSON and Parquet; a file is there whole, for its owner alone."""
    statement = "SELECT citizen_id, name, birth_date, death_flag, flags FROM population ORDER BY 1 LIMIT 5"
    expected = rows(hub, statement)
    assert [*expected[0]] == ["citizen_id", "name", "birth_date", "death_flag", "flags"]
    assert expected[0]["name"] in hub.ok("dataset", "query", statement).stdout
    printed = hub.ok("dataset", "query", statement, "--format", "csv")
    assert [row["name"] for row in csv.DictReader(io.StringIO(printed.stdout))] == [row["name"] for row in expected]
    for suffix in ("csv", "json", "parquet", "table"):
        path = tmp_path / f"结果 1.{suffix}"
        done = hub.ok("dataset", "query", statement, "--format", suffix, "-o", path)
        assert done.stdout == "" and str(path) in done.stderr
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 4
    table = pq.read_table(tmp_path / "结果 1.parquet")
    assert table.column("name").to_pylist() == [row["name"] for row in expected]
    text = (tmp_path / "结果 1.csv").read_text(encoding="utf-8")
    assert text.startswith("\ufeffcitizen_id,")
    assert json.loads((tmp_path / "结果 1.json").read_text(encoding="utf-8")) == expected


def test_a_failing_query_leaves_the_old_file(hub, tmp_path):
    """When a query fails on its way, the file that was there stays, and nothing lies beside it."""
    path = tmp_path / "result.csv"
    path.write_text("old", encoding="utf-8")
    statement = "SELECT CASE WHEN n < 290 THEN 1 ELSE CAST('x' || n AS INTEGER) END FROM " \
                "(SELECT row_number() OVER () AS n FROM population)"  # fmt: skip
    done = hub("dataset", "query", statement, "--format", "csv", "-o", path)
    assert done.exit_code == 2 and "[QUERY]" in done.stderr
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


def test_every_type_can_be_written(hub):
    """Lists, records, bytes, intervals, infinities: each format writes something sound, and formulas are disarmed."""
    statement = """SELECT [1, 2] AS list, {'a': 1} AS record, 'x'::BLOB AS raw, INTERVAL 1 DAY AS span, uuid() AS id,
        'nan'::DOUBLE AS nan, TIME '10:00' AS clock, 12345678901234567890123::HUGEINT AS huge, NULL AS nothing,
        '=1+1' AS a, '@x' AS b, '-cmd|x' AS c, '-5' AS d, '+86 138' AS e, true AS yes"""
    row = rows(hub, statement)[0]
    assert (row["list"], row["record"], row["raw"], row["nan"], row["a"]) == ([1, 2], {"a": 1}, "78", "nan", "=1+1")
    (cells,) = csv.DictReader(io.StringIO(hub.ok("dataset", "query", statement, "--format", "csv").stdout))
    assert [cells[name] for name in "abcde"] == ["'=1+1", "'@x", "'-cmd|x", "-5", "+86 138"]
    assert (cells["list"], cells["record"], cells["nothing"], cells["yes"]) == ("[1, 2]", '{"a": 1}', "", "true")
    assert "=1+1" in hub.ok("dataset", "query", statement).stdout


def test_no_rows(hub):
    """Nothing found is an empty list, a header, or a sentence."""
    statement = "SELECT name FROM population WHERE false"
    assert rows(hub, statement) == []
    assert hub.ok("dataset", "query", statement, "--format", "csv").stdout == "name\n"
    assert "没有符合条件的行" in hub.ok("dataset", "query", statement).stdout


def test_a_long_table_is_cut(hub):
    """A table on the terminal shows a thousand rows and says so."""
    done = hub.ok("dataset", "query", "SELECT * FROM range(1500)")
    assert "只显示前 1000 行" in done.stderr and "│ 999" in done.stdout and "│ 1000" not in done.stdout


def test_nothing_but_data_on_standard_output(hub):
    """Progress bars and sentences stay away from pipes."""
    done = hub.ok("sync", "run", "marriage", "--json")
    assert done.stderr == "" and json.loads(done.stdout)["unchanged"] > 0
