"""Working-day arithmetic (工作日) over the State Council's calendar in workdays.csv. Knows no clock and no deadline.

The day of receipt is day 0; a request received on a rest day starts counting on the next working day. A deadline
expires at 23:59:59 Asia/Shanghai of its day. Outside the table Monday to Friday count, and the result is provisional.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

_DAY = timedelta(days=1)
_SATURDAY = 5
#: A deadline of more working days is a mistake of the caller.
MOST_DAYS = 5000


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a deadline; `provisional` when a day on the way lies outside the calendar."""

    date: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that differ from Monday to Friday, between `first` and `last`, with where they come from."""

    source: str
    edition: str
    first: date
    last: date
    differing: Mapping[date, bool]

    def covers(self, day: date) -> bool:
        """Says whether the calendar knows `day`."""
        return self.first <= day <= self.last

    def is_workday(self, day: date) -> bool:
        """Says whether `day` is a working day; outside the calendar Monday to Friday are."""
        return self.differing.get(day, day.weekday() < _SATURDAY)


@cache
def calendar() -> Calendar:
    """Loads the national calendar, once."""
    lines = resources.files("schemas").joinpath("workdays.csv").read_text("utf-8").splitlines()
    heads = [line[1:].partition(":") for line in lines if line.startswith("#")]
    facts = {name.strip(): words.strip() for name, mark, words in heads if mark}
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return Calendar(
        facts["source"],
        facts["edition"],
        date.fromisoformat(facts["first"]),
        date.fromisoformat(facts["last"]),
        {date.fromisoformat(row["date"]): row["state"] == "work" for row in rows},
    )


def is_workday(day: date) -> bool:
    """Says whether `day` is a working day."""
    return calendar().is_workday(day)


def due(received: date, working_days: int) -> Due:
    """Returns the `working_days`-th working day after `received`; 0 is `received` itself. Raises ValueError."""
    if not 0 <= working_days <= MOST_DAYS:
        raise ValueError(working_days)
    days = calendar()
    day = received
    provisional = not days.covers(day)
    counted = 0
    while counted < working_days:
        day += _DAY
        provisional = provisional or not days.covers(day)
        counted += days.is_workday(day)
    return Due(day, provisional)
