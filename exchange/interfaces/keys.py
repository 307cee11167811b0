"""What a caller asks by: key items as typed → normalised texts, typed values, keyed hashes. Never repeats a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from exchange.hub import Hub
from exchange.interfaces.checking import Checker
from schemas.entry import Entry, Item
from schemas.errors import IdentifierError, InputError
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of
from schemas.identifiers import citizen_id, uscc

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Key:
    """One key item as it is asked by."""

    item: str
    text: str = field(repr=False)
    value: pa.Scalar = field(repr=False)
    key_hash: str


def read_keys(hub: Hub, entry: Entry, wanted: tuple[str, ...], given: Mapping[str, str]) -> tuple[Key, ...]:
    """Reads the keys of a call; raises InputError, IdentifierError when one is wrong."""
    if set(given) != set(wanted) or not all(isinstance(text, str) and text.strip() for text in given.values()):
        titles = "、".join(f"{entry.item(name).title}（{name}）" for name in wanted)
        raise InputError(
            "查询条件不全，或多于接口所需", f"须填写：{titles}", "请按接口的查询条件填写", code="INTERFACE_KEY"
        )
    if any(len(text) > _LONGEST for text in given.values()):
        raise InputError("查询条件过长", f"不超过{_LONGEST}字", "请核对后重试", code="INTERFACE_KEY")
    checked = Checker.of(entry, hub.clock.now()).check([dict(given)], wanted)
    for name in wanted:
        codes = checked.codes_of(0, name)
        if codes or not checked.values[name][0].is_valid:
            raise _refused(entry.item(name), codes)
    texts = {name: _text(checked.values[name][0].as_py()) for name in wanted}
    return tuple(
        Key(name, texts[name], checked.values[name][0], _hash(hub, entry, entry.item(name), texts)) for name in wanted
    )


def _text(value: Any) -> str:
    """Writes a typed value as a parameter."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _hash(hub: Hub, entry: Entry, item: Item, texts: Mapping[str, str]) -> str:
    """Hashes a key as every other way does: `<document type>:<key>`; a key of no subject under the dataset's name."""
    said = f"{_doc_type(item, texts)}:{texts[item.name]}" if item.subject else None
    made = hub.crypto.keys().lookup_hashes([(said or f"key:{entry.dataset}:{item.name}:{texts[item.name]}").encode()])
    return (made[0] or b"").hex()


def _doc_type(item: Item, texts: Mapping[str, str]) -> str:
    subject = item.subject
    declared = texts.get(subject.doc_type_item or "") if subject else None
    fixed = declared or (subject.doc_type if subject else None)
    text = texts[item.name]
    person = citizen_id(text)
    if person.ok and (fixed is None or fixed in {"111", "551", "552", "553"}):
        return person.doc_type or fixed or "111"
    return fixed or ("001" if uscc(text).ok else "999")


def _refused(item: Item, codes: tuple[str, ...]) -> IdentifierError:
    says = "；".join(kind_of(code).says.replace("{item}", item.title) for code in codes if code in known_codes())
    return IdentifierError(
        f"查询条件“{item.title}”无效：{says or '为空或不合其类型'}",
        "合数据项类型的值",
        "请核对后重试",
        code=codes[0] if codes else "INTERFACE_KEY",
    )
