"""Business registration numbers (工商注册号, GS 15-2006): 15 digits, ISO 7064 MOD 11,10. Never raises."""

import re

from schemas.identifiers.result import Result, finding
from schemas.identifiers.text import as_text, compact, is_placeholder

_SHAPE = re.compile("[0-9]{15}")
_DIGITS = re.compile("[0-9]*")


def registration_number(value: object) -> Result:
    """Checks a 15-digit business registration number; `kind` tells domestic, foreign-invested and individual apart."""
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, (15,))
    if is_placeholder(text):
        return Result(value, None, "placeholder", findings=(finding("REG_PLACEHOLDER"),))
    findings = [] if len(text) == 15 else [finding("REG_LENGTH")]
    if not _DIGITS.fullmatch(text):
        findings.append(finding("REG_CHARSET"))
    if not _SHAPE.fullmatch(text):
        return Result(value, text, "unknown", findings=tuple(findings))
    if check_digit(text[:14]) != text[14]:
        findings.append(finding("REG_CHECK"))
    first = int(text[6])
    kind = "registration_domestic" if first < 4 else "registration_foreign" if first < 6 else "registration_individual"
    return Result(value, text, kind, findings=tuple(findings), region=text[:6])


def check_digit(first_14: str) -> str:
    """Computes the check digit of the first 14 digits."""
    product = 10
    for digit in first_14:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
