"""A number as typed → the key hashes by which the log knows its holder. Holds no data; never repeats the number."""

from exchange.crypto import Crypto
from exchange.hub import Hub
from schemas.errors import IdentifierError
from schemas.findings import finding as kind_of
from schemas.identifiers import Result, citizen_id, uscc

_LATIN = 18


def hashes_of(hub: Hub, key: str) -> tuple[str, ...]:
    """Returns the hashes of a citizen ID or USCC under every generation of keys; raises IdentifierError.

    A hash is of document type and number alone, so that one search covers every dataset (exchange/subjects.py).
    """
    doc_type, normalised = _reading(key)
    text = f"{doc_type}:{normalised}".encode()
    roots = hub.crypto.roots
    keys = [Crypto(hub.crypto.suite, roots[: number + 1]).keys() for number in range(len(roots))]
    return tuple((each.lookup_hashes([text])[0] or b"").hex() for each in reversed(keys))


def masked(key: str) -> str:
    """Returns the number as a statement shows it: a person's first and last character, a company's code in full."""
    doc_type, normalised = _reading(key)
    return normalised if doc_type == "001" else f"{normalised[0]}{'*' * (len(normalised) - 2)}{normalised[-1]}"


def _reading(key: str) -> tuple[str, str]:
    person, company = citizen_id(key), uscc(key)
    for result, doc_type in ((person, person.doc_type or "111"), (company, "001")):
        if result.ok and result.normalised is not None:
            return doc_type, result.normalised
    raise _refused(person if sum(letter.isdigit() for letter in key) > _LATIN - 2 else company)


def _refused(failed: Result) -> IdentifierError:
    codes = [finding.code for finding in failed.findings if finding.severity == "error"]
    says = "；".join(dict.fromkeys(kind_of(code).says.replace("{item}", "号码") for code in codes)) or "号码为空"
    return IdentifierError(
        f"号码无效：{says}",
        "18位或15位公民身份号码、18位统一社会信用代码",
        "请核对号码后重试",
        code=codes[0] if codes else None,
    )
