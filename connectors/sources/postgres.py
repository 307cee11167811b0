"""PostgreSQL and its family through ADBC: one REPEATABLE READ READ ONLY transaction for columns and rows. Never writes.

Values keep the server's types; numeric is its exact text, and so is every type that Arrow has no equal for (json,
arrays, enum, interval…). Infinity becomes 9999-12-31; a date beyond the years 1 to 9999, which Python cannot hold,
becomes 0001-01-02 or 9998-12-31, out of any range that a register allows.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from adbc_driver_manager import dbapi as adbc
from adbc_driver_postgresql import dbapi
from sqlalchemy.engine import URL, make_url

from connectors import failures
from connectors.base import Query, Session, SourceBase
from connectors.increment import Bounds, Nature
from connectors.moments import UTC_MICROSECONDS, lag_of, local_date, local_text, to_utc
from connectors.reach import TIMEOUT_SECONDS, reach
from schemas.errors import SourceDown, SourceError, SourceUnreadable
from schemas.source import SourceColumn, SourceTable, Step

_NATIVE = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "numeric": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": UTC_MICROSECONDS,
}
_TEXTS = {"text", "varchar", "bpchar"}
_ENDLESS = {"date", "timestamp", "timestamptz"}
_SESSION = (
    "SET default_transaction_read_only = on",
    "SET client_encoding = 'UTF8'",
    "SET TimeZone = 'Asia/Shanghai'",
    f"SET lock_timeout = '{TIMEOUT_SECONDS}s'",
    "SET statement_timeout = 0",
)
# Not every server of the family knows it.
_WHERE_KNOWN = "SET idle_in_transaction_session_timeout = 0"
# The clock is read before the list of writers, and both before the snapshot is taken: a writer that starts later has a
# later start, one that commits in between is seen as running and only makes the bound earlier than needed.
_OFFSET = "SELECT extract(timezone FROM clock_timestamp())::int4"
_CLOCK = "SELECT clock_timestamp()"
_OLDEST_WRITER = """
SELECT least((SELECT min(a.xact_start) FROM pg_catalog.pg_stat_activity a
               WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()),
             (SELECT min(p.prepared) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database())
             - interval '{longest} seconds')
"""
_BUSY = ("starting up", "shutting down", "too many", "connection slots", "recovery", "timeout", "启动", "关闭", "太多")
_NO_DATABASE = ('database "', '数据库 "')
_COLUMNS = """
SELECT a.attname::text, coalesce(b.typname, t.typname)::text, a.attnotnull,
       CASE WHEN coalesce(b.typname, t.typname) IN ('varchar', 'bpchar') AND a.atttypmod > 4
            THEN a.atttypmod - 4 END::int4,
       coalesce(col_description(a.attrelid, a.attnum), '')::text
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
 WHERE a.attrelid = {table}::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""
