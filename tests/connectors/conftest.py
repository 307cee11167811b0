"""Department systems for the tests of connectors: all hold the same rows and are read through the registry."""

import csv
import gzip
import os
import socket
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
import sqlalchemy as sa
import xlsxwriter
import xlwt

from connectors.registry import open_source
from schemas.entry import Attachment
from schemas.source import ReadRequest

COLUMNS = (
    ("code", "text"),
    ("title", "text"),
    ("amount", "decimal"),
    ("day", "date"),
    ("changed", "timestamp"),
    ("number", "integer"),
    ("cd_operation", "text"),
    ("cd_time", "timestamp"),
    ("cd_batch", "integer"),
    ("row_guid", "text"),
)
NAMES = tuple(name for name, _ in COLUMNS)
SQL_TYPES = {
    "postgres": {
        "text": "text",
        "decimal": "numeric(20,4)",
        "date": "date",
        "timestamp": "timestamptz",
        "integer": "bigint",
    },
    "mariadb": {
        "text": "longtext",
        "decimal": "decimal(20,4)",
        "date": "date",
        "timestamp": "datetime(6)",
        "integer": "bigint",
    },
    "sqlite": {"text": "text", "decimal": "text", "date": "text", "timestamp": "text", "integer": "integer"},
}
ARROW_TYPES = {
    "text": pa.string(),
    "decimal": pa.decimal128(20, 4),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "integer": pa.int64(),
}
Row = dict[str, Any]


@dataclass
class Result:
    """What a reading gave."""

    rows: list[Row]
    batches: list[int]
    cursor: dict[str, Any] | None
    records: int


@dataclass
class Place:
    """One department system of a kind; `put` replaces the rows of its table or file."""

    kind: str
    url: str | None
    put: Callable[[Sequence[Row]], None]
    attachment: dict[str, Any] = field(default_factory=dict)
    now: datetime | None = None

    def source(self, **changes: Any) -> Any:
        """Opens the source with changes of the attachment."""
        settings: dict[str, Any] = {"mode": "snapshot", "longest_transaction_seconds": 0, **self.attachment, **changes}
        return open_source(Attachment(**settings), self.url)

    def read(
        self, columns: Sequence[str] = NAMES, cursor: Any = None, batch_rows: int = 50_000, **changes: Any
    ) -> Result:
        """Reads all rows with changes of the attachment."""
        mode = changes.pop("request_mode", changes.get("mode", "snapshot"))
        request = ReadRequest(tuple(columns), mode, self.now or datetime.now(UTC), cursor, batch_rows)
        rows, sizes = [], []
        with self.source(**changes).read(request) as reading:
            for batch in reading:
                rows += batch.to_pylist()
                sizes.append(batch.num_rows)
        return Result(rows, sizes, reading.cursor, reading.records)


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of our own in a real PostgreSQL: the one given, the machine's, or the embedded one."""
    base = os.environ.get("SHUQIAO_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")  # noqa: TID251
    if not _answers(base, 5432):
        base = request.getfixturevalue("cluster").url("postgres").replace("+psycopg", "")
    name = _database()
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield str(sa.make_url(base).set(database=name).render_as_string(hide_password=False))
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A database of our own in a real MariaDB or MySQL."""
    base = sa.make_url(os.environ.get("SHUQIAO_TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/"))  # noqa: TID251
    _need(str(base), 3306, "MariaDB")
    name = _database()
    with mysql(base) as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield base.set(database=name).render_as_string(hide_password=False)
    with mysql(base) as cursor:
        cursor.execute(f"DROP DATABASE `{name}`")


def _database() -> str:
    """Names a database for one folder of tests: a fixture that two folders import is made for each of them."""
    return f"shuqiao_connectors_{os.getpid()}_{uuid.uuid4().hex[:6]}"


def mysql(url: Any) -> Any:
    """Returns a cursor on the server, committing each statement."""
    url = sa.make_url(url)
    connection = pymysql.connect(
        host=url.host,
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database or None,
        autocommit=True,
        charset="utf8mb4",
    )
    return connection.cursor()


def _need(url: str, port: int, title: str) -> None:
    if not _answers(url, port):
        reason = f"no {title} answers at {sa.make_url(url).host}:{sa.make_url(url).port or port}"
        if os.environ.get("CI") == "true":  # noqa: TID251
            pytest.fail(reason)
        pytest.skip(reason)


def _answers(url: str, port: int) -> bool:
    parsed = sa.make_url(url)
    try:
        socket.create_connection((parsed.host or "127.0.0.1", parsed.port or port), timeout=2).close()
    except OSError:
        return False
    return True


#: Lets others run the suite against a database of their own.
OTHER_URL = os.environ.get("SHUQIAO_TEST_SQL_URL")  # noqa: TID251
KINDS = ("postgres", "mariadb", "sqlite", "csv", "csv.gz", "parquet", "xlsx", "xls")


@pytest.fixture(params=[*KINDS, *(["url"] if OTHER_URL else [])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty department system, once for each kind."""
    return build(request.param, request, tmp_path)


