"""Any other database through SQLAlchemy: streamed from the server, turned column by column to Arrow. Never writes.

Numbers, dates and bytes keep their type where it is exact; a MySQL date is text, since `0000-00-00` is a date there and
nowhere else; SQLite has no column types, so all but BLOB is text. Other databases need a driver (docs/connectors.md).
"""

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url

from connectors import failures
from connectors.base import Query, Session, SourceBase
from connectors.dialects import (
    DIALECTS,
    LOCKED,
    LOG_IN_REFUSED,
    NO_COLUMN,
    NO_DATABASE,
    NO_TABLE,
    NOT_PERMITTED,
    SECONDS,
    Dialect,
)
from connectors.increment import Bounds, Nature, nature_of
from connectors.moments import UTC_MICROSECONDS, lag_of, local_date, to_utc
from connectors.reach import reach
from connectors.sql_rows import row_batch, text_or_bytes
from connectors.window import SHANGHAI
from schemas.errors import HubError, SetupError, SourceError, SourceUnreadable
from schemas.source import SourceColumn, SourceTable, Step

_ARROW_TYPES: tuple[tuple[Any, pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.Integer, pa.int64()),
    (sa.Float, pa.float64()),
    (sa.Date, pa.date32()),
    ((sa.LargeBinary, sa.types._Binary), pa.binary()),
)
_WRITES = ("INSERT", "UPDATE", "DELETE", "ALL PRIVILEGES")


