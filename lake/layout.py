"""How a dataset's rows are laid out at rest: which items are plain, which sealed, in which types. Reads no row.

A layout travels with each table version (the Delta table's description), so that an older version opens under the items
it was written with.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from schemas.entry import Entry, Item

_TYPES: dict[str, pa.DataType] = {
    "C": pa.string(),
    "Y": pa.decimal128(20, 2),
    "D": pa.date32(),
    "T": pa.timestamp("ms", "Asia/Shanghai"),
    "L": pa.bool_(),
    "M": pa.large_string(),
    "G": pa.large_binary(),
    "B": pa.float64(),
    "I": pa.int64(),
    "F": pa.float64(),
}
_AT_REST: dict[pa.DataType, pa.DataType] = {
    # Delta keeps instants as microseconds in UTC and has no large types.
    _TYPES["T"]: pa.timestamp("us", "UTC"),
    _TYPES["M"]: pa.string(),
    _TYPES["G"]: pa.binary(),
}
KEY_HASH = pa.field("key_hash", pa.binary())
DIGEST = pa.field("digest", pa.binary())
SEALED = pa.field("sealed", pa.binary())
FLAGS = pa.field("flags", pa.list_(pa.string()))
LAYOUT_KEY = "shuqiao.layout"
INSTANT = pa.timestamp("us", "UTC")


def letter_type(letter: str, scale: int | None) -> pa.DataType:
    """Returns the Arrow type of a national type letter (编制指南 1272号, 数据类型); `CL` is a list of strings."""
    if letter == "CL":
        return pa.list_(pa.string())
    return pa.decimal128(38, scale or 0) if letter == "N" else _TYPES[letter]


def at_rest(kind: pa.DataType) -> pa.DataType:
    """Returns the type under which values of `kind` rest in Parquet."""
    return _AT_REST.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Column:
    """One item of a layout. `subject` says how its key hash is made, empty when it holds no subject key."""

    name: str
    letter: str
    scale: int | None
    sealed: bool
    subject: str = ""

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the item's values."""
        return letter_type(self.letter, self.scale)


@dataclass(frozen=True)
class Layout:
    """The items of a dataset at rest, in contract order."""

    dataset: str
    columns: tuple[Column, ...]
    row_key: tuple[str, ...]

    @classmethod
    def of(cls, entry: Entry) -> "Layout":
        """Reads the layout off a directory entry."""
        return cls(entry.dataset, tuple(map(_column, entry.items)), entry.row_key)

    @classmethod
    def from_text(cls, text: str) -> "Layout":
        """Reads what `text` wrote."""
        body = json.loads(text)
        return cls(body["dataset"], tuple(Column(*column) for column in body["items"]), tuple(body["row_key"]))

    @cached_property
    def text(self) -> str:
        """The layout as JSON; names and types only."""
        items = [[c.name, c.letter, c.scale, c.sealed, c.subject] for c in self.columns]
        body: dict[str, Any] = {"dataset": self.dataset, "items": items, "row_key": list(self.row_key)}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def signature(self) -> bytes:
        """Sixteen bytes that change whenever a row would rest in another way; the order of items is no change."""
        items = sorted(json.dumps([c.name, c.letter, c.scale, c.sealed, c.subject]) for c in self.columns)
        return hashlib.sha256(json.dumps([self.dataset, items, list(self.row_key)]).encode()).digest()[:16]

    @cached_property
    def sealed_version(self) -> bytes:
        """Names the list of sealed items and their types; part of every seal's associated data."""
        listed = [[c.name, str(c.type)] for c in self.sealed]
        return hashlib.sha256(json.dumps(listed).encode()).digest()[:16]

    @cached_property
    def plain(self) -> tuple[Column, ...]:
        """The items that rest in plain."""
        return tuple(column for column in self.columns if not column.sealed)

    @cached_property
    def sealed(self) -> tuple[Column, ...]:
        """The items inside the sealed value, sorted by name as they lie there."""
        return tuple(sorted((column for column in self.columns if column.sealed), key=lambda column: column.name))

    @cached_property
    def subjects(self) -> tuple[Column, ...]:
        """The items that hold a subject key."""
        return tuple(column for column in self.columns if column.subject)

    @cached_property
    def items_schema(self) -> pa.Schema:
        """All items with their own types, in contract order."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    @cached_property
    def table_schema(self) -> pa.Schema:
        """The columns of the lake table's files (without `bucket`)."""
        return pa.schema([KEY_HASH, *self._subject_fields, DIGEST, *self._plain_fields, SEALED, FLAGS])

    @cached_property
    def staging_schema(self) -> pa.Schema:
        """The columns of a staging part; the schema carries the layout."""
        head = [pa.field("row", pa.int64()), KEY_HASH, *self._subject_fields, DIGEST]
        marks = [pa.field("op", pa.string()), pa.field("time", INSTANT), FLAGS]
        return pa.schema([*head, *marks, *self._plain_fields, SEALED], metadata={LAYOUT_KEY: self.text})

    @cached_property
    def changes_schema(self) -> pa.Schema:
        """The columns of the change table: the table's, `op` and `version`."""
        return self.table_schema.append(pa.field("op", pa.string())).append(pa.field("version", pa.int64()))

    @cached_property
    def served_schema(self) -> pa.Schema:
        """The columns of the serving table: the lake table's but `digest`, `version` and `stale_since`."""
        fields = [field for field in self.table_schema if field.name != DIGEST.name]
        return pa.schema([*fields, pa.field("version", pa.int64()), pa.field("stale_since", INSTANT)])

    @property
    def _subject_fields(self) -> list[pa.Field]:
        return [pa.field(subject_column(column.name), pa.binary()) for column in self.subjects]

    @property
    def _plain_fields(self) -> list[pa.Field]:
        return [pa.field(column.name, at_rest(column.type)) for column in self.plain]


def subject_column(item: str) -> str:
    """Names the column that holds the key hash of a subject item."""
    return f"s_{item}"


def _column(item: Item) -> Column:
    subject = ""
    if item.subject is not None:
        subject = item.subject.doc_type or f"@{item.subject.doc_type_item}"
    return Column(item.name, item.type, item.scale, item.sealed, subject)
