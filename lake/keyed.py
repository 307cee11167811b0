"""Granted rows of one subject by its key hash: the read behind look-up, reuse and verify, under the grant's plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Connection

from lake.disclosure import Disclosure
from lake.rows import RowCoder
from lake.serving import Serving


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """The granted rows that name a subject: as they may leave, and at rest (hashes, `version`, `stale_since`)."""

    values: pa.RecordBatch
    at_rest: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Asked:
    """One reading of a key: its hash, for the subject items that can hold it."""

    key_hash: bytes
    items: tuple[str, ...]


def granted_rows_of(
    serving: Serving, connection: Connection, plan: Disclosure, coder: RowCoder, asked: Sequence[Asked]
) -> KeyedRows:
    """Returns the granted rows in which the subject stands in an item that he may be looked up by.

    The plan must be built over the layout that the serving table has in this transaction (`Serving.state`).
    """
    tables = [
        serving.lookup(connection, plan.layout.dataset, items, each.key_hash)
        for each in asked
        if (items := [name for name in each.items if name in plan.lookup_items])
    ]
    if not tables:
        tables = [serving.lookup(connection, plan.layout.dataset, (), b"")]
    return reveal_rows(_one_batch(tables), plan, coder)


def reveal_rows(found: pa.RecordBatch, plan: Disclosure, coder: RowCoder) -> KeyedRows:
    """Applies the plan to rows at rest that were found by key, in the serving table or in the lake."""
    granted = plan.granted_rows(found, coder)
    return KeyedRows(plan.opened(granted, coder), granted)


def _one_batch(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    """Joins the answers; a row that several readings found comes once."""
    table = pa.concat_tables(tables)
    if len(tables) > 1:
        first = pa.table({"key": table["key_hash"], "at": pa.array(range(table.num_rows), pa.int64())})
        table = table.take(first.group_by("key").aggregate([("at", "min")])["at_min"])
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
