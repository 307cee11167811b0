"""Text that an earlier system has broken (乱码) and control characters. Finds only; never repairs.

A cheap look at every code point picks the cells that deserve a closer one; rare Han characters, `·`, minority names
and full-width punctuation are no damage.
"""

import re
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import Mask, bytes_of, is_null
from quality.normalise.shape import none

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PRIVATE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd]")
#: What GBK shows for U+FFFD, for uninitialised memory (0xCC, 0xCD) and for a byte order mark.
_FILLINGS = re.compile("锟斤|斤拷|烫{3,}|屯{3,}|^锘[挎縚]?")
# Continuation bytes 0x80-0xBF as Latin-1 or Windows-1252 shows them; `·` is left out, it joins foreign names.
_HIGH = "\x80-\xb6\xb8-\xbf"
_WINDOWS = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_UTF8_AS_LATIN = re.compile(
    f"[ã-é](?:[{_HIGH}][{_HIGH}{_WINDOWS}]|[{_WINDOWS}][{_HIGH}])|â€[{_HIGH}{_WINDOWS}]|ï[¼½¿][{_HIGH}{_WINDOWS}]|Â[\x80-\xbf]|Ã[{_HIGH}]"
)
_GBK_AS_LATIN = re.compile("[À-ÖØ-öø-ÿ]{4,}")
_HAN = re.compile("[一-鿿，。、；：（）“”]")


@cache
def _worth_a_look() -> npt.NDArray[np.bool_]:
    table = np.zeros(0x10000, dtype=bool)
    table[:0x20] = True
    table[[0x09, 0x0A, 0x0D]] = False
    table[0x7F:0xA0] = True
    table[0xC0:0x100] = True
    table[[0xD7, 0xF7]] = False
    table[0xE000:0xF900] = True
    table[0xDB80:0xDC00] = True  # high surrogates of the private-use planes
    table[0xFFFD] = True
    for character in "锟烫屯锘斤":
        table[ord(character)] = True
    for character in _shown_by_gbk():
        table[ord(character)] = True
    return table


def _shown_by_gbk() -> list[str]:
    """Lists what GBK shows for the first two bytes of a Han character or full-width mark in UTF-8."""
    pairs = [
        bytes((lead, next_))
        for lead in (0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEF)
        for next_ in range(0x80, 0xC0)
    ]
    shown = (pair.decode("gbk", errors="ignore") for pair in pairs)
    return [text for text in shown if len(text) == 1]


def damaged(text: pa.Array) -> tuple[Mask, Mask]:
    """Marks the cells with broken text, and those with control characters."""
    broken, control = none(len(text)), none(len(text))
    for row in np.flatnonzero(suspects(text)):
        cell = text[int(row)].as_py()
        broken[row] = is_broken(cell)
        control[row] = _CONTROL.search(cell) is not None
    return broken, control


def suspects(text: pa.Array) -> Mask:
    """Marks the cells with any code point worth a look; null cells are never marked."""
    if pa.types.is_large_string(text.type):
        text = text.cast(pa.string())
    ends, raw = bytes_of(text)
    body = raw[int(ends[0]) : int(ends[-1])]
    marked = none(len(text))
    if not len(body):
        return marked
    units = np.frombuffer(body.tobytes().decode("utf-8").encode("utf-16-le"), dtype=np.uint16)
    hits = np.flatnonzero(_worth_a_look()[units])
    if len(hits):
        marked[np.searchsorted(np.cumsum(_units_of(text, ends, body)), hits, side="right")] = True
        marked &= ~is_null(text)
    return marked


def _units_of(text: pa.Array, ends: npt.NDArray[np.int32], body: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Counts UTF-16 units by cell, whatever a null cell's slot may hold."""
    _, offsets, data = text.buffers()
    whole = pa.StringArray.from_buffers(len(text), offsets, data, None, 0, text.offset)
    units = pc.utf8_length(whole).to_numpy(zero_copy_only=False).astype(np.int64)
    wide = np.flatnonzero(body >= 0xF0)
    if len(wide):
        rows = np.searchsorted(ends, wide + int(ends[0]), side="right") - 1
        units += np.bincount(rows, minlength=len(text))
    counted: npt.NDArray[np.int64] = units
    return counted


def is_broken(cell: str) -> bool:
    """Says whether a text is broken: replacement characters, private-use characters or a wrong decoding."""
    if _PRIVATE.search(cell) or _FILLINGS.search(cell):
        return True
    if _UTF8_AS_LATIN.search(cell) or _GBK_AS_LATIN.search(cell):
        return True
    return _utf8_as_gbk(cell)


def _utf8_as_gbk(cell: str) -> bool:
    """Tries to undo a UTF-8 text that was read as GBK: real Chinese text does not survive this."""
    try:
        data = cell.encode("gbk")
    except UnicodeEncodeError:
        data = cell.encode("gbk", errors="replace")
    run = max(re.findall(rb"(?:[\x00-\x7f]|[\xe2-\xe9\xef][\x80-\xbf]{2})+", data), key=_multi, default=b"")
    if _multi(run) < 2:
        return False
    # Two Han characters or marks in a row, and they are most of what the cell holds outside ASCII.
    outside = sum(byte > 0x7F for byte in data)
    text = run.decode("utf-8", errors="ignore")
    return len(_HAN.findall(text)) >= 2 and 3 * _multi(run) >= outside * 0.6


def _multi(run: bytes) -> int:
    return sum(byte >= 0xE2 for byte in run)
