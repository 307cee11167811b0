"""库表交换: batches as change rows in a table of the consumer's front-end database (PostgreSQL, MySQL, MariaDB).

One transaction holds the rows and the batch's line in the control table `sq_batches`, whose primary key is the batch
number: a batch is there whole and once, or not at all. A full batch replaces the table's rows.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, make_url

from connectors import sink_points as points
from connectors.dialects import DIALECTS, LOCKED, LOG_IN_REFUSED, NO_DATABASE, NOT_PERMITTED, SECONDS
from connectors.sources.sql import codes_of
from schemas.delivery import BATCH, GUID, OPERATION, TIME, Gate, Manifest, Receipt, Shipment
from schemas.errors import (
    HubError,
    InputError,
    SchemaDrift,
    SetupError,
    SourceDown,
    SourceRefused,
    SourceUnreadable,
    StateError,
)
from schemas.ports import Faults

CONTROL = "sq_batches"
#: Rows of one insert; the grant is asked for anew before each.
CHUNK_ROWS = 5_000
_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_FAMILIES = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "kingbase": "kingbase"}
_FAMILIES |= dict.fromkeys(("mysql", "mariadb"), "mysql+pymysql")
_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
_MOMENT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql")
_BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
_DUPLICATE = {1062, "23505"}
#: Kinds of errors of which the next try may be free.
_PASSING = {1213, 1205, "40001", "40P01", "57P01", "57P03", 2006, 2013, 2003}
_ENGINE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


class TableSink:
    """A table of the consumer's. `facts` name `table`, and `schema` where it is not the account's own."""

    def __init__(self, url: str, facts: Mapping[str, str]) -> None:
        self._url = make_url(url)
        family = self._url.drivername.partition("+")[0]
        if family not in _FAMILIES:
            raise InputError(
                "库表交换不支持这种数据库", "postgresql、mysql、mariadb、kingbase", "请改正地址", code="PLACE_KIND"
            )
        self._table, self._schema = checked(facts.get("table", "")), facts.get("schema") or None
        if self._schema is not None:
            checked(self._schema)
        self._url = self._url.set(drivername=_FAMILIES[family])

    def deliver(self, shipment: Shipment, gate: Gate, faults: Faults) -> Receipt | None:
        """Writes the batch and its line of the control table in one transaction; a repeat finds it there."""
        engine = self._engine()
        try:
            with engine.connect() as connection:
                tables = self._tables(connection, shipment)
                receipt = self._once(connection, shipment, tables, gate, faults)
            faults.reach(points.AFTER_COMMIT)
            return receipt
        except HubError:
            raise
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            failure = self._explain(error)
        finally:
            engine.dispose()
        raise failure

    def receipt(self, batch_no: str) -> Receipt | None:
        """Reads the batch's line of the control table."""
        engine = self._engine()
        control = _control(sa.MetaData(), self._schema)
        try:
            with engine.connect() as connection:
                return _known(connection, control, batch_no)
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            failure = self._explain(error)
        finally:
            engine.dispose()
        raise failure

    def _engine(self) -> sa.Engine:
        options: dict[str, Any] = {"connect_timeout": SECONDS}
        if self._url.get_backend_name() == "mysql":
            options = {**DIALECTS["mysql"].connect, "write_timeout": 1800, "init_command": "SET time_zone = '+08:00'"}
        try:
            return sa.create_engine(
                self._url,
                poolclass=sa.NullPool,
                connect_args=options,
                hide_parameters=True,
                isolation_level="READ COMMITTED",
            )
        except (ImportError, sa.exc.NoSuchModuleError):
            name = self._url.get_backend_name()
            raise SetupError(f"连接{name}所需的驱动没有安装", "", f"请安装 {name} 的驱动") from None

    def _tables(self, connection: Connection, shipment: Shipment) -> tuple[sa.Table, sa.Table]:
        """Creates or checks both tables; in a transaction of its own, since MySQL ends one at each CREATE."""
        metadata = sa.MetaData()
        target = target_table(metadata, self._schema, self._table, shipment.manifest)
        control = _control(metadata, self._schema)
        metadata.create_all(connection, checkfirst=True)
        connection.commit()
        there = {str(each["name"]) for each in sa.inspect(connection).get_columns(self._table, self._schema)}
        missing = [name for name, _ in shipment.manifest.columns if name not in there]
        if missing:
            raise SchemaDrift(
                f"前置库的表 {self._table} 缺少列：{'、'.join(missing)}",
                "表应有 cd_operation、cd_time、cd_batch、row_guid 和授权的各数据项",
                "请补上这些列，或改用一个新的表名",
                code="PLACE_COLUMNS",
            )
        if connection.dialect.name == "mysql":
            self._require_transactions(connection)
        connection.rollback()
        return target, control

    def _require_transactions(self, connection: Connection) -> None:
        query = sa.text(
            "select table_name from information_schema.tables where table_schema = coalesce(:s, database()) "
            "and table_name in (:a, :b) and engine <> 'InnoDB'"
        )
        if connection.execute(query, {"s": self._schema, "a": self._table, "b": CONTROL}).first():
            raise SourceUnreadable("前置库的表不支持事务", "表的存储引擎应为 InnoDB", "请改用 InnoDB 或换一个新的表名")

    def _once(
        self, connection: Connection, shipment: Shipment, tables: tuple[sa.Table, sa.Table], gate: Gate, faults: Faults
    ) -> Receipt:
        target, control = tables
        manifest = shipment.manifest
        with connection.begin():
            if (found := _known(connection, control, manifest.batch_no, shipment)) is not None:
                return found
            _require_turn(connection, control, manifest, self._table)
            # The line first: of two who bring the same batch the second waits here for the end of the first.
            connection.execute(control.insert(), _line(shipment, self._table))
            if manifest.kind == "full":
                gate()
                connection.execute(target.delete())
            for chunk in _chunks(shipment):
                gate()
                connection.execute(target.insert(), chunk)
                faults.reach(points.PART_WRITTEN)
            gate()
            faults.reach(points.BEFORE_COMMIT)
        return Receipt(manifest.batch_no, manifest.row_count)

    def _explain(self, error: Exception) -> HubError:
        """Words a driver's error; its own text may hold values and is dropped."""
        codes = codes_of(error)
        place = f"前置库{self._url.host or ''}"
        if codes & LOG_IN_REFUSED:
            return SourceRefused(f"{place}拒绝登录", "账号和密码应有效", "请更新订阅的送达地址")
        if codes & NOT_PERMITTED:
            return SourceRefused(
                f"账号没有写入{place}所需的权限", "需要建表、查询、插入、删除权限", "请使用部门授予权限后重试"
            )
        if codes & NO_DATABASE:
            return SourceUnreadable(f"{place}中没有这个数据库", "送达地址中的库应存在", "请核对送达地址")
        if codes & (LOCKED | _PASSING | _DUPLICATE) or isinstance(error, sa.exc.OperationalError | OSError):
            return SourceDown(f"{place}没有应答或被占用（{type(error).__name__}）", "", "稍后会以同一批次号自动重试")
        if isinstance(error, sa.exc.DBAPIError):
            number = next((str(code) for code in codes), "")
            return SourceUnreadable(
                f"{place}没有接受批次（{type(error).__name__} {number}）",
                "表的列类型应能容纳授权的数据项",
                "请核对表结构",
            )
        return SourceDown(f"向{place}送达时中断（{type(error).__name__}）", "", "稍后会以同一批次号自动重试")


