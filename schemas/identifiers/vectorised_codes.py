"""Codes of bodies and licences by numpy; what is not clean is left to the scalar checks."""

from collections.abc import Set as AbstractSet
from functools import cache

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.identifiers.by_type import PATTERNS
from schemas.identifiers.credit import ALPHABET, CATEGORIES, ORG_WEIGHTS, STATE, VALUES, WEIGHTS
from schemas.identifiers.licence import A36, ROOT
from schemas.identifiers.matrix import Bytes, Mask, Rows, number, region_tables, strings, value_table, weighted
from schemas.identifiers.workings import Workings, rows_matching, without_one_digit, work_in_blocks

_USCC_VALUES = value_table(ALPHABET)
_A36_VALUES = value_table(A36)
_A36_X, _A36_0 = A36.index("X"), 0
#: Sum mod 11 → value of the check character: 11 is "0", 10 is "X".
_ORG_CHECKS = np.array([_A36_0, _A36_X, 9, 8, 7, 6, 5, 4, 3, 2, 1], dtype=np.uint8)

#: Six to 32 characters, the first not zero: no word for "no value" looks like this.
_OTHER_CLEAN = r"\A[A-Z1-9][A-Z0-9]{5,31}\z"

#: At least six characters: no word for "no value" is as long.
_USCC_LEGAL = r"\A[0-9A-HJ-NPQRTUWXY]{6,200}\z"

#: A licence identifier is the root, 21 + 18 + serial + 3 + 1 characters and four dots.
_TYPE, _ISSUER, _SERIAL = len(ROOT), len(ROOT) + 22, len(ROOT) + 41


def uscc_block(found: Workings, rows: Rows, matrix: Bytes, exceptions: AbstractSet[str]) -> None:
    """Checks the clean ones of a block of 18-character cells."""
    clean = _uscc_clean(matrix) & ~found.done[rows]
    if not clean.all():
        rows, matrix = rows[clean], matrix[:, clean]
    if not len(rows):
        return
    found.done[rows] = True
    found.type_is(rows, "001")
    values = _USCC_VALUES[matrix]
    found.find("USCC_CATEGORY", rows, _categories()[values[0], values[1]] == 0)
    found.find("USCC_REGION", rows, _unknown_authority(values))
    wrong = _uscc_wrong(values)
    if exceptions and wrong.any():
        some = np.flatnonzero(wrong)
        codes = strings(np.ascontiguousarray(matrix[:, some])).to_pylist()
        wrong[some] = [code not in exceptions for code in codes]
    found.find("USCC_CHECK", rows, wrong)
    found.find("USCC_ORG_CHECK", rows, _org_wrong(_A36_VALUES[matrix[8:17]]))


def damaged_usccs(found: Workings) -> None:
    """Judges the codes of legal characters whose length is wrong, such as old registration numbers."""
    if not found.todo.any():
        return
    rows = rows_matching(found, _USCC_LEGAL)
    rows = without_one_digit(found, rows[found.cells.lengths[rows] != 18])
    found.done[rows] = True
    found.find("USCC_LENGTH", rows, np.ones(len(rows), dtype=np.bool_))


def org_block(found: Workings, rows: Rows, matrix: Bytes) -> None:
    """Checks the clean ones of a block of 9-character cells."""
    values = _A36_VALUES[matrix]
    clean = (values[:8] < 36).all(axis=0) & ((values[8] <= 9) | (values[8] == _A36_X))
    clean &= ~_one_digit(matrix) & ~found.done[rows]
    rows, values = rows[clean], values[:, clean]
    found.done[rows] = True
    found.find("ORG_CHECK", rows, _org_wrong(values))


def registration_block(found: Workings, rows: Rows, matrix: Bytes) -> None:
    """Checks the clean ones of a block of 15-digit cells."""
    digits = matrix - np.uint8(ord("0"))
    clean = (digits <= 9).all(axis=0) & ~_one_digit(matrix) & ~found.done[rows]
    rows, digits = rows[clean], digits[:, clean]
    found.done[rows] = True
    product = _hybrid(digits[:14], _hybrid_table(10))
    found.find("REG_CHECK", rows, (11 - product) % 10 != digits[14])


def licence_blocks(found: Workings) -> None:
    """Checks the clean cells with an 18-character issuer, one serial length after the other."""
    shortest = _SERIAL + 7
    fits = found.cells.valid & (found.cells.lengths >= shortest) & (found.cells.lengths < shortest + 32)
    for width in np.unique(found.cells.lengths[fits]).tolist():
        work_in_blocks(found, width, lambda rows, matrix: _licence_block(found, rows, matrix))


