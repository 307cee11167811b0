"""Byte matrices over Arrow string arrays: one row per character place, so that a check is a few passes of numpy."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.identifiers.regions import regions

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Numbers = NDArray[np.int32]

#: Rows worked on at once; the matrices of a block stay in the processor's cache.
BLOCK = 1 << 15

ILLEGAL = 255


class Cells(NamedTuple):
    """The buffers of a string array: bytes, start and length of each cell, and which cells are not null."""

    data: Bytes
    starts: Rows
    lengths: Rows
    valid: Mask


def cells(array: pa.StringArray) -> Cells:
    """Looks into the buffers of a string array without copying."""
    _, offsets_buffer, data_buffer = array.buffers()
    if offsets_buffer is None or len(array) == 0:
        offsets: Rows = np.zeros(len(array) + 1, dtype=np.int64)
    else:
        window = np.frombuffer(memoryview(offsets_buffer), dtype=np.int32)[array.offset : array.offset + len(array) + 1]
        offsets = window.astype(np.int64)
    data = (
        np.frombuffer(memoryview(data_buffer), dtype=np.uint8)
        if data_buffer is not None
        else np.zeros(0, dtype=np.uint8)
    )
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return Cells(data, offsets[:-1], np.diff(offsets), valid)


def blocks(of: Cells, width: int) -> Iterator[tuple[Rows, Bytes]]:
    """Yields row numbers and the (width, rows) matrix of the cells that are `width` bytes long."""
    rows = np.flatnonzero(of.valid & (of.lengths == width))
    places = np.arange(width)
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        yield some, np.ascontiguousarray(of.data[of.starts[some][:, None] + places].T)


def strings(matrix: Bytes) -> pa.StringArray:
    """Builds the string array of a (width, rows) matrix of ASCII bytes."""
    width, rows = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    data = np.ascontiguousarray(matrix.T)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes()))


def value_table(alphabet: str) -> Bytes:
    """Maps a byte to its place in `alphabet`, every other byte to ILLEGAL."""
    table = np.full(256, ILLEGAL, dtype=np.uint8)
    for value, character in enumerate(alphabet):
        table[ord(character)] = value
    return table


def number(digits: Bytes) -> Numbers:
    """Reads each column of digit values as one decimal number."""
    total: Numbers = digits[0].astype(np.int32)
    for row in digits[1:]:
        total *= 10
        total += row
    return total


def weighted(values: Bytes, weights: tuple[int, ...]) -> NDArray[np.uint16]:
    """Sums each column with its weights; at most 35 × 2,000 fits."""
    total = np.zeros(values.shape[1], dtype=np.uint16)
    for row, weight in zip(values, weights, strict=True):
        total += row.astype(np.uint16) * np.uint16(weight)
    return total


class RegionTables(NamedTuple):
    """By six-digit code: whether any edition has it, whether it was abolished, its first year (0: oldest edition)."""

    known: Mask
    abolished: Mask
    first: NDArray[np.int16]


@cache
def region_tables() -> RegionTables:
    """Builds the region tables once per process (4 MB)."""
    tables = RegionTables(
        np.zeros(1_000_000, dtype=np.bool_), np.zeros(1_000_000, dtype=np.bool_), np.zeros(1_000_000, dtype=np.int16)
    )
    for code, region in regions().items():
        tables.known[int(code)] = True
        tables.abolished[int(code)] = region.last is not None
        tables.first[int(code)] = region.first or 0
    return tables
