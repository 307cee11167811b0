"""The uniqueness pass: which of a run's rows with equal keys go on. Sees numbers, keyed hashes, times, marks.

Equal key and digest: the first stays, the others are duplicates. Equal key, other digest: all conflict, unless rows
have an order: then the newest wins, the others are `older`, and a tie of different rows conflicts. In change_flag the
last change wins, by time and then by row where the reading's order is that of the changes; where it is not, changes of
one moment go I before U before D, and what that does not tell conflicts (two updates; a deletion and an insertion).
Rows without a key are told apart by their ordinal among equal digests; nothing is dropped.
"""

from dataclasses import asdict, dataclass

import duckdb
import pyarrow as pa

from lake.parquet import SharedWriter
from lake.places import read_json, storing, whole, write_json
from lake.rows import STEM
from lake.staging import Staging
from schemas.entry import Mode
from schemas.errors import StorageError

_COLUMNS = ["row", "key_hash", "digest", "time", "op"]
_DROPPED = pa.schema([("row", pa.int64()), ("why", pa.string()), ("key_hash", pa.binary())])
_ORDINALS = pa.schema([("row", pa.int64()), ("key_hash", pa.binary())])

_TWICE = """
WITH twice AS (SELECT * FROM part WHERE key_hash IN (SELECT key_hash FROM part GROUP BY key_hash HAVING count(*) > 1))
"""
_UNORDERED = (
    _TWICE
    + """
, ranked AS (
  SELECT row, key_hash,
         row_number() OVER (PARTITION BY key_hash, digest ORDER BY row) AS copy,
         count(DISTINCT digest) OVER (PARTITION BY key_hash) AS kinds
  FROM twice)
SELECT row, CASE WHEN copy > 1 THEN 'duplicate' ELSE 'conflict' END AS why, key_hash
FROM ranked WHERE copy > 1 OR kinds > 1
"""
)
_ORDERED = (
    _TWICE
    + """
, ranked AS (SELECT *, rank() OVER (PARTITION BY key_hash ORDER BY time DESC NULLS LAST) AS age FROM twice),
newest AS (
  SELECT row, key_hash,
         row_number() OVER (PARTITION BY key_hash, digest ORDER BY row) AS copy,
         count(DISTINCT digest) OVER (PARTITION BY key_hash) AS kinds
  FROM ranked WHERE age = 1)
SELECT row, 'older' AS why, key_hash FROM ranked WHERE age > 1
UNION ALL
SELECT row, CASE WHEN copy > 1 THEN 'duplicate' ELSE 'conflict' END, key_hash FROM newest WHERE copy > 1 OR kinds > 1
"""
)
_CHANGES = (
    _TWICE
    + """
, ranked AS (
  SELECT row, key_hash, row_number() OVER (PARTITION BY key_hash ORDER BY time DESC NULLS LAST, row DESC) AS age
  FROM twice)
SELECT row, 'older' AS why, key_hash FROM ranked WHERE age > 1
"""
)
_CHANGES_OF_A_MOMENT = (
    _TWICE
    + """
, ranked AS (SELECT *, rank() OVER (PARTITION BY key_hash ORDER BY time DESC NULLS LAST) AS age FROM twice),
newest AS (
  SELECT *, CASE WHEN bool_or(op = 'D') OVER keys AND bool_or(op = 'I') OVER keys THEN NULL
                 WHEN bool_or(op = 'D') OVER keys THEN 'D'
                 WHEN bool_or(op = 'U') OVER keys THEN 'U' ELSE 'I' END AS last
  FROM ranked WHERE age = 1 WINDOW keys AS (PARTITION BY key_hash)),
told AS (
  SELECT row, key_hash, op, last,
         count(DISTINCT CASE WHEN op = last AND last <> 'D' THEN digest END) OVER (PARTITION BY key_hash) AS kinds,
         row_number() OVER (PARTITION BY key_hash, op ORDER BY row DESC) AS copy
  FROM newest)
SELECT row, 'older' AS why, key_hash FROM ranked WHERE age > 1
UNION ALL
SELECT row, CASE WHEN last IS NULL OR kinds > 1 THEN 'conflict' ELSE 'older' END, key_hash
FROM told WHERE last IS NULL OR kinds > 1 OR op <> last OR copy > 1
"""
)
_APPENDED = (
    _TWICE
    + """
SELECT row, key_hash, row_number() OVER (PARTITION BY key_hash ORDER BY row) - 1 AS ordinal
FROM twice QUALIFY ordinal > 0
"""
)


@dataclass(frozen=True, slots=True)
class Settled:
    """Counts of the uniqueness pass. `duplicates` is the ledger's number and includes the `older` ones."""

    duplicates: int
    conflicts: int
    older: int


def settle(
    staging: Staging,
    duck: duckdb.DuckDBPyConnection,
    *,
    mode: Mode,
    ordered: bool,
    append_only: bool | None = None,
    rows_in_order: bool = True,
) -> Settled:
    """Settles the run's keys share by share and writes `dropped.parquet`. A second call returns the same.

    `rows_in_order` says that changes of one moment follow each other in the reading as they did at the source.
    """
    done = read_json(staging.folder / "settle.json")
    if done is not None:
        return Settled(**done)
    if append_only is None:
        append_only = staging.layout is not None and not staging.layout.row_key
    counts = {"duplicate": 0, "conflict": 0, "older": 0}
    name, schema = ("ordinals", _ORDINALS) if append_only else ("dropped", _DROPPED)
    query = _query(mode, ordered=ordered, append_only=append_only, rows_in_order=rows_in_order)
    path = staging.folder / f"{name}.parquet"
    with storing(path.name), whole(path) as half, SharedWriter(half, schema, staging.digits) as writer:
        for share in staging.shares():
            part = staging.read_share(share, _COLUMNS, settled=False)
            if len(part["key_hash"].unique()) == part.num_rows:
                continue
            found = ask(duck, query, part=part)
            if append_only:
                found = _numbered(found)
            else:
                for pair in found["why"].value_counts().to_pylist():
                    counts[pair["values"]] += pair["counts"]
            writer.write(share, found.select(schema.names).cast(schema))
    settled = Settled(counts["duplicate"] + counts["older"], counts["conflict"], counts["older"])
    write_json(staging.folder / "settle.json", asdict(settled))
    return settled


def _query(mode: Mode, *, ordered: bool, append_only: bool, rows_in_order: bool) -> str:
    if append_only:
        return _APPENDED
    if mode == "change_flag":
        return _CHANGES if rows_in_order else _CHANGES_OF_A_MOMENT
    return _ORDERED if ordered else _UNORDERED


def ask(duck: duckdb.DuckDBPyConnection, query: str, **tables: pa.Table) -> pa.Table:
    """Runs a query of this room over Arrow tables; a failure says its class alone."""
    try:
        for name, table in tables.items():
            duck.register(name, table)
        return duck.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise StorageError(f"比对数据时出错（{type(error).__name__}）", "", "请检查磁盘和内存后重试") from None
    finally:
        for name in tables:
            duck.unregister(name)


def _numbered(found: pa.Table) -> pa.Table:
    pairs = zip(found["key_hash"].to_pylist(), found["ordinal"].to_pylist(), strict=True)
    hashes = pa.array([key[:STEM] + ordinal.to_bytes(32 - STEM, "big") for key, ordinal in pairs], pa.binary())
    return pa.table({"row": found["row"], "key_hash": hashes})
