"""Arrow text primitives: any column as text, the bytes behind it, and mending only the cells in need.

Knows nothing of kinds or rules. Every function is pure and keeps row order and length.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
SHANGHAI = "Asia/Shanghai"

#: Zero-width, joining, direction and soft-hyphen marks: they never show and break every comparison.
INVISIBLE = r"[\x{00AD}\x{061C}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}\x00]"
_EDGE = r"^[\s\x{0085}\x{00A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+"
_EDGE += "|" + _EDGE[1:] + "$"

# Lead bytes of blanks and invisible marks; plain ASCII and ordinary Han characters have none of them.
_LEADS = np.zeros(256, dtype=bool)
_LEADS[[*range(0x20), 0x7F, 0xC2, 0xD8, 0xE1, 0xE2, 0xE3, 0xEF]] = True
#: Leads that ordinary Chinese punctuation shares: only these continuations are a blank or an invisible mark.
_ONLY = {0xE3: (0x80, 0x80), 0xEF: (0xBB, 0xBF)}


def mask_of(array: pa.Array) -> Mask:
    """Turns a boolean array into a numpy mask; null is False."""
    if array.null_count:
        array = array.fill_null(False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def is_null(array: pa.Array) -> Mask:
    """Marks the nulls of an array."""
    if not array.null_count:
        return np.zeros(len(array), dtype=bool)
    return mask_of(array.is_null())


def bytes_of(array: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Returns offsets (n + 1) and the UTF-8 bytes behind a string array, without a copy."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(array) + 1, offset=4 * array.offset)
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return ends, raw


def rows_of(positions: npt.NDArray[np.intp], ends: npt.NDArray[np.int32]) -> Mask:
    """Marks the rows that hold any of the byte positions."""
    marked = np.zeros(len(ends) - 1, dtype=bool)
    if len(positions):
        marked[np.searchsorted(ends, positions, side="right") - 1] = True
    return marked


def blanks_or_marks(array: pa.Array) -> Mask:
    """Marks cells that may begin or end with a blank or hold an invisible mark; never misses one, may mark too many."""
    ends, raw = bytes_of(array)
    start = int(ends[0])
    body = raw[start : int(ends[-1])]
    if not len(body) or (body.min() > 0x20 and body.max() < 0x7F):
        return np.zeros(len(array), dtype=bool)
    positions = np.flatnonzero(_LEADS[body])
    for lead, after in _ONLY.items():
        here = body[positions] == lead
        at = positions[here]
        at = at[(body[at + 1] == after[0]) & (body[at + 2] == after[1])]
        positions = np.concatenate([positions[~here], at])
    marked = rows_of(positions + start, ends)
    filled = ends[1:] > ends[:-1]
    last = len(raw) - 1
    marked |= filled & ((raw[np.minimum(ends[:-1], last)] == 0x20) | (raw[np.maximum(ends[1:] - 1, 0)] == 0x20))
    return marked


def mend(array: pa.Array, where: Mask, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Replaces the marked cells by `work` of them; `work` keeps length."""
    if not where.any():
        return array
    if where.all():
        return work(array)
    mask = pa.array(where)
    return pc.replace_with_mask(array, mask, work(array.filter(mask)))


def nullify(array: pa.Array, where: Mask) -> pa.Array:
    """Makes the marked cells null."""
    if not where.any():
        return array
    return pc.if_else(pa.array(where), pa.scalar(None, array.type), array)


def trimmed(array: pa.Array) -> pa.Array:
    """Trims blanks of any script and drops invisible marks; an empty cell becomes null."""
    array = mend(array, blanks_or_marks(array), _strip)
    ends, _ = bytes_of(array)
    return nullify(array, (ends[1:] == ends[:-1]) & ~is_null(array))


def _strip(cells: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.replace_substring_regex(cells, INVISIBLE, ""), _EDGE, "")


def without_tokens(array: pa.Array, tokens: tuple[str, ...]) -> tuple[pa.Array, Mask]:
    """Makes cells equal to a null token (in any case) null, and marks them."""
    hit = np.zeros(len(array), dtype=bool)
    if not tokens:
        return array, hit
    longest = max(len(token.encode()) for token in tokens)
    ends, _ = bytes_of(array)
    short = (ends[1:] - ends[:-1] <= longest) & ~is_null(array)
    if short.any():
        wanted = pa.array(sorted({token.upper() for token in tokens}), pa.string())
        cells = array.filter(pa.array(short))
        hit[short] = mask_of(pc.is_in(pc.utf8_upper(cells), value_set=wanted))
    return nullify(array, hit), hit


def as_text(column: pa.Array) -> pa.Array:
    """Turns a column of any Arrow type into text as a person would write it; bytes that are no UTF-8 become U+FFFD."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_dictionary(kind):
        return as_text(column.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_boolean(kind):
        return (column.cast(pa.date32()) if pa.types.is_date(kind) else column).cast(pa.string())
    if pa.types.is_timestamp(kind):
        return _moments(column)
    return pa.array([_spell(value) for value in column.to_pylist()], pa.string())


def _moments(column: pa.Array) -> pa.Array:
    zone = column.type.tz
    local = column if zone is None else pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, SHANGHAI)))
    return pc.strftime(local.cast(pa.timestamp("ms"), safe=False), format="%Y-%m-%d %H:%M:%S")


def _spell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)
