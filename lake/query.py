"""One SELECT over datasets for the local administrator: checked, then streamed, sealed items opened on the way.

Everything else is refused with QueryError. Two guards, each enough alone: the statement is parsed and may name datasets
only, and the connection reaches no file, no network and no Python object but the datasets it names. Nothing is spilled,
since plaintext flows. Messages never repeat the SQL, which may hold a personal value.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from lake.duck import connect
from lake.layout import subject_column
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas.errors import HubError, QueryError

# Its warnings quote the statement, which may hold a personal value.
logging.getLogger("sqlglot").disabled = True

_REFUSED: tuple[type[exp.Expr], ...] = (
    exp.DDL, exp.DML, exp.Command, exp.Into, exp.Pragma, exp.Set, exp.Attach, exp.Detach, exp.Describe, exp.Copy,
    exp.Summarize, exp.Show, exp.Use, exp.Transaction, exp.Parameter, exp.Placeholder,
)  # fmt: skip
_FUNCTIONS = re.compile(
    r"\A(read_.*|glob|getenv|current_setting|set_config|query|query_table|getvariable|pg_.*|duckdb_.*|sniff_.*|parquet_.*"
    r"|json_execute.*|which_secret|nextval|currval|.*_scan|sql_auto_complete|from_substrait.*|has_.*_privilege)\Z"
)
_ROW_MAKERS = frozenset({"unnest", "generate_series", "range", "values"})
_ALLOWED = "只接受一条 SELECT 语句，只能引用已发布的数据集"
_MISSING = re.compile(r"column \"([A-Za-z_][A-Za-z_0-9]{0,40})\"")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checked statement: its text, the datasets it names, and the names in it that may be columns (None: any)."""

    sql: str
    datasets: tuple[str, ...]
    names: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class View:
    """A dataset at a version, and the coder that opens its rows."""

    table: LakeTable
    coder: RowCoder


def parse(sql: str, known: Collection[str]) -> Parsed:
    """Checks that `sql` is one SELECT over `known` datasets; raises QueryError otherwise."""
    if not sql.isascii() and any("\ud800" <= character <= "\udfff" for character in sql):
        raise QueryError("语句中有不是文字的字符", "语句应为UTF-8文本", "请检查终端或文件的编码")
    _one_select(sql)
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError):
        raise QueryError("语句不能解析", _ALLOWED, "请检查语法，或改用较简单的写法") from None
    if not isinstance(tree, exp.Query | exp.Values):
        raise QueryError("语句不是查询", _ALLOWED, "请改为 SELECT 语句")
    for node in tree.walk():
        if isinstance(node, _REFUSED):
            raise QueryError(f"语句中含有不允许的成分（{type(node).__name__.upper()}）", _ALLOWED, "请删去后重试")
        if isinstance(node, exp.Func):
            _check_function(node)
    datasets = _datasets(tree, {name.lower(): name for name in known})
    return Parsed(sql, datasets, _names(tree))


def _one_select(sql: str) -> None:
    try:
        with connect(128, threads=1) as probe:
            found = [statement.type for statement in probe.extract_statements(sql)]
    except duckdb.Error:
        raise QueryError("语句有语法错误", _ALLOWED, "请检查语法") from None
    if len(found) != 1:
        raise QueryError(f"收到 {len(found)} 条语句", _ALLOWED, "请每次只提交一条 SELECT 语句")
    if found[0] != duckdb.StatementType.SELECT:
        raise QueryError(f"收到 {found[0].name} 语句", _ALLOWED, "请改为 SELECT 语句")


def _check_function(node: exp.Func) -> None:
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    if _FUNCTIONS.match(name) or isinstance(node, exp.ReadCSV | exp.ReadParquet):
        raise QueryError("语句调用了不允许的函数", "不能读取文件、环境或系统设置", "请只查询数据集")


def _datasets(tree: exp.Expr, known: Mapping[str, str]) -> tuple[str, ...]:
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    if shadowed := sorted(named & known.keys()):
        raise QueryError(f"WITH 中的名称 {shadowed[0]} 与数据集同名", "", "请换一个名称")
    found: dict[str, None] = {}
    for node in tree.find_all(exp.Table):
        if isinstance(node.this, exp.Func):
            _check_row_maker(node.this)
        elif not isinstance(node.this, exp.Identifier) or node.args.get("db") or node.args.get("catalog"):
            raise QueryError("语句引用了数据集以外的表", _ALLOWED, _listed(known.values()))
        elif node.name.lower() in known:
            found[known[node.name.lower()]] = None
        elif node.name.lower() not in named:
            raise QueryError("语句引用了不存在的数据集", _ALLOWED, _listed(known.values()))
    return tuple(found)


def _check_row_maker(node: exp.Func) -> None:
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    if name not in _ROW_MAKERS:
        raise QueryError("语句引用了表函数", _ALLOWED, "请只查询数据集")


def _listed(names: Collection[str] | Iterator[str]) -> str:
    return "可查询的数据集：" + "、".join(sorted(names))


