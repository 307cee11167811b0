"""Increments: which rows a reading takes and what cursor it leaves. No connection is held here.

watermark, a time    lower ≤ t ≤ upper, upper = settled moment; rows at the bound are read again.
                     cursor {"kind": "time", "upper"}
watermark, a number  lower ≤ n; lower is the greatest number seen one longest transaction before the last reading, since
                     a number taken earlier may be committed later. cursor {"kind": "number", "upper", "points"}
change_flag          last change time − longest transaction ≤ t, no upper bound: repeating a change is harmless.
Rows whose value is null or no time (or number) are always read. A time without zone is read as Shanghai's; where the
server's own clock is behind that (UTC), it may be either, so the lower bound is set back by the difference, the lag.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.moments import moments, to_utc


class Nature(Enum):
    """What a watermark or change-time column is at the source; says whether SQL can compare it with our bound."""

    AWARE = "timestamp with time zone"
    NAIVE = "timestamp"
    DATE = "date"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rows wanted: column null, or lower ≤ column ≤ upper. A bound is an aware moment or a whole number."""

    column: str
    nature: Nature
    lower: datetime | int | None = None
    upper: datetime | int | None = None


def nature_of(kind: pa.DataType) -> Nature:
    """Names the nature of an Arrow type."""
    if pa.types.is_timestamp(kind):
        return Nature.AWARE if kind.tz else Nature.NAIVE
    if pa.types.is_date(kind):
        return Nature.DATE
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return Nature.NUMBER
    return Nature.TEXT


def numbers(column: pa.Array) -> pa.Array:
    """Turns a column into decimal128(38, 0); what is no whole number becomes null."""
    whole = pa.decimal128(38, 0)
    if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        return column.cast(whole, safe=False)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    plain = pc.match_substring_regex(texts, r"\A-?[0-9]{1,37}(?:\.0*)?\z")
    integers = pc.replace_substring_regex(texts, r"\.0*\z", "")
    return pc.if_else(plain, integers, pa.scalar(None, pa.string())).cast(whole)


class Watermark:
    """One reading's share of a watermark: gives the bounds, watches the batches, leaves the cursor."""

    def __init__(
        self,
        nature: Nature,
        cursor: Mapping[str, Any] | None,
        settled: datetime,
        longest: timedelta,
        lag: timedelta = timedelta(0),
    ) -> None:
        self._cursor = cursor
        self._settled = settled
        self._longest = longest
        self._nature = nature
        self._lag = timedelta(0) if nature is Nature.AWARE else lag
        self._kind: str | None = cursor["kind"] if cursor else _KIND_OF.get(nature)
        self._greatest: int | None = _number(cursor) if self._kind == "number" else None

    def bounds(self, column: str) -> Bounds:
        """Returns what the source is asked for; text columns are asked for whole and sifted by `keep`."""
        if self._nature is Nature.TEXT:
            return Bounds(column, self._nature)
        if self._kind == "number":
            return Bounds(column, Nature.NUMBER, self._lower_number())
        return Bounds(column, self._nature, self._lower_time(), self._upper_time())

    def keep(self, column: pa.Array) -> pa.Array:
        """Marks the rows of a batch to read; idempotent on what SQL has chosen already."""
        if self._kind is None:
            self._kind = _kind_of_texts(column)
        if self._kind == "number":
            return _within(numbers(column), self._lower_number(), None)
        return _times_within(column, self._nature, self._lower_time(), self._upper_time())

    def see(self, column: pa.Array) -> None:
        """Takes note of a batch that is read."""
        if self._kind == "number":
            greatest = pc.max(numbers(column)).as_py()
            if greatest is not None:
                self._greatest = max(int(greatest), self._greatest if self._greatest is not None else int(greatest))

    def cursor(self) -> dict[str, Any] | None:
        """Returns the cursor for the next reading."""
        if self._kind == "number":
            points = [*self._points(), [self._now().isoformat(), self._greatest]]
            return {"kind": "number", "upper": self._greatest, "points": _prune(points, self._longest)}
        if self._kind is None and self._cursor is None and self._nature is Nature.TEXT:
            return None
        return {"kind": "time", "upper": self._upper_time().isoformat()}

    def times(self, column: pa.Array) -> pa.Array:
        """Returns the landing column `_time`; a growing number is no time."""
        if self._kind == "number":
            return pa.nulls(len(column), pa.timestamp("us", "UTC"))
        return moments(column)

    def _now(self) -> datetime:
        return self._settled + self._longest

    def _last_upper(self) -> datetime | None:
        return datetime.fromisoformat(self._cursor["upper"]) if self._cursor else None

    def _lower_time(self) -> datetime | None:
        last = self._last_upper()
        return last - self._lag if last else None

    def _upper_time(self) -> datetime:
        last = self._last_upper()
        return to_utc(max(last, self._settled) if last else self._settled)

    def _points(self) -> list[list[Any]]:
        return list(self._cursor["points"]) if self._cursor else []

    def _lower_number(self) -> int | None:
        points = self._points()
        if not points:
            return None
        last = datetime.fromisoformat(points[-1][0])
        settled = [value for moment, value in points if datetime.fromisoformat(moment) + self._longest <= last]
        return settled[-1] if settled else None


