"""Runs an analyst's statement: over granted rows and items alone, in bounded memory and time, without a spill.

Items that rest in plain are read by DuckDB from the version's own files, which are the only files that the connection
reaches; where a sealed item is needed, rows are opened, filtered and masked on the way in. Messages repeat no value.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from lake.cells import build_cells
from lake.cells_together import place_together
from lake.disclosure import Disclosure
from lake.duck import connect, quoted
from lake.rewrite import SCHEMA, Rewritten, granted_select, pseudonym
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas.errors import HubError, QueryError

_GLOB = frozenset("*?[")
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take. The batch that goes over `rows` does not leave, an error does; None is no limit."""

    memory_mb: int = 1024
    seconds: float = 600
    rows: int | None = None
    batch_rows: int = 10_000


@dataclass(frozen=True, slots=True)
class Granted:
    """A dataset at a version under one grant: its table, its plan, and the coder that opens its rows."""

    table: LakeTable
    plan: Disclosure
    coder: RowCoder


class _Opened:
    """Granted rows as a stream: opened, filtered and masked; each scan starts anew."""

    def __init__(self, granted: Granted, shown: tuple[str, ...], hidden: tuple[str, ...]) -> None:
        self._granted = granted
        plan = granted.plan
        self._items = [name for name in shown if name in plan.readable]
        self._conditions = [name for name in hidden if name in plan.layout.items_schema.names]
        named = [name for name in (*shown, *hidden) if name not in (*self._items, *self._conditions)]
        self._hashes = list(dict.fromkeys(named))
        fields = [*plan.schema(self._items), *map(plan.layout.items_schema.field, self._conditions)]
        self.schema = pa.schema([*fields, *(pa.field(name, pa.binary()) for name in self._hashes)])
        self.error: HubError | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        plan, coder = self._granted.plan, self._granted.coder
        names = plan.at_rest([*self._items, *self._conditions, *self._hashes])
        try:
            for batch in self._granted.table.read(columns=names, batch_rows=20_000):
                rows = plan.granted_rows(batch, coder)
                shown = plan.opened(rows, coder, self._items)
                hidden = coder.decode(rows, plan.layout, self._conditions)
                columns = [*shown.columns, *hidden.columns, *(rows.column(name) for name in self._hashes)]
                yield pa.record_batch(columns, schema=self.schema)
        except HubError as error:
            self.error = error
            raise RuntimeError(error.code) from None