def checked(name: str) -> str:
    """Returns a table's or schema's name; raises InputError when it is none."""
    if not _NAME.match(name):
        raise InputError(
            "前置库的表名不可用", "字母或下划线开头，只含字母、数字和下划线", "请改正订阅的表名", code="PLACE_TABLE"
        )
    return name


def target_table(metadata: sa.MetaData, schema: str | None, name: str, manifest: Manifest) -> sa.Table:
    """Declares the table of change rows; its key is batch and row."""
    fixed: dict[str, sa.Column[Any]] = {
        OPERATION: sa.Column(OPERATION, sa.String(1), nullable=False),
        TIME: sa.Column(TIME, _MOMENT, nullable=False),
        BATCH: sa.Column(BATCH, sa.String(32), primary_key=True),
        GUID: sa.Column(GUID, sa.String(36), primary_key=True),
    }
    items = [sa.Column(each, _sql_type(kind)) for each, kind in manifest.columns if each not in fixed]
    return sa.Table(name, metadata, *fixed.values(), *items, schema=schema, **_ENGINE)


def _sql_type(kind: str) -> Any:
    if found := re.fullmatch(r"decimal\d*\((\d+), (\d+)\)", kind):
        return sa.Numeric(int(found[1]), int(found[2]))
    if kind.startswith("timestamp"):
        return _MOMENT
    return {
        "date32[day]": sa.Date(),
        "int64": sa.BigInteger(),
        "bool": sa.Boolean(),
        "double": sa.Double(),
        "binary": _BYTES,
        "large_binary": _BYTES,
    }.get(kind, _LONG)


