"""Canonical bytes of a row, vectorised, and back. Knows types only: no key, no item name, no file.

A row is a fixed head and the variable values after it. The head holds for each column a tag (0 for null, else the type)
and either the value itself (fixed width) or its length; two rows of one type list share their bytes only if equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import SealBroken

Bytes = npt.NDArray[np.uint8]
_EMPTY = pa.scalar(b"", pa.large_binary())
#: Rows of a look-up.
_FEW = 8


@dataclass(frozen=True, slots=True)
class _Form:
    tag: int
    width: int | None  # None: variable
    carrier: pa.DataType


@lru_cache(maxsize=64)
def _form(kind: pa.DataType) -> _Form:  # noqa: PLR0911 - one line a type reads best
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _Form(1, None, kind)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _Form(2, None, kind)
    if pa.types.is_list(kind):
        return _Form(3, None, kind)
    if pa.types.is_boolean(kind):
        return _Form(4, 1, pa.uint8())
    if pa.types.is_date32(kind):
        return _Form(5, 4, kind)
    if pa.types.is_timestamp(kind):
        return _Form(6, 8, kind)
    if pa.types.is_int64(kind):
        return _Form(7, 8, kind)
    if pa.types.is_float64(kind):
        return _Form(8, 8, kind)
    if pa.types.is_decimal128(kind):
        return _Form(9, 16, kind)
    raise TypeError(f"no canonical form for {kind}")


def pack(columns: Sequence[pa.Array], rows: int, prefix: bytes = b"") -> pa.LargeBinaryArray:
    """Returns each row's canonical bytes, `prefix` before each."""
    heads: list[Bytes] = []
    values: list[pa.Array] = []
    if prefix:
        heads.append(np.broadcast_to(np.frombuffer(prefix, np.uint8), (rows, len(prefix))))
    for column in columns:
        form = _form(column.type)
        present = _present(column, rows)
        heads.append((present * np.uint8(form.tag)).reshape(rows, 1))
        if form.width is None:
            value = _variable(column, form, rows)
            heads.append(np.diff(_offsets(value)).astype(">u4").view(np.uint8).reshape(rows, 4))
            values.append(value)
        else:
            heads.append(_fixed(column, form, present))
    head = _rows_of(np.ascontiguousarray(np.concatenate(heads, axis=1)) if heads else np.empty((rows, 0), np.uint8))
    return pc.binary_join_element_wise(head, *values, _EMPTY) if values else head


def unpack(packed: Sequence[bytes], kinds: Sequence[pa.DataType]) -> list[pa.Array]:
    """Returns the columns of packed rows (without prefix); raises SealBroken when the bytes are not of these types."""
    if len(packed) <= _FEW:
        return _unpack_few(packed, kinds)
    rows = len(packed)
    lengths = np.fromiter(map(len, packed), np.int64, rows)
    starts = np.zeros(rows, np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    data = np.frombuffer(b"".join(packed), np.uint8)
    forms = [_form(kind) for kind in kinds]
    width = sum(1 + (4 if form.width is None else form.width) for form in forms)
    if rows and int(lengths.min()) < width:
        raise _foreign()
    head = data[starts[:, None] + np.arange(width)] if rows else np.empty((0, width), np.uint8)
    cursor, at, columns = starts + width, 0, []
    for kind, form in zip(kinds, forms, strict=True):
        tags, at = head[:, at], at + 1
        present = tags == form.tag
        if not bool(np.all(present | (tags == 0))):
            raise _foreign()
        size = 4 if form.width is None else form.width
        field, at = np.ascontiguousarray(head[:, at : at + size]), at + size
        if form.width is None:
            sizes = field.view(">u4").reshape(rows).astype(np.int64)
            columns.append(_read_variable(data, cursor, sizes, present, kind))
            cursor = cursor + sizes
        else:
            columns.append(_read_fixed(field, present, kind, form))
    if not np.array_equal(cursor, starts + lengths):
        raise _foreign()
    return columns


def _unpack_few(packed: Sequence[bytes], kinds: Sequence[pa.DataType]) -> list[pa.Array]:
    """Does the same row by row: for one row the calls over arrays take three times as long."""
    forms = [_form(kind) for kind in kinds]
    width = sum(1 + (4 if form.width is None else form.width) for form in forms)
    cells: list[list[bytes | None]] = [[] for _ in forms]
    for row in packed:
        at, cursor = 0, width
        if len(row) < width:
            raise _foreign()
        for form, column in zip(forms, cells, strict=True):
            if row[at] not in (0, form.tag):
                raise _foreign()
            end = at + 1 + (4 if form.width is None else form.width)
            value = row[at + 1 : end]
            if form.width is None:
                begin, cursor = cursor, cursor + int.from_bytes(value, "big")
                value = row[begin:cursor]
            column.append(value if row[at] else None)
            at = end
        if cursor != len(row):
            raise _foreign()
    return [_few(column, kind, form) for column, kind, form in zip(cells, kinds, forms, strict=True)]


def _few(values: list[bytes | None], kind: pa.DataType, form: _Form) -> pa.Array:
    if form.tag == 3:
        return pa.array([None if value is None else _texts(value) for value in values], kind)
    if form.tag == 2:
        return pa.array(values, kind)
    if form.tag == 1:
        try:
            return pa.array([None if value is None else value.decode() for value in values], kind)
        except UnicodeDecodeError:
            raise _foreign() from None
    assert form.width is not None  # noqa: S101 - only texts, bytes and lists vary
    raw = b"".join(bytes(form.width) if value is None else value for value in values)
    return _read_fixed(np.frombuffer(raw, np.uint8), np.array([v is not None for v in values], bool), kind, form)


def _texts(raw: bytes) -> list[str | None]:
    texts: list[str | None] = []
    position = 0
    while position < len(raw):
        size = int.from_bytes(raw[position + 1 : position + 5], "big")
        texts.append(raw[position + 5 : position + 5 + size].decode() if raw[position] else None)
        position += 5 + size
    return texts


def _foreign() -> SealBroken:
    return SealBroken("密封数据与数据项清单不符", "须用写入该版本时的数据项清单打开", "请确认目录版本与数据版本一致")


def _present(column: pa.Array, rows: int) -> Any:
    if column.null_count == 0:
        return np.ones(rows, np.uint8)
    return pc.is_valid(column).cast(pa.uint8()).to_numpy(zero_copy_only=False)


def _offsets(array: pa.Array) -> npt.NDArray[np.int64]:
    return np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]


