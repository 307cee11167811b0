"""Working-day arithmetic: the calendar itself, the vectors, and what lies outside the table."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.workdays import Due, calendar, due, is_workday

chinese_calendar = pytest.importorskip("chinese_calendar", reason="dev package that the table was made from")


@pytest.mark.parametrize(
    ("received", "days", "expected"),
    [
        ("2025-09-26", 1, "2025-09-28"),
        ("2025-09-30", 10, "2025-10-21"),
        ("2026-02-13", 1, "2026-02-14"),
        ("2026-02-13", 10, "2026-03-05"),
        ("2026-02-13", 20, "2026-03-19"),
        ("2026-04-30", 2, "2026-05-07"),
        ("2026-04-30", 3, "2026-05-08"),
        ("2026-09-18", 10, "2026-10-09"),
        ("2026-11-20", 10, "2026-12-04"),
        ("2026-11-22", 1, "2026-11-23"),
    ],
)
def test_the_vectors_of_the_calendar(received, days, expected):
    """Holidays and make-up days count as the State Council says."""
    assert due(date.fromisoformat(received), days) == Due(date.fromisoformat(expected), False)


def test_the_table_is_the_packages():
    """Every day of the table agrees with the package that it was made from."""
    days = calendar()
    day = days.first
    while day <= days.last:
        assert is_workday(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)
    assert (days.first, days.last) == (date(2004, 1, 1), date(2026, 12, 31))


def test_the_table_names_source_and_edition():
    """The data file says where it is from."""
    assert "chinesecalendar" in calendar().source
    assert calendar().edition == "1.11.0"
    assert all(calendar().covers(day) for day in calendar().differing)


def test_outside_the_table_weekdays_count_provisionally():
    """A deadline that leaves the table is reckoned Monday to Friday and marked."""
    assert due(date(2026, 12, 30), 2) == Due(date(2027, 1, 1), True)
    assert due(date(2027, 1, 1), 1) == Due(date(2027, 1, 4), True)
    assert due(date(2003, 12, 31), 1) == Due(date(2004, 1, 2), True)
    assert due(date(2026, 12, 30), 1) == Due(date(2026, 12, 31), False)


def test_day_zero_is_the_day_of_receipt():
    """No working day after receipt is receipt itself, a rest day too."""
    assert due(date(2026, 11, 22), 0) == Due(date(2026, 11, 22), False)
    assert due(date(2030, 1, 1), 0) == Due(date(2030, 1, 1), True)


@pytest.mark.parametrize("days", [-1, 5001])
def test_a_senseless_number_of_days_is_refused(days):
    """Negative and endless deadlines are the caller's mistake."""
    with pytest.raises(ValueError, match=str(days)):
        due(date(2026, 1, 1), days)


@settings(max_examples=200, deadline=None)
@given(st.dates(date(2003, 1, 1), date(2028, 1, 1)), st.integers(1, 40))
def test_a_deadline_is_the_nth_working_day(received, days):
    """The due day is a working day and exactly `days` working days lie after receipt up to it."""
    result = due(received, days)
    between = [received + timedelta(days=n) for n in range(1, (result.date - received).days + 1)]
    assert is_workday(result.date)
    assert sum(is_workday(day) for day in between) == days
    assert result.provisional == (not calendar().covers(received) or not calendar().covers(result.date))
