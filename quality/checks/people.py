"""Birth dates and sex out of citizen-style numbers, a column at a time. Says nothing of a number's validity."""

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quality.normalise.cells import Mask, bytes_of, is_null
from quality.normalise.dates import days_from_civil, real_date
from schemas.identifiers import citizen_id

Days = npt.NDArray[np.int64]
Sexes = npt.NDArray[np.int8]

UNKNOWN = np.iinfo(np.int64).min
_EVER = date(2999, 12, 31)
_X = ord("X") - 48


def read(text: pa.Array) -> tuple[Days, Sexes]:
    """Returns days since 1970 (UNKNOWN where there is no real date) and sex (1, 2 or 0 for unknown) of each number."""
    born = np.full(len(text), UNKNOWN, dtype=np.int64)
    sexes = np.zeros(len(text), dtype=np.int8)
    plain = _well_formed(text, born, sexes)
    # Only numbers of 15 and 18 characters tell anything; wider ones may have 18 characters that are not all ASCII.
    wide = np.diff(bytes_of(text)[0]) >= 15
    for row in np.flatnonzero(wide & ~plain & ~is_null(text)):
        result = citizen_id(text[int(row)].as_py(), _EVER)
        sexes[row] = int(result.sex or 0)
        if result.birth_date:
            born[row] = (result.birth_date - date(1970, 1, 1)).days
    return born, sexes


def _well_formed(text: pa.Array, born: Days, sexes: Sexes) -> Mask:
    """Reads the numbers of 17 digits and a digit or X from their bytes; returns their rows."""
    ends, raw = bytes_of(text)
    sizes = np.diff(ends)
    done: Mask = (sizes == 18) & ~is_null(text)
    rows = np.flatnonzero(done)
    if not len(rows):
        return done
    if len(rows) == len(sizes):
        cells = raw[ends[0] : ends[-1]].reshape(-1, 18)
    else:
        cells = raw[ends[rows][:, None] + np.arange(18, dtype=np.int32)]
    digits = np.ascontiguousarray(cells.T) - np.uint8(48)
    fine = (digits[:17].max(axis=0) < 10) & ((digits[17] < 10) | (digits[17] == _X))
    done[rows[~fine]] = False
    rows, digits = rows[fine], digits[:, fine]
    year, month, day = (_number(digits[part]) for part in (slice(6, 10), slice(10, 12), slice(12, 14)))
    # Permanent-residence cards begin with 9 and were never issued to anybody born before 1900.
    real = real_date(year, month, day) & (year >= np.where(digits[0] == 9, 1900, 1800)) & (year < 2100)
    born[rows[real]] = days_from_civil(year, month, day)[real]
    sexes[rows] = 2 - digits[16] % 2
    return done


def _number(digits: npt.NDArray[np.uint8]) -> Days:
    total = np.zeros(digits.shape[1], dtype=np.int64)
    for place in digits:
        total = total * 10 + place
    return total


def born_before(today: date, age: int) -> int:
    """Gives the last birthday (days since 1970) of those who are at least `age` years old on `today`."""
    try:
        latest = today.replace(year=today.year - age)
    except ValueError:  # 29 February
        latest = date(today.year - age, 2, 28)
    return (latest - date(1970, 1, 1)).days
