"""What a source refuses, and how it is told: in words, with the right class, and never with the secret."""

import time
import traceback
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa

from connectors.registry import test_connection as try_connection
from schemas.errors import SchemaDrift, SetupError, SourceDown, SourceError, SourceRefused, SourceUnreadable
from schemas.source import ReadRequest
from tests.connectors.department import OWN, SECRET, read, source


def assert_secret_is_nowhere(error: BaseException) -> None:
    """Looks through an error and all that it is chained to."""
    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in "".join(traceback.format_exception(seen))
        assert SECRET not in repr(seen.args)
        seen = seen.__context__ or seen.__cause__
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("scheme", "port"),
    [("postgresql", 5999), ("mysql+pymysql", 5999), ("postgresql+psycopg", 5999), ("mysql", 5999)],
)
def test_a_source_that_is_down(scheme, port):
    """A port without answer is transient and its step is named."""
    url = f"{scheme}://u:{SECRET}@127.0.0.1:{port}/x"
    with pytest.raises(SourceDown) as caught:
        source(url).columns()
    assert caught.value.transient
    assert_secret_is_nowhere(caught.value)
    assert [(step.name, step.passed) for step in try_connection(url)] == [("name", True), ("port", False)]


def test_an_unknown_host():
    """A name that nobody knows fails at the first step."""
    (step,) = try_connection(f"postgresql://u:{SECRET}@no-such-host.invalid/x")
    assert (step.name, step.passed) == ("name", False)
    assert SECRET not in str(step)


def test_a_wrong_password(postgres, postgres_url, maria, mysql_url):
    """A refused log-in is no transient failure and shows neither password nor library text."""
    del postgres, maria
    for base in (postgres_url, mysql_url):
        url = sa.make_url(base).set(username="nobody_at_all", password=SECRET).render_as_string(hide_password=False)
        with pytest.raises(SourceRefused) as caught:
            source(url).columns()
        assert_secret_is_nowhere(caught.value)
        steps = source(url).test()
        assert [step.name for step in steps] == ["name", "port", "login"]
        assert not steps[-1].passed
        assert SECRET not in str(steps)


def test_a_missing_database(postgres_url, mysql_url):
    """A database that is not there is named."""
    for base in (postgres_url, mysql_url):
        url = sa.make_url(base).set(database="no_such_db").render_as_string(hide_password=False)
        with pytest.raises(SourceUnreadable, match="no_such_db"):
            source(url).columns()


def test_a_missing_table_and_column(postgres, postgres_url, maria, mysql_url):
    """A missing table is unreadable, a missing column has drifted; both are named."""
    postgres.execute("CREATE TABLE t (id int)")
    maria.execute("CREATE TABLE t (id int)")
    for url in (postgres_url, mysql_url):
        with pytest.raises(SourceUnreadable, match="no_such_table"):
            source(url, "no_such_table").columns()
        with pytest.raises(SourceUnreadable, match="没有写明表"):
            source(url, None).columns()
        with pytest.raises(SchemaDrift, match="renamed"):
            read(source(url), ("id", "renamed"))
        steps = source(url, "no_such_table").test()
        assert (steps[-1].name, steps[-1].passed) == ("table", False)


def test_a_locked_table(postgres, postgres_url, maria, mysql_url):
    """A table that others hold is transient after a short wait."""
    postgres.execute("CREATE TABLE t (id int)")
    maria.execute("CREATE TABLE t (id int)")
    maria.execute("LOCK TABLES t WRITE")
    with psycopg.connect(postgres_url) as holder:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        for url in (postgres_url, mysql_url):
            with pytest.raises(SourceDown, match="表被锁定") as caught:
                read(source(url), ("id",))
            assert caught.value.transient
        assert time.monotonic() - begun < 20


def test_no_privilege(postgres, postgres_url):
    """An account without SELECT is refused at the step privilege."""
    postgres.execute("CREATE TABLE t (id int)")
    postgres.execute(f"DROP ROLE IF EXISTS {OWN}_stranger")
    postgres.execute(f"CREATE ROLE {OWN}_stranger LOGIN PASSWORD '{SECRET}'")
    url = (
        sa.make_url(postgres_url).set(username=f"{OWN}_stranger", password=SECRET).render_as_string(hide_password=False)
    )
    with pytest.raises(SourceRefused, match="权限"):
        read(source(url), ("id",))
    last = source(url).test()[-1]
    assert (last.name, last.passed) == ("privilege", False)
    postgres.execute(f"DROP ROLE {OWN}_stranger")


def test_a_server_that_goes_away(postgres, postgres_url):
    """A connection that is cut in the middle of a reading is transient and shows no value."""
    postgres.execute("CREATE TABLE t AS SELECT n AS id, repeat('x', 2000) AS x FROM generate_series(1, 60000) n")
    with source(postgres_url).read(ReadRequest(("id", "x"), "snapshot", datetime.now(UTC), batch_rows=100)) as reading:
        running = iter(reading)
        next(running)
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'shuqiao' AND datname = current_database()"
        )
        with pytest.raises(SourceDown) as caught:
            list(running)
    assert caught.value.__context__ is None


def test_a_reading_may_end_early(postgres, postgres_url, maria, mysql_url):
    """Leaving a reading after its first batch closes the connection without an error."""
    postgres.execute("CREATE TABLE t AS SELECT n AS id FROM generate_series(1, 200000) n")
    maria.execute("CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_200000")
    for url in (postgres_url, mysql_url):
        with source(url).read(ReadRequest(("id",), "snapshot", datetime.now(UTC), batch_rows=10)) as reading:
            assert next(iter(reading)).num_rows == 10


@pytest.mark.parametrize(
    ("url", "package"), [("oracle", "oracledb"), ("mssql", "pymssql"), ("dm", "dmPython"), ("kingbase", "ksycopg2")]
)
def test_a_missing_driver_is_named(url, package):
    """A database whose driver is not installed says which package to install."""
    with pytest.raises(SetupError, match=package) as caught:
        source(f"{url}://u:{SECRET}@127.0.0.1/x").columns()
    assert_secret_is_nowhere(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", f"//{SECRET}", "postgresql", f"postgresql://u:{SECRET}@h:port/x"])
def test_an_address_that_is_none(url):
    """A malformed address is refused at the first step and not shown."""
    (step,) = try_connection(url)
    assert (step.name, step.passed) == ("name", False)
    assert SECRET not in str(step)
    with pytest.raises(SourceError) as caught:
        source(url).columns()
    assert_secret_is_nowhere(caught.value)


def test_reading_twice_needs_a_new_reading(postgres, postgres_url):
    """A reading outside `with` says so."""
    postgres.execute("CREATE TABLE t (id int)")
    with pytest.raises(SourceUnreadable, match="with"):
        list(source(postgres_url).read(ReadRequest(("id",), "snapshot", datetime.now(UTC))))