_TABLES = """
SELECT n.nspname::text, c.relname::text, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '')::text,
       c.reltuples::int8, has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
   AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
 ORDER BY 1, 2 LIMIT 5000
"""
_KEY = """
SELECT a.attname::text
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
 WHERE i.indrelid = {table}::regclass AND i.indisprimary
 ORDER BY array_position(i.indkey::int2[], a.attnum)
"""
_COULD_WRITE = """
SELECT has_any_column_privilege({table}::regclass::oid, 'INSERT, UPDATE')
       OR has_table_privilege({table}::regclass::oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""


class PostgresSession(Session):
    """One connection; `settle` opens its only transaction."""

    def __init__(self, connection: Any, schema: str | None, table: str | None) -> None:
        self._connection = connection
        self._table = ".".join(quoted(name) for name in (schema, table) if name)
        self._types: dict[str, str] = {}
        self.title = f"表{table}"

    def prepare(self) -> None:
        """Makes the session read-only before anything else is asked."""
        self.lag = lag_of(int(self._fetch(_OFFSET)[0][0]))
        for statement in _SESSION:
            self._run(statement)
        with suppress(adbc.Error):
            self._run(_WHERE_KNOWN)

    def settle(self, longest: timedelta, now: datetime) -> datetime:
        """Reads clock and oldest writer, then begins the transaction whose first query takes the snapshot."""
        there = self._fetch(_CLOCK)[0][0]
        oldest = self._fetch(_OLDEST_WRITER.format(longest=longest.total_seconds()))[0][0]
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        settled = min(to_utc(there), to_utc(now)) - longest
        return min(settled, to_utc(oldest)) if oldest else settled

    def columns(self) -> list[SourceColumn]:
        """Lists the table's columns; raises SourceUnreadable when there is no such table."""
        if not self._table:
            raise failures.table_not_named()
        table = literal(self._table)
        if self._fetch(f"SELECT to_regclass({table}) IS NULL")[0][0]:
            raise failures.table_missing(self._table.replace('"', ""))
        found = self._fetch(_COLUMNS.format(table=table))
        self._types = {name: kind for name, kind, *_ in found}
        return [
            SourceColumn(name, _NATIVE.get(kind, pa.string()), length, not filled, comment)
            for name, kind, filled, length, comment in found
        ]

    def nature(self, column: SourceColumn) -> Nature:
        """Names how the server compares the column; its numeric is compared as a number though it comes as text."""
        return Nature.NUMBER if self._types.get(column.name) == "numeric" else super().nature(column)

    def rows(self, query: Query) -> Iterator[pa.RecordBatch]:
        """Streams the rows by COPY."""
        schema = pa.schema([(name, _NATIVE.get(self._types[name], pa.string())) for name in query.columns])
        selected = ", ".join(self._expression(name) for name in query.columns)
        text = f"SELECT {selected} FROM {self._table}{_where(query.bounds)}"
        if query.order:
            text += " ORDER BY " + ", ".join(self._sorting(query.order))
        if query.limit is not None:
            text += f" LIMIT {query.limit}"
        cursor = self._connection.cursor()
        try:
            cursor.execute(text)
            for batch in cursor.fetch_record_batch():
                yield _plain(batch, schema)
        finally:
            cursor.close()

    def _sorting(self, order: tuple[str, ...]) -> Iterator[str]:
        for place, name in enumerate(order):
            if place and self._types[name] in _TEXTS:
                yield f"length({quoted(name)})"
            yield quoted(name)

    def probe(self) -> None:
        """Reads one row and drops it."""
        self._fetch(f"SELECT 1 FROM {self._table} LIMIT 1")

    def tables(self) -> list[SourceTable]:
        """Lists the tables and views that the account can read, outside the system's own schemas."""
        return [
            SourceTable(name, schema, "view" if kind in "vm" else "table", comment, rows if rows >= 0 else None, writes)
            for schema, name, kind, comment, rows, writes in self._fetch(_TABLES)
        ]

    def key(self) -> tuple[str, ...]:
        """Names the columns of the primary key."""
        return tuple(name for (name,) in self._fetch(_KEY.format(table=literal(self._table))))

    def comment(self) -> str:
        """Returns the table's comment."""
        text = f"SELECT coalesce(obj_description({literal(self._table)}::regclass, 'pg_class'), '')::text"
        return str(self._fetch(text)[0][0])

    def could_write(self) -> bool:
        """Says whether the account has INSERT, UPDATE, DELETE or TRUNCATE on the table."""
        return bool(self._fetch(_COULD_WRITE.format(table=literal(self._table)))[0][0])

    def explain(self, error: Exception) -> SourceError:
        """Words an ADBC error by its SQLSTATE."""
        state = getattr(error, "sqlstate", None) or ""
        name = self._table.replace('"', "")
        known = {
            "55P03": failures.locked(name),
            "42501": failures.privilege_refused(self.title),
            "42P01": failures.table_missing(name),
            "3F000": failures.table_missing(name),
            "42703": failures.columns_missing(self.title, ["（名称见目录）"]),
        }
        if state in known:
            return known[state]
        if state.startswith(("22", "42", "0A")):
            return SourceUnreadable(f"{self.title}无法按目录读取（SQLSTATE {state}）", "", failures.ASK_DEPARTMENT)
        if state:
            return SourceDown(f"读取{self.title}时来源系统报错（SQLSTATE {state}）", "", "稍后会自动重试")
        return failures.interrupted(error)

    def close(self) -> None:
        """Closes the connection, which ends the transaction."""
        try:
            self._connection.close()
        except adbc.Error:
            return

    def _expression(self, name: str) -> str:
        column, kind = quoted(name), self._types[name]
        if kind in _ENDLESS:
            return (
                f"CASE WHEN {column} >= '0001-01-02' AND {column} < '10000-01-01' THEN {column}"
                f" WHEN {column} < '0001-01-02' THEN '0001-01-02' WHEN isfinite({column}) THEN '9998-12-31'"
                f" WHEN {column} IS NOT NULL THEN '9999-12-31' END AS {column}"
            )
        return column if kind in _NATIVE else f"{column}::text AS {column}"

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _fetch(self, text: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())


