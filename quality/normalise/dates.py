"""Dates and datetimes as departments write them -> date32 or timestamp(ms, Asia/Shanghai); see docs/quality.md.

Impossible dates are DATE_FORMAT, years outside 1800..2200 DATE_RANGE; neither is guessed.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import (
    SHANGHAI,
    Mask,
    as_text,
    bytes_of,
    is_null,
    mask_of,
    mend,
    nullify,
    trimmed,
    without_tokens,
)
from quality.normalise.shape import ItemPlan, Normalised, found

Ints = npt.NDArray[np.int64]

FIRST_YEAR, LAST_YEAR = 1800, 2200
#: Serial 60 is the 29 February 1900 that Excel believes in; from 61 on, day 0 is 1899-12-30.
SERIAL_MAX = 60_000
_EPOCH_SERIAL = 25_569  # serial of 1970-01-01
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_OPEN_WORDS = (
    "长期",
    "长期有效",
    "永久",
    "永久有效",
    "无固定期限",
    "无期限",
    "长期至今",
    "至今",
    "9999-99-99",
    "99999999",
)

_FRACTION = r"(?:\.(?P<fraction>\d{1,9}))?"
_ZONE = r"(?P<zone>Z|[+-]\d{2}:?\d{2})?"
_YMD = (
    r"^(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?"
    r"(?:\s*[T时 ]?\s*(?P<hour>\d{1,2})[:时点](?P<minute>\d{1,2})(?:[:分](?P<second>\d{1,2})" + _FRACTION + r")?"
    r"[分秒]?\s*" + _ZONE + ")?$"
)
_COMPACT = (
    r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})" + _FRACTION + ")?" + _ZONE + ")?$"
)
_SERIAL = r"^(?P<days>\d{1,5})(?:\.(?P<part>\d{1,12}))?$"
_NO_TIME = ("hour", "minute", "second")


def days_from_civil(year: Ints, month: Ints, day: Ints) -> Ints:
    """Counts days since 1970-01-01 of proleptic Gregorian dates (Howard Hinnant, chrono-compatible date algorithms)."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    result: Ints = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return result


def real_date(year: Ints, month: Ints, day: Ints) -> Mask:
    """Marks the dates that exist."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _MONTH_DAYS[np.clip(month, 0, 12)] + ((month == 2) & leap)
    result: Mask = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= last)
    return result


def dates(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads a date column; times are cut off (in Asia/Shanghai)."""
    if pa.types.is_date(column.type):
        return _ranged(column.cast(pa.date32()), item)
    if pa.types.is_timestamp(column.type):
        return _ranged(_local(column).cast(pa.timestamp("s"), safe=False).cast(pa.date32(), safe=False), item)
    return _read(column, item, with_time=False)