class SqlSession(Session):
    """One connection with one read-only transaction."""

    def __init__(self, connection: Connection, dialect: Dialect, schema: str | None, table: str | None) -> None:
        self._connection = connection
        self._dialect = dialect
        self._schema = schema
        self._name = table or ""
        self._table = sa.table(self._name, schema=schema)
        self._kinds: dict[str, sa.types.TypeEngine[Any]] = {}
        self._types: dict[str, pa.DataType] = {}
        self.title = f"表{table}"

    @property
    def _family(self) -> str:
        return self._connection.dialect.name

    def settle(self, longest: timedelta, now: datetime) -> datetime:
        """Asks the server's clock, then begins the snapshot; the earlier of both clocks counts."""
        moments = [to_utc(now)]
        if self._dialect.clock:
            there = self._connection.exec_driver_sql(self._dialect.clock).scalar_one()
            there = datetime.fromisoformat(str(there))
            moments.append(there.replace(tzinfo=there.tzinfo or UTC))
        if self._dialect.offset:
            # Two readings of the clock may straddle a second.
            self.lag = lag_of(round(self._connection.exec_driver_sql(self._dialect.offset).scalar_one() / 60) * 60)
        self._end()
        for statement in self._dialect.begin:
            self._connection.exec_driver_sql(statement)
        return min(moments) - longest

    def _end(self) -> None:
        if self._connection.in_transaction():
            self._connection.rollback()

    def columns(self) -> list[SourceColumn]:
        """Lists the table's columns; raises SourceUnreadable when there is no such table."""
        if not self._name:
            raise failures.table_not_named()
        found = sa.inspect(self._connection).get_columns(self._name, self._schema)
        self._kinds = {str(column["name"]): column["type"] for column in found}
        self._types = {name: self._arrow_type(kind) for name, kind in self._kinds.items()}
        return [
            SourceColumn(
                str(column["name"]),
                self._types[str(column["name"])],
                getattr(column["type"], "length", None),
                bool(column.get("nullable", True)),
                str(column.get("comment") or ""),
            )
            for column in found
        ]

    def _arrow_type(self, kind: sa.types.TypeEngine[Any]) -> pa.DataType:
        if self._family == "sqlite":
            return pa.binary() if isinstance(kind, sa.LargeBinary) else pa.string()
        if self._dialect.dates_as_text and isinstance(kind, sa.Date | sa.DateTime):
            return pa.string()
        return _arrow_type(kind)

    def nature(self, column: SourceColumn) -> Nature:
        """Names how the database compares the column, whatever Arrow type carries it."""
        kind = self._kinds[column.name]
        if isinstance(kind, sa.Integer | sa.Numeric) and not isinstance(kind, sa.Float):
            return Nature.NUMBER
        if self._family == "sqlite":
            return Nature.TEXT
        if isinstance(kind, sa.DateTime):
            return Nature.AWARE if kind.timezone else Nature.NAIVE
        return Nature.DATE if isinstance(kind, sa.Date) else nature_of(column.type)

    def rows(self, query: Query) -> Iterator[pa.RecordBatch]:
        """Streams the rows, `batch_rows` at a time."""
        statement: Any = sa.select(*(sa.column(name) for name in query.columns)).select_from(self._table)
        if query.bounds is not None:
            statement = statement.where(*self._where(query.bounds))
        if query.order:
            statement = statement.order_by(*self._sorting(query.order))
        if query.limit is not None:
            statement = statement.limit(query.limit)
        # The result buffers its first rows, so the driver's own cursor must not be read behind its back.
        result = self._connection.execute(statement, execution_options={"yield_per": query.batch_rows})
        with result:
            for rows in result.partitions():
                yield row_batch(rows, query.columns, self._types)

    def _sorting(self, order: tuple[str, ...]) -> Iterator[sa.ColumnElement[Any]]:
        length = sa.func.len if self._family == "mssql" else sa.func.length
        for place, name in enumerate(order):
            column: sa.ColumnElement[Any] = sa.column(name)
            if place and self.nature(SourceColumn(name, self._types[name])) is Nature.TEXT:
                yield length(column)
            yield column

    def _where(self, bounds: Bounds) -> list[sa.ColumnElement[bool]]:
        if bounds.nature is Nature.TEXT or (bounds.lower is None and bounds.upper is None):
            return []
        column: sa.ColumnElement[Any] = sa.column(bounds.column)
        inside: list[sa.ColumnElement[bool]] = []
        if bounds.lower is not None:
            inside.append(column >= _bound(bounds.nature, bounds.lower))
        if bounds.upper is not None:
            inside.append(column <= _bound(bounds.nature, bounds.upper))
        always: list[sa.ColumnElement[bool]] = [column.is_(None)]
        if self._dialect.dates_as_text and bounds.nature is not Nature.NUMBER:
            always.append(column == sa.literal_column("0"))
        return [sa.or_(*always, sa.and_(*inside))]

    def probe(self) -> None:
        """Reads one row and drops it."""
        self._connection.execute(sa.select(sa.literal_column("1")).select_from(self._table).limit(1)).all()

    def tables(self) -> list[SourceTable]:
        """Lists the tables and views of the account's own schema."""
        found = sa.inspect(self._connection)
        names = [(name, "table") for name in found.get_table_names()] + [(n, "view") for n in found.get_view_names()]
        return [SourceTable(name, None, kind) for name, kind in sorted(names)]  # type: ignore[arg-type]

    def key(self) -> tuple[str, ...]:
        """Names the columns of the primary key."""
        return tuple(sa.inspect(self._connection).get_pk_constraint(self._name, self._schema)["constrained_columns"])

    def comment(self) -> str:
        """Returns the table's comment, where the family keeps one."""
        try:
            return sa.inspect(self._connection).get_table_comment(self._name, self._schema)["text"] or ""
        except NotImplementedError:
            return ""

    def could_write(self) -> bool:
        """Says whether the account could write to the table; known for MySQL's family and SQLite."""
        if self._family == "sqlite":
            return os.access(str(self._connection.engine.url.database), os.W_OK)
        if not self._dialect.dates_as_text:
            return False
        scopes = {"*.*", f"`{self._schema or self._connection.engine.url.database}`.*"}
        scopes.add(scopes.copy().difference({"*.*"}).pop().removesuffix("*") + f"`{self._name}`")
        grants = [str(row[0]) for row in self._connection.exec_driver_sql("SHOW GRANTS")]
        return any(
            any(f" ON {scope} " in grant for scope in scopes)
            and any(word in grant.split(" ON ")[0] for word in _WRITES)
            for grant in grants
        )

    def explain(self, error: Exception) -> SourceError:
        """Words a driver's error by its number."""
        codes, original = codes_of(error), getattr(error, "orig", None) or error
        if isinstance(error, sa.exc.NoSuchTableError) or codes & NO_TABLE:
            return failures.table_missing(self._name)
        if codes & LOCKED or "database is locked" in str(original):
            return failures.locked(self._name)
        if codes & NOT_PERMITTED:
            return failures.privilege_refused(self.title)
        if codes & NO_COLUMN:
            return failures.columns_missing(self.title, ["（名称见目录）"])
        return self._unreadable(error, original) or failures.interrupted(original)

    def _unreadable(self, error: Exception, original: Exception) -> SourceError | None:
        if isinstance(original, sqlite3.DatabaseError) and not isinstance(original, sqlite3.OperationalError):
            return SourceUnreadable("文件不是SQLite数据库", "应为完整的SQLite文件", failures.ASK_DEPARTMENT)
        if isinstance(error, pa.ArrowException):
            return SourceUnreadable(
                f"{self.title}中有与列类型不符的值", "每列的值应符合其类型", failures.ASK_DEPARTMENT
            )
        return None

    def close(self) -> None:
        """Rolls back and closes the connection."""
        try:
            self._connection.invalidate()
            self._connection.close()
        except Exception:  # noqa: BLE001, S110 - a visit that is over has nothing more to say
            pass
        self._connection.engine.dispose()


