"""The rows of a batch: the whole granted content, or what changed of it between two versions. Writes nothing.

Both versions of a changed row go through the grant: a row that comes into its rows is an insert, one that leaves them a
deletion, and a change of what is not granted is none.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from exchange.crypto import KeyedHash, Suite
from exchange.delivery.ports import Disclosure
from lake.feed import Feed
from lake.layout import Layout
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas.delivery import BATCH, GUID, OPERATION, TIME
from schemas.errors import StateError
from schemas.grants import Grant

_BATCH_ROWS = 20_000
_MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Discloser:
    """Opens rows at rest and hands them through the grant, under the row_guid of one subscription."""

    grant: Grant
    disclose: Disclosure
    coder: RowCoder
    layout: Layout
    suite: Suite
    guid_key: bytes

    @cached_property
    def _guids(self) -> KeyedHash:
        return KeyedHash(self.suite, self.guid_key)

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The items of the entry that the grant names: given, compared by, or filtering rows."""
        rows = self.grant.rows
        named = {each.name for each in self.grant.items} | {each.item for each in rows.predicates}
        if rows.region_item:
            named.add(rows.region_item)
        return tuple(column.name for column in self.layout.columns if column.name in named)

    @cached_property
    def at_rest(self) -> tuple[str, ...]:
        """The columns of the lake table that these items take."""
        inside = {column.name for column in self.layout.sealed}
        plain = [name for name in self.items if name not in inside]
        return ("key_hash", *plain, *(["sealed"] if inside & set(self.items) else []))

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of what the grant gives, `row_guid` first."""
        empty = self.layout.items_schema
        fields = [pa.field(GUID, pa.string()), *(empty.field(name) for name in self.items)]
        given = pa.schema(fields).empty_table().to_batches() or [
            pa.record_batch([[] for _ in fields], pa.schema(fields))
        ]
        return next(iter(self._given(given))).schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields what the grant gives of rows at rest."""
        return self._given(self._opened(batch) for batch in batches if batch.num_rows)

    def guids(self, key_hashes: Sequence[bytes]) -> list[str]:
        """Names rows for this subscription; nothing relates the names to the hub's own hashes or to another's."""
        return [str(uuid.UUID(bytes=digest[:16])) for digest in self._guids.digests(key_hashes)]

    def _opened(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        items = self.coder.decode(batch, self.layout, self.items)
        guids = pa.array(self.guids(batch.column("key_hash").to_pylist()), pa.string())
        return pa.record_batch([guids, *items.columns], names=[GUID, *items.schema.names])

    def _given(self, batches: Any) -> Iterator[pa.RecordBatch]:
        wanted = [GUID, *self.grant.readable()]
        for batch in self.disclose(self.grant, batches):
            # The rewriter is trusted with values, not with the list: what the grant does not name never leaves.
            if batch.schema.names != wanted:
                raise StateError("脱敏结果与授权的数据项不符，已停止送达", "", "请报给维护人员", code="DISCLOSURE")
            yield batch


@dataclass(frozen=True, slots=True)
class Stamp:
    """What each row of a batch carries beside the granted items."""

    batch_no: str
    moments: Mapping[int, datetime]  # of publishing, by version
    until: int


def whole(discloser: Discloser, table: LakeTable, stamp: Stamp) -> Iterator[pa.RecordBatch]:
    """Yields the whole granted content as inserts."""
    moment = stamp.moments[stamp.until]
    for batch in discloser(iter(table.read(columns=discloser.at_rest, batch_rows=_BATCH_ROWS))):
        yield _stamped(batch, ["I"] * batch.num_rows, [moment] * batch.num_rows, stamp.batch_no)


def changes(before: Discloser, after: Discloser, feed: Feed, stamp: Stamp) -> Iterator[pa.RecordBatch]:
    """Yields what changed of the granted content, bucket by bucket."""
    for changed in feed(after.at_rest):
        keys = changed.keys.to_pydict()
        moments = {
            guid: stamp.moments.get(version, stamp.moments[stamp.until])
            for guid, version in zip(after.guids(keys["key_hash"]), keys["version"], strict=True)
        }
        old = _by_guid(before(iter(changed.before.to_batches())))
        new = _by_guid(after(iter(changed.after.to_batches())))
        rows: list[tuple[str, dict[str, Any]]] = []
        for guid in sorted(old.keys() | new.keys()):
            if guid not in new:
                rows.append(("D", {GUID: guid}))
            elif old.get(guid) != new[guid]:
                rows.append(("U" if guid in old else "I", new[guid]))
        if rows:
            table = pa.RecordBatch.from_pylist([row for _, row in rows], schema=after.schema)
            yield _stamped(table, [op for op, _ in rows], [moments[row[GUID]] for _, row in rows], stamp.batch_no)


def _by_guid(batches: Iterator[pa.RecordBatch]) -> dict[str, dict[str, Any]]:
    return {row[GUID]: row for batch in batches for row in batch.to_pylist()}


def stamped_schema(given: pa.Schema) -> pa.Schema:
    """Returns the schema of a batch's files: the four columns of every delivery, then the granted items."""
    head = [pa.field(OPERATION, pa.string()), pa.field(TIME, _MOMENT), pa.field(BATCH, pa.string())]
    return pa.schema([*head, pa.field(GUID, pa.string()), *(each for each in given if each.name != GUID)])


def _stamped(given: pa.RecordBatch, ops: list[str], moments: list[datetime], batch_no: str) -> pa.RecordBatch:
    head = [pa.array(ops), pa.array(moments, _MOMENT), pa.array([batch_no] * len(ops), pa.string())]
    return pa.record_batch([*head, *given.columns], schema=stamped_schema(given.schema))
