"""Unified social credit codes (统一社会信用代码, GB 32100) and organisation codes (GB 11714). Never raises."""

import re
from collections.abc import Set as AbstractSet

from schemas.identifiers.regions import regions
from schemas.identifiers.result import Finding, Result, finding
from schemas.identifiers.text import as_text, compact, is_placeholder

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
VALUES = {character: value for value, character in enumerate(ALPHABET)}
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
STATE = "100000"  # registered by the State itself, not a division of GB/T 2260's table

#: Registering department → kinds of body (GB 32100-2015, amendment 1).
CATEGORIES = {
    "1": "1239",
    "2": "19",
    "3": "123459",
    "4": "19",
    "5": "1239",
    "6": "129",
    "7": "129",
    "8": "19",
    "9": "1239",
    "A": "19",
    "N": "1239",
    "Y": "1",
}

_FIRST = re.compile("[1-9ANY][1-9]")
_DIGITS = re.compile("[0-9]{6}")
_LEGAL = re.compile("[0-9A-HJ-NPQRTUWXY]*")
_ORG = re.compile("[0-9A-Z]{8}[0-9X]")
_ORG_LEGAL = re.compile("[0-9A-Z]*")
_LOOK_ALIKE = str.maketrans("OISZ", "0152")


def uscc(value: object, exceptions: AbstractSet[str] = frozenset()) -> Result:
    """Checks a unified social credit code; those in `exceptions` (approved pilot codes) may fail the check."""
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, (18,))
    if is_placeholder(text):
        return Result(value, None, "placeholder", findings=(finding("USCC_PLACEHOLDER"),))
    findings = [] if len(text) == 18 else [finding("USCC_LENGTH")]
    legal = _LEGAL.fullmatch(text) is not None
    if not legal:
        findings.append(finding("USCC_CHARSET"))
    if len(text) != 18:
        return Result(value, text, "unknown", findings=tuple(findings))
    findings += _category(text[:2])
    findings += _authority(text[2:8])
    if legal and text not in exceptions and check_character(text[:17]) != text[17]:
        findings.append(finding("USCC_CHECK"))
    if legal and org_check_character(text[8:16]) != text[16]:
        findings.append(finding("USCC_ORG_CHECK"))
    region = text[2:8] if _DIGITS.fullmatch(text[2:8]) else None
    suggestion = None if legal else _suggestion(text)
    return Result(value, text, "uscc", "001", tuple(findings), region=region, suggestion=suggestion)


def check_character(first_17: str) -> str:
    """Computes the check character (MOD 31-3) of the first 17 characters; a sum of 0 gives "0"."""
    total = sum(VALUES[character] * weight for character, weight in zip(first_17, WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def org_check_character(first_8: str) -> str:
    """Computes the check character of an organisation code: 10 is "X", 11 is "0"."""
    total = sum(int(character, 36) * weight for character, weight in zip(first_8, ORG_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def org_code(value: object) -> Result:
    """Checks an organisation code (组织机构代码), with or without its hyphen."""
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, (9,))
    if is_placeholder(text):
        return Result(value, None, "placeholder", findings=(finding("ORG_PLACEHOLDER"),))
    findings = [] if len(text) == 9 else [finding("ORG_LENGTH")]
    shaped = _ORG.fullmatch(text) is not None
    if not shaped and not (len(text) != 9 and _ORG_LEGAL.fullmatch(text)):
        findings.append(finding("ORG_CHARSET"))
    if shaped and org_check_character(text[:8]) != text[8]:
        findings.append(finding("ORG_CHECK"))
    return Result(value, text, "org_code" if len(text) == 9 else "unknown", findings=tuple(findings))


def _category(pair: str) -> list[Finding]:
    """Unknown pairs are warnings, since the table grows; pairs outside the standard's own pattern are errors."""
    if not _FIRST.fullmatch(pair):
        # A character outside the alphabet is already reported as such.
        return [Finding("USCC_CATEGORY", "error")] if _LEGAL.fullmatch(pair) else []
    return [] if pair[1] in CATEGORIES.get(pair[0], "") else [finding("USCC_CATEGORY")]


def _authority(code: str) -> list[Finding]:
    if not _DIGITS.fullmatch(code):
        return [finding("USCC_CHARSET", "第3至8位应为数字")] if _LEGAL.fullmatch(code) else []
    return [] if code == STATE or code in regions() else [finding("USCC_REGION")]


def _suggestion(text: str) -> str | None:
    """Returns the code with look-alike letters replaced when that verifies."""
    other = text.translate(_LOOK_ALIKE)
    if not _LEGAL.fullmatch(other) or check_character(other[:17]) != other[17]:
        return None
    return other if not _category(other[:2]) and _DIGITS.fullmatch(other[2:8]) else None