class SqlSource(SourceBase):
    """A table or view of any database that SQLAlchemy has a dialect for."""

    schemes = ("mysql", "mariadb", "sqlite", "oracle", "mssql", "kingbase", "dm")

    def reach(self) -> list[Step]:
        """Tries name and port."""
        url, dialect = self._address()
        if url.get_backend_name() == "sqlite":
            there = Path(url.database or "").is_file()
            name = Path(url.database or "").name
            return [
                Step("name", there, f"文件{name}" + ("存在" if there else "不存在"), "" if there else "请核对连接地址")
            ]
        port = url.port or dialect.port
        if not url.host or port is None:
            return [Step("name", True, "由驱动解析"), Step("port", True, "由驱动连接")]
        return reach(url.host, port)

    def open(self) -> SqlSession:
        """Logs in; the transaction begins with `settle`."""
        url, dialect = self._address()
        engine = failures.attempt(lambda: _engine(url, dialect), lambda error: _no_driver(url, dialect, error))
        connection = failures.attempt(engine.connect, lambda error: _why_refused(url, dialect, error))
        if dialect.own_transactions:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        return SqlSession(connection, dialect, self.attachment.schema, self.attachment.table)

    def _address(self) -> tuple[URL, Dialect]:
        url = failures.attempt(lambda: make_url(self._url or ""), lambda _: failures.address_unknown())
        family = url.get_backend_name()
        dialect = DIALECTS.get(family, Dialect())
        if dialect.driver and "+" not in url.drivername:
            url = url.set(drivername=f"{family}+{dialect.driver}")
        return url, dialect


def _engine(url: URL, dialect: Dialect) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool, creator=lambda: _sqlite(str(url.database or "")))
    options = dict(dialect.connect)
    if url.get_driver_name() == "pymysql":
        options["conv"] = _mysql_values()
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options, hide_parameters=True)


def _sqlite(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS, check_same_thread=False
    )
    connection.text_factory = text_or_bytes
    return connection


def _mysql_values() -> dict[Any, Any]:
    """Returns PyMySQL's converters without those of dates and times, which come as the server's text."""
    from pymysql.constants import FIELD_TYPE as KIND  # noqa: PLC0415 - an optional driver
    from pymysql.converters import conversions  # noqa: PLC0415

    raw = {KIND.DATE, KIND.NEWDATE, KIND.DATETIME, KIND.TIMESTAMP, KIND.TIME}
    return {key: value for key, value in conversions.items() if key not in raw}


def _no_driver(url: URL, dialect: Dialect, error: Exception) -> HubError:
    if isinstance(error, ImportError | sa.exc.NoSuchModuleError):
        family = url.get_backend_name()
        package = dialect.package or family
        return SetupError(
            f"连接{family}所需的驱动没有安装", f"需要{package}", f"请安装 {package}（见 docs/connectors.md）"
        )
    return failures.address_unknown()


def _why_refused(url: URL, dialect: Dialect, error: Exception) -> HubError:
    if isinstance(error, ImportError):
        return _no_driver(url, dialect, error)
    codes = codes_of(error)
    if codes & NO_DATABASE:
        return SourceUnreadable(f"来源系统中没有数据库{url.database}", "连接地址中的库应存在", "请核对连接地址")
    if codes & LOG_IN_REFUSED:
        return failures.log_in_refused(url.username or "")
    if codes & NOT_PERMITTED:
        return failures.privilege_refused(f"数据库{url.database}")
    if url.get_backend_name() == "sqlite":
        return SourceUnreadable(
            f"无法打开文件{Path(url.database or '').name}", "应为可读的SQLite文件", "请核对连接地址"
        )
    return failures.unreachable(f"{url.host or '来源系统'}:{url.port or dialect.port or ''}".rstrip(":"))


def codes_of(error: Exception) -> set[int | str]:
    """Collects the error numbers and SQLSTATEs of a driver's exception."""
    original = getattr(error, "orig", None) or error
    found: set[int | str] = {
        value for value in (getattr(original, "sqlstate", None), getattr(original, "pgcode", None)) if value
    }
    for argument in original.args[:1]:
        full = getattr(argument, "full_code", None)
        found.update(
            value for value in (argument, full) if isinstance(value, int | str) and not isinstance(value, bool)
        )
        if isinstance(argument, tuple) and argument and isinstance(argument[0], int):
            found.add(argument[0])
    return found


def _arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, sa.BigInteger) and getattr(kind, "unsigned", False):
        return pa.decimal128(20, 0)  # beyond int64
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        exact = kind.precision is not None and kind.precision <= 38 and kind.scale is not None
        return pa.decimal128(kind.precision, kind.scale) if exact else pa.string()
    if isinstance(kind, sa.DateTime):
        return UTC_MICROSECONDS if kind.timezone else pa.timestamp("us")
    if kind.__visit_name__ == "BIT":
        return pa.int64()
    return next((arrow for classes, arrow in _ARROW_TYPES if isinstance(kind, classes)), pa.string())


def _bound(nature: Nature, value: datetime | int) -> Any:
    if not isinstance(value, datetime) or nature is Nature.AWARE:
        return value
    return local_date(value) if nature is Nature.DATE else value.astimezone(SHANGHAI).replace(tzinfo=None)


SOURCE = SqlSource