def datetimes(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads a datetime column; a naive time is Asia/Shanghai."""
    if pa.types.is_timestamp(column.type):
        unit = pa.timestamp("ms", column.type.tz)
        naive = column.cast(unit, safe=False)
        aware = naive.cast(pa.timestamp("ms", SHANGHAI)) if column.type.tz else _aware(naive)
        return _ranged(aware, item)
    if pa.types.is_date(column.type):
        return _ranged(_aware(column.cast(pa.timestamp("ms"))), item)
    return _read(column, item, with_time=True)


def _local(column: pa.Array) -> pa.Array:
    if column.type.tz is None:
        return column
    return pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, SHANGHAI)))


def _aware(naive: pa.Array) -> pa.Array:
    # Shanghai kept summer time in 1940-1949 and 1986-1991: some local times are doubled or skipped.
    return pc.assume_timezone(naive, SHANGHAI, ambiguous="earliest", nonexistent="latest")


def _ranged(values: pa.Array, item: ItemPlan) -> Normalised:
    if len(values) == values.null_count:
        return Normalised(values, {})
    years = pc.year(values).fill_null(2000).to_numpy(zero_copy_only=False)
    endless = (years == 9999) & item.open_end
    outside = ((years < FIRST_YEAR) | (years > LAST_YEAR)) & ~endless
    marks = found(DATE_RANGE=outside)
    return Normalised(nullify(values, outside | endless), marks, outside if marks else None)


def _read(column: pa.Array, item: ItemPlan, *, with_time: bool) -> Normalised:
    text = as_text(column)
    rows = len(text)
    days, good = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=bool)
    millis = np.zeros(rows, dtype=np.int64)
    empty = is_null(text)
    rest = ~empty & ~_plain(text, days, good)
    if rest.any():
        cells = _words_dropped(text.filter(pa.array(rest)), item)
        days[rest], millis[rest], good[rest] = _irregular(_half_width(cells))
        empty[rest] = is_null(cells)
    year_9999 = days >= 2_932_532  # 9999-01-01
    endless = good & item.open_end & year_9999
    inside = (days >= _FIRST_DAY) & (days <= _LAST_DAY)
    marks = found(DATE_FORMAT=~empty & ~good, DATE_RANGE=good & ~inside & ~endless)
    wrong = ~empty & ~(good & inside)
    values = _build(days, millis, wrong | empty, with_time=with_time)
    wrong &= ~endless
    return Normalised(values, marks, wrong if wrong.any() else None)


_FIRST_DAY = int(days_from_civil(np.array([FIRST_YEAR]), np.array([1]), np.array([1]))[0])
_LAST_DAY = int(days_from_civil(np.array([LAST_YEAR]), np.array([12]), np.array([31]))[0])


def _words_dropped(cells: pa.Array, item: ItemPlan) -> pa.Array:
    words = (*item.null_tokens, *_OPEN_WORDS) if item.open_end else item.null_tokens
    return without_tokens(trimmed(cells), words)[0]


def _build(days: Ints, millis: Ints, null: Mask, *, with_time: bool) -> pa.Array:
    days = np.where(null, 0, days)
    if not with_time:
        return pa.array(days.astype(np.int32), pa.int32(), mask=null).cast(pa.date32())
    naive = pa.array(days * 86_400_000 + np.where(null, 0, millis), pa.int64(), mask=null).cast(pa.timestamp("ms"))
    return _aware(naive)


def _plain(text: pa.Array, days: Ints, good: Mask) -> Mask:
    """Reads the two exact shapes `YYYY-MM-DD` and `YYYYMMDD` from the bytes; returns the rows it could read."""
    ends, raw = bytes_of(text)
    sizes = np.diff(ends)
    for size, at in ((10, (0, 1, 2, 3, 5, 6, 8, 9)), (8, (0, 1, 2, 3, 4, 5, 6, 7))):
        rows = np.flatnonzero(sizes == size)
        if not len(rows):
            continue
        if len(rows) == len(sizes):
            cells = raw[ends[0] : ends[-1]].reshape(-1, size)
        else:
            cells = raw[ends[rows][:, None] + np.arange(size)]
        digits = cells[:, at] - np.uint8(48)
        whole = (digits < 10).all(axis=1)
        if size == 10:
            whole &= (cells[:, 4] == 45) & (cells[:, 7] == 45)
        digits, rows = digits[whole], rows[whole]
        year, month, day = (_number(digits[:, part]) for part in (slice(0, 4), slice(4, 6), slice(6, 8)))
        days[rows] = days_from_civil(year, month, day)
        good[rows] = real_date(year, month, day)
    good &= ~is_null(text)
    return good


def _number(digits: npt.NDArray[np.uint8]) -> Ints:
    total = np.zeros(len(digits), dtype=np.int64)
    for place in range(digits.shape[1]):
        total = total * 10 + digits[:, place]
    return total


def _half_width(cells: pa.Array) -> pa.Array:
    return mend(cells, mask_of(pc.match_substring_regex(cells, r"[^\x00-\x7F]")), _folded)


def _folded(cells: pa.Array) -> pa.Array:
    folded = pc.utf8_normalize(cells, form="NFKC")
    # NFKC leaves the ideographic zero and the dashes that input methods give.
    folded = pc.replace_substring_regex(folded, r"[〇○]", "0")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(folded, r"[‐-―−]", "-"))


def _irregular(cells: pa.Array) -> tuple[Ints, Ints, Mask]:
    rows = len(cells)
    days, millis, good = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, bool)
    for pattern in (_YMD, _COMPACT):
        parts = pc.extract_regex(cells, pattern)
        hit = ~is_null(parts) & ~good
        if not hit.any():
            continue
        year, month, day = (_field(parts, name, hit) for name in "ymd")
        time, fine = _time_of(parts, hit)
        days[hit] = days_from_civil(year, month, day) + time // 86_400_000
        millis[hit] = time % 86_400_000
        good[hit] = real_date(year, month, day) & fine
        # A text of this shape is a date or nothing: `20201340` is never a serial.
    _serials(cells, days, millis, good)
    return days, millis, good


def _field(parts: pa.Array, name: str, hit: Mask) -> Ints:
    texts = pc.struct_field(parts, name).filter(pa.array(hit))
    texts = pc.if_else(pc.equal(texts, ""), "0", texts).fill_null("0")
    return np.asarray(texts.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _time_of(parts: pa.Array, hit: Mask) -> tuple[Ints, Mask]:
    hour, minute, second = (_field(parts, name, hit) for name in _NO_TIME)
    fraction = pc.struct_field(parts, "fraction").filter(pa.array(hit)).fill_null("")
    thousandths = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 3, "0"), 0, 3).cast(pa.int64())
    millis = ((hour * 60 + minute) * 60 + second) * 1000 + thousandths.to_numpy(zero_copy_only=False)
    fine = (hour < 24) & (minute < 60) & (second < 60)
    midnight = (hour == 24) & (minute == 0) & (second == 0)
    zones = pc.struct_field(parts, "zone").filter(pa.array(hit)).fill_null("")
    offsets = np.zeros(len(millis), np.int64)
    for zone in pc.unique(zones).to_pylist():
        if zone:
            offsets[mask_of(pc.equal(zones, zone))] = 8 * 60 - _minutes(zone)
    return millis + offsets * 60_000, fine | midnight


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)


def _serials(cells: pa.Array, days: Ints, millis: Ints, good: Mask) -> None:
    parts = pc.extract_regex(cells, _SERIAL)
    hit = ~is_null(parts) & ~good
    if not hit.any():
        return
    serial = _field(parts, "days", hit)
    fraction = pc.binary_join_element_wise("0.", pc.struct_field(parts, "part").filter(pa.array(hit)), "0", "")
    part = fraction.fill_null("0.0").cast(pa.float64()).to_numpy(zero_copy_only=False)
    good[hit] = (serial >= 1) & (serial <= SERIAL_MAX) & (serial != 60)
    days[hit] = serial - _EPOCH_SERIAL + (serial < 60)
    millis[hit] = np.round(part * 86_400).astype(np.int64) * 1000