class Changes:
    """One reading's share of a front-end exchange table; like Watermark, with an overlap instead of an upper bound."""

    def __init__(self, nature: Nature, cursor: Mapping[str, Any] | None, settled: datetime, longest: timedelta) -> None:
        self._nature = nature
        self._cursor = cursor
        self._now = to_utc(settled + longest)
        self._lower = datetime.fromisoformat(cursor["upper"]) - longest if cursor else None
        self._greatest: datetime | None = datetime.fromisoformat(cursor["upper"]) if cursor else None

    def bounds(self, column: str) -> Bounds:
        """Returns what the source is asked for."""
        if self._nature in {Nature.TEXT, Nature.NUMBER}:
            return Bounds(column, Nature.TEXT)
        return Bounds(column, self._nature, self._lower)

    def keep(self, column: pa.Array) -> pa.Array:
        """Marks the rows of a batch to read."""
        return _times_within(column, self._nature, self._lower, None)

    def see(self, column: pa.Array) -> None:
        """Takes note of a batch that is read."""
        greatest = pc.max(moments(column)).as_py()
        if greatest is not None:
            # A change dated in the future must not move the cursor past changes still to come.
            greatest = min(to_utc(greatest), self._now)
            self._greatest = max(greatest, self._greatest) if self._greatest else greatest

    def cursor(self) -> dict[str, Any] | None:
        """Returns the cursor for the next reading."""
        return {"kind": "time", "upper": self._greatest.isoformat()} if self._greatest else None

    def times(self, column: pa.Array) -> pa.Array:
        """Returns the landing column `_time`."""
        return moments(column)


class Turns:
    """Tells changes of one moment apart where batch number or row number at the source say which came first.

    The moments of such changes are set apart by a microsecond each, in the order of the reading; moments that stay
    equal have no known order. A row number says so only when it counts: a random one (UUID) does not.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, str | None, str | None] | None = None
        self._after = 0

    def apart(self, times: pa.Array, batches: pa.Array, numbers_: pa.Array) -> pa.Array:
        """Returns the moments of the next rows of the reading, set apart."""
        rows = len(times)
        if rows == 0:
            return times
        ticks = times.cast(pa.int64())
        texts = [column.cast(pa.string()) for column in (batches, numbers_)]
        texts[1] = pc.if_else(pc.match_substring_regex(texts[1], _COUNTS), texts[1], pa.scalar(None, pa.string()))
        before = self._last or (None, None, None)
        same = _as_before(ticks, before[0], pa.int64())
        steps = np.zeros(rows, np.int64)
        for column, last in zip(texts, before[1:], strict=True):
            steps |= ~_as_before(column, last, pa.string())
        steps[~same] = 0
        sums = np.cumsum(steps)
        begins = np.maximum.accumulate(np.where(same, -1, np.arange(rows)))
        offsets = np.where(begins < 0, self._after + sums, sums - sums[np.maximum(begins, 0)])
        self._last = (ticks[-1].as_py(), texts[0][-1].as_py(), texts[1][-1].as_py())
        self._after = int(offsets[-1])
        return pc.add(ticks, pa.array(offsets)).cast(times.type)


def _as_before(column: pa.Array, last: Any, kind: pa.DataType) -> npt.NDArray[np.bool_]:
    """Says of each value whether it equals the one before it; two nulls do."""
    previous = pa.concat_arrays([pa.array([last], kind), column.slice(0, len(column) - 1)])
    equal = pc.fill_null(pc.equal(column, previous), False)
    same: npt.NDArray[np.bool_] = pc.or_(equal, pc.and_(pc.is_null(column), pc.is_null(previous))).to_numpy(
        zero_copy_only=False
    )
    return same


_COUNTS = r"\A[^0-9]*[0-9]{1,30}\z"
_LONGEST_DATE = len("2026年11月22日")
_KIND_OF = {Nature.AWARE: "time", Nature.NAIVE: "time", Nature.DATE: "time", Nature.NUMBER: "number"}


def _number(cursor: Mapping[str, Any] | None) -> int | None:
    return int(cursor["upper"]) if cursor and cursor.get("upper") is not None else None


def _kind_of_texts(column: pa.Array) -> str | None:
    times = len(column) - moments(column).null_count
    whole = len(column) - numbers(column).null_count
    if times == whole == 0:
        return None
    return "time" if times >= whole else "number"


def _times_within(column: pa.Array, nature: Nature, lower: datetime | None, upper: datetime | None) -> pa.Array:
    values = moments(column)
    mask = _within(values, lower, upper)
    dates = _are_dates(column, nature)
    if lower is None or dates is None:
        return mask
    # A day's rows are not complete at the bound, so the bound's whole day is read again.
    return pc.or_(mask, pc.and_(dates, _within(values, lower - timedelta(days=1), upper)))


def _are_dates(column: pa.Array, nature: Nature) -> pa.Array | None:
    """Marks the values without a time of day; None where there can be none."""
    if nature is Nature.DATE:
        return pc.is_valid(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        length = pc.utf8_length(pc.utf8_trim_whitespace(column))
        return pc.fill_null(pc.less_equal(length, _LONGEST_DATE), False)
    return None


def _within(values: pa.Array, lower: datetime | int | None, upper: datetime | int | None) -> pa.Array:
    """Marks the values between the bounds, and every null."""
    inside = pc.is_valid(values)
    if lower is not None:
        inside = pc.and_(inside, pc.fill_null(pc.greater_equal(values, pa.scalar(lower, values.type)), False))
    if upper is not None:
        inside = pc.and_(inside, pc.fill_null(pc.less_equal(values, pa.scalar(upper, values.type)), False))
    return pc.or_(inside, pc.is_null(values))


def _prune(points: list[list[Any]], longest: timedelta) -> list[list[Any]]:
    """Keeps the newest point that is one longest transaction older than the last, and all after it."""
    last = datetime.fromisoformat(points[-1][0])
    old = [index for index, (moment, _) in enumerate(points) if datetime.fromisoformat(moment) + longest <= last]
    return points[old[-1] if old else 0 :]
