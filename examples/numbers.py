"""Makes valid identifiers, a column at a time, by computing every check character here.

Deliberately independent of schemas.identifiers, so that the city cross-checks the product. Nothing here draws lots.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LICENCE_ROOT = "1.2.156.3005.2"


def _table(alphabet: str) -> Ints:
    table = np.full(256, -1, dtype=np.int64)
    for value, letter in enumerate(alphabet):
        table[ord(letter)] = value
    return table


_USCC_VALUES = _table(USCC_ALPHABET)
_ALPHANUMERIC_VALUES = _table(ALPHANUMERIC)
_USCC_BYTES = np.frombuffer(USCC_ALPHABET.encode(), dtype=np.uint8)
_ALPHANUMERIC_BYTES = np.frombuffer(ALPHANUMERIC.encode(), dtype=np.uint8)
_ID_CHECK_BYTES = np.frombuffer(ID_CHECKS.encode(), dtype=np.uint8)
_ORG_CHECK_BYTES = np.frombuffer(b"0X987654321", dtype=np.uint8)


def digits(values: Ints, width: int) -> Bytes:
    """Writes each number as `width` ASCII digits, one row a number."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((values[:, None] // powers) % 10 + ord("0")).astype(np.uint8)


def texts(matrix: Bytes) -> pa.StringArray:
    """Turns rows of ASCII bytes into an Arrow string array without copying a value twice."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    data = pa.py_buffer(np.ascontiguousarray(matrix).tobytes())
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets.tobytes()), data)


def matrix(values: Sequence[str]) -> Bytes:
    """Turns equally long ASCII strings into rows of bytes."""
    width = len(values[0]) if values else 0
    return np.frombuffer("".join(values).encode("ascii"), dtype=np.uint8).reshape(len(values), width)


def with_id_check(body: Bytes) -> Bytes:
    """Appends the MOD 11-2 check character of GB 11643 to rows of 17 digits."""
    remainders = ((body.astype(np.int64) - ord("0")) @ np.array(ID_WEIGHTS)) % 11
    return np.column_stack([body, _ID_CHECK_BYTES[remainders]])


def citizen_ids(region: Ints, ymd: Ints, sequence: Ints) -> Bytes:
    """Makes 18-character citizen numbers from region, YYYYMMDD and sequence."""
    return with_id_check(np.column_stack([digits(region, 6), digits(ymd, 8), digits(sequence, 3)]))


def with_org_check(body: Bytes) -> Bytes:
    """Appends the check character of GB 11714 to rows of 8 characters."""
    remainders = (_ALPHANUMERIC_VALUES[body] @ np.array(ORG_WEIGHTS)) % 11
    return np.column_stack([body, _ORG_CHECK_BYTES[remainders]])


def with_uscc_check(body: Bytes) -> Bytes:
    """Appends the MOD 31-3 check character of GB 32100 to rows of 17 characters."""
    sums = (_USCC_VALUES[body] @ np.array(USCC_WEIGHTS)) % 31
    return np.column_stack([body, _USCC_BYTES[(31 - sums) % 31]])


def bodies(serial: Ints) -> Bytes:
    """Makes organisation bodies `XX` + six characters of the 31-letter alphabet: a range that is never assigned."""
    powers = 31 ** np.arange(5, -1, -1, dtype=np.int64)
    tail = _USCC_BYTES[(serial[:, None] // powers) % 31]
    return np.column_stack([np.full((len(serial), 2), ord("X"), dtype=np.uint8), tail])


def usccs(category: Ints, region: Ints, serial: Ints) -> Bytes:
    """Makes unified social credit codes from the two-digit category, the region and a serial of `bodies`."""
    front = np.column_stack([digits(category, 2), digits(region, 6)])
    return with_uscc_check(np.column_stack([front, with_org_check(bodies(serial))]))


def registration_numbers(region: Ints, serial: Ints) -> Bytes:
    """Makes 15-digit registration numbers of GS 15 (MOD 11,10)."""
    body = np.column_stack([digits(region, 6), digits(serial, 8)])
    product = np.full(len(body), 10, dtype=np.int64)
    for column in body.T:
        total = (product + column - ord("0")) % 10
        product = (2 * np.where(total == 0, 10, total)) % 11
    return np.column_stack([body, ((11 - product) % 10 + ord("0")).astype(np.uint8)])


def licence_ids(kind: Bytes, issuer: Bytes, serial: Bytes, version: Bytes) -> Bytes:
    """Makes licence identifiers of GB/T 36904 (MOD 37,36 over the four parts without dots)."""
    product = np.full(len(kind), 36, dtype=np.int64)
    for column in np.column_stack([kind, issuer, serial, version]).T:
        total = (product + _ALPHANUMERIC_VALUES[column]) % 36
        product = (2 * np.where(total == 0, 36, total)) % 37
    check = _ALPHANUMERIC_BYTES[(37 - product) % 36][:, None]
    dot = np.full((len(kind), 1), ord("."), dtype=np.uint8)
    root = np.repeat(matrix([LICENCE_ROOT]), len(kind), axis=0)
    return np.column_stack([root, dot, kind, dot, issuer, dot, serial, dot, version, dot, check])


def one_citizen_id(body: str) -> str:
    """Appends the check character to one body of 17 digits."""
    return str(with_id_check(matrix([body])).tobytes().decode("ascii"))


def one_uscc(body: str) -> str:
    """Appends the check character to one body of 17 characters."""
    return str(with_uscc_check(matrix([body])).tobytes().decode("ascii"))


def icao_check(body: str) -> str:
    """Gives the ICAO 9303 check digit of the 2017 permanent-residence form (weights 7, 3, 1)."""
    weights = (7, 3, 1)
    return str(sum(ALPHANUMERIC.index(letter) * weights[place % 3] for place, letter in enumerate(body)) % 10)
