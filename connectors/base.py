"""What every kind of source shares: a reading's course, landing columns, batch size, throttle, increments, errors.

A kind writes a Session (how to reach the system, its columns, its rows) and `SourceBase.open`; it must not number rows,
compute cursors, sleep, or raise a library's error.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors import failures
from connectors.increment import Bounds, Changes, Nature, Turns, Watermark, nature_of
from connectors.moments import UTC_MICROSECONDS, to_utc
from connectors.pacing import paced, resized
from schemas.entry import Attachment
from schemas.errors import HubError, SourceError, SourceRefused, SourceUnreadable
from schemas.source import ReadRequest, SourceColumn, SourceTable, Step

FINDINGS = pa.list_(pa.struct([("code", pa.string()), ("column", pa.string()), ("place", pa.string())]))
LANDING_HEAD = pa.schema(
    [
        ("_row", pa.int64()),
        ("_place", pa.string()),
        ("_raw", pa.binary()),
        ("_findings", FINDINGS),
        ("_op", pa.string()),
        ("_time", UTC_MICROSECONDS),
    ]
)
SEEN_BY_READER = ("_place", "_raw", "_findings")
_OPERATIONS = ("I", "U", "D")
_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Query:
    """What a session is asked to yield: `columns` by source name, sifted by `bounds` and sorted where it can."""

    columns: tuple[str, ...]
    bounds: Bounds | None = None
    order: tuple[str, ...] = ()  # texts but the first shorter ones first, so that batch 10 comes after batch 9
    batch_rows: int = 50_000
    limit: int | None = None


class Session(ABC):
    """One open, read-only visit to a source; used by one thread, closed once."""

    #: How the failures name what is read.
    title: str = ""
    #: How far the server's own clock is behind Shanghai's, whose times have no zone; known after `settle`.
    lag: timedelta = timedelta(0)

    @abstractmethod
    def settle(self, longest: timedelta, now: datetime) -> datetime:
        """Begins the snapshot; returns the moment up to which no writing transaction can still commit a row."""

    @abstractmethod
    def columns(self) -> list[SourceColumn]:
        """Lists the columns of the table or file as the snapshot sees them."""

    @abstractmethod
    def rows(self, query: Query) -> Iterator[pa.RecordBatch]:
        """Yields batches with the query's columns, and `_place`, `_raw`, `_findings` where the source has them."""

    @abstractmethod
    def explain(self, error: Exception) -> SourceError:
        """Words a library's exception as ours, without its text."""

    @abstractmethod
    def close(self) -> None:
        """Ends the visit; never raises."""

    def nature(self, column: SourceColumn) -> Nature:
        """Names how SQL compares the column; by default what its Arrow type says."""
        return nature_of(column.type)

    def lacks(self, missing: list[str], wanted: tuple[str, ...]) -> SourceError:
        """Words that wanted columns are missing."""
        del wanted
        return failures.columns_missing(self.title, missing)

    def probe(self) -> None:  # noqa: B027 - a file has nothing to probe
        """Reads one row and drops it, to see whether the account may read and nobody holds a lock."""

    def tables(self) -> list[SourceTable]:
        """Lists the tables and views that the account can read."""
        return []

    def key(self) -> tuple[str, ...]:
        """Names the columns of the table's primary key, in order; none where the source declares none."""
        return ()

    def comment(self) -> str:
        """Returns the table's own comment."""
        return ""

    def could_write(self) -> bool:
        """Says whether the account has more than reading rights on the table; False when that cannot be told."""
        return False


class SourceBase(ABC):
    """A department's system or file (schemas.source.Source); a kind adds `open` and `reach`."""

    #: URL schemes (before `+`) of connections of this kind.
    schemes: ClassVar[tuple[str, ...]] = ()
    #: Whether rows come in the order in which the department wrote them; a database has none but what it is asked for.
    in_written_order: ClassVar[bool] = False

    def __init__(self, attachment: Attachment, url: str | None) -> None:
        self.attachment = attachment
        self._url = url

    @abstractmethod
    def open(self) -> Session:
        """Reaches the system, logs in and makes the visit read-only; raises SourceError."""

    @abstractmethod
    def reach(self) -> list[Step]:
        """Tries name and port."""

    def test(self) -> list[Step]:
        """Tries name, port, log-in, privilege and table in order; stops at the first that fails."""
        try:
            steps = self.reach()
        except HubError as error:
            return [Step("name", False, error.got, error.next_step)]
        if not steps[-1].passed:
            return steps
        try:
            session = self.open()
        except HubError as error:
            return [*steps, Step("login", False, error.got, error.next_step)]
        try:
            steps.append(Step("login", True, "登录成功"))
            return [*steps, *(table_steps(session) if self.attachment.table else [])]
        finally:
            session.close()

    def columns(self) -> list[SourceColumn]:
        """Lists the columns of the attached table or file; raises SourceError."""
        session = self.open()
        try:
            return failures.attempt(session.columns, session.explain)
        finally:
            session.close()

    def tables(self) -> list[SourceTable]:
        """Lists what can be attached; raises SourceError."""
        session = self.open()
        try:
            return failures.attempt(session.tables, session.explain)
        finally:
            session.close()

    def read(self, request: ReadRequest) -> "TableReading":
        """Opens a reading of landing batches (docs/architecture.md, Landing); raises SourceError on entering it."""
        return TableReading(self, request)