class Analysis:
    """A query: its schema and its batches, once. It starts in `with`, at whose end its memory is given back.

    `seconds` is how long the database may work on it; what the caller does between two batches does not count. `cancel`
    may be called from another thread at any time, before it starts and while it runs.
    """

    schema: pa.Schema

    def __init__(self, rewritten: Rewritten, views: Mapping[str, Granted], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._left, self._rows = self._limits.seconds, 0
        self._cancelled: HubError | None = None
        self._working = False
        self._streams: list[_Opened] = []
        self._ends: float | None = None  # while the database works
        self._over = threading.Event()
        files = [path for name in rewritten.datasets for path in _files(rewritten, name, views[name]) or ()]
        self._rewritten, self._views = rewritten, views
        self._duck = connect(self._limits.memory_mb, files=files)
        self._reader: Any = None

    def _open(self) -> Any:
        rewritten, views = self._rewritten, self._views
        salt = secrets.token_hex(32) if rewritten.pseudonyms else None
        self._duck.execute(f"CREATE SCHEMA {SCHEMA}")
        for name in rewritten.datasets:
            view = f"{SCHEMA}.{quoted(name)}"
            self._duck.execute(f"CREATE VIEW {view} AS {self._source(rewritten, name, views[name], salt)}")
        if rewritten.counting:
            placed = [
                build_cells(self._duck, table, f"{SCHEMA}.{quoted(table.plan.layout.dataset)}", number)
                for number, table in enumerate(rewritten.counting.tables.values())
            ]
            if rewritten.counting.link:
                place_together(self._duck, rewritten.counting.link, {each.alias: each for each in placed})
        return self._duck.sql(rewritten.sql).to_arrow_reader(self._limits.batch_rows)

    def _source(self, rewritten: Rewritten, name: str, granted: Granted, salt: str | None) -> str:
        shown, hidden = rewritten.columns[name], rewritten.hidden.get(name, ())
        files = _files(rewritten, name, granted)
        if files:
            return granted_select(granted.plan, shown, files, hidden, salt)
        stream = _Opened(granted, shown, hidden)
        self._streams.append(stream)
        registered = f"opened_{len(self._streams)}"
        self._duck.register(registered, stream)
        replaced = {each: pseudonym(each, salt) for each in granted.plan.hashes if salt}
        columns = [f"{replaced.get(each, quoted(each))} AS {quoted(each)}" for each in stream.schema.names]
        return f"SELECT {', '.join(columns)} FROM {registered}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._keep_time, daemon=True).start()
        try:
            self._reader = self._guard(self._open)
        except BaseException:
            self.close()
            raise
        self.schema = self._reader.schema
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
            self._rows += batch.num_rows
            if self._limits.rows is not None and self._rows > self._limits.rows:
                raise QueryError(
                    f"结果超过 {self._limits.rows} 行", "", "请加上筛选条件或 LIMIT，或申请导出", code="QUERY_ROWS"
                )
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def cancel(self, why: HubError | None = None) -> None:
        """Stops the query; whoever reads it gets `why`, e.g. that the grant was revoked."""
        self._cancelled = why or QueryError("查询已取消", "", "需要时请重新提交", code="QUERY_CANCELLED")
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        # An interrupt that comes just before the database begins is lost, so it is repeated.
        while self._working:
            self._duck.interrupt()
            time.sleep(0.05)

    def _keep_time(self) -> None:
        """Stops what takes longer than is left: a join of everything with everything never comes back by itself.

        One thread a query, which no process waits for: one a batch cost as much as the batch.
        """
        while not self._over.wait(_LOOK_SECONDS):
            ends = self._ends
            if ends is not None and time.monotonic() >= ends:
                self._duck.interrupt()

    def _guard(self, step: Callable[[], Any]) -> Any:
        begun = time.monotonic()
        self._working = True  # before the look at `_cancelled`: either this sees the one or `_stop` sees the other
        try:
            self._ends = begun + self._left
            found = None if self._cancelled else step()
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            late = time.monotonic() - begun >= self._left
            failure = (
                self._cancelled or self._broken() or (_too_long(self._limits.seconds) if late else _refusal(error))
            )
        else:
            if self._cancelled is None:
                return found
            failure = self._cancelled
        finally:
            self._ends = None
            self._working = False
            self._left -= time.monotonic() - begun
        raise failure

    def _broken(self) -> HubError | None:
        return next((stream.error for stream in self._streams if stream.error), None)

    def close(self) -> None:
        """Stops the query and gives its memory back."""
        self._over.set()
        self._reader = None
        self._duck.close()


def _files(rewritten: Rewritten, name: str, granted: Granted) -> list[Path] | None:
    """Lists the files that DuckDB reads by itself; None when rows must be opened, or there are none."""
    if granted.plan.opens([*rewritten.columns[name], *rewritten.hidden.get(name, ())]):
        return None
    folder = granted.table.folder
    files = [folder.path / file.path for file in folder.files]
    return None if not files or any(_GLOB & set(str(file)) for file in files) else files


def _too_long(seconds: float) -> QueryError:
    return QueryError(
        f"查询超过时限（{seconds:g} 秒），已停止", "", "请加上筛选条件或检查联接条件", code="QUERY_TIMEOUT"
    )


def _refusal(error: Exception) -> QueryError:
    """Says what went wrong without repeating the statement or a value of a row."""
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
        return QueryError(
            "查询所需内存超出限额", "查询不落盘", "请加上筛选条件或减少分组、排序的列", code="QUERY_MEMORY"
        )
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return QueryError("某行的值不能按语句要求转换或计算", "", "请用 TRY_CAST 或先筛选")
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        return QueryError("语句中的列、函数或类型用法有误", "", "请检查分组、函数的参数和比较双方的类型")
    return QueryError(f"语句不能执行（{type(error).__name__}）", "", "请检查语句；数据正在更新时请稍后重试")