def _control(metadata: sa.MetaData, schema: str | None) -> sa.Table:
    return sa.Table(
        CONTROL,
        metadata,
        sa.Column("batch_no", sa.String(32), primary_key=True),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("subscription", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("manifest", _LONG, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False, server_default=sa.text("CURRENT_TIMESTAMP(6)")),
        sa.UniqueConstraint("subscription", "sequence"),
        schema=schema,
        **_ENGINE,
    )


def _known(
    connection: Connection, control: sa.Table, batch_no: str, shipment: Shipment | None = None
) -> Receipt | None:
    """Returns the receipt of a batch that is there; raises StateError when it is another than the shipment.

    A hub that was set back to a backup, or a second hub under the same node code, gives numbers a second time.
    """
    query = sa.select(control.c.row_count, control.c.manifest).where(control.c.batch_no == batch_no)
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    if shipment is not None and found.manifest != shipment.signed_manifest.decode():
        raise StateError(
            f"前置库已有另一份批次 {batch_no}",
            "一个批次号只能有一份内容",
            "请使用部门核对 sq_batches，枢纽核对节点编号（SHUQIAO_NODE）后申请全量重送",
            code="DELIVERY_FOREIGN",
        )
    return Receipt(batch_no, int(found.row_count))


def _require_turn(connection: Connection, control: sa.Table, manifest: Manifest, table: str) -> None:
    """Raises unless the batch follows the last one; a batch before its turn waits, one after it never comes in."""
    query = sa.select(control.c.sequence, control.c.target).where(control.c.subscription == manifest.subscription)
    last = connection.execute(query.order_by(control.c.sequence.desc()).limit(1)).first()
    held = last.sequence if last is not None else 0
    moved = last is not None and last.target != table
    if manifest.kind == "full" and manifest.sequence > held:
        return
    if manifest.kind == "changes" and manifest.sequence == held + 1 and not moved:
        return
    error = StateError(
        f"前置库收到的最后一批是第{held}批，不能接收第{manifest.sequence}批",
        "增量批次须逐批送达",
        "先前的批次送达后会自动重试；持续出现时请申请全量重送",
        code="DELIVERY_ORDER",
    )
    error.transient = manifest.sequence > held
    raise error


def _line(shipment: Shipment, table: str) -> dict[str, Any]:
    manifest = shipment.manifest
    return {
        "batch_no": manifest.batch_no,
        "target": table,
        "subscription": manifest.subscription,
        "sequence": manifest.sequence,
        "kind": manifest.kind,
        "row_count": manifest.row_count,
        "manifest": shipment.signed_manifest.decode(),
    }


def _chunks(shipment: Shipment) -> Iterator[list[dict[str, Any]]]:
    for part in shipment.manifest.files:
        with pq.ParquetFile(io.BytesIO(shipment.read(part))) as opened:
            for batch in opened.iter_batches(batch_size=CHUNK_ROWS):
                yield [{name: _value(value) for name, value in row.items()} for row in _local(batch).to_pylist()]


def _local(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Gives moments in Beijing time, as the sessions on both kinds of server have it."""
    columns = [
        column.cast(pa.timestamp("us", "Asia/Shanghai")) if getattr(column.type, "tz", None) else column
        for column in batch.columns
    ]
    return pa.record_batch(columns, names=batch.schema.names)


def _value(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


SINK = TableSink
