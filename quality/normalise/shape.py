"""The shapes that normalising works with: an item of the plan, the context of a batch, a normalised column."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from quality.normalise.cells import SHANGHAI, Mask
from schemas.entry import DERIVED_FROM, Item, Kind

#: Kinds whose values keep their text even when they are wrong, so that rules can look at it.
TEXT_KINDS: frozenset[str] = frozenset(
    [
        "text",
        "name",
        "address",
        "citizen_id",
        "uscc",
        "org_code",
        "registration_number",
        "licence_id",
        "identifier",
        "code",
        "region",
        "capital_currency",
        "mobile",
        "telephone",
        *DERIVED_FROM,
    ]
)
#: Kinds that hold one identifier with a check of its own.
IDENTIFIER_KINDS: frozenset[str] = frozenset(
    ["citizen_id", "uscc", "org_code", "registration_number", "licence_id", "identifier"]
)
CAPITAL_SCALE = 6


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """What normalising must know of one item; null tokens are resolved."""

    name: str
    source: str
    title: str
    type: str
    kind: Kind
    length: int | None = None
    scale: int | None = None
    length_unit: str = "char"
    code_set: str | None = None
    null_tokens: tuple[str, ...] = ()
    open_end: bool = False
    doc_type: str | None = None
    doc_type_item: str | None = None
    #: How the item beneath a derived one is read: kind, type and null tokens.
    beneath: tuple[Kind, str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, item: Item, null_tokens: tuple[str, ...]) -> "ItemPlan":
        """Takes the facts of a contract item; `null_tokens` are the defaults of its kind."""
        return cls(
            name=item.name,
            source=item.source,
            title=item.title,
            type=item.type,
            kind=item.kind,
            length=item.length,
            scale=item.scale,
            length_unit=item.length_unit,
            code_set=item.code_set,
            null_tokens=tuple(null_tokens if item.null_tokens is None else item.null_tokens),
            open_end=item.open_end,
            doc_type=item.subject.doc_type if item.subject else None,
            doc_type_item=item.subject.doc_type_item if item.subject else None,
        )

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "ItemPlan":
        """Rebuilds an item from the plan."""
        beneath = facts.get("beneath")
        if beneath is not None:
            beneath = (beneath[0], beneath[1], tuple(beneath[2]))
        return cls(**{**facts, "null_tokens": tuple(facts["null_tokens"]), "beneath": beneath})

    def as_json(self) -> dict[str, Any]:
        """Writes the item into the plan."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return {**facts, "null_tokens": list(self.null_tokens)}

    def over(self, other: "ItemPlan") -> "ItemPlan":
        """Returns the derived item with how the one beneath it is read."""
        return replace(
            self, beneath=(other.kind, other.type, other.null_tokens), open_end=other.open_end, code_set=other.code_set
        )

    def below(self) -> "ItemPlan":
        """Returns how the item beneath is read."""
        assert self.beneath is not None  # noqa: S101 - a contract names no derived item without one
        kind, letter, tokens = self.beneath
        return replace(self, kind=kind, type=letter, null_tokens=tokens, length=None, beneath=None)

    @property
    def decimals(self) -> int:
        """Counts the decimal places of a number."""
        if self.scale is not None:
            return self.scale
        if self.type == "Y":
            return 2
        return CAPITAL_SCALE if self.kind == "capital" else 0


@dataclass(frozen=True, slots=True)
class Context:
    """What a batch shares: the data date, code sets by id, and the type codes of `identifier` items by item name."""

    data_date: date
    code_sets: Mapping[str, Any] = field(default_factory=dict)
    doc_types: Mapping[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A column of the item's type. `marks`: finding code -> rows that have it, only codes that occur.
    `unreadable`: rows whose value was there but is null now because it is not of the kind."""

    values: pa.Array
    marks: dict[str, Mask]
    unreadable: Mask | None = None
    #: Finding code -> rows where it is an error although its code is a warning elsewhere.
    escalated: Mapping[str, Mask] = field(default_factory=dict)


def arrow_type(item: Item | ItemPlan) -> pa.DataType:
    """Gives the Arrow type of an item (编制指南 1272号, 数据类型)."""
    plan = item if isinstance(item, ItemPlan) else ItemPlan.of(item, ())
    if plan.type in {"N", "Y"}:
        return pa.decimal128(38 if plan.type == "N" else 20, plan.decimals)
    simple: dict[str, pa.DataType] = {
        "C": pa.string(),
        "D": pa.date32(),
        "T": pa.timestamp("ms", SHANGHAI),
        "L": pa.bool_(),
        "M": pa.large_string(),
        "G": pa.large_binary(),
        "B": pa.float64(),
        "F": pa.float64(),
        "I": pa.int64(),
    }
    return simple[plan.type]


def found(**marks: Mask) -> dict[str, Mask]:
    """Keeps the codes that occur."""
    return {code: mask for code, mask in marks.items() if mask.any()}


def none(rows: int) -> Mask:
    """Marks no row."""
    return np.zeros(rows, dtype=bool)
