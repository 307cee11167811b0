"""Checked items to rows at rest and back: key hashes, digest, sealed value. Holds no key of its own and reads no file.

Key hashes: `row:<dataset>:` and the length-prefixed texts of the row key's parts; `<doc type>:<normalised key>` for
each subject, where citizen-like numbers take the doc type of their own form, so that a look-up by
number alone finds them. An append-only row's key comes from its digest and leaves four bytes to the ordinal
(lake/settle.py).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.canonical import pack, unpack
from lake.layout import INSTANT, Column, Layout, subject_column
from schemas.entry import Entry
from schemas.errors import ContractError, StateError
from schemas.ports import Keys, Seal

#: Bytes of an append-only row's key hash that come from the digest; the rest is its ordinal.
STEM = 28
_CITIZEN_TYPES = ("111", "551", "552", "553")
_ORDERED_TYPES = (pa.types.is_timestamp, pa.types.is_date32, pa.types.is_int64)


class RowCoder:
    """Encodes and decodes the rows of one entry. Picklable when its keys and seal are."""

    def __init__(self, entry: Entry, keys: Keys, seal: Seal) -> None:
        self.layout = Layout.of(entry)
        self._keys, self._seal = keys, seal
        self._append_only = not entry.row_key
        self._order_item = entry.order_item
        if entry.order_item and not any(
            known(self.layout.items_schema.field(entry.order_item).type) for known in _ORDERED_TYPES
        ):
            raise ContractError(
                f"orderItem 数据项 {entry.order_item} 不是日期、日期时间或整型",
                "须为可比先后的类型",
                "请改用更新时间类数据项",
            )
        self._by_name = sorted(self.layout.columns, key=lambda column: column.name)

    def encode(
        self,
        items: pa.RecordBatch,
        row: pa.Array,
        op: pa.Array | None = None,
        time: pa.Array | None = None,
        flags: pa.Array | None = None,
    ) -> pa.RecordBatch:
        """Returns the staging batch of checked items. An order item gives the row's time, unless `op` is given."""
        rows = items.num_rows
        typed = self._typed(items)
        marks = {
            "row": row,
            "op": pa.nulls(rows, pa.string()) if op is None else op,
            "time": self._times(typed, op, time, rows),
            "flags": pa.nulls(rows, pa.list_(pa.string())) if flags is None else flags,
        }
        return _batch({**marks, **self._at_rest(typed, rows)}, self.layout.staging_schema)

    def key_hashes(self, items: pa.RecordBatch) -> pa.Array:
        """Returns the row key hashes of any rows, null where no part of the key is there (and for append-only rows)."""
        names = self.layout.row_key
        if self._append_only:
            return pa.nulls(items.num_rows, pa.binary())
        there = pc.is_valid(items.column(names[0]))
        for name in names[1:]:
            there = pc.or_(there, pc.is_valid(items.column(name)))
        hashes = pa.array(self._row_keys(self._typed(items, names), items.num_rows), pa.binary())
        return pc.if_else(there, hashes, pa.scalar(None, pa.binary()))

    def row_key_hash(self, *parts: str) -> bytes:
        """Hashes one row key given as the normalised texts of its parts (dates as YYYY-MM-DD)."""
        packed = pack([pa.array([part], pa.string()) for part in parts], 1, self._row_prefix)
        return self._keys.lookup_hashes(packed.to_pylist())[0] or b""

    def lookup_hash(self, doc_type: str, normalised: str) -> bytes:
        """Hashes one subject key."""
        return self._keys.lookup_hashes([f"{doc_type}:{normalised}".encode()])[0] or b""

    def decode(
        self, batch: pa.RecordBatch, layout: Layout | None = None, items: Sequence[str] | None = None
    ) -> pa.RecordBatch:
        """Returns the items (all, or those named) of rows at rest; unseals only when a sealed one is among them.

        `layout` is that of the version read (default: this entry's). Raises SealBroken.
        """
        layout = layout or self.layout
        names = list(items) if items is not None else [column.name for column in layout.columns]
        inside = {column.name: column for column in layout.sealed}
        opened: dict[str, pa.Array] = {}
        if any(name in inside for name in names):
            opened = self._open(batch, layout)
        schema = pa.schema([layout.items_schema.field(name) for name in names])
        found = [opened[name] if name in inside else batch.column(name) for name in names]
        # A cast that changes nothing costs as much as unsealing a row.
        typed = [a if a.type == field.type else a.cast(field.type) for a, field in zip(found, schema, strict=True)]
        return pa.record_batch(typed, schema=schema)

    def reseal(self, sealed: pa.Array, key_hashes: pa.Array, layout: Layout) -> pa.Array:
        """Returns the sealed values of rows under the present key; null stays null. Raises SealBroken."""
        there = pc.is_valid(sealed)
        associated = self._associated(layout, key_hashes.filter(there).to_pylist())
        opened = self._seal.open(sealed.filter(there).to_pylist(), associated)
        fresh = pa.array(self._seal.seal(opened, associated), pa.binary())
        return pc.replace_with_mask(sealed, there, fresh)

    def recode(self, batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
        """Returns table rows of an older layout under this entry's: new items null, moved items sealed or opened.

        Keys stay as they are; raises StateError when an item's values do not fit its new type.
        """
        items = self.decode(batch, layout)
        kept = set(items.schema.names)
        try:
            columns = [
                items.column(c.name).cast(c.type) if c.name in kept else pa.nulls(batch.num_rows, c.type)
                for c in self.layout.columns
            ]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise StateError(
                "已发布数据不能转换为新的数据项类型", "", "请以新的目录版本做一次全量同步", code="RECODE"
            ) from None
        typed = dict(zip(self.layout.items_schema.names, columns, strict=True))
        rest = self._at_rest(typed, batch.num_rows, batch.column("key_hash").to_pylist())
        return _batch({**rest, "flags": batch.column("flags")}, self.layout.table_schema)

    @property
    def _row_prefix(self) -> bytes:
        return f"row:{self.layout.dataset}:".encode()

    def _at_rest(
        self, items: dict[str, pa.Array], rows: int, hashes: list[bytes | None] | None = None
    ) -> dict[str, pa.Array]:
        columns = [items[column.name] for column in self._by_name]
        digests = self._keys.digests(pack(columns, rows, self.layout.signature).to_pylist())
        if hashes is None:
            hashes = self._append_keys(digests) if self._append_only else self._row_keys(items, rows)
        return {
            "key_hash": pa.array(hashes, pa.binary()),
            "digest": pa.array(digests, pa.binary()),
            "sealed": self._sealed(items, hashes),
            **self._subjects(items),
            **{column.name: items[column.name] for column in self.layout.plain},
        }

    def _typed(self, items: pa.RecordBatch, names: Sequence[str] | None = None) -> dict[str, pa.Array]:
        schema = self.layout.items_schema
        return {name: items.column(name).cast(schema.field(name).type) for name in names or schema.names}

    def _row_keys(self, items: dict[str, pa.Array], rows: int) -> list[bytes | None]:
        parts = [items[name].cast(pa.string()) for name in self.layout.row_key]
        return self._keys.lookup_hashes(pack(parts, rows, self._row_prefix).to_pylist())

    def _append_keys(self, digests: list[bytes]) -> list[bytes | None]:
        hashes = self._keys.lookup_hashes([self._row_prefix + digest for digest in digests])
        return [value[:STEM] + bytes(32 - STEM) if value else value for value in hashes]

    def _times(self, items: dict[str, pa.Array], op: pa.Array | None, time: pa.Array | None, rows: int) -> pa.Array:
        if self._order_item and op is None:
            value = items[self._order_item]
            return value if pa.types.is_timestamp(value.type) else value.cast(pa.timestamp("us")).cast(INSTANT)
        return pa.nulls(rows, INSTANT) if time is None else time

    def _subjects(self, items: dict[str, pa.Array]) -> dict[str, pa.Array]:
        out: dict[str, pa.Array] = {}
        for column in self.layout.subjects:
            value = items[column.name].cast(pa.string())
            texts = pc.binary_join_element_wise(self._doc_types(column, value, items), value, ":")
            hashes = self._keys.lookup_hashes(texts.cast(pa.binary()).to_pylist())
            out[subject_column(column.name)] = pa.array(hashes, pa.binary())
        return out

    @staticmethod
    def _doc_types(column: Column, value: pa.Array, items: dict[str, pa.Array]) -> pa.Array:
        if column.subject.startswith("@"):
            # A number without a type code still is somebody's: it goes by its own form.
            said = pc.fill_null(items[column.subject[1:]].cast(pa.string()), "111")
        elif column.subject in _CITIZEN_TYPES:
            return citizen_doc_types(value)
        else:
            return pa.array(np.full(len(value), column.subject, dtype=object), pa.string())
        citizen = pc.is_in(said, pa.array(_CITIZEN_TYPES))
        return pc.if_else(citizen, citizen_doc_types(value), said) if pc.any(citizen).as_py() else said

    def _associated(self, layout: Layout, hashes: Sequence[bytes | None]) -> list[bytes]:
        # The stem alone: the ordinal of an append-only row is only known when its batch is whole.
        before = f"seal:{layout.dataset}:".encode() + layout.sealed_version
        end = None if layout.row_key else STEM
        return [before + (value or b"")[:end] for value in hashes]

    def _sealed(self, items: dict[str, pa.Array], hashes: Sequence[bytes | None]) -> pa.Array:
        if not self.layout.sealed:
            return pa.nulls(len(hashes), pa.binary())
        plain = pack([items[column.name] for column in self.layout.sealed], len(hashes)).to_pylist()
        return pa.array(self._seal.seal(plain, self._associated(self.layout, hashes)), pa.binary())

    def _open(self, batch: pa.RecordBatch, layout: Layout) -> dict[str, pa.Array]:
        associated = self._associated(layout, batch.column("key_hash").to_pylist())
        opened = self._seal.open(batch.column("sealed").to_pylist(), associated)
        columns = unpack(opened, [column.type for column in layout.sealed])
        return dict(zip([column.name for column in layout.sealed], columns, strict=True))


def _batch(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([columns[field.name].cast(field.type) for field in schema], schema=schema)


def citizen_doc_types(numbers: pa.Array) -> pa.Array:
    """Returns the document type of citizen-like numbers by their form: 111, 551, 552 or 553 (GB/T 36903)."""
    head = pc.utf8_slice_codeunits(numbers, 0, 2)
    foreign = pc.or_(pc.starts_with(numbers, "9"), pc.match_substring_regex(numbers, r"\A[A-Z]{3}"))
    types = pc.if_else(pc.is_in(head, pa.array(["81", "82"])), "551", "111")
    types = pc.if_else(pc.equal(head, "83"), "552", types)
    return pc.if_else(foreign, "553", types)
