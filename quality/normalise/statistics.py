"""Derived items (派生数据项): what statistics need of a sealed item, computed from its value before that is sealed.

Years, five-year bands and region codes are shared by many, so that nobody need open the number or the birthday itself.
A value that the item beneath could not read is null here; the finding is that item's.
"""

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import SHANGHAI

_ID = r"^(?P<region>[0-9]{6})(?P<birth>[0-9]{8})[0-9]{2}(?P<sex>[0-9])[0-9X]$"
#: Numbers of the 2023 permanent-residence card begin with 9 and carry a nationality, no six-digit region.
_RESIDENCE = "9"
_BAND, _OLDEST, _LONGEST = 5, 90, 150


def birth_years(values: pa.Array, data_date: date) -> pa.Array:
    """Gives the year of birth in four digits (出生年份)."""
    years = pc.year(_births(values)).cast(pa.string())
    return pc.utf8_lpad(years, 4, "0")


def age_bands(values: pa.Array, data_date: date) -> pa.Array:
    """Gives the five-year band of the age on the data date (年龄段): `00-04` … `85-89`, `90+`."""
    births = _births(values)
    years, days = pc.year(births), pc.add(pc.multiply(pc.month(births), 100), pc.day(births))
    still = pc.greater(days, data_date.month * 100 + data_date.day).cast(pa.int64())
    ages = pc.subtract(pc.subtract(data_date.year, years), still)
    ages = pc.if_else(pc.and_(pc.greater_equal(ages, 0), pc.less_equal(ages, _LONGEST)), ages, None)
    low = pc.multiply(pc.divide(ages, _BAND), _BAND)
    ends = [pc.utf8_lpad(each.cast(pa.string()), 2, "0") for each in (low, pc.add(low, _BAND - 1))]
    return pc.if_else(pc.greater_equal(ages, _OLDEST), f"{_OLDEST}+", pc.binary_join_element_wise(*ends, "-"))


def sexes(values: pa.Array, data_date: date) -> pa.Array:
    """Gives the sex by GB/T 2261.1 as the seventeenth digit says it (GB 11643-1999, 4.3): odd is 1, even is 2."""
    digit = pc.struct_field(_parts(values), "sex").cast(pa.int64())
    return pc.if_else(pc.equal(pc.bit_wise_and(digit, 1), 1), "1", "2")


def regions(digits: int) -> Callable[[pa.Array, date], pa.Array]:
    """Returns the reader of the region's county (6), city (4) or province (2) as a code of GB/T 2260."""

    def read(values: pa.Array, data_date: date) -> pa.Array:
        codes = pc.utf8_slice_codeunits(values.cast(pa.string()), 0, 6)
        whole = pc.and_(pc.match_substring_regex(codes, "^[0-9]{6}$"), pc.invert(pc.starts_with(codes, _RESIDENCE)))
        kept = pc.utf8_slice_codeunits(codes, 0, digits)
        return pc.if_else(whole, pc.utf8_rpad(kept, 6, "0"), None)

    return read


def _parts(values: pa.Array) -> pa.StructArray:
    return pc.extract_regex(values.cast(pa.string()), pattern=_ID)


def _births(values: pa.Array) -> pa.Array:
    """Reads birthdays from dates, times (Beijing) or citizen ID numbers."""
    if pa.types.is_date(values.type):
        return values.cast(pa.date32())
    if pa.types.is_timestamp(values.type):
        return pc.local_timestamp(values.cast(pa.timestamp("ms", SHANGHAI))).cast(pa.date32(), safe=False)
    text = pc.struct_field(_parts(values), "birth")
    parsed = pc.strptime(text, format="%Y%m%d", unit="s", error_is_null=True).cast(pa.date32())
    # 20230231 is no day: what does not come back as it was is dropped.
    same = pc.equal(pc.strftime(parsed.cast(pa.timestamp("s")), format="%Y%m%d"), text)
    return pc.if_else(pc.fill_null(same, False), parsed, pa.scalar(None, pa.date32()))


#: Derived kind -> what computes it from the values of the item beneath, in row order, on the data date.
DERIVED: dict[str, Callable[[pa.Array, date], pa.Array]] = {
    "birth_year": birth_years,
    "age_band": age_bands,
    "sex_of": sexes,
    "county_of": regions(6),
    "city_of": regions(4),
    "province_of": regions(2),
}
