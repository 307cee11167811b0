"""Dates and datetimes as departments write them."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.normalise import Context, ItemPlan, normalise
from schemas.rules import null_tokens
from tests.quality.landing import DATA_DATE

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(values, type_="D", open_end=False, column=None):
    """Normalises texts, or a column, as one item."""
    kind = "date" if type_ == "D" else "datetime"
    plan = ItemPlan("d", "d", "日期", type_, kind, null_tokens=null_tokens("date"), open_end=open_end)
    return normalise(pa.array(values, pa.string()) if column is None else column, plan, Context(DATA_DATE))


@pytest.mark.parametrize(
    "text",
    [
        "20200618",
        "2020-6-18",
        "2020-06-18",
        "2020/6/18",
        "2020.6.18",
        "2020年6月18日",
        "２０２０－０６－１８",
        "2020年06月18日",
        "44000",
        "44000.75",
        "2020-06-18 23:59:59",
        "2020-06-18T10:20",
        "20200618102030",
        " 2020-06-18　",
        "2020-6-18 10时20分30秒",
        "2020-06-17T23:30:00Z",
        "2020 - 6 - 18",
        "2020/06/18 00:00:00.000",
        "2020—06—18",
        "2020-06-17 24:00",
        "2020-06-18T01:00:00+0800",
    ],
)
def test_every_written_shape_gives_the_date(text):
    """Each shape of the domain file, full width and with a time, is the same day in Shanghai."""
    found = read([text])
    assert found.values.to_pylist() == [date(2020, 6, 18)]
    assert not found.marks


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30",
        "20201340",
        "2021-02-29",
        "20190229",
        "六月十八日",
        "2020-06-18 25:00:00",
        "60001",
        "60",
        "2020-6",
        "18/06/2020",
        "²⁰²⁰-01-01x",
    ],
)
def test_an_impossible_date_is_found_and_never_guessed(text):
    """What is not a date is DATE_FORMAT and null."""
    found = read([text, None])
    assert found.values.to_pylist() == [None, None]
    assert found.marks["DATE_FORMAT"].tolist() == [True, False]
    assert found.unreadable.tolist() == [True, False]


@pytest.mark.parametrize(
    ("serial", "day"),
    [("1", date(1900, 1, 1)), ("59", date(1900, 2, 28)), ("61", date(1900, 3, 1)), ("60000", date(2064, 4, 8))],
)
def test_excel_serials_know_the_leap_day_that_never_was(serial, day):
    """Excel's 1900 is a leap year: serial 60 is no day, and those before it are one day off."""
    assert read([serial]).values.to_pylist() == [day]
    assert read(None, column=pa.array([float(serial)])).values.to_pylist() == [day]
    assert read(None, column=pa.array([int(serial)])).values.to_pylist() == [day]


def test_the_end_of_time_is_no_end_where_the_item_allows_it():
    """9999-9-9 and 长期 become null without a finding for open_end, and are out of range or no date without it."""
    words = ["9999-9-9", "99991231", "9999-12-31", "长期", "9999/12/31", "永久", "长期有效"]
    found = read(words, open_end=True)
    assert found.values.null_count == len(words)
    assert not found.marks
    assert found.unreadable is None
    closed = read(words[:5])
    assert closed.marks["DATE_RANGE"].tolist() == [True, True, True, False, True]
    assert closed.marks["DATE_FORMAT"].tolist() == [False, False, False, True, False]


def test_years_outside_reason_are_out_of_range():
    """A year before 1800 or after 2200 is DATE_RANGE whatever type the source gives."""
    assert read(["1799-12-31", "1800-01-01", "2200-12-31", "2201-01-01"]).marks["DATE_RANGE"].tolist() == [
        True,
        False,
        False,
        True,
    ]
    typed = read(None, column=pa.array([date(1700, 1, 1), date(2020, 6, 18), None]))
    assert typed.values.to_pylist() == [None, date(2020, 6, 18), None]
    assert typed.marks["DATE_RANGE"].tolist() == [True, False, False]
    endless = read(None, column=pa.array([date(9999, 12, 31)]), open_end=True)
    assert endless.values.to_pylist() == [None]
    assert not endless.marks


