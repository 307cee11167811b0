"""The keyed serving tables (schema `serving` of the hub database): load, apply a change set, count.

Bulk rows go into a side table outside any transaction (`prepare`); `apply` then works inside the caller's transaction,
so that readers see the old version or the new one. Holds no key. Look-ups read the tables in lake/one_look.py.
The table's comment says which version and layout it holds.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import BigInteger, Connection, TableClause, column, func, literal, select, table
from sqlalchemy.engine import make_url

from lake import points
from lake.changeset import KEPT
from lake.duck import quoted
from lake.layout import Layout, subject_column
from lake.places import read_json, storing
from lake.publish import change_batches
from lake.staging import Staging
from lake.table import LakeTable
from schemas.errors import StateError, StorageError
from schemas.ports import Faults

SCHEMA = "serving"
_SQL_TYPES = {"C": "text", "M": "text", "Y": "numeric(20,2)", "D": "date", "T": "timestamptz", "L": "boolean"}
_SQL_TYPES |= {"G": "bytea", "B": "double precision", "F": "double precision", "I": "bigint", "CL": "text[]"}
_MARKS = pa.schema([("key_hash", pa.binary()), ("kept", pa.bool_())])


@dataclass(frozen=True, slots=True)
class State:
    """What a serving table holds: the hub's version and the layout."""

    version: int
    layout: Layout


@dataclass(frozen=True, slots=True)
class Prepared:
    """Side tables that wait for `apply`. `kind`: load (whole table), changes, marks (only stale marks) or none."""

    dataset: str
    kind: str
    layout: Layout | None
    rows: str | None = None
    marks: str | None = None
    counts: tuple[int, int, int] = (0, 0, 0)  # inserted, updated, deleted


class Serving:
    """The serving tables behind one database URL (SQLAlchemy form)."""

    def __init__(self, url: str) -> None:
        self._uri = _libpq(url)
        self._prepared: dict[str, Prepared] = {}

    def prepare(self, lake: LakeTable, staging: Staging, *, run_id: str, version: int, faults: Faults) -> Prepared:
        """Loads side tables for the run's change set, or for the whole table when it is new, behind or laid out anew.

        Call it after the lake's commit and outside the transaction; repeated, it starts anew. Raises StorageError.
        """
        try:
            with adbc.connect(self._uri) as session:
                prepared = _Loader(session, lake, staging, run_id, version).prepare()
        except adbc_driver_manager.Error as error:
            state = getattr(error, "sqlstate", None) or type(error).__name__
            raise StorageError(f"服务库装载失败（{state}）", "", "请检查中心库后重试") from None
        self._prepared[run_id] = prepared
        with storing(points.SERVING_PREPARED):
            faults.reach(points.SERVING_PREPARED)
        return prepared

    def apply(self, connection: Connection, run_id: str, version: int, moment: datetime | None = None) -> None:
        """Brings the serving table to `version` inside the caller's transaction. `moment` marks rows that are kept."""
        prepared = self._prepared.pop(run_id, None)
        if prepared is None:
            raise StateError("服务表尚未准备", "", "请重新发布该批次", code="SERVING_NOT_PREPARED")
        if prepared.layout is None:
            return
        name = table_name(prepared.dataset)
        if prepared.kind == "load":
            _swap(connection, name, prepared)
        elif prepared.kind == "changes" and not _change(connection, name, prepared, version):
            self._distrust(name)
            raise StorageError("服务表与湖中版本不符", "", "请重试，服务表将整体重建", code="SERVING_DIVERGED")
        if prepared.marks:
            _mark(connection, name, prepared.marks, moment)
        if prepared.kind != "marks":
            text = json.dumps({"version": version, "layout": prepared.layout.text}, ensure_ascii=False)
            _ddl(connection, f"COMMENT ON TABLE {qualified(name)} IS {_literal(text)}")
        for side in (prepared.rows if prepared.kind == "changes" else None, prepared.marks):
            if side:
                _ddl(connection, f"DROP TABLE {qualified(side)}")

    def _distrust(self, name: str) -> None:
        """Forgets what the table holds, in a transaction of its own, so that the next try loads it whole."""
        with adbc.connect(self._uri) as session, session.cursor() as cursor:
            cursor.execute(f"COMMENT ON TABLE {qualified(name)} IS NULL")
            session.commit()

    def state(self, connection: Connection, dataset: str) -> State | None:
        """Says what the dataset's serving table holds; None when there is none."""
        query = "SELECT obj_description(to_regclass(%(name)s), 'pg_class')"
        found = connection.exec_driver_sql(query, {"name": qualified(table_name(dataset))}).scalar()
        return state_of(found)

    def count(self, connection: Connection, dataset: str) -> tuple[int, int]:
        """Counts the rows of the serving table and the stale ones among them."""
        served = served_table(table_name(dataset), ["stale_since"])
        query = select(func.count(), func.count(served.c.stale_since)).select_from(served)
        rows, stale = connection.execute(query).one()
        return int(rows), int(stale)