def _names(tree: exp.Expr) -> frozenset[str] | None:
    """Returns all names in the statement, lower case; None when it asks for columns without naming them."""
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    if tree.find(exp.Columns, exp.Pivot) or any(join.args.get("method") for join in tree.find_all(exp.Join)):
        return None
    tables = {node.alias_or_name.lower() for node in tree.find_all(exp.Table)}
    if any(not node.table and node.name.lower() in tables for node in tree.find_all(exp.Column)):
        return None  # a table's name used as a value is its whole row
    return frozenset(node.name.lower() for node in tree.find_all(exp.Identifier, exp.Var))


class _Stream:
    """A dataset as DuckDB scans it: each scan starts a stream of its own, with the columns that may be named."""

    def __init__(self, view: View, names: frozenset[str] | None) -> None:
        self._view = view
        layout = view.table.layout
        if layout is None:
            raise QueryError("数据集尚未发布", "", "请先同步该数据集", code="DATASET_NOT_PUBLISHED")
        self._layout = layout
        extra = ["key_hash", *(subject_column(column.name) for column in layout.subjects), "flags"]
        fields = [*layout.items_schema, *map(layout.table_schema.field, extra)]
        wanted = [field for field in fields if names is None or field.name.lower() in names]
        self.columns = [field.name for field in fields]
        self.schema = pa.schema(wanted or [layout.table_schema.field("key_hash")])
        self.error: HubError | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        items = [name for name in self.schema.names if name in self._layout.items_schema.names]
        sealed = {column.name for column in self._layout.sealed}
        at_rest = [name for name in self.schema.names if name not in sealed]
        if any(name in sealed for name in items):
            at_rest = list(dict.fromkeys([*at_rest, "key_hash", "sealed"]))
        try:
            for batch in self._view.table.read(columns=at_rest, batch_rows=10_000):
                opened = self._view.coder.decode(batch, self._layout, items)
                columns = [(opened if name in items else batch).column(name) for name in self.schema.names]
                yield pa.record_batch(columns, schema=self.schema)
        except HubError as error:
            self.error = error
            raise RuntimeError(error.code) from None


class Result:
    """A running query: its schema and its batches, once. Use it in `with`, so that its memory is given back.

    `seconds` is how long the database may work on it; what the caller does between two batches does not count.
    """

    def __init__(
        self,
        parsed: Parsed,
        views: Mapping[str, View],
        *,
        memory_mb: int = 1024,
        batch_rows: int = 10_000,
        seconds: float = 600,
    ) -> None:
        self._streams = {name: _Stream(views[name], parsed.names) for name in parsed.datasets}
        self._seconds = self._left = seconds
        self._duck = connect(memory_mb)
        try:
            self._reader = self._guard(lambda: self._open(parsed.sql, batch_rows))
        except BaseException:
            self.close()
            raise
        self.schema: pa.Schema = self._reader.schema

    def _open(self, sql: str, batch_rows: int) -> Any:
        for name, stream in self._streams.items():
            self._duck.register(name, stream)
        return self._duck.sql(sql).to_arrow_reader(batch_rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            batch = self._guard(self._next)
            if batch is None:
                return
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def _guard(self, step: Callable[[], Any]) -> Any:
        begun = time.monotonic()
        # A recursion without an end or a join of everything with everything never comes back by itself.
        limit = threading.Timer(max(self._left, 0), self._duck.interrupt)
        limit.daemon = True  # an interrupt may strike before the `finally`; the process must not wait for the limit
        try:
            limit.start()
            return step()
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            late = time.monotonic() - begun >= self._left
            broken = next((stream.error for stream in self._streams.values() if stream.error), None)
            known = [name for stream in self._streams.values() for name in stream.columns]
            failure = broken or (_too_long(self._seconds) if late else _refusal(error, known))
        finally:
            limit.cancel()
            self._left -= time.monotonic() - begun
        raise failure

    def close(self) -> None:
        """Stops the query and gives its memory back."""
        self._reader = None
        self._duck.close()


def _too_long(seconds: float) -> QueryError:
    return QueryError(
        f"查询超过时限（{seconds:g} 秒），已停止",
        "",
        "请加上筛选条件，检查递归和连接条件；确需更久可调大 SHUQIAO_QUERY_SECONDS",
        code="QUERY_TIMEOUT",
    )


def _refusal(error: Exception, columns: Sequence[str]) -> QueryError:
    """Says what went wrong without repeating the statement or a value of a row."""
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
        return QueryError("查询所需内存超出限额", "含敏感数据的查询不落盘", "请加上筛选条件或减少分组、排序的列")
    if isinstance(error, duckdb.BinderException):
        missing = _MISSING.search(str(error))
        got = f"数据集中没有列 {missing.group(1)}" if missing else "语句中的列、函数或类型有误"
        return QueryError(got, "", "可用的列：" + "、".join(dict.fromkeys(columns)))
    if isinstance(error, duckdb.CatalogException):
        return QueryError("语句引用了不存在的函数或表", _ALLOWED, "请检查函数名称")
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return QueryError("某行的值不能按语句要求转换或计算", "", "请用 TRY_CAST 或先筛选")
    return QueryError(f"语句不能执行（{type(error).__name__}）", _ALLOWED, "请检查语句")