def table_steps(session: Session) -> list[Step]:
    """Tries privilege and table; a failed privilege says nothing of the table."""
    try:
        failures.attempt(lambda: session.settle(timedelta(0), datetime.now(UTC)), session.explain)
        columns = failures.attempt(session.columns, session.explain)
        failures.attempt(session.probe, session.explain)
        writes = failures.attempt(session.could_write, session.explain)
    except SourceRefused as error:
        return [Step("privilege", False, error.got, error.next_step)]
    except SourceError as error:
        return [Step("table", False, error.got, error.next_step)]
    steps = [
        Step("privilege", True, f"账号可以读取{session.title}"),
        Step("table", True, f"{session.title}有{len(columns)}列"),
    ]
    if writes:
        steps.append(
            Step(
                "read_only", True, "账号对该表有写权限，数桥不会写入来源系统", "建议提供部门换用只读账号", warning=True
            )
        )
    return steps


class TableReading:
    """One reading, see schemas.source.Reading."""

    def __init__(self, source: SourceBase, request: ReadRequest) -> None:
        self.records = 0
        self.cursor: dict[str, Any] | None = None
        self._source = source
        self._request = request
        self._session: Session | None = None
        self._progress: Watermark | Changes | None = None
        self._clock: str | None = None
        self._types: dict[str, pa.DataType] = {}
        self._turns = Turns()

    def __enter__(self) -> Self:
        self._session = self._source.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        session = self._session
        if session is None:
            raise SourceUnreadable("读取尚未打开", "应在with语句中读取", "")
        query = self._plan(session)
        batches = failures.guarded(session.rows(query), session.explain)
        attachment = self._source.attachment
        for batch in paced(resized(self._landing(batches), query.batch_rows), attachment.rows_per_second):
            self.records += batch.num_rows
            yield batch
            if query.limit is not None and self.records >= query.limit:
                return
        self.cursor = self._progress.cursor() if self._progress else None

    def _plan(self, session: Session) -> Query:
        attachment, request = self._source.attachment, self._request
        longest = timedelta(seconds=attachment.longest_transaction_seconds)
        settled = failures.attempt(lambda: session.settle(longest, request.now), session.explain)
        there = {column.name: column for column in failures.attempt(session.columns, session.explain)}
        control = _control_columns(attachment)
        self._types = {name: column.type for name, column in there.items()}
        wanted = tuple(dict.fromkeys((*request.columns, *control)))
        if missing := [name for name in wanted if name not in there]:
            raise session.lacks(missing, wanted)
        bounds = None
        if control:
            self._clock = control[0]
            cursor = None if request.mode == "snapshot" else request.cursor
            nature = session.nature(there[self._clock])
            if attachment.mode == "watermark":
                self._progress = Watermark(nature, cursor, settled, longest, session.lag)
            else:
                self._progress = Changes(nature, cursor, settled, longest)
            if request.mode != "snapshot" or isinstance(self._progress, Changes):
                bounds = self._progress.bounds(self._clock)
        sizes = (request.batch_rows, attachment.rows_per_second, request.limit)
        sorts = self._replays and request.limit is None
        return Query(
            columns=wanted,
            bounds=bounds,
            order=tuple(name for name in control if name != attachment.operation_column) if sorts else (),
            batch_rows=min(size for size in sizes if size),
            limit=request.limit,
        )

    @property
    def _replays(self) -> bool:
        return self._source.attachment.mode == "change_flag"

    def _landing(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        row = 0
        for given in batches:
            batch = self._sift(given)
            if batch.num_rows == 0:
                continue
            yield self._dress(batch, row)
            row += batch.num_rows

    def _sift(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Drops the rows outside the bounds; a record that could not be read is never dropped."""
        if self._progress is None or self._clock is None:
            return batch
        clock = batch.column(self._clock)
        if self._request.mode != "snapshot":
            keep = self._progress.keep(clock)
            if not pc.all(keep).as_py():
                batch = batch.filter(keep)
                clock = batch.column(self._clock)
        elif isinstance(self._progress, Watermark):
            self._progress.keep(clock)
        self._progress.see(clock)
        return batch

    def _dress(self, batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
        rows = batch.num_rows
        names = set(batch.schema.names)
        given = {name: batch.column(name) if name in names else None for name in SEEN_BY_READER}
        times = self._progress.times(batch.column(self._clock)) if self._progress and self._clock else None
        operations, findings = None, given["_findings"]
        if self._replays:
            operations = _operations(batch.column(self._source.attachment.operation_column))
            readable = pc.is_null(given["_raw"]) if given["_raw"] is not None else None
            findings = _change_findings(operations, times, readable, findings, (self._source.attachment, self._latest))
            if times is not None and not self._source.in_written_order:
                times = self._turns.apart(times, *self._numbers(batch))
        head = [
            pa.array(np.arange(before + 1, before + rows + 1)),
            given["_place"],
            given["_raw"],
            findings,
            operations,
            times,
        ]
        arrays = [
            pa.nulls(rows, field.type) if array is None else array
            for array, field in zip(head, LANDING_HEAD, strict=True)
        ]
        columns = self._request.columns
        fields = [*LANDING_HEAD, *(pa.field(name, self._types[name]) for name in columns)]
        return pa.record_batch([*arrays, *(self._typed(batch, name) for name in columns)], schema=pa.schema(fields))

    @property
    def _latest(self) -> datetime:
        """The moment after which no change can have happened yet, whatever clock the department's server has."""
        longest = timedelta(seconds=self._source.attachment.longest_transaction_seconds)
        return to_utc(self._request.now) + max(longest, _CLOCKS_DIFFER)

    def _numbers(self, batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
        attachment = self._source.attachment
        return batch.column(attachment.batch_column), batch.column(attachment.guid_column)

    def _typed(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        """Returns a column in the type that the first file announced; a later file may differ."""
        column, kind = batch.column(name), self._types[name]
        if column.type == kind:
            return column
        return failures.attempt(lambda: column.cast(kind), lambda _: failures.type_differs(name))


def _control_columns(attachment: Attachment) -> tuple[str, ...]:
    """Names the columns that steer an increment, the clock first, in the order in which changes apply."""
    if attachment.mode == "watermark":
        if not attachment.watermark_column:
            raise SourceUnreadable(
                "挂接没有写明时间戳列", "增量(时间戳)应有watermarkColumn", "请在目录的挂接中填写watermarkColumn"
            )
        return (attachment.watermark_column,)
    if attachment.mode == "change_flag":
        names = (attachment.time_column, attachment.batch_column, attachment.guid_column, attachment.operation_column)
        return tuple(dict.fromkeys(name for name in names if name))
    return ()


def _operations(column: pa.Array) -> pa.Array:
    letters = pc.utf8_upper(pc.utf8_trim_whitespace(column.cast(pa.string())))
    known = pc.is_in(letters, pa.array(_OPERATIONS))
    return pc.if_else(known, letters, pa.scalar(None, pa.string()))


def _change_findings(
    operations: pa.Array,
    times: pa.Array | None,
    readable: pa.Array | None,
    given: pa.Array | None,
    limits: tuple[Attachment, datetime],
) -> pa.Array | None:
    attachment, latest = limits
    wrong = pc.is_null(operations)
    late = pc.is_null(times) if times is not None else wrong
    # A wrong clock would make its change the last one for years.
    ahead = pc.fill_null(pc.greater(times, pa.scalar(latest, times.type)), False) if times is not None else wrong
    bad = pc.or_(pc.or_(wrong, late), ahead)
    if readable is not None:
        bad = pc.and_(bad, readable)
    if not pc.any(bad).as_py():
        return given
    lists = given.to_pylist() if given is not None else [None] * len(operations)
    for index in pc.indices_nonzero(bad).to_pylist():
        found = list(lists[index] or [])
        if wrong[index].as_py():
            found.append({"code": "OPERATION_UNKNOWN", "column": attachment.operation_column, "place": None})
        if late[index].as_py():
            found.append({"code": "CHANGE_TIME_UNKNOWN", "column": attachment.time_column, "place": None})
        if times is not None and ahead[index].as_py():
            found.append({"code": "CHANGE_TIME_FUTURE", "column": attachment.time_column, "place": None})
        lists[index] = found
    return pa.array(lists, FINDINGS)