class PostgresSource(SourceBase):
    """A table or view of a PostgreSQL-family server."""

    schemes = ("postgresql", "postgres")

    def reach(self) -> list[Step]:
        """Tries name and port."""
        return _reach(self._address())

    def open(self) -> PostgresSession:
        """Logs in and makes the session read-only."""
        url = self._address()
        connection = failures.attempt(lambda: _connect(url), lambda error: _why_refused(url, error))
        session = PostgresSession(connection, self.attachment.schema, self.attachment.table)
        try:
            failures.attempt(session.prepare, session.explain)
        except SourceError:
            session.close()
            raise
        return session

    def _address(self) -> URL:
        url = failures.attempt(lambda: make_url(self._url or ""), lambda _: failures.address_unknown())
        return url.set(drivername="postgresql")


def _why_refused(url: URL, error: Exception) -> SourceError:
    """Tells a wrong account from a server that is down or busy; libpq gives no SQLSTATE while it connects."""
    steps = _reach(url)
    if not steps[-1].passed:
        return failures.unreachable(_place(url), steps[-1].says)
    text = str(error).lower()
    if any(word in text for word in _BUSY):
        return failures.unreachable(_place(url), "来源系统正在启动、停止或连接数已满")
    if any(text.count(word) for word in _NO_DATABASE) and (url.database or "").lower() in text:
        return SourceUnreadable(f"来源系统中没有数据库{url.database}", "连接地址中的库应存在", "请核对连接地址")
    return failures.log_in_refused(url.username or "")


def _connect(url: URL) -> Any:
    options = {"connect_timeout": str(TIMEOUT_SECONDS), "keepalives_idle": "30", "tcp_user_timeout": "60000"}
    options["application_name"] = "shuqiao"
    target = url.update_query_dict({name: value for name, value in options.items() if name not in url.query})
    return dbapi.connect(_as_libpq_reads(target), autocommit=True)


def _as_libpq_reads(url: URL) -> str:
    """Writes the URL with %20 where SQLAlchemy leaves a blank (account, database) or puts a + (options)."""
    front, mark, options = url.render_as_string(hide_password=False).partition("?")
    return front.replace(" ", "%20") + mark + options.replace("+", "%20")


def _reach(url: URL) -> list[Step]:
    host = str(url.host or url.query.get("host") or "")
    if not host or host.startswith("/"):
        return [Step("name", True, "使用本机套接字"), Step("port", True, "使用本机套接字")]
    return reach(host, url.port or 5432)


def _place(url: URL) -> str:
    return f"{url.host or '本机'}:{url.port or 5432}"


def _where(bounds: Bounds | None) -> str:
    if bounds is None or bounds.nature is Nature.TEXT or (bounds.lower is None and bounds.upper is None):
        return ""
    column = quoted(bounds.column)
    parts = []
    if bounds.lower is not None:
        parts.append(f"{column} >= {_bound(bounds.nature, bounds.lower)}")
    if bounds.upper is not None:
        parts.append(f"{column} <= {_bound(bounds.nature, bounds.upper)}")
    return f" WHERE {column} IS NULL OR ({' AND '.join(parts)})"


def _bound(nature: Nature, value: datetime | int) -> str:
    if not isinstance(value, datetime):
        return str(int(value))
    if nature is Nature.DATE:
        return f"{literal(local_date(value).isoformat())}::date"
    if nature is Nature.NAIVE:
        return f"{literal(local_text(value))}::timestamp"
    return f"{literal(value.isoformat())}::timestamptz"


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Takes ADBC's extension types (numeric, uuid, json) off their storage."""
    arrays = []
    for column, field in zip(batch.columns, schema, strict=True):
        storage = column.storage if isinstance(column, pa.ExtensionArray) else column
        arrays.append(storage if storage.type == field.type else storage.cast(field.type))
    return pa.record_batch(arrays, schema=schema)


def quoted(name: str) -> str:
    """Quotes an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quotes a text; standard_conforming_strings is on in every supported server."""
    return "'" + text.replace("'", "''") + "'"


SOURCE = PostgresSource
