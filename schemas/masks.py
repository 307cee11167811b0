"""Masking rules (脱敏): what is left of a value that leaves masked (profile `internal`, domain.md 7.2).

A rule is a list of cases; the first that fits says how many characters stand at each end, or what stands instead. The
same cases are read here for one value and for an array, and by the lake as SQL; tests hold that the three agree. Each
rule is idempotent, leaves nulls null, and gives nothing that passes as a valid identifier. A masked value is text.

USCCs that may be seen are granted in plain; whoever grants them masked gets them masked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.entry import Item, Kind

#: What a masked cell says of its column, e.g. in the metadata of an Arrow field (`masked=internal`).
PROFILE = "internal"
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Keep:
    """Values of `least` to `most` characters (and of `pattern`) keep `head` and `tail` of them, each other one is a *.

    A pattern is RE2 and looks only at what stays, so that a masked value meets it again.
    """

    least: int
    most: int | None
    head: int
    tail: int
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Values of `pattern` (RE2, from `\A` to `\z`) become `by`, in which `\1` stands for the first group."""

    pattern: str
    by: str


@dataclass(frozen=True, slots=True)
class Mask:
    """One rule; what fits no case becomes all *."""

    name: str
    title: str
    cases: tuple[Keep | Replace, ...]
    year: bool = False  # dates and moments become their year in Asia/Shanghai


_DOTS = "[·•‧・．]"
_PLACE = "(?s)\\A([^0-9０-９号室栋楼幢弄*]{0,20}?(?:街道|[镇乡])).*\\z"
_SHORT = Replace("(?s)\\A.*\\z", "****")
_WHOLE = Replace("(?s)\\A.*\\z", HIDDEN)

_RULES = (
    Mask("citizen_id", "公民身份号码等证件号码", (Keep(18, 18, 6, 4), Keep(15, 15, 6, 4), Keep(7, None, 2, 2))),
    Mask("uscc", "统一社会信用代码", (Keep(18, 18, 8, 2), Keep(7, None, 2, 2))),
    Mask("registration", "登记号、证照编号", (Keep(13, None, 6, 2), Keep(7, None, 2, 2))),
    Mask("passport", "护照等证件号码", (Keep(7, None, 2, 2),)),
    Mask("name", "姓名", (Keep(2, None, 1, 0, _DOTS), Keep(2, 2, 1, 0), Keep(3, None, 1, 1))),
    Mask("mobile", "手机号码", (Keep(11, None, 3, 4), Keep(5, 10, 0, 2))),
    Mask(
        "telephone",
        "固定电话",
        (
            Keep(11, 11, 3, 4, "\\A1[0-9]{2}"),
            Keep(8, None, 4, 2, "\\A0[0-9]{2}-"),
            Keep(8, None, 5, 2, "\\A0[0-9]{3}-"),
            Keep(9, None, 3, 2, "\\A0[12][0-9]"),
            Keep(9, None, 4, 2, "\\A0[0-9]{3}"),
            Keep(5, None, 0, 2),
        ),
    ),
    Mask("address", "地址", (Replace(_PLACE, "\\1****"), Replace("(?s)\\A(.{6}).+\\z", "\\1****"), _SHORT)),
    Mask("bank_card", "银行账号、社保卡号", (Keep(8, None, 0, 4),)),
    Mask("email", "电子邮箱", (Replace("(?s)\\A([^@])[^@]*(@.+)\\z", "\\1***\\2"),)),
    Mask("year", "日期只留年份", (Replace("(?s)\\A([0-9]{4}).*\\z", "\\1"), _SHORT), year=True),
    Mask("region", "行政区划只留地市", (Keep(6, None, 4, 0),)),
    Mask("first", "首字", (Keep(2, None, 1, 0),)),
    Mask("hidden", "隐去", (_WHOLE,)),
)  # fmt: skip

MASKS: Mapping[str, Mask] = {mask.name: mask for mask in _RULES}

