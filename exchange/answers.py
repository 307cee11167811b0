"""What a look-up answers: finds the rows of a subject, in the serving table or in an older version of the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text

from exchange.hub import Hub
from exchange.subjects import Candidate
from lake.layout import Layout, subject_column
from lake.serving import Serving
from lake.table import LakeTable
from schemas.entry import Entry


@dataclass(frozen=True, slots=True)
class LookupRow:
    """One row that names the subject, in these roles. `stale_since`: its newer form failed the checks then."""

    roles: tuple[str, ...]
    values: Mapping[str, Any]
    stale_since: datetime | None


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """What a dataset says of a subject: 0 to n rows of one version."""

    dataset: str
    version: int
    data_time: datetime | None
    rows: tuple[LookupRow, ...]


def served_rows(hub: Hub, dataset: str, asked: Sequence[Candidate]) -> tuple[pa.RecordBatch, int, Layout]:
    """Returns the served rows, their version and its layout, all of one moment."""
    serving = Serving(hub.database_url)
    with hub.transaction() as connection:
        connection.execute(text("set transaction isolation level repeatable read read only"))
        state = serving.state(connection, dataset)
        tables = [serving.lookup(connection, dataset, each.items, each.key_hash) for each in asked]
    assert state is not None  # noqa: S101 - looked at before
    return _one_batch(tables), state.version, state.layout


def lake_rows(table: LakeTable, asked: Sequence[Candidate]) -> pa.RecordBatch:
    """Returns the rows of a version in the lake; a scan, since the lake is laid out by row key."""
    reader = table.read()
    found = [reader.schema.empty_table()]
    for batch in reader:
        mask = pa.array([False] * batch.num_rows)
        for column, key_hash in {(subject_column(item), each.key_hash) for each in asked for item in each.items}:
            mask = pc.or_kleene(mask, pc.equal(batch.column(column), key_hash))
        found.append(pa.Table.from_batches([batch.filter(mask)]))
    return _one_batch(found)


def _one_batch(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    """Joins the answers; a row that several readings found comes once."""
    table = pa.concat_tables(tables).combine_chunks()
    first: dict[bytes, int] = {}
    for index, key in enumerate(table["key_hash"].to_pylist()):
        first.setdefault(key, index)
    batches = table.take(pa.array(list(first.values()), pa.int64())).combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def opened_rows(
    found: pa.RecordBatch, values: pa.RecordBatch, entry: Entry, asked: Sequence[Candidate]
) -> tuple[LookupRow, ...]:
    """Joins the opened values with the roles in which each row names the subject."""
    rows = []
    for row, cells in zip(found.to_pylist(), values.to_pylist(), strict=True):
        items = [item for each in asked for item in each.items if row.get(subject_column(item)) == each.key_hash]
        roles = tuple(dict.fromkeys(_role(entry, item) for item in items))
        rows.append(LookupRow(roles, cells, row.get("stale_since")))
    return tuple(rows)


def _role(entry: Entry, item: str) -> str:
    subject = next((each.subject for each in entry.items if each.name == item), None)
    return subject.role if subject else item