def _rows_of(matrix: Bytes) -> pa.LargeBinaryArray:
    rows, width = matrix.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    return pa.Array.from_buffers(pa.large_binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(matrix)])


def _variable(column: pa.Array, form: _Form, rows: int) -> pa.LargeBinaryArray:
    if form.tag == 3:
        return _packed_lists(column, rows)
    value = column.cast(pa.large_binary())
    if column.null_count:
        value = value.fill_null(_EMPTY)
    return value if len(value.buffers()) > 2 and rows else pa.array([b""] * rows, pa.large_binary())


def _packed_lists(column: pa.Array, rows: int) -> pa.LargeBinaryArray:
    inner = column.flatten()
    packed = pack([inner.cast(pa.large_string())], len(inner))
    ends = np.zeros(rows + 1, np.int64)
    np.cumsum(pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False), out=ends[1:])
    offsets = np.ascontiguousarray(_offsets(packed)[ends] - _offsets(packed)[0])
    return pa.Array.from_buffers(pa.large_binary(), rows, [None, pa.py_buffer(offsets), packed.buffers()[2]])


def _fixed(column: pa.Array, form: _Form, present: Any) -> Bytes:
    rows, width = len(column), form.width or 0
    if column.type != form.carrier:
        column = column.cast(form.carrier)
    raw = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width : (column.offset + rows) * width]
    matrix = raw.reshape(rows, width)
    if pa.types.is_float64(form.carrier):
        matrix = _one_zero(matrix.view(np.float64)).view(np.uint8).reshape(rows, width)
    # The bytes under a null are whatever the producer left there.
    return matrix if column.null_count == 0 else matrix * np.asarray(present).reshape(rows, 1)


def _one_zero(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isnan(values), np.nan, values)  # every NaN has one bit pattern here; -0.0 stays apart from 0.0


def _bitmap(present: Any) -> Any:
    return None if bool(np.all(present)) else pa.py_buffer(np.packbits(present, bitorder="little"))


def _read_fixed(field: Bytes, present: Any, kind: pa.DataType, form: _Form) -> pa.Array:
    carrier = pa.Array.from_buffers(form.carrier, len(present), [_bitmap(present), pa.py_buffer(field)])
    return carrier.cast(kind) if form.carrier != kind else carrier


def _read_variable(data: Bytes, cursor: Any, sizes: Any, present: Any, kind: pa.DataType) -> pa.Array:
    rows = len(sizes)
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    where = np.arange(offsets[-1]) + np.repeat(cursor - offsets[:-1], sizes)
    if len(where) and int(where[-1]) >= len(data):
        raise _foreign()
    value = data[where]
    if pa.types.is_list(kind):
        return _read_lists(value, offsets, present)
    wide = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    ends = pa.py_buffer(offsets if wide else offsets.astype(np.int32))
    return pa.Array.from_buffers(kind, rows, [_bitmap(present), ends, pa.py_buffer(value)])


def _read_lists(value: Bytes, offsets: Any, present: Any) -> pa.ListArray:
    # Lists are short and rare (flags, several holders), so they are walked one by one.
    raw = value.tobytes()
    spans = zip(offsets[:-1].tolist(), offsets[1:].tolist(), present.tolist(), strict=True)
    out = [_texts(raw[at:end]) if there else None for at, end, there in spans]
    return pa.array(out, pa.list_(pa.string()))