@pytest.fixture
def place_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    """Builds an empty department system of the kind asked for."""
    return lambda kind: build(kind, request, tmp_path)


def build(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Builds an empty department system of one kind."""
    if kind == "postgres":
        return _postgres(request.getfixturevalue("postgres_url"))
    if kind == "mariadb":
        return _sqlalchemy(request.getfixturevalue("mysql_url"), kind)
    if kind == "sqlite":
        return _sqlite(tmp_path / "department.db")
    if kind == "url":
        return _sqlalchemy(str(OTHER_URL), kind)
    return _file(tmp_path / f"table.{kind}", kind)


def _created(kind: str, table: str) -> str:
    return f"CREATE TABLE {table} ({', '.join(f'{name} {SQL_TYPES[kind][type_]}' for name, type_ in COLUMNS)})"


def _postgres(url: str) -> Place:
    table = f"t_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        connection.execute(_created("postgres", table))

    def put(rows: Sequence[Row]) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
            connection.execute(f"DELETE FROM {table}")
            marks = ", ".join(["%s"] * len(NAMES))
            connection.cursor().executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(r.values()) for r in rows])

    return Place("postgres", url, put, {"connector": "postgres", "schema": "public", "table": table})


def _sqlalchemy(url: str, kind: str) -> Place:
    table = f"t_{uuid.uuid4().hex[:8]}"
    types = {
        "text": sa.Text,
        "decimal": sa.Numeric(20, 4),
        "date": sa.Date,
        "timestamp": sa.DateTime,
        "integer": sa.BigInteger,
    }
    model = sa.Table(table, sa.MetaData(), *(sa.Column(name, types[type_]) for name, type_ in COLUMNS))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if kind == "mariadb":
        with mysql(url) as cursor:
            cursor.execute(_created(kind, table))
    else:
        model.create(engine)

    def put(rows: Sequence[Row]) -> None:
        with engine.begin() as connection:
            connection.execute(model.delete())
            if rows:
                connection.execute(model.insert(), list(rows))

    return Place(kind, url, put, {"connector": "sql", "table": table})


def _sqlite(path: Path) -> Place:
    with sqlite3.connect(path) as connection:
        connection.execute(_created("sqlite", "t"))

    def put(rows: Sequence[Row]) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM t")
            marks = ", ".join("?" * len(NAMES))
            values = [[v if isinstance(v, int) else None if v is None else str(v) for v in r.values()] for r in rows]
            connection.executemany(f"INSERT INTO t VALUES ({marks})", values)

    return Place("sqlite", f"sqlite:///{path}", put, {"connector": "sql", "table": "t"})


def _file(path: Path, kind: str) -> Place:
    writers = {"csv": _put_csv, "csv.gz": _put_csv, "parquet": _put_parquet, "xlsx": _put_xlsx, "xls": _put_xls}
    place = Place(kind, None, lambda rows: writers[kind](path, rows), {"connector": "file", "location": str(path)})
    place.put([])
    return place


def _put_csv(path: Path, rows: Sequence[Row]) -> None:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(NAMES)
        writer.writerows([["" if value is None else str(value) for value in given.values()] for given in rows])


def _put_parquet(path: Path, rows: Sequence[Row]) -> None:
    schema = pa.schema([(name, ARROW_TYPES[type_]) for name, type_ in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


def _put_xlsx(path: Path, rows: Sequence[Row]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("数据")
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        sheet.write_row(0, 0, NAMES)
        for number, given in enumerate(rows, 1):
            for column, value in enumerate(given.values()):
                if value is None:
                    continue
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif isinstance(value, date):
                    sheet.write_datetime(number, column, value, formats[type(value)])
                else:
                    sheet.write_number(number, column, value)


def _put_xls(path: Path, rows: Sequence[Row]) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("数据")
    styles = {
        date: xlwt.easyxf(num_format_str="yyyy-mm-dd"),
        datetime: xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss"),
    }
    for number, given in enumerate([dict(zip(NAMES, NAMES, strict=True)), *rows]):
        for column, value in enumerate(given.values()):
            if value is not None:
                sheet.write(number, column, value, *([styles[type(value)]] if type(value) in styles else []))
    book.save(str(path))


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Any]:
    """A connection to our PostgreSQL database, without a table `t`."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS t CASCADE")
        yield connection
        connection.execute("DROP TABLE IF EXISTS t CASCADE")


@pytest.fixture
def maria(mysql_url: str) -> Iterator[Any]:
    """A cursor on our MariaDB database, without a table `t`, with the old lenient mode."""
    with mysql(mysql_url) as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("DROP TABLE IF EXISTS t")
        yield cursor
        cursor.execute("UNLOCK TABLES")
        cursor.execute("DROP TABLE IF EXISTS t")
