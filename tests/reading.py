"""Reads what a hub holds, opened, for comparing it with what was sent. The product has no such way.

look_up(hub, "person", number).rows      # as served now, or a version in the lake
select(hub, "select count(*) n from person")
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, or_
from sqlalchemy import select as select_from

from catalog.stores import datasets as store
from catalog.stores import entries
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.subjects import candidates
from lake.duck import connect
from lake.layout import Layout, subject_column
from lake.rows import RowCoder
from lake.serving import Serving, served_table, table_name
from lake.table import LakeTable


@dataclass(frozen=True, slots=True)
class Row:
    """One row that names the subject, in these roles."""

    roles: tuple[str, ...]
    values: Mapping[str, Any]
    stale_since: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one version."""

    version: int
    rows: tuple[Row, ...]


def look_up(hub: Hub, dataset: str, key: str, version: int | None = None) -> Found:
    """Returns the rows that name a subject: as they are served, or those of a version in the lake."""
    with hub.transaction() as connection:
        coder, entry = _coder(hub, connection, dataset)
        if version is None:
            state = Serving(hub.database_url).state(connection, dataset)
            assert state is not None, f"{dataset} is not served"
            version, layout = state.version, state.layout
            asked = _asked(layout, coder, key)
            table = served_rows(connection, layout, asked)
        else:
            at_rest = _lake(hub, connection, dataset, version)
            layout = at_rest.layout
            asked = _asked(layout, coder, key)
            table = at_rest.read().read_all()
            held = [pc.is_in(table[column], pa.array(hashes, pa.binary())) for column, hashes in asked.items()]
            table = table.filter(reduce(pc.or_, held))
    opened = []
    for batch in table.combine_chunks().to_batches():
        for row, values in zip(batch.to_pylist(), coder.decode(batch, layout).to_pylist(), strict=True):
            names = [column.removeprefix("s_") for column, hashes in asked.items() if row[column] in hashes]
            roles = dict.fromkeys(entry.item(name).subject.role for name in names)
            opened.append(Row(tuple(roles), values, row.get("stale_since")))
    return Found(version, tuple(opened))


def _asked(layout: Layout, coder: RowCoder, key: str) -> dict[str, list[bytes]]:
    """Returns the hashes that the key may have, by the column that can hold them."""
    found: dict[str, list[bytes]] = {}
    for each in candidates(layout, coder, key):
        for item in each.items:
            found.setdefault(subject_column(item), []).append(each.key_hash)
    return found


def served_rows(
    connection: Connection, layout: Layout, asked: Mapping[str, Collection[bytes]] | None = None
) -> pa.Table:
    """Returns rows of a serving table, at rest as they are served: all, or those with one of the hashes."""
    schema = layout.served_schema
    served = served_table(table_name(layout.dataset), schema.names)
    query = select_from(served)
    if asked is not None:
        query = query.where(or_(*(served.c[column].in_(hashes) for column, hashes in asked.items())))
    return pa.Table.from_pylist([dict(row) for row in connection.execute(query).mappings()], schema)


def select(hub: Hub, sql: str, version: int | None = None) -> list[dict[str, Any]]:
    """Runs a statement over whole datasets, opened, with `flags`; all of them at `version`, else as published."""
    with hub.transaction() as connection, connect(1024) as duck:
        for held in store.list_all(connection):
            if held.current_version and re.search(rf"\b{held.dataset}\b", sql):
                coder, _ = _coder(hub, connection, held.dataset)
                at_rest = _lake(hub, connection, held.dataset, version or held.current_version)
                duck.register(held.dataset, pa.Table.from_batches(_opened(at_rest, coder)))
        return duck.sql(sql).to_arrow_table().to_pylist()


def _opened(at_rest: LakeTable, coder: RowCoder) -> list[pa.RecordBatch]:
    schema = pa.schema([*at_rest.layout.items_schema, at_rest.layout.table_schema.field("flags")])
    batches = [schema.empty_table().combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema)]][0]
    for batch in at_rest.read():
        batches.append(pa.record_batch([*coder.decode(batch, at_rest.layout).columns, batch["flags"]], schema=schema))
    return batches


def _coder(hub: Hub, connection: Any, dataset: str) -> tuple[RowCoder, Any]:
    stored = entries.find(connection, dataset)
    assert stored is not None and stored.published_version is not None
    version = entries.find_version(connection, dataset, stored.published_version)
    assert version is not None
    entry = entry_from(version.contract, dataset)
    return RowCoder(entry, hub.crypto.keys(), hub.crypto.seal()), entry


def _lake(hub: Hub, connection: Any, dataset: str, number: int) -> LakeTable:
    version = store.find_version(connection, dataset, number)
    assert version is not None, f"{dataset} has no version {number}"
    return LakeTable(hub.settings.lake_root, dataset, version.delta_version)
