"""Looking into a system before anything is attached: tables, columns with comments and key, a bounded sample."""

import sqlite3
from datetime import UTC, datetime

import psycopg
import pytest

from connectors import inspect
from schemas.entry import Attachment
from schemas.errors import SourceError, SourceUnreadable

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def postgres(empty_database_url):
    """A database with a commented table, a view, another schema, and a table that the reader may not see."""
    with psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create table rk (a bigint, b varchar(18) not null, c numeric(10,2), primary key (b, a))")
        connection.execute("comment on table rk is '人口'; comment on column rk.b is '号码'")
        connection.execute("insert into rk select n, n::text, n / 2.0 from generate_series(1, 3000) n")
        connection.execute("create view v_rk as select b from rk; create schema other; create table other.t (x int)")
    return empty_database_url


def test_tables_of_postgres(postgres):
    """Tables and views of every schema come with comment and privilege; the system's own do not."""
    found = {(table.schema, table.name): table for table in inspect.list_tables(postgres)}
    assert set(found) == {("public", "rk"), ("public", "v_rk"), ("other", "t")}
    assert found["public", "rk"].comment == "人口" and found["public", "rk"].writable
    assert found["public", "v_rk"].kind == "view"


def test_a_table_of_postgres(postgres):
    """Columns have comment, length, nullability and nature; the key keeps its order; a sample is bounded."""
    attachment = Attachment("postgres", "snapshot", "x", schema="public", table="rk")
    facts = inspect.describe(attachment, postgres)
    columns = {column.name: column for column in facts.columns}
    assert (columns["b"].comment, columns["b"].length, columns["b"].nullable) == ("号码", 18, False)
    assert facts.natures["c"] == "number" and facts.key == ("b", "a") and facts.comment == "人口"
    sample = inspect.sample(attachment, postgres, ("a", "b"), 100, NOW)
    assert sample.num_rows == 100 and sample.schema.names[-2:] == ["a", "b"]
    with pytest.raises(SourceUnreadable, match="没有表"):
        inspect.describe(Attachment("postgres", "snapshot", "x", table="nope"), postgres)


def test_a_dead_system_is_said_so():
    """A system that does not answer is a source error, without the password."""
    with pytest.raises(SourceError) as caught:
        inspect.list_tables("postgresql://u:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)


def test_sqlite(tmp_path):
    """Any SQLAlchemy database lists tables, key and a bounded sample."""
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (k text primary key, v text)")
        connection.executemany("insert into t values (?, ?)", [(str(n), "x") for n in range(50)])
    url = f"sqlite:///{path}"
    assert [table.name for table in inspect.list_tables(url)] == ["t"]
    attachment = Attachment("sql", "snapshot", "x", table="t")
    assert inspect.describe(attachment, url).key == ("k",)
    assert inspect.sample(attachment, url, ("k",), 20, NOW).num_rows == 20


def test_files(tmp_path):
    """Data files below the folder are listed by relative path, others not; an empty file has no sample."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("k,v\n" + "".join(f"{n},x\n" for n in range(50)), encoding="utf-8")
    (tmp_path / "b.csv").write_text("k,v\n", encoding="utf-8")
    (tmp_path / "secret.key").write_text("x", encoding="utf-8")
    assert [table.name for table in inspect.list_tables(str(tmp_path))] == ["b.csv", "in/a.csv"]
    attachment = Attachment("file", "snapshot", "x", location="in/a.csv", format="csv")
    assert [column.name for column in inspect.describe(attachment, str(tmp_path)).columns] == ["k", "v"]
    assert inspect.sample(attachment, str(tmp_path), ("k",), 20, NOW).num_rows == 20
    empty = Attachment("file", "snapshot", "x", location="b.csv", format="csv")
    assert inspect.sample(empty, str(tmp_path), ("k",), 20, NOW) is None
