"""Electronic licence identifiers (电子证照标识, GB/T 36904). Never raises."""

import re

from schemas.identifiers.credit import uscc
from schemas.identifiers.result import Result, finding
from schemas.identifiers.text import as_text, compact, is_placeholder

ROOT = "1.2.156.3005.2."
A36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
VALUES = {character: value for value, character in enumerate(A36)}

_TYPE = re.compile("[0-9A-HJ-NPQRTUWXY]{18}[0-9]{3}")
_SERIAL = re.compile("[0-9A-Z]{1,32}")
_VERSION = re.compile("(?!000)[0-9]{3}")
_A36 = re.compile("[0-9A-Z]+")
_ISSUER = re.compile("[0-9A-Z]{18}|[0-9]{6}")


def licence_id(value: object) -> Result:
    """Checks an electronic licence identifier: root, type, issuer, serial, version and check character."""
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, ())
    if is_placeholder(text):
        return Result(value, None, "placeholder", findings=(finding("LICENCE_PLACEHOLDER"),))
    parts = text.removeprefix(ROOT).split(".", 5) if text.startswith(ROOT) else []
    if len(parts) != 5:
        return Result(value, text, "unknown", findings=(finding("LICENCE_FORMAT"),))
    kind, issuer, serial, version, check = parts
    issuer_shape = _ISSUER.fullmatch(issuer) is not None
    findings = []
    if not (issuer_shape and _SERIAL.fullmatch(serial) and _VERSION.fullmatch(version) and check in VALUES):
        findings.append(finding("LICENCE_FORMAT"))
    if not _TYPE.fullmatch(kind):
        findings.append(finding("LICENCE_TYPE"))
    if issuer_shape and not uscc(issuer).ok:
        findings.append(finding("LICENCE_ISSUER"))
    body = kind + issuer + serial + version
    if _A36.fullmatch(body) and check_character(body) != check:
        findings.append(finding("LICENCE_CHECK"))
    return Result(value, text, "licence_id", findings=tuple(findings))


def check_character(body: str) -> str:
    """Computes the check character (ISO 7064 MOD 37,36) of type, issuer, serial and version without dots."""
    product = 36
    for character in body:
        product = ((product + VALUES[character]) % 36 or 36) * 2 % 37
    return A36[(37 - product) % 36]