_BY_KIND: Mapping[Kind, str] = {
    "text": "first",
    "name": "name",
    "address": "address",
    "citizen_id": "citizen_id",
    "identifier": "citizen_id",
    "uscc": "uscc",
    "org_code": "passport",
    "registration_number": "registration",
    "licence_id": "registration",
    "region": "region",
    "date": "year",
    "datetime": "year",
    "mobile": "mobile",
    "telephone": "telephone",
}
_TEXT_LETTERS = frozenset({"C", "M"})


def default_mask(item: Item) -> str:
    """Names the rule of an item for which the grant names none: by its kind; numbers, codes and files are hidden."""
    if item.type in {"D", "T"}:
        return "year"
    return _BY_KIND.get(item.kind, "hidden") if item.type in _TEXT_LETTERS else "hidden"


def mask_text(name: str, value: str | None) -> str | None:
    """Masks one text by the rule `name`; raises KeyError for a rule that there is not."""
    rule = MASKS[name]
    if value is None:
        return None
    for case in rule.cases:
        if isinstance(case, Replace):
            found = re.match(_python(case.pattern), value)
            if found:
                return found.expand(case.by)
        elif _fits(case, value):
            return value[: case.head] + "*" * (len(value) - case.head - case.tail) + value[len(value) - case.tail :]
    return "*" * len(value)


def _fits(case: Keep, value: str) -> bool:
    within = case.least <= len(value) and (case.most is None or len(value) <= case.most)
    return within and (case.pattern is None or re.search(_python(case.pattern), value) is not None)


def _python(pattern: str) -> str:
    return pattern.replace("\\z", "\\Z")


def mask_array(name: str, values: pa.Array) -> pa.Array:
    """Masks an array of any type by the rule `name`; returns strings, null where the value is null."""
    rule = MASKS[name]
    if rule.year and (pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)):
        return pc.utf8_lpad(pc.year(values).cast(pa.string()), 4, "0")
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        rule, values = MASKS["hidden"], _marks(values)
    texts = values.cast(pa.string())
    out = _kept(texts, 0, 0)
    for case in reversed(rule.cases):
        if isinstance(case, Replace):
            there = pc.match_substring_regex(texts, case.pattern)
            out = pc.if_else(there, pc.replace_substring_regex(texts, case.pattern, case.by), out)
        else:
            out = pc.if_else(_fitting(case, texts), _kept(texts, case.head, case.tail), out)
    return out


def _marks(values: pa.Array) -> pa.Array:
    """Returns a text where there is a value: what is hidden need not be written out first."""
    return pc.if_else(pc.is_valid(values), pa.scalar(HIDDEN), pa.scalar(None, pa.string()))


def _fitting(case: Keep, texts: pa.Array) -> pa.Array:
    length = pc.utf8_length(texts)
    fits = pc.greater_equal(length, case.least)
    if case.most is not None:
        fits = pc.and_(fits, pc.less_equal(length, case.most))
    return pc.and_(fits, pc.match_substring_regex(texts, case.pattern)) if case.pattern else fits


def _kept(texts: pa.Array, head: int, tail: int) -> pa.Array:
    """Keeps the ends; where a text is shorter than both, what comes out is not looked at."""
    hidden = pc.max_element_wise(pc.subtract(pc.utf8_length(texts), head + tail), 0, skip_nulls=False)
    stars = pc.binary_repeat(pa.scalar("*"), hidden)
    front = pc.utf8_slice_codeunits(texts, 0, head)
    back = pc.utf8_slice_codeunits(texts, -tail, None) if tail else pc.utf8_slice_codeunits(texts, 0, 0)
    return pc.binary_join_element_wise(front, stars, back, "")


def mask_value(name: str, value: Any) -> str | None:
    """Masks one value of any type, as `mask_array` masks an array that holds it."""
    if value is None or isinstance(value, str):
        return mask_text(name, value)
    if MASKS[name].year and hasattr(value, "year"):
        return f"{value.year:04d}"
    return HIDDEN
