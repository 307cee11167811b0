"""Real PostgreSQL, MariaDB and SQLite: types, snapshots, increments under writers, and no writing."""

import sqlite3
import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa

from connectors.base import Query
from connectors.sources.postgres import PostgresSource
from schemas.entry import Attachment
from schemas.errors import SourceUnreadable
from schemas.source import ReadRequest
from tests.connectors.department import OWN, SECRET, plain, read, source


def test_accounts_and_passwords_of_any_letters_log_in(postgres, postgres_url):
    """Blanks, plus signs and reserved letters in account, password and options reach the server as they are."""
    account, password = "reader +1", "a b+c%d:e/f@g?中"
    postgres.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
    postgres.execute(f"""DROP ROLE IF EXISTS "{account}"; CREATE ROLE "{account}" LOGIN PASSWORD '{password}'""")
    postgres.execute(f'GRANT SELECT ON t TO "{account}"')
    url = sa.make_url(postgres_url).set(username=account, password=password)
    url = url.update_query_dict({"options": "-c application_name=a+b"})
    try:
        rows = read(source(url.render_as_string(hide_password=False)))[0]
        assert [plain(row) for row in rows] == [{"a": 7}]
    finally:
        postgres.execute(f'DROP OWNED BY "{account}"; DROP ROLE "{account}"')


