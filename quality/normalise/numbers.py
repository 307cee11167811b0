"""Numbers and truth values as departments write them -> decimal, int64, float64 or bool. Decimals are exact.

Too many digits are NUMBER_SCALE, never rounded away; what is not a number is NUMBER_FORMAT.
"""

import decimal

import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import Mask, as_text, is_null, mask_of, mend, nullify, trimmed, without_tokens
from quality.normalise.shape import ItemPlan, Normalised, arrow_type, found, none

_PLAIN = r"^[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$"
_LOOSE = r"^[+-]?(?:[0-9]+\.?|[0-9]*\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_TRUE = ("是", "1", "Y", "YES", "TRUE", "T", "有", "真")
_FALSE = ("否", "0", "N", "NO", "FALSE", "F", "无", "假")
_INT64 = 2**63


def numbers(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads a number column into the item's type."""
    if pa.types.is_floating(column.type):
        bad = mask_of(pc.invert(pc.is_finite(column)))
        column = nullify(column, bad)
        if item.type in {"B", "F"}:
            return Normalised(column.cast(pa.float64()), found(NUMBER_FORMAT=bad), bad if bad.any() else None)
        read = _texts(as_text(column), item)
        return _also(read, bad) if bad.any() else read
    return _texts(as_text(column), item)


def _also(read: Normalised, bad: Mask) -> Normalised:
    unreadable = bad if read.unreadable is None else bad | read.unreadable
    marks = {**read.marks, "NUMBER_FORMAT": bad | read.marks.get("NUMBER_FORMAT", bad)}
    return Normalised(read.values, marks, unreadable)


def _texts(text: pa.Array, item: ItemPlan) -> Normalised:
    shape = _LOOSE if item.type in {"B", "F"} else _PLAIN
    loose = ~mask_of(pc.match_substring_regex(text, shape)) & ~is_null(text)
    text = mend(text, loose, lambda cells: _plainly(without_tokens(trimmed(cells), item.null_tokens)[0]))
    bad = none(len(text))
    if loose.any():
        cells = text.filter(pa.array(loose))
        bad[loose] = ~mask_of(pc.match_substring_regex(cells, shape)) & ~is_null(cells)
    text = nullify(text, bad)
    values, over = _typed(text, item)
    unreadable = bad | over
    marks = found(NUMBER_FORMAT=bad, NUMBER_SCALE=over)
    return Normalised(values, marks, unreadable if marks else None)


def _plainly(cells: pa.Array) -> pa.Array:
    """Writes `１，２３４．５`, `1 234`, `+5`, `.5` and `1.2E3` plainly; what is no number stays as it is."""
    cells = pc.utf8_normalize(cells, form="NFKC")
    cells = pc.replace_substring_regex(cells, r"[\s\x{00A0}\x{2009}\x{202F}\x{3000}]", "")
    cells = pc.replace_substring_regex(cells, r"^[−‐–—]", "-")
    cells = mend(
        cells, mask_of(pc.match_substring_regex(cells, _GROUPED)), lambda some: pc.replace_substring(some, ",", "")
    )
    loose = mask_of(pc.match_substring_regex(cells, _LOOSE)) & ~mask_of(pc.match_substring_regex(cells, _PLAIN))
    return mend(cells, loose, _spelled_out)


def _spelled_out(cells: pa.Array) -> pa.Array:
    context = decimal.Context(prec=400)
    return pa.array([_fixed(text, context) for text in cells.to_pylist()], pa.string())


def _fixed(text: str, context: decimal.Context) -> str:
    number = context.create_decimal(text)
    return format(number, "f") if abs(number.adjusted()) <= 38 else text


def _typed(text: pa.Array, item: ItemPlan) -> tuple[pa.Array, Mask]:
    if item.type in {"B", "F"}:
        values = text.cast(pa.float64())
        over = mask_of(pc.is_inf(values))
        return nullify(values, over), over
    places = 0 if item.type == "I" else item.decimals
    text = mend(text, mask_of(pc.match_substring_regex(text, r"\.[0-9]*0$")), _without_tail)
    over = mask_of(pc.match_substring_regex(text, rf"\.[0-9]{{{places + 1},}}$"))
    over |= mask_of(pc.match_substring_regex(text, rf"^[+-]?0*[1-9][0-9]{{{_whole_digits(item, places)},}}(?:\.|$)"))
    text = nullify(text, over)
    if item.type != "I":
        return text.cast(arrow_type(item)), over
    return _integers(text, over)


def _whole_digits(item: ItemPlan, places: int) -> int:
    if item.type == "I":
        return 19
    widest = (38 if item.type == "N" else 20) - places
    declared = widest if item.length is None else max(item.length - places, 1)
    return min(widest, declared)


def _without_tail(cells: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(cells, r"\.?0+$", "")


def _integers(text: pa.Array, over: Mask) -> tuple[pa.Array, Mask]:
    wide = text.cast(pa.decimal128(38, 0))
    outside = mask_of(pc.or_(pc.less(wide, decimal.Decimal(-_INT64)), pc.greater_equal(wide, decimal.Decimal(_INT64))))
    return nullify(wide, outside).cast(pa.int64()), over | outside


def truths(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads a yes/no column."""
    if pa.types.is_boolean(column.type):
        return Normalised(column, {})
    text = trimmed(as_text(column))
    upper = pc.utf8_upper(mend(text, mask_of(pc.match_substring_regex(text, r"[^\x00-\x7F]")), _folded))
    yes = mask_of(pc.is_in(upper, value_set=pa.array(_TRUE)))
    no = mask_of(pc.is_in(upper, value_set=pa.array(_FALSE)))
    upper, _ = without_tokens(nullify(upper, yes | no), item.null_tokens)
    bad = ~is_null(upper)
    values = pa.array(yes, pa.bool_(), mask=~(yes | no))
    return Normalised(values, found(BOOL_FORMAT=bad), bad if bad.any() else None)


def _folded(cells: pa.Array) -> pa.Array:
    return pc.utf8_normalize(cells, form="NFKC")
