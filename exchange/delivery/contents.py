"""The rows of a batch: the whole granted content, or what changed of it between two versions. Writes nothing.

Both versions of a changed row go through the grant: a row that comes into its rows is an insert, one that leaves them a
deletion, and a change of what is not granted is none.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exchange.crypto import KeyedHash, Suite
from lake.disclosure import Disclosure
from lake.feed import Feed
from lake.layout import KEY_HASH, subject_column
from lake.rows import RowCoder
from lake.table import LakeTable
from schemas.delivery import BATCH, GUID, OPERATION, TIME

_BATCH_ROWS = 20_000
_MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Discloser:
    """Hands rows at rest through the plan of the grant, under the row_guid of one subscription."""

    plan: Disclosure
    coder: RowCoder
    suite: Suite
    guid_key: bytes
    interests: frozenset[bytes] = frozenset()  # key hashes of the subjects that are wanted; none: all of them

    @cached_property
    def _guids(self) -> KeyedHash:
        return KeyedHash(self.suite, self.guid_key)

    @cached_property
    def at_rest(self) -> tuple[str, ...]:
        """The columns of the lake table that the readable items and the row filter take, and the row's name."""
        return tuple(dict.fromkeys([KEY_HASH.name, *self.plan.at_rest(self.plan.readable), *self._subjects]))

    @property
    def _subjects(self) -> list[str]:
        return [subject_column(name) for name in self.plan.lookup_items] if self.interests else []

    def _wanted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Keeps the rows that name a listed subject in an item that the grant lets him be looked up by."""
        if not self.interests:
            return batch
        wanted = pa.array([False] * batch.num_rows)
        for name in self._subjects:
            column = batch.column(name)
            wanted = pc.or_(wanted, pc.is_in(column, value_set=pa.array(list(self.interests), column.type)))
        return batch.filter(wanted)

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of what the grant gives, `row_guid` first."""
        return pa.schema([pa.field(GUID, pa.string()), *(field.remove_metadata() for field in self.plan.schema())])

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields what the grant gives of rows at rest."""
        for batch in batches:
            granted = self.plan.granted_rows(self._wanted(batch), self.coder)
            if granted.num_rows:
                given = self.plan.opened(granted, self.coder)
                guids = pa.array(self.guids(granted.column(KEY_HASH.name).to_pylist()), pa.string())
                yield pa.record_batch([guids, *given.columns], schema=self.schema)

    def guids(self, key_hashes: Sequence[bytes]) -> list[str]:
        """Names rows for this subscription; nothing relates the names to the hub's own hashes or to another's."""
        return [str(uuid.UUID(bytes=digest[:16])) for digest in self._guids.digests(key_hashes)]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What each row of a batch carries beside the granted items."""

    batch_no: str
    moments: Mapping[int, datetime]  # of publishing, by version
    until: int


def whole(discloser: Discloser, table: LakeTable, stamp: Stamp) -> Iterator[pa.RecordBatch]:
    """Yields the whole granted content as inserts."""
    moment = stamp.moments[stamp.until]
    for batch in discloser(table.read(columns=discloser.at_rest, batch_rows=_BATCH_ROWS)):
        yield _stamped(batch, ["I"] * batch.num_rows, [moment] * batch.num_rows, stamp.batch_no)


def changes(discloser: Discloser, feed: Feed, stamp: Stamp) -> Iterator[pa.RecordBatch]:
    """Yields what changed of the granted content, bucket by bucket."""
    for changed in feed(discloser.at_rest):
        keys = changed.keys.to_pydict()
        moments = {
            guid: stamp.moments.get(version, stamp.moments[stamp.until])
            for guid, version in zip(discloser.guids(keys["key_hash"]), keys["version"], strict=True)
        }
        old = _by_guid(discloser(changed.before.to_batches()))
        new = _by_guid(discloser(changed.after.to_batches()))
        rows: list[tuple[str, dict[str, Any]]] = []
        for guid in sorted(old.keys() | new.keys()):
            if guid not in new:
                rows.append(("D", {GUID: guid}))
            elif old.get(guid) != new[guid]:
                rows.append(("U" if guid in old else "I", new[guid]))
        if rows:
            table = pa.RecordBatch.from_pylist([row for _, row in rows], schema=discloser.schema)
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
