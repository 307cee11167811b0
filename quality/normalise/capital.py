"""Registered capital as registers write it (`1,000(万元人民币)`) -> an amount in 万元 and a currency of GB/T 12406.

The amount is kept only where the unit is written, the currency only where it is said; what is missing is CAPITAL_UNIT.
元 alone is the yuan: the unit of the renminbi is 元 (《中华人民共和国人民币管理条例》第四条).
"""

import decimal
import re
import unicodedata
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import as_text, is_null, mask_of, trimmed, without_tokens
from quality.normalise.shape import ItemPlan, Normalised, arrow_type, found
from schemas.codes import code_set

CURRENCY_SET = "gb_t_12406"
#: Powers of ten of the written units.
_UNITS = {"": 0, "百": 2, "千": 3, "万": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "万亿": 12}
#: Words, number, words; a bracket holds words only, so that no bracket joins two numbers or hides a sign.
_SHAPE = re.compile(
    r"(?P<front>[^0-9.,()]*)"
    r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?P<behind>(?:[^0-9()]|\([^0-9()]*\))*)"
)
_UNIT = re.compile("万亿|十万|百万|千万|万|亿|百|千")
#: What ends the name of a currency that is its own unit; 人民币 and 港币 are names only.
_COUNTED = ("元", "圆", "镑", "法郎", "马克", "克朗", "卢布")
_WHOLE = re.compile("整$")
_LONGEST = 40
#: What one text says: amount in 万元, currency, finding of the amount, finding of the currency.
Reading = tuple[decimal.Decimal | None, str | None, str | None, str | None]
_UNREADABLE: Reading = (None, None, "CAPITAL_FORMAT", "CAPITAL_FORMAT")


def amounts(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads capital texts into amounts in 万元."""
    return _column(column, item, 0)


def currencies(column: pa.Array, item: ItemPlan) -> Normalised:
    """Reads the currency out of capital texts; a column of currency names or letters is read too."""
    return _column(column, item, 1)


def _column(column: pa.Array, item: ItemPlan, part: int) -> Normalised:
    text, _ = without_tokens(trimmed(as_text(column)), item.null_tokens)
    encoded = text.dictionary_encode()
    readings = [read(cell, item.decimals if item.kind == "capital" else 6) for cell in encoded.dictionary.to_pylist()]
    values = pa.array([reading[part] for reading in readings], arrow_type(item)).take(encoded.indices)
    said = pa.array([reading[2 + part] for reading in readings], pa.string()).take(encoded.indices)
    marks = found(**{code: mask_of(pc.equal(said, code)) for code in ("CAPITAL_FORMAT", "CAPITAL_UNIT")})
    unreadable = is_null(values) & ~is_null(text)
    return Normalised(values, marks, unreadable if unreadable.any() else None)


@lru_cache(maxsize=50_000)
def read(cell: str, places: int) -> Reading:
    """Reads one capital text."""
    clean = "".join(unicodedata.normalize("NFKC", cell).upper().split())
    if len(clean) > _LONGEST:
        return _UNREADABLE
    match = _SHAPE.fullmatch(clean)
    if match is None:
        named = code_set(CURRENCY_SET).normalise(clean)
        return (None, named, "CAPITAL_FORMAT", None) if named else _UNREADABLE
    unit, spoken = _words(match["front"], match["behind"])
    currency = _currency(spoken)
    if spoken and currency is None:
        return _UNREADABLE
    lacking = None if currency else "CAPITAL_UNIT"
    if not unit and not any(name.endswith(_COUNTED) or name.startswith("元") for name in spoken):
        return None, currency, "CAPITAL_UNIT", lacking
    amount = decimal.Decimal(match["number"].replace(",", "")).scaleb(_UNITS[unit] - 4)
    if amount != round(amount, places) or amount.adjusted() > 13:
        return None, currency, "CAPITAL_FORMAT", lacking
    return round(amount, places), currency, lacking, lacking


def _words(front: str, behind: str) -> tuple[str, list[str]]:
    """Splits the words around the number at their brackets; gives the unit right behind it and what else is said."""
    parts = [part for part in re.split("[()]", behind) if part]
    unit = _UNIT.match(parts[0]) if parts else None
    if unit:
        parts[0] = parts[0][unit.end() :]
    spoken = [_WHOLE.sub("", part) for part in (front, *parts)]
    return unit[0] if unit else "", [part for part in spoken if part]


def _currency(spoken: list[str]) -> str | None:
    """Finds the one currency that the words name; 元 beside the name of a currency is only its unit."""
    names = [words for words in spoken if words not in {"元", "圆"}] or spoken
    codes = {_named(words) for words in names}
    return next(iter(codes)) if len(codes) == 1 else None


def _named(words: str) -> str | None:
    currencies_ = code_set(CURRENCY_SET)
    # 万元人民币, 万人民币元, 万元美元: the unit may stand on either side of the name.
    for name in (
        words,
        words.removeprefix("元"),
        words.removesuffix("元"),
        words.removeprefix("元").removesuffix("元"),
    ):
        code = currencies_.normalise(name) if name else None
        if code is not None:
            return code
    return None
