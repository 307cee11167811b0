"""A look-up key as typed → the subject hashes it may have in a dataset. Holds no data; never repeats the key."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lake.layout import Column, Layout
from lake.rows import RowCoder
from schemas.codes import code_set
from schemas.errors import IdentifierError, InputError
from schemas.findings import finding as kind_of
from schemas.identifiers import Result, citizen_id, identifier_of_type, uscc

_CITIZEN = ("111", "551", "552", "553")
#: Characters of a citizen ID or USCC: a key of that shape that fails their checks is wrong, not of another type.
_STRICT_LENGTHS = (15, 18)
#: What passports, permits and certificates are numbered with; anything else is a slip or worse, not a number.
_DOCUMENT = re.compile(r"(?=.*\d.*\d)[\w().（）/·-]{4,40}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of a key: as a document type, for the subject items that can hold that type."""

    doc_type: str
    key_hash: bytes
    items: tuple[str, ...]


def candidates(layout: Layout, coder: RowCoder, key: str) -> list[Candidate]:
    """Returns every reading of the key that the dataset's subject items allow; raises IdentifierError, InputError."""
    if not layout.subjects:
        raise InputError(
            "该数据集没有主体标识",
            "只有登记了公民身份号码或统一社会信用代码的数据集可以按号码查",
            "请改用在线查询",
        )
    found: dict[tuple[str, str], list[str]] = {}
    failed: list[Result] = []
    if _mistyped(layout, key):
        raise _refused([citizen_id(key)])
    for column in layout.subjects:
        for doc_type, normalised in _readings(column, key, failed):
            found.setdefault((doc_type, normalised), []).append(column.name)
    if not found:
        raise _refused(failed)
    return [
        Candidate(doc_type, coder.lookup_hash(doc_type, normalised), tuple(items))
        for (doc_type, normalised), items in found.items()
    ]


def _mistyped(layout: Layout, key: str) -> bool:
    """Says whether the key is a citizen ID but for its check character: one in 31 of those would pass as a USCC."""
    if all(column.subject == "001" for column in layout.subjects):
        return False
    return {finding.code for finding in citizen_id(key).findings if finding.severity == "error"} == {"ID_CHECK"}


def _readings(column: Column, key: str, failed: list[Result]) -> Iterable[tuple[str, str]]:
    if not column.subject.startswith("@"):
        result = _strict(column.subject, key)
        if result.ok and result.normalised is not None:
            return [(_doc_type(column.subject, result), result.normalised)]
        failed.append(result)
        return []
    out = []
    for result, doc_type in ((citizen_id(key), "111"), (uscc(key), "001")):
        if result.ok and result.normalised is not None:
            out.append((_doc_type(doc_type, result), result.normalised))
        else:
            failed.append(result)
    return out or _other_documents(key)


def _strict(doc_type: str, key: str) -> Result:
    return citizen_id(key) if doc_type in _CITIZEN else identifier_of_type(doc_type, key)


def _doc_type(declared: str, result: Result) -> str:
    return result.doc_type or declared if declared in _CITIZEN else declared


def _other_documents(key: str) -> list[tuple[str, str]]:
    """Reads the key as a passport, a permit or another document, unless it has the shape of a citizen ID or USCC."""
    text = key.strip()
    if not _DOCUMENT.fullmatch(text):
        return []
    if len(text) in _STRICT_LENGTHS and text.isascii() and text.isalnum():
        return []
    out = []
    for doc_type in code_set("holder_code_type").codes:
        if doc_type == "001" or doc_type in _CITIZEN or (text.isdigit() and doc_type != "511"):
            continue
        result = identifier_of_type(doc_type, key)
        if result.ok and result.normalised is not None:
            out.append((doc_type, result.normalised))
    return out


def _refused(failed: list[Result]) -> IdentifierError:
    codes = [finding.code for result in failed for finding in result.findings if finding.severity == "error"]
    says = (
        "；".join(dict.fromkeys(f"{kind_of(code).says.replace('{item}', '号码')}（{code}）" for code in codes))
        or "号码为空或是占位值"
    )
    first = codes[0] if codes else None
    return IdentifierError(
        f"号码无效：{says}",
        "18位或15位公民身份号码、18位统一社会信用代码，或数据集登记的其他证件号码",
        "请核对号码后重试",
        code=first,
    )