class _Loader:
    """Loads the side tables of one run over ADBC."""

    def __init__(self, session: Any, lake: LakeTable, staging: Staging, run_id: str, version: int) -> None:
        self._session, self._lake, self._staging = session, lake, staging
        self._run, self._version = run_id, version
        self._dataset = lake.dataset

    def prepare(self) -> Prepared:
        self._run_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        self._drop_stale()
        layout = self._lake.layout
        if layout is None:
            return Prepared(self._dataset, "none", None)
        name = table_name(self._dataset)
        found = self._ask("SELECT obj_description(to_regclass($1), 'pg_class')", qualified(name))
        state, facts = state_of(found[0][0]), read_json(self._staging.folder / "changeset.json") or {"base": -1}
        kind = "load"
        if state is not None and state.layout == layout:
            if state.version == self._version:
                kind = "marks"
            elif state.version == facts["base"]:
                kind = "changes"
        rows = counts = None
        if kind == "load":
            rows = self._load(layout)
        elif kind == "changes":
            rows = self._changes(layout)
            counts = tuple(int(facts["counts"][word]) for word in ("inserted", "updated", "deleted"))
        marks = self._marks(stale=state is not None)
        self._session.commit()
        return Prepared(self._dataset, kind, layout, rows, marks, counts or (0, 0, 0))  # type: ignore[arg-type]

    def _load(self, layout: Layout) -> str:
        side = side_name(self._dataset, self._run, "load")
        self._create(side, layout, "version bigint, stale_since timestamptz")
        columns = [name for name in layout.served_schema.names if name not in ("version", "stale_since")]
        schema = pa.schema([*map(layout.table_schema.field, columns), pa.field("version", pa.int64())])
        self._ingest(side, schema, _numbered(self._lake.read(columns=columns), schema, self._version))
        self._run_sql("SET maintenance_work_mem = '256MB'")
        self._run_sql(f"ALTER TABLE {qualified(side)} ADD PRIMARY KEY (key_hash)")
        for subject in layout.subjects:
            self._run_sql(f"CREATE INDEX ON {qualified(side)} ({quoted(subject_column(subject.name))})")
        self._run_sql(f"ANALYZE {qualified(side)}")
        return side

    def _changes(self, layout: Layout) -> str:
        side = side_name(self._dataset, self._run, "change")
        self._create(side, layout, "op text")
        columns = [name for name in layout.served_schema.names if name not in ("version", "stale_since")]
        schema = pa.schema([layout.changes_schema.field(name) for name in [*columns, "op"]])
        tables = change_batches(self._staging, layout, self._version)
        batches = (batch for part in tables for batch in part.select(schema.names).to_batches(50_000))
        self._ingest(side, schema, batches)
        self._run_sql(f"ANALYZE {qualified(side)}")
        return side

    def _marks(self, *, stale: bool) -> str | None:
        parts = [self._kept()]
        if stale:
            parts.append(self._cleared())
        marks = pa.concat_tables(parts)
        if not marks.num_rows:
            return None
        side = side_name(self._dataset, self._run, "mark")
        self._run_sql(f"CREATE TABLE {qualified(side)} (key_hash bytea, kept boolean)")
        self._ingest(side, _MARKS, iter(marks.to_batches(50_000)))
        return side

    def _kept(self) -> pa.Table:
        shares = [self._staging.read_side("kept", share) for share in self._staging.shares()]
        kept = pa.concat_tables([KEPT.empty_table(), *(table for table in shares if table is not None)])
        return pa.table([kept["key_hash"], pa.repeat(True, kept.num_rows)], schema=_MARKS)

    def _cleared(self) -> pa.Table:
        """Finds the stale rows whose key came good in this run, changed or not."""
        name = qualified(table_name(self._dataset))
        stale = pa.array(
            [row[0] for row in self._ask(f"SELECT key_hash FROM {name} WHERE stale_since IS NOT NULL")], pa.binary()
        )
        found = [pa.array([], pa.binary())]
        for share in self._staging.shares() if len(stale) else ():
            keys = self._staging.read_share(share, ["key_hash"])["key_hash"]
            found += keys.filter(pc.is_in(keys, stale)).chunks
        good = pa.concat_arrays(found)
        return pa.table([good, pa.repeat(False, len(good))], schema=_MARKS)

    def _create(self, side: str, layout: Layout, more: str) -> None:
        columns = ["key_hash bytea"] + [f"{quoted(subject_column(item.name))} bytea" for item in layout.subjects]
        columns += [f"{quoted(item.name)} {_sql_type(item.letter, item.scale)}" for item in layout.plain]
        self._run_sql(f"CREATE TABLE {qualified(side)} ({', '.join([*columns, 'sealed bytea', 'flags text[]', more])})")

    def _drop_stale(self) -> None:
        query = (
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1)"
            " AND relkind = 'r' AND starts_with(relname, $2)"
        )
        for (name,) in self._ask(query, SCHEMA, _side_prefix(self._dataset)):
            self._run_sql(f"DROP TABLE {qualified(name)}")
        self._session.commit()

    def _ingest(self, side: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        with self._session.cursor() as cursor:
            reader = pa.RecordBatchReader.from_batches(schema, batches)
            cursor.adbc_ingest(side, reader, mode="append", db_schema_name=SCHEMA)

    def _run_sql(self, statement: str) -> None:
        with self._session.cursor() as cursor:
            cursor.execute(statement)

    def _ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with self._session.cursor() as cursor:
            cursor.execute(query, values or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _libpq(url: str) -> str:
    """Writes a SQLAlchemy URL for libpq: %20 for a blank, which the one leaves (account) or makes a + (options)."""
    front, mark, options = make_url(url).set(drivername="postgresql").render_as_string(False).partition("?")
    return front.replace(" ", "%20") + mark + options.replace("+", "%20")


def table_name(dataset: str) -> str:
    """Names the dataset's serving table; long names are cut, since PostgreSQL cuts at 63 bytes without a word."""
    if len(dataset) <= 45:
        return dataset
    return f"{dataset[:36]}_{hashlib.sha256(dataset.encode()).hexdigest()[:8]}"


def side_name(dataset: str, run: str, kind: str) -> str:
    """Names a side table of a run."""
    return f"{_side_prefix(dataset)}{hashlib.sha256(f'{run}/{kind}'.encode()).hexdigest()[:8]}"


def _side_prefix(dataset: str) -> str:
    return f"{table_name(dataset)}__side_"


def _sql_type(letter: str, scale: int | None) -> str:
    return f"numeric(38,{scale or 0})" if letter == "N" else _SQL_TYPES[letter]


def qualified(name: str) -> str:
    """Names a serving table with its schema."""
    return f"{SCHEMA}.{quoted(name)}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _ddl(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def served_table(name: str, columns: Sequence[str]) -> TableClause:
    """Returns a serving table for SQLAlchemy."""
    return table(name, *map(column, columns), schema=SCHEMA)


def state_of(comment: str | None) -> State | None:
    """Reads what a serving table says of itself."""
    if not comment:
        return None
    body = json.loads(comment)
    return State(int(body["version"]), Layout.from_text(body["layout"]))


def _numbered(batches: Iterator[pa.RecordBatch], schema: pa.Schema, version: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        versions = pa.array(np.full(batch.num_rows, version), pa.int64())
        yield pa.record_batch([*batch.columns, versions], schema=schema)


def _swap(connection: Connection, name: str, prepared: Prepared) -> None:
    """Puts the loaded side table in the place of the old one, which hands its stale marks over."""
    side = prepared.rows or ""
    old = connection.exec_driver_sql("SELECT to_regclass(%(name)s)", {"name": qualified(name)}).scalar()
    if old is not None:
        fresh, before = served_table(side, ["key_hash", "stale_since"]), served_table(name, ["key_hash", "stale_since"])
        marks = fresh.update().values(stale_since=before.c.stale_since)
        connection.execute(marks.where(fresh.c.key_hash == before.c.key_hash, before.c.stale_since.is_not(None)))
        _ddl(connection, f"DROP TABLE {qualified(name)}")
    _ddl(connection, f"ALTER TABLE {qualified(side)} RENAME TO {quoted(name)}")


def _change(connection: Connection, name: str, prepared: Prepared, version: int) -> bool:
    assert prepared.layout is not None and prepared.rows is not None  # noqa: S101 - kind `changes` has both
    names = [column for column in prepared.layout.served_schema.names if column not in ("version", "stale_since")]
    served, side = served_table(name, [*names, "version", "stale_since"]), served_table(prepared.rows, [*names, "op"])
    same = served.c.key_hash == side.c.key_hash
    deleted = connection.execute(served.delete().where(same, side.c.op == "delete")).rowcount
    values = {**{column: side.c[column] for column in names[1:]}, "version": version, "stale_since": None}
    updated = connection.execute(served.update().values(values).where(same, side.c.op == "update")).rowcount
    fresh = (
        select(*(side.c[column] for column in names))
        .add_columns(literal(version, BigInteger))
        .where(side.c.op == "insert")
    )
    insert = served.insert().from_select([*names, "version"], fresh).execution_options(preserve_rowcount=True)
    return (connection.execute(insert).rowcount, updated, deleted) == prepared.counts


def _mark(connection: Connection, name: str, marks: str, moment: datetime | None) -> None:
    served, side = served_table(name, ["key_hash", "stale_since"]), served_table(marks, ["key_hash", "kept"])
    same = served.c.key_hash == side.c.key_hash
    since = func.coalesce(served.c.stale_since, func.now() if moment is None else moment)
    connection.execute(served.update().values(stale_since=since).where(same, side.c.kept))
    connection.execute(served.update().values(stale_since=None).where(same, side.c.kept.is_(False)))
