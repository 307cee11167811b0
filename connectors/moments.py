"""Moments of a watermark or change time: from any column to aware microseconds. Naive times are Asia/Shanghai."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc

from connectors.window import SHANGHAI

UTC_MICROSECONDS = pa.timestamp("us", "UTC")
_FIRST = pa.scalar(datetime(1, 1, 2, tzinfo=UTC), UTC_MICROSECONDS)
_LAST = pa.scalar(datetime(9999, 12, 31, tzinfo=UTC), UTC_MICROSECONDS)
_PARTED = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]\s*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})秒?(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T\s]?(\d{2})(\d{2})(?:(\d{2})(?:\.?(\d{1,6}))?)?)?()")


def to_utc(moment: datetime) -> datetime:
    """Returns the aware moment in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def parse(text: str) -> datetime | None:
    """Reads one time text as departments write it; None when it is not a time."""
    text = text.strip()
    found = _PARTED.fullmatch(text) or _COMPACT.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(  # noqa: DTZ001 - its zone is set below
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0")[:6].ljust(6, "0")),
        )
        return to_utc(moment.replace(tzinfo=_zone(zone)) if zone else moment)
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def moments(column: pa.Array) -> pa.Array:
    """Turns a column of any type into timestamp[us, UTC]; what is no time that Python can hold becomes null."""
    found = _moments(column)
    held = pc.and_(pc.greater_equal(found, _FIRST), pc.less(found, _LAST))
    return pc.if_else(held, found, pa.scalar(None, UTC_MICROSECONDS))


def _moments(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _from_timestamps(column)
    if pa.types.is_date(kind):
        return _from_timestamps(column.cast(pa.timestamp("us"), safe=False))
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _from_texts(column)
    return pa.nulls(len(column), UTC_MICROSECONDS)


def _from_timestamps(column: pa.Array) -> pa.Array:
    if column.type.tz is not None:
        return column.cast(UTC_MICROSECONDS, safe=False)
    naive = column.cast(pa.timestamp("us"), safe=False)
    aware = pc.assume_timezone(naive, "Asia/Shanghai", ambiguous="earliest", nonexistent="earliest")
    return aware.cast(UTC_MICROSECONDS)


def _from_texts(column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(column)
    try:
        return _from_timestamps(trimmed.cast(pa.timestamp("us")))
    except pa.ArrowInvalid:
        pass
    encoded = trimmed.dictionary_encode()
    parsed = pa.array(
        [None if text is None else parse(text) for text in encoded.dictionary.to_pylist()], UTC_MICROSECONDS
    )
    return parsed.take(encoded.indices)


def lag_of(offset_seconds: int) -> timedelta:
    """Returns how far a clock with this offset from UTC is behind Shanghai's; never negative."""
    return max(timedelta(hours=8) - timedelta(seconds=offset_seconds), timedelta(0))


def local_text(moment: datetime) -> str:
    """Writes the moment as naive Shanghai time, the form that SQL compares with a naive column."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")


def local_date(moment: datetime) -> date:
    """Returns the moment's Shanghai date."""
    return moment.astimezone(SHANGHAI).date()
