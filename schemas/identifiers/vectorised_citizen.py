"""Citizen-style numbers by numpy: 18-character numbers of citizens and residence permits, and clean 15-digit ones.

Leaves cards that begin with 9, damaged text and placeholders to the scalar check.
"""

from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.identifiers.citizen import CHECKS, OLDEST_AGE, PERMITS, WEIGHTS
from schemas.identifiers.matrix import Bytes, Mask, Numbers, Rows, number, region_tables, strings, weighted
from schemas.identifiers.regions import PROVINCES
from schemas.identifiers.workings import Workings, rows_matching, without_one_digit

ZERO = np.uint8(ord("0"))
X = np.uint8(ord("X") - ord("0"))

_CHECK_VALUES = np.array([ord(character) - ord("0") for character in CHECKS], dtype=np.uint8)
_MONTH_DAYS = np.array(
    [
        [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87],
        [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87],
    ],
    dtype=np.int32,
)


_DAMAGE = {
    "ID_MASKED": r"\A[0-9X]*\*[0-9X*]*\z",
    "ID_EXCEL_PRECISION_LOSS": r"\A[0-9]\.[0-9]*E\+[0-9]{1,3}\z",
    "ID_LENGTH": r"\A[0-9]{2,200}X?\z",
}


class Births(NamedTuple):
    """Birth dates in parts; `real` says which are calendar dates of the 19th to 21st century."""

    year: Numbers
    month: Numbers
    day: Numbers
    real: Mask


def citizen_block(found: Workings, rows: Rows, matrix: Bytes, today: date) -> None:
    """Checks the clean ones of a block of 18-character cells."""
    digits = matrix - ZERO
    clean = (digits[:17] <= 9).all(axis=0) & ((digits[17] <= 9) | (digits[17] == X)) & (digits[0] != 9)
    clean &= ~(digits == digits[0]).all(axis=0) & ~found.done[rows]
    if not clean.all():
        rows, digits = rows[clean], digits[:, clean]
    if len(rows):
        _judge(found, rows, digits, today)


def upgrade_block(found: Workings, rows: Rows, matrix: Bytes, today: date) -> None:
    """Upgrades and checks the 15-digit cells whose province and date are right."""
    digits = matrix - ZERO
    clean = (digits <= 9).all(axis=0) & ~(digits == digits[0]).all(axis=0) & ~found.done[rows]
    clean &= _provinces()[np.where(clean, digits[0] * np.uint8(10) + digits[1], 0)] == 1
    rows, digits = rows[clean], digits[:, clean]
    if not len(rows):
        return
    century = np.full((2, len(rows)), 9, dtype=np.uint8)
    century[0] = 1
    century[1] -= (number(digits[12:15]) >= 996).astype(np.uint8)
    body = np.concatenate([digits[:6], century, digits[6:]])
    real = _births(body).real
    rows, body = rows[real], body[:, real]
    check = _CHECK_VALUES[weighted(body, WEIGHTS) % 11]
    full = np.concatenate([body, check[None, :]])
    _judge(found, rows, full, today)
    if len(rows):
        found.replace(rows, strings(full + ZERO))


def damaged_citizens(found: Workings) -> None:
    """Judges what whole columns suffer from: masks, spreadsheet numbers and digits of a wrong length."""
    if not found.todo.any():
        return
    for code, pattern in _DAMAGE.items():
        rows = rows_matching(found, pattern)
        if code == "ID_LENGTH":
            rows = without_one_digit(found, rows[~np.isin(found.cells.lengths[rows], (15, 18))])
        found.done[rows] = True
        found.find(code, rows, np.ones(len(rows), dtype=np.bool_))


def _judge(found: Workings, rows: Rows, digits: Bytes, today: date) -> None:
    found.done[rows] = True
    _types(found, rows, digits)
    births = _births(digits)
    if found.days is not None and found.sexes is not None:
        found.days[rows[births.real]] = _days(births)[births.real]
        found.sexes[rows] = 2 - digits[16] % 2
        return
    found.find("ID_DATE", rows, ~births.real)
    day = births.year * 10000 + births.month * 100 + births.day
    now = today.year * 10000 + today.month * 100 + today.day
    found.find("ID_FUTURE_BIRTH", rows, births.real & (day > now))
    found.find("ID_AGE_OVER_130", rows, births.real & (day < now - OLDEST_AGE * 10000))
    _regions(found, rows, digits, births)
    wrong = _CHECK_VALUES[weighted(digits[:17], WEIGHTS) % 11] != digits[17]
    found.find("ID_CHECK", rows, wrong)
    if wrong.any():
        found.find("ID_EXCEL_PRECISION_LOSS", rows, wrong & (digits[15:] == 0).all(axis=0))


def _types(found: Workings, rows: Rows, digits: Bytes) -> None:
    found.type_is(rows, "111")
    permits = digits[0] == 8
    if permits.any():
        for prefix, (_, doc_type, _) in PERMITS.items():
            found.type_is(rows[permits & (digits[1] == int(prefix[1]))], doc_type)


def _births(digits: Bytes) -> Births:
    year, month, day = number(digits[6:10]), number(digits[10:12]), number(digits[12:14])
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    real = (day >= 1) & (day <= _MONTH_DAYS[leap.astype(np.int8), month]) & (year >= 1800) & (year < 2100)
    return Births(year, month, day, real)


def _days(births: Births) -> NDArray[np.datetime64]:
    months = (births.year.astype(np.int64) - 1970) * 12 + births.month - 1
    first: NDArray[np.datetime64] = months.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray(first + (births.day - 1).astype("timedelta64[D]"))


def _regions(found: Workings, rows: Rows, digits: Bytes, births: Births) -> None:
    code = number(digits[:6])
    place = _provinces()[code // 10000]
    tables = region_tables()
    known, province = tables.known[code], place == 1
    permit = place == 2
    found.find("ID_PROVINCE", rows, place == 0)
    unknown = province & ~known
    if permit.any():
        unknown |= permit & (code % 10000 != 0)
    found.find("ID_REGION_UNKNOWN", rows, unknown)
    found.find("ID_REGION_ABOLISHED", rows, province & tables.abolished[code])
    found.find("ID_REGION_NOT_YET", rows, province & births.real & (tables.first[code] > births.year))


@cache
def _provinces() -> Bytes:
    """By two-digit prefix: 1 a province, 2 a residence permit, 0 neither."""
    table = np.zeros(100, dtype=np.uint8)
    table[[int(prefix) for prefix in PROVINCES]] = 1
    table[[int(prefix) for prefix in PERMITS]] = 2
    return table
