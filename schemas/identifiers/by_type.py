"""Checks an identifier by the code of its document type (持证主体代码类型, GB/T 36903). Never raises."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date

from schemas.identifiers.citizen import citizen_id
from schemas.identifiers.credit import uscc
from schemas.identifiers.result import Result, finding
from schemas.identifiers.text import as_text, compact, is_placeholder

#: Document types whose numbers follow GB 11643, and the kinds that belong to each.
CITIZEN_KINDS = {
    "111": frozenset({"citizen_18", "citizen_15"}),
    "551": frozenset({"residence_permit_hk", "residence_permit_mo"}),
    "552": frozenset({"residence_permit_tw"}),
    "553": frozenset({"permanent_residence_2023", "permanent_residence_2017"}),
}

PATTERNS = {
    "414": re.compile("[A-Z0-9]{5,17}"),
    "516": re.compile("[HM][0-9]{8}([0-9]{2})?"),
    "511": re.compile("[0-9]{8}|[0-9]{10}[A-Z]?"),
}

LONGEST_OTHER = 32


def identifier_of_type(
    type_code: object, value: object, data_date: date | None = None, exceptions: AbstractSet[str] = frozenset()
) -> Result:
    """Checks `value` as the document type says; an unknown type asks only for 1 to 32 characters."""
    code = (as_text(type_code) or "").strip()
    if code == "001":
        return uscc(value, exceptions)
    if code in CITIZEN_KINDS:
        result = citizen_id(value, data_date)
        if result.normalised is None or result.kind in CITIZEN_KINDS[code] or result.kind == "unknown":
            return result
        return replace(result, findings=(*result.findings, finding("IDENTIFIER_TYPE")))
    return _other(code, value)


def _other(code: str, value: object) -> Result:
    text = as_text(value)
    if text is None:
        return Result(value, None, "empty")
    text = compact(text, ())
    # One repeated digit may be a real number of a foreign document; only words stand for "no value".
    if is_placeholder(text) and not (text.isdigit() and text.strip("0")):
        return Result(value, None, "placeholder", findings=(finding("ID_PLACEHOLDER"),))
    pattern = PATTERNS.get(code)
    fits = pattern.fullmatch(text) is not None if pattern else len(text) <= LONGEST_OTHER
    findings = () if fits and "*" not in text else (finding("ID_MASKED" if "*" in text else "IDENTIFIER_TYPE"),)
    return Result(value, text, "other_document", code or None, findings)
