"""Bounds, cursors and times of increments, apart from any source."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.increment import Nature, Watermark, nature_of, numbers
from connectors.moments import moments, parse

NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)
LONGEST = timedelta(minutes=10)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-06 07:08:09",
        "2024-5-6 7:8:9",
        "2024/5/6 07:08:09",
        "2024.05.06T07:08:09",
        "20240506070809",
        "20240506 070809",
        "2024年5月6日 7时8分9秒",
        " 2024-05-06 07:08:09.000 ",
        "2024-05-05T23:08:09Z",
        "2024-05-06 07:08:09+08:00",
        "2024-05-06 00:08:09+0100",
    ],
)
def test_times_as_departments_write_them(text):
    """Every common writing of a time gives the same moment; a naive one is Shanghai's."""
    assert parse(text) == datetime(2024, 5, 5, 23, 8, 9, tzinfo=UTC)
    assert moments(pa.array([text, None]))[0].as_py() == datetime(2024, 5, 5, 23, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "无", "2024-13-01", "2024-02-30", "0000-00-00", "12:30", "2024", "1234567", "2024-01-01 25:00:00"]
)
def test_what_is_no_time_is_null(text):
    """Anything else is null, not an error."""
    assert parse(text) is None
    assert moments(pa.array([text, "2024-01-01"])).to_pylist()[0] is None


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([date(2024, 5, 6)]), datetime(2024, 5, 5, 16, tzinfo=UTC)),
        (pa.array([datetime.fromisoformat("2024-05-06 08:00")], pa.timestamp("ms")), datetime(2024, 5, 6, tzinfo=UTC)),
        (pa.array([1714953600], pa.timestamp("s", "Asia/Shanghai")), datetime(2024, 5, 6, tzinfo=UTC)),
        (pa.array([20240506]), datetime(2024, 5, 5, 16, tzinfo=UTC)),
        (pa.array([Decimal(20240506080000)]), datetime(2024, 5, 6, tzinfo=UTC)),
        (pa.array([datetime.fromisoformat("0001-01-01")], pa.timestamp("us")), None),
        (pa.array([True]), None),
    ],
)  # fmt: skip
def test_moments_of_each_type(column, expected):
    """Every type that holds a time gives UTC microseconds."""
    assert moments(column).to_pylist() == [expected]


def test_natures_and_numbers():
    """The nature of a type; whole numbers out of any column."""
    kinds = [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.date32(), pa.int64(), pa.decimal128(20, 0), pa.string()]
    names = [Nature.AWARE, Nature.NAIVE, Nature.DATE, Nature.NUMBER, Nature.NUMBER, Nature.TEXT]
    assert [nature_of(kind) for kind in kinds] == names
    assert numbers(pa.array(["7", " -8.00 ", "x", "1.5", None])).to_pylist() == [7, -8, None, None, None]
    assert numbers(pa.array([2**63 - 1])).to_pylist() == [2**63 - 1]


def test_a_text_column_is_a_time_or_a_number():
    """The first values decide; a column without any leaves no cursor."""
    empty = Watermark(Nature.TEXT, None, NOW - LONGEST, LONGEST)
    empty.keep(pa.array([None, "无"]))
    assert empty.cursor() is None
    number = Watermark(Nature.TEXT, None, NOW - LONGEST, LONGEST)
    column = pa.array(["17", "18"])
    assert number.keep(column).to_pylist() == [True, True]
    number.see(column)
    assert number.cursor()["upper"] == 18
    assert number.times(column).null_count == 2


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=1, max_size=40),
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
)
def test_no_number_is_ever_lost(transactions, pauses):
    """Numbers taken in order and committed in any order within the longest transaction are all read."""
    # Transaction n takes number n at its start (minutes, in order) and commits up to 9 minutes later.
    started = sorted(start for start, _ in transactions)
    commits = [
        (number, start + lasts) for number, (start, (_, lasts)) in enumerate(zip(started, transactions, strict=True))
    ]
    seen: set[int] = set()
    cursor = None
    minute = 0
    for pause in [*pauses, 200, 200]:
        minute += pause
        reading = Watermark(Nature.NUMBER, cursor, NOW + timedelta(minutes=minute) - LONGEST, LONGEST)
        visible = pa.array([number for number, commit in commits if commit <= minute], pa.int64())
        kept = visible.filter(reading.keep(visible))
        reading.see(kept)
        seen |= set(kept.to_pylist())
        cursor = reading.cursor()
    assert seen == set(range(len(commits)))
    assert len(cursor["points"]) <= len(pauses) + 2
