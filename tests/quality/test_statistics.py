"""Derived items say of every readable value what the scalar checks say, and nothing of any other."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.normalise import ItemPlan
from quality.normalise.cells import SHANGHAI
from quality.normalise.reading import normalise
from quality.normalise.shape import Context
from quality.normalise.statistics import DERIVED
from schemas.entry import DERIVED_FROM
from schemas.identifiers import citizen_id
from schemas.identifiers.citizen import check_character

TODAY = date(2026, 11, 22)
DAYS = st.dates(date(1900, 1, 1), TODAY)


def plan(kind, below, letter="C"):
    """Makes the plan of a derived item over an item of a kind."""
    item = ItemPlan("x", "x", "派生", "C", kind, 10)
    return item.over(ItemPlan("b", "x", "所依据", letter, below, 18))


def derive(kind, below, values, letter="C"):
    """Derives a column from raw cells."""
    column = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    return normalise(column, plan(kind, below, letter), Context(TODAY)).values.to_pylist()


def age(born, at):
    """Counts whole years."""
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))


def band(born):
    """Names the band of an age, the slow way."""
    years = age(born, TODAY)
    low = years - years % 5
    return "90+" if years >= 90 else f"{low:02d}-{low + 4:02d}"


def number(region, born, order):
    """Makes a citizen ID number."""
    first = f"{region}{born:%Y%m%d}{order:03d}"
    return first + check_character(first)


IDS = st.builds(number, st.sampled_from(["620402", "110105", "440305", "810000"]), DAYS, st.integers(1, 998))


@settings(deadline=None, max_examples=40)
@given(st.lists(IDS, max_size=20))
def test_a_number_tells_year_band_sex_and_regions(numbers):
    """Each derived kind agrees with the number's own digits and with the scalar check's birthday."""
    born = [citizen_id(each, TODAY).birth_date for each in numbers]
    assert derive("birth_year", "citizen_id", numbers) == [f"{each:%Y}" for each in born]
    assert derive("age_band", "citizen_id", numbers) == [band(each) for each in born]
    assert derive("sex_of", "citizen_id", numbers) == ["1" if int(each[16]) % 2 else "2" for each in numbers]
    assert derive("county_of", "citizen_id", numbers) == [each[:6] for each in numbers]
    assert derive("city_of", "citizen_id", numbers) == [each[:4] + "00" for each in numbers]
    assert derive("province_of", "citizen_id", numbers) == [each[:2] + "0000" for each in numbers]


@settings(deadline=None, max_examples=40)
@given(st.lists(DAYS, max_size=20))
def test_a_date_tells_year_and_band(days):
    """Dates as a database gives them, as texts and as times of Beijing tell the same."""
    texts = [f"{each:%Y}-{each:%m}-{each:%d}" for each in days]
    moments = [datetime(each.year, each.month, each.day, 0, 30, tzinfo=ZoneInfo(SHANGHAI)) for each in days]
    for column, kind, letter in (
        (pa.array(days, pa.date32()), "date", "D"),
        (pa.array(texts, pa.string()), "date", "D"),
        (pa.array(moments, pa.timestamp("ms", SHANGHAI)), "datetime", "T"),
    ):
        assert derive("birth_year", kind, column, letter) == [f"{each.year:04d}" for each in days]
        assert derive("age_band", kind, column, letter) == [band(each) for each in days]


@pytest.mark.parametrize("kind", DERIVED)
@settings(deadline=None, max_examples=40)
@given(cells=st.lists(st.none() | st.text(max_size=20) | st.from_regex(r"\d{18}", fullmatch=True), max_size=20))
def test_anything_else_gives_nothing_and_stops_nothing(kind, cells):
    """What the item beneath cannot read is null here, and there are as many values as cells."""
    below = DERIVED_FROM[kind][0]
    found = derive(kind, below, [each and each.encode("utf-8", "replace").decode() for each in cells])
    assert len(found) == len(cells)
    assert all(value is None for cell, value in zip(cells, found, strict=True) if not cell or not cell.strip())


def test_the_day_of_a_birthday_and_what_is_no_birthday():
    """A birthday counts on its day; no day of the calendar, the future and nobody's age give nothing."""
    fifth, day = TODAY.replace(year=2021), timedelta(days=1)
    born = [fifth, fifth + day, TODAY + day, date(1800, 1, 1)]
    assert derive("age_band", "date", pa.array(born, pa.date32()), "D") == ["05-09", "00-04", None, None]
    wrong = [number("620402", date(1990, 3, 1), 5).replace("19900301", "19900231"), "不详", "", "62040219900301", None]
    assert derive("birth_year", "citizen_id", wrong) == [None] * 5


def test_an_old_number_and_a_card_of_residence():
    """Fifteen digits are read as the eighteen they became; a card of permanent residence has no region."""
    assert derive("birth_year", "citizen_id", ["620402650301123"]) == ["1965"]
    assert derive("sex_of", "citizen_id", ["620402650301123"]) == ["1"]
    first = "91115619850410002"
    assert derive("county_of", "citizen_id", [first + check_character(first)]) == [None]


def test_a_region_tells_what_it_lies_in():
    """A region's code gives the codes above it; what is no code gives nothing."""
    assert derive("city_of", "region", ["620402", "620000", "abc", None]) == ["620400", "620000", None, None]
    assert derive("province_of", "region", ["620402"]) == ["620000"]
