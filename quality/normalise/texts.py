"""Names, addresses, free text, telephones and codes: text that stays text.

Names and free text lose only outer blanks and invisible marks: compatibility folding would rewrite what people wrote.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import as_text, bytes_of, is_null, mask_of, mend, rows_of, trimmed, without_tokens
from quality.normalise.shape import ItemPlan, Normalised, found

MOBILE = r"\A1[3-9][0-9]{9}\z"
#: Area code and number, service numbers, a mobile number, extension after `-`.
TELEPHONE = (
    r"\A(?:1[3-9][0-9]{9}|(?:0[0-9]{2,3}-?)?[1-9][0-9]{6,7}(?:-[0-9]{1,6})?"
    r"|[48]00-?[0-9]{3}-?[0-9]{4}|1[0-9]{2,4}|9[0-9]{4,7})\z"
)


def texts(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads names, addresses and free text."""
    raw = as_text(column)
    zeros = _zeros(raw)
    text, _ = without_tokens(trimmed(raw), item.null_tokens)
    return Normalised(text, found(TEXT_CONTROL=zeros))


def _zeros(raw: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    # U+0000 cannot be stored by PostgreSQL: it goes with the invisible marks, and the row says so.
    ends, data = bytes_of(raw)
    start = int(ends[0])
    return rows_of(np.flatnonzero(data[start : int(ends[-1])] == 0) + start, ends)


def folded(cells: pa.Array) -> pa.Array:
    """Folds full-width forms to ASCII and trims again."""
    return pc.utf8_trim_whitespace(pc.utf8_normalize(cells, form="NFKC"))


def compact(cells: pa.Array, item: ItemPlan) -> pa.Array:
    """Reads short coded text: trimmed, full-width folded, null tokens null."""
    text = trimmed(cells)
    text = mend(text, mask_of(pc.match_substring_regex(text, r"[^\x00-\x7F]")), folded)
    return without_tokens(text, item.null_tokens)[0]


def telephones(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads telephone numbers; what is none stays as written for its rule to find."""
    text = as_text(column)
    pattern, work = (MOBILE, _mobile) if item.kind == "mobile" else (TELEPHONE, _telephone)
    fine = mask_of(pc.match_substring_regex(text, pattern))
    return Normalised(mend(text, ~fine & ~is_null(text), lambda cells: work(compact(cells, item))), {})


def _mobile(cells: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(_dialled(cells), r"-", "")
    return pc.if_else(mask_to_array(bare, MOBILE), bare, cells)


def _telephone(cells: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(_dialled(cells), r"-+", "-")
    fixed = pc.replace_substring_regex(bare, r"^(1[3-9][0-9])-([0-9]{4})-([0-9]{4})$", r"\1\2\3")
    return pc.if_else(mask_to_array(fixed, TELEPHONE), fixed, cells)


def _dialled(cells: pa.Array) -> pa.Array:
    """Takes out what only dialling needs: the country code (an area code gets its 0 back), brackets, blanks."""
    cells = pc.replace_substring_regex(cells, r"[\s\x{3000}]", "")
    cells = pc.replace_substring_regex(cells, r"[‐-―−－]", "-")
    cells = pc.replace_substring_regex(cells, r"(?:转|#|EXT\.?|ext\.?)", "-")
    cells = pc.replace_substring_regex(cells, r"^[\((]([0-9]{3,4})[\))]-?", r"\1-")
    cells = pc.replace_substring_regex(
        cells, r"^(?:\+|00)86-?0?((?:10|2[0-9]|[3-9][0-9]{2})-?[2-9][0-9]{6,7}(?:-[0-9]+)?)$", r"0\1"
    )
    cells = pc.replace_substring_regex(cells, r"^(?:\+|00)86-?", "")
    return pc.replace_substring_regex(cells, r"^86-?(1[3-9][0-9]{9})$", r"\1")


def mask_to_array(cells: pa.Array, pattern: str) -> pa.Array:
    """Matches each cell; null is False."""
    return pc.match_substring_regex(cells, pattern).fill_null(False)


def codes(column: pa.Array, item: ItemPlan, code_set: Any | None) -> Normalised:
    """Reads coded values: what is no code yet is looked up by the code set (names, short forms, leading zeros)."""
    text = as_text(column)
    if code_set is None:
        return Normalised(compact(text, item), {})
    fine = mask_of(pc.is_in(text, value_set=pa.array(sorted(code_set.codes), pa.string())))
    return Normalised(mend(text, ~fine & ~is_null(text), lambda cells: _coded(compact(cells, item), code_set)), {})


def _coded(cells: pa.Array, code_set: Any) -> pa.Array:
    encoded = cells.dictionary_encode()
    meant = [code_set.normalise(cell) or cell for cell in encoded.dictionary.to_pylist()]
    return pa.array(meant, pa.string()).take(encoded.indices)
