"""Turns any Python value into the compact text that an identifier check reads. Never raises, never validates."""

import math
import re
import unicodedata
from decimal import Decimal
from numbers import Integral, Real

#: Longer text is no identifier; not normalised, since NFKC of hostile combining marks is quadratic.
LONGEST = 200

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SEPARATORS = re.compile(r"[\s-]+")
_BLANKS = re.compile(r"\s+")
_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_EXCEL = re.compile(r"[+-]?[0-9](\.[0-9]*)?E\+?[0-9]{1,3}|[0-9]{9,20}\.0+")
_CHINESE_PLACEHOLDERS = ("无", "不详", "未知", "暂无", "没有", "空", "无证", "无证件", "未提供", "待补")
_PLACEHOLDERS = frozenset(
    [
        "",
        "N/A",
        "#N/A",
        "NA",
        "NULL",
        "NONE",
        "NIL",
        "NAN",
        "-",
        "--",
        "---",
        "/",
        "\\",
        "\\N",
        ".",
        *_CHINESE_PLACEHOLDERS,
    ]
)


def as_text(value: object) -> str | None:
    """Returns the value's text, or None for null (None, NaN); a foreign type gives a text that no check accepts."""
    if value is None:
        return None
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    try:
        return _number_text(value)
    except (TypeError, ValueError, ArithmeticError):
        return f"<{type(value).__name__}>"


def _number_text(value: object) -> str | None:
    if isinstance(value, Integral):
        return int.__repr__(int(value))  # ValueError where Python refuses to print thousands of digits
    if isinstance(value, Decimal):
        return None if value.is_nan() else Decimal.__str__(value)
    if isinstance(value, Real):
        number_ = float(value)
        return None if math.isnan(number_) else float.__repr__(number_)
    raise TypeError


def compact(text: str, lengths: tuple[int, ...]) -> str:
    """Cleans the text: NFKC, blanks, separators, case; inner blanks and hyphens go only when one of `lengths` remains.

    With no `lengths` all blanks go and hyphens stay.
    """
    for _ in range(8):  # folding may expose new blanks or quotes; stable after one or two turns
        cleaned = _compact_once(text, lengths)
        if cleaned == text:
            break
        text = cleaned
    return text


def _compact_once(text: str, lengths: tuple[int, ...]) -> str:
    text = text.strip()
    if len(text) > LONGEST:
        return text
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip()
    text = text.lstrip("'").translate(_UPPER)
    if not lengths:
        return _BLANKS.sub("", text)
    rest = _SEPARATORS.sub("", text)
    return rest if len(rest) in lengths else text.strip()


def is_placeholder(text: str) -> bool:
    """Says whether the compact text stands for "no value": 无, 不详, N/A, or one digit repeated."""
    if text in _PLACEHOLDERS:
        return True
    return len(text) <= LONGEST and text.isascii() and text.isdigit() and len(set(text)) == 1


def is_spreadsheet_number(text: str) -> bool:
    """Says whether the compact text is a number as a spreadsheet writes it (6.20402E+17, 620402199003079.0)."""
    return _EXCEL.fullmatch(text) is not None