def test_null_tokens_are_null_and_no_finding():
    """N/A, 无, 0000-00-00 and blanks are absent dates."""
    found = read(["N/A", "无", "0000-00-00", "", "  ", r"\N", "null", None])
    assert found.values.null_count == 8
    assert not found.marks


def test_timestamps_of_the_source_give_the_day_in_shanghai():
    """An aware timestamp is taken to Shanghai before its time is cut off; a naive one is Shanghai already."""
    aware = pa.array([datetime(2020, 6, 17, 17, 0)], pa.timestamp("us", "UTC"))  # noqa: DTZ001
    naive = pa.array([datetime(2020, 6, 17, 23, 0)], pa.timestamp("us"))  # noqa: DTZ001
    assert read(None, column=aware).values.to_pylist() == [date(2020, 6, 18)]
    assert read(None, column=naive).values.to_pylist() == [date(2020, 6, 17)]


def test_a_naive_datetime_is_shanghai_time():
    """Texts, naive timestamps and dates become aware milliseconds in Shanghai; a written zone is respected."""
    expected = datetime(2020, 6, 18, 10, 20, 30, tzinfo=SHANGHAI)
    for text in ("2020-06-18 10:20:30", "20200618102030", "2020-06-18T02:20:30Z", "2020/6/18 10:20:30"):
        assert read([text], "T").values.to_pylist() == [expected]
    naive = read(None, "T", column=pa.array([datetime(2020, 6, 18, 10, 20, 30)], pa.timestamp("us")))  # noqa: DTZ001
    assert naive.values.to_pylist() == [expected]
    aware = read(None, "T", column=pa.array([expected], pa.timestamp("us", "UTC")))
    assert aware.values.to_pylist() == [expected]
    day = read(None, "T", column=pa.array([date(2020, 6, 18)]))
    assert day.values.to_pylist() == [datetime(2020, 6, 18, tzinfo=SHANGHAI)]
    assert day.values.type == pa.timestamp("ms", "Asia/Shanghai")


def test_local_times_that_summer_time_skipped_or_doubled_are_read():
    """Shanghai had summer time from 1986 to 1991: neither the gap nor the doubled hour stops a batch."""
    found = read(["1988-04-17 02:30:00", "1988-09-11 01:30:00"], "T")
    assert found.values.null_count == 0
    assert not found.marks


@given(
    st.dates(date(1800, 1, 1), date(2200, 12, 31)),
    st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"]),
)
@settings(max_examples=80, deadline=None)
def test_every_date_survives_being_written(day, shape):
    """Whatever date and shape: what was written is what is read."""
    text = day.strftime(shape).zfill(8)
    assert read([text]).values.to_pylist() == [day]


@given(st.text("0123456789-/.年月日 :T", max_size=20))
@settings(max_examples=150, deadline=None)
def test_no_text_stops_a_batch(text):
    """Any text is a date, null, or a finding; a neighbour is not touched."""
    found = read([text, "2020-06-18"])
    assert found.values.to_pylist()[1] == date(2020, 6, 18)
    if found.values.to_pylist()[0] is None and text.strip():
        assert found.marks or text.strip(" ") in {
            "-",
            "--",
            "---",
            "----",
            "/",
            "0",
            "00000000",
            "0000-00-00",
            "0000/00/00",
        }


def test_excel_days_agree_with_python():
    """Serials from 61 on count from 1899-12-30."""
    serials = list(range(61, 60001, 997))
    assert read([str(serial) for serial in serials]).values.to_pylist() == [
        date(1899, 12, 30) + timedelta(serial) for serial in serials
    ]