def other_documents(found: Workings, code: str) -> None:
    """Accepts the clean numbers of documents without a check character."""
    text = pc.match_substring_regex(found.array, _OTHER_CLEAN)
    pattern = PATTERNS.get(code)
    if pattern is not None:
        text = pc.and_(text, pc.match_substring_regex(found.array, rf"\A(?:{pattern.pattern})\z"))
    rows = np.flatnonzero(pc.fill_null(text, False).to_numpy(zero_copy_only=False) & found.todo)
    found.done[rows] = True
    if code:
        found.type_is(rows, code)


def _licence_block(found: Workings, rows: Rows, matrix: Bytes) -> None:
    dots = [_ISSUER - 1, _SERIAL - 1, len(matrix) - 6, len(matrix) - 2]
    letters = [place for place in range(_TYPE, len(matrix) - 1) if place not in dots]
    root = np.frombuffer(ROOT.encode(), dtype=np.uint8)[:, None]
    clean = (matrix[:_TYPE] == root).all(axis=0) & (matrix[dots] == ord(".")).all(axis=0) & ~found.done[rows]
    clean &= (_A36_VALUES[matrix[letters]] < 36).all(axis=0) & (_A36_VALUES[matrix[-1]] < 36)
    clean &= (_USCC_VALUES[matrix[_TYPE : _TYPE + 18]] < 31).all(axis=0)
    clean &= (_A36_VALUES[matrix[_TYPE + 18 : _TYPE + 21]] <= 9).all(axis=0)
    version = _A36_VALUES[matrix[-5:-2]]
    clean &= (version <= 9).all(axis=0) & (version != 0).any(axis=0)
    issuer = matrix[_ISSUER : _ISSUER + 18]
    clean &= _uscc_clean(issuer)
    rows, matrix, issuer = rows[clean], matrix[:, clean], issuer[:, clean]
    found.done[rows] = True
    found.find("LICENCE_ISSUER", rows, _uscc_wrong(_USCC_VALUES[issuer]))
    product = _hybrid(_A36_VALUES[matrix[letters]], _hybrid_table(36))
    found.find("LICENCE_CHECK", rows, (37 - product) % 36 != _A36_VALUES[matrix[-1]])


def _uscc_clean(matrix: Bytes) -> Mask:
    """Says which have no error but, perhaps, in the check character."""
    values = _USCC_VALUES[matrix]
    clean: Mask = (values < 31).all(axis=0) & (values[2:8] <= 9).all(axis=0) & ~_one_digit(matrix)
    clean &= _first_pairs()[values[0], values[1]]
    return clean


def _uscc_wrong(values: Bytes) -> Mask:
    return np.asarray((weighted(values[:17], WEIGHTS) + values[17]) % 31 != 0)


def _org_wrong(values: Bytes) -> Mask:
    return np.asarray(_ORG_CHECKS[weighted(values[:8], ORG_WEIGHTS) % 11] != values[8])


def _unknown_authority(values: Bytes) -> Mask:
    code = number(values[2:8])
    return np.asarray(~region_tables().known[code] & (code != int(STATE)))


def _one_digit(matrix: Bytes) -> Mask:
    return np.asarray((matrix == matrix[0]).all(axis=0) & (matrix[0] <= ord("9")))


def _hybrid(values: Bytes, table: NDArray[np.int16]) -> NDArray[np.int16]:
    """Runs an ISO 7064 hybrid system down the rows and returns the last product."""
    product = np.full(values.shape[1], len(table) - 1, dtype=np.int16)
    for row in values:
        product = table[product, row]
    return product


@cache
def _hybrid_table(modulus: int) -> NDArray[np.int16]:
    """Tabulates product and value → next product; the first product is the modulus itself."""
    table = np.zeros((modulus + 1, modulus), dtype=np.int16)
    for product in range(modulus + 1):
        for value in range(modulus):
            table[product, value] = ((product + value) % modulus or modulus) * 2 % (modulus + 1)
    return table


@cache
def _first_pairs() -> Mask:
    """Tells by the values of the first two characters whether the pair has the standard's pattern; ILLEGAL has not."""
    table = np.zeros((256, 256), dtype=np.bool_)
    for first in "123456789ANY":
        table[VALUES[first], 1:10] = True
    return table


@cache
def _categories() -> NDArray[np.uint8]:
    table = np.zeros((31, 31), dtype=np.uint8)
    for first, kinds in CATEGORIES.items():
        for kind in kinds:
            table[VALUES[first], VALUES[kind]] = 1
    return table