class TestPostgresTypes:
    def test_each_type_arrives_without_loss(self, postgres, postgres_url):
        """Numbers, dates and bytes keep their type; what Arrow has no type for is the server's text."""
        postgres.execute("DROP TYPE IF EXISTS mood CASCADE; DROP DOMAIN IF EXISTS day CASCADE")
        postgres.execute("CREATE TYPE mood AS ENUM ('a', '乙'); CREATE DOMAIN day AS date")
        postgres.execute(
            "CREATE TABLE t (i2 int2, i4 int4, i8 int8, n numeric(38,10), free numeric, f8 float8, b bool, x bytea,"
            " d date, ts timestamp, tz timestamptz, j jsonb, a int[], m mood, dd day, u uuid, tm time, iv interval,"
            ' c char(4), "大写 X" text)'
        )
        postgres.execute(
            "INSERT INTO t VALUES (1, 2, 3, 1234567890123456789012345678.0123456789, 'NaN', 0.1, true, '\\x00ff',"
            " '2024-02-29', '2024-01-01 12:00:00.123456', '2024-01-01 12:00:00+08', '{\"k\": [1]}',"
            " '{1,2}', '乙', '0044-03-15 BC', '00000000-0000-0000-0000-000000000001', '12:30', '1 day', 'ab', '值')"
        )
        row = plain(read(source(postgres_url))[0][0])
        assert row["n"] == "1234567890123456789012345678.0123456789"
        assert row["free"].lower() == "nan"
        assert (row["i2"], row["i4"], row["i8"], row["f8"], row["b"], row["x"]) == (1, 2, 3, 0.1, True, b"\x00\xff")
        assert (row["d"], row["ts"]) == (date(2024, 2, 29), datetime.fromisoformat("2024-01-01 12:00:00.123456"))
        assert row["tz"] == datetime(2024, 1, 1, 4, tzinfo=UTC)
        assert (row["j"], row["a"], row["m"], row["c"], row["大写 X"]) == ('{"k": [1]}', "{1,2}", "乙", "ab  ", "值")
        assert (row["tm"], row["iv"]) == ("12:30:00", "1 day")

    def test_times_beyond_python_neither_stop_nor_vanish(self, postgres, postgres_url):
        """Infinity and years beyond 1 to 9999 become days that every part of the hub can hold, in each type of time."""
        postgres.execute("CREATE TABLE t (d date, ts timestamp, tz timestamptz)")
        for text in ("infinity", "-infinity", "0044-03-15 BC", "20240-01-01", "9999-12-31", "2024-02-29"):
            postgres.execute("INSERT INTO t VALUES (%s, %s, %s)", [text] * 3)
        rows = [plain(row) for row in read(source(postgres_url, mode="watermark", watermark_column="tz"))[0]]
        wanted = ["9999-12-31", "0001-01-02", "0001-01-02", "9998-12-31", "9999-12-31", "2024-02-29"]
        for name in ("d", "ts"):
            assert [str(row[name])[:10] for row in rows] == wanted
        assert [str(row["tz"].astimezone(ZoneInfo("Asia/Shanghai")))[:10] for row in rows] == wanted

    def test_length_comment_and_null_are_told(self, postgres, postgres_url):
        """Columns carry the declared length, whether they may be null, and the department's comment."""
        postgres.execute("CREATE TABLE t (a varchar(18) NOT NULL, b text); COMMENT ON COLUMN t.a IS '公民身份号码'")
        a, b = source(postgres_url).columns()
        assert (a.length, a.nullable, a.comment) == (18, False, "公民身份号码")
        assert (b.length, b.nullable, b.comment) == (None, True, "")

    def test_a_server_in_another_encoding(self, postgres, postgres_url):
        """A database in EUC_CN gives the same text."""
        postgres.execute(f"DROP DATABASE IF EXISTS {OWN}_euc")
        postgres.execute(
            f"CREATE DATABASE {OWN}_euc ENCODING 'EUC_CN' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
        url = sa.make_url(postgres_url).set(database=f"{OWN}_euc").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as connection:
            connection.execute("CREATE TABLE t (名称 text); INSERT INTO t VALUES ('白银市')")
        assert plain(read(source(url))[0][0]) == {"名称": "白银市"}
        postgres.execute(f"DROP DATABASE {OWN}_euc WITH (FORCE)")

    def test_a_view_is_a_table(self, postgres, postgres_url):
        """A view reads like a table, with its schema given."""
        postgres.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT a * 2 AS 甲 FROM t")
        assert plain(read(source(postgres_url, "v", schema="public"))[0][0]) == {"甲": 2}


class TestMariaTypes:
    def test_each_type_arrives_without_loss(self, maria, mysql_url):
        """Decimals are exact, dates are the server's text, zero dates included."""
        maria.execute(
            "CREATE TABLE t (id int, u bigint unsigned, n decimal(30,4), wide decimal(65,2), d date, ts datetime(6),"
            " at timestamp NULL, b varbinary(5), j json, e enum('a','乙'), f double, bits bit(3), yes bool,"
            " y year, ti time, `占比%%` text) CHARACTER SET utf8mb4"
        )
        maria.execute(
            "INSERT INTO t VALUES (1, 18446744073709551615, 12345678901234567890.1234, 2.50, '0000-00-00',"
            " '2024-01-01 12:00:00.5', '2024-01-01 12:00:00', x'00ff', '{}', '乙', 0.1, b'101', true, 2024,"
            " '-12:00:00', '𠮷'), (2, NULL, NULL, NULL, '2024-00-00', NULL, NULL,"
            " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
        first, second = (plain(row) for row in read(source(mysql_url))[0])
        assert (first["u"], first["n"], first["wide"]) == (2**64 - 1, Decimal("12345678901234567890.1234"), "2.50")
        assert (first["d"], second["d"], first["ts"]) == ("0000-00-00", "2024-00-00", "2024-01-01 12:00:00.500000")
        assert (first["b"], first["j"], first["e"], first["f"], first["bits"]) == (b"\x00\xff", "{}", "乙", 0.1, 5)
        assert (first["yes"], first["y"], first["ti"], first["占比%%"]) == (1, "2024", "-12:00:00", "𠮷")

    def test_a_zero_date_as_watermark_is_read_every_time(self, maria, mysql_url):
        """A row whose watermark is 0000-00-00 is no older than the bound: it is read like a null."""
        maria.execute("CREATE TABLE t (id int, at datetime)")
        maria.execute("INSERT INTO t VALUES (1, '0000-00-00'), (2, '2024-01-01'), (3, NULL)")
        given = source(mysql_url, mode="watermark", watermark_column="at")
        rows, cursor = read(given, ("id",), mode="watermark")
        assert [row["id"] for row in rows] == [1, 2, 3]
        assert [row["id"] for row in read(given, ("id",), cursor, "watermark")[0]] == [1, 3]


class TestSqliteTypes:
    def test_values_of_any_type_in_any_column(self, tmp_path):
        """SQLite's loose typing loses nothing; text in GB18030 is text, other bytes are reported on their row."""
        path = tmp_path / "a.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (n integer, x text, b blob)")
            connection.execute("INSERT INTO t VALUES (1, '张', x'00ff'), ('无', 2.5, NULL)")
            connection.execute(
                "INSERT INTO t VALUES (3, CAST(x'D5C5' AS text), NULL), (4, CAST(x'ff80' AS text), NULL)"
            )
        rows = read(source(f"sqlite:///{path}"))[0]
        assert [(row["n"], row["x"], row["b"]) for row in rows] == [
            ("1", "张", b"\x00\xff"), ("无", "2.5", None), ("3", "张", None), ("4", None, None),
        ]  # fmt: skip
        assert rows[3]["_raw"] == b"\xff\x80"
        assert [finding["code"] for finding in rows[3]["_findings"]] == ["ROW_ENCODING"]

    def test_a_file_that_is_no_database(self, tmp_path):
        """Any other file is refused as such."""
        path = tmp_path / "a.db"
        path.write_bytes(b"no database at all" * 100)
        with pytest.raises(SourceUnreadable, match="SQLite"):
            source(f"sqlite:///{path}").columns()
        with pytest.raises(SourceUnreadable, match="无法打开"):
            source(f"sqlite:///{tmp_path / 'none.db'}").columns()


class TestIncrementsUnderWriters:
    def test_nothing_is_lost_under_writers(self, postgres, postgres_url):
        """Eight writers commit late, in transactions up to the declared time and one beyond it: every row is read."""
        postgres.execute("CREATE TABLE t (id text, at timestamptz)")
        stop = time.monotonic() + 3

        def write(worker: int) -> None:
            with psycopg.connect(postgres_url) as connection:
                number = 0
                while time.monotonic() < stop:
                    connection.execute("INSERT INTO t VALUES (%s, now())", [f"{worker}-{number}"])
                    time.sleep(3.5 if (worker, number) == (0, 0) else 0.05 * (worker + 1) if worker else 0.2)
                    connection.commit()
                    number += 1

        writers = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
        for writer in writers:
            writer.start()
        given = source(postgres_url, mode="watermark", watermark_column="at", longest_transaction_seconds=1)
        seen: set[str] = set()
        cursor = None
        while any(writer.is_alive() for writer in writers):
            rows, cursor = read(given, ("id",), cursor, "watermark")
            seen |= {row["id"] for row in rows}
            time.sleep(0.1)
        time.sleep(1.1)
        rows, cursor = read(given, ("id",), cursor, "watermark")
        seen |= {row["id"] for row in rows}
        assert seen == {row[0] for row in postgres.execute("SELECT id FROM t").fetchall()}
        assert read(given, ("id",), cursor, "watermark")[0] == []

    def test_a_running_writer_holds_the_bound(self, postgres, postgres_url):
        """The bound is the start of the oldest transaction that has written and not yet committed."""
        postgres.execute("CREATE TABLE t (id int, at timestamptz)")
        given = source(postgres_url, mode="watermark", watermark_column="at", longest_transaction_seconds=0)
        with psycopg.connect(postgres_url) as writer:
            began = writer.execute("SELECT now()").fetchone()[0]
            writer.execute("INSERT INTO t VALUES (1, now())")
            postgres.execute("INSERT INTO t VALUES (2, clock_timestamp())")
            rows, cursor = read(given, ("id",), mode="watermark")
            assert rows == []
            assert datetime.fromisoformat(cursor["upper"]) == began
        assert sorted(row["id"] for row in read(given, ("id",), cursor, "watermark")[0]) == [1, 2]

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
    def test_a_time_without_zone_by_any_server_clock(self, postgres, postgres_url, zone):
        """A late commit is read whether the server writes its times without zone in Shanghai's time or in UTC."""
        postgres.execute("CREATE TABLE t (id int, at timestamp)")
        postgres.execute(f"ALTER DATABASE \"{postgres.info.dbname}\" SET timezone = '{zone}'")
        try:
            given = source(postgres_url, mode="watermark", watermark_column="at", longest_transaction_seconds=0)
            with psycopg.connect(postgres_url) as writer:
                writer.execute("INSERT INTO t VALUES (1, now())")
                rows, cursor = read(given, ("id",), mode="watermark")
                assert rows == []
            assert [row["id"] for row in read(given, ("id",), cursor, "watermark")[0]] == [1]
        finally:
            postgres.execute(f'ALTER DATABASE "{postgres.info.dbname}" RESET timezone')

    def test_the_clock_is_asked_before_the_snapshot(self, postgres, postgres_url):
        """A row committed between the clock and the snapshot is newer than the bound, never missing below it."""
        postgres.execute("CREATE TABLE t (id int, at timestamptz)")
        attachment = Attachment(connector="postgres", mode="watermark", table="t", watermark_column="at")
        session = PostgresSource(attachment, postgres_url).open()
        fetch = session._fetch
        order: list[str] = []
        session._fetch = lambda text: (order.append(text), fetch(text))[1]  # type: ignore[method-assign]
        run = session._run
        session._run = lambda text: (order.append(text), run(text))[1]  # type: ignore[method-assign]
        session.settle(timedelta(0), datetime.now(UTC))
        session.close()
        assert ["clock_timestamp" in order[0], "pg_stat_activity" in order[1], "BEGIN" in order[2]] == [True] * 3

    def test_columns_and_rows_are_of_one_moment(self, postgres, postgres_url):
        """What is committed after the columns were listed is not among the rows."""
        postgres.execute("CREATE TABLE t (id int)")
        session = source(postgres_url).open()
        try:
            session.settle(timedelta(0), datetime.now(UTC))
            session.columns()
            postgres.execute("INSERT INTO t VALUES (1)")
            assert list(session.rows(Query(("id",)))) == []
        finally:
            session.close()

    @pytest.mark.parametrize("kind", ["postgres", "mariadb", "sqlite"])
    def test_a_reading_is_one_snapshot(self, kind, place_of):
        """Rows committed while a reading is under way are not in it, neither half of a transaction."""
        place = place_of(kind)
        names = [column.name for column in place.source().columns()]
        place.put([dict.fromkeys(names) | {"code": str(number)} for number in range(500)])
        with place.source().read(ReadRequest(("code",), "snapshot", datetime.now(UTC), batch_rows=10)) as reading:
            running = iter(reading)
            codes = next(running).column("code").to_pylist()
            writing = threading.Thread(target=lambda: place.put([dict.fromkeys(names) | {"code": "-1"}]))
            if kind != "sqlite":  # a reader keeps SQLite's writers waiting
                writing.start()
                writing.join()
            codes += [code for batch in running for code in batch.column("code").to_pylist()]
        assert sorted(codes, key=int) == [str(number) for number in range(500)]


class TestReadOnly:
    @pytest.fixture
    def postgres_reader(self, postgres, postgres_url):
        """The URL of an account with SELECT on `t` alone."""
        postgres.execute("CREATE TABLE t (id int, secret text); INSERT INTO t VALUES (1, 'x')")
        role = OWN
        with suppress(psycopg.errors.UndefinedObject):
            postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        postgres.execute(f"GRANT SELECT ON t TO {role}")
        yield sa.make_url(postgres_url).set(username=role, password=SECRET).render_as_string(hide_password=False)
        postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    @pytest.fixture
    def maria_reader(self, maria, mysql_url):
        """The URL of an account with SELECT on `t` alone."""
        maria.execute("CREATE TABLE t (id int, secret text)")
        maria.execute("INSERT INTO t VALUES (1, 'x')")
        maria.execute(f"CREATE OR REPLACE USER {OWN}@'127.0.0.1' IDENTIFIED BY '{SECRET}'")
        url = sa.make_url(mysql_url)
        maria.execute(f"GRANT SELECT ON `{url.database}`.t TO {OWN}@'127.0.0.1'")
        yield url.set(username=OWN, password=SECRET).render_as_string(hide_password=False)
        maria.execute(f"DROP USER {OWN}@'127.0.0.1'")

    @pytest.mark.parametrize("reader", ["postgres_reader", "maria_reader"])
    def test_a_read_only_account_is_enough(self, reader, request):
        """All modes work with SELECT on the one table alone, and the test has no warning then."""
        url = request.getfixturevalue(reader)
        assert [row["id"] for row in read(source(url))[0]] == [1]
        increment = source(url, mode="watermark", watermark_column="id")
        assert [row["id"] for row in read(increment, ("id",), mode="watermark")[0]] == [1]
        steps = source(url).test()
        assert [step.name for step in steps] == ["name", "port", "login", "privilege", "table"]
        assert all(step.passed for step in steps)

    def test_an_account_that_could_write_is_warned_of(self, postgres, maria, postgres_url, mysql_url):
        """Writing rights are a warning, not a failure."""
        postgres.execute("CREATE TABLE t (id int)")
        maria.execute("CREATE TABLE t (id int)")
        for url in (postgres_url, mysql_url):
            last = source(url).test()[-1]
            assert (last.name, last.passed, last.warning) == ("read_only", True, True)

    def test_sessions_refuse_to_write(self, postgres, postgres_url, maria, mysql_url, tmp_path):
        """Even with an account that may write, our own session cannot."""
        postgres.execute("CREATE TABLE t (id int)")
        maria.execute("CREATE TABLE t (id int)")
        path = tmp_path / "a.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (id int)")
        for begun in (False, True):
            session = source(postgres_url).open()
            try:
                if begun:
                    session.settle(timedelta(0), datetime.now(UTC))
                with pytest.raises(Exception, match="read-only"):
                    session._run("INSERT INTO t VALUES (1)")
            finally:
                session.close()
        for url in (mysql_url, f"sqlite:///{path}"):
            session = source(url).open()
            session.settle(timedelta(0), datetime.now(UTC))
            try:
                with pytest.raises(sa.exc.DBAPIError):
                    session._connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            finally:
                session.close()
        assert postgres.execute("SELECT count(*) FROM t").fetchone() == (0,)
