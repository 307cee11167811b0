"""The change set of a run: what must be inserted, updated and deleted so that the table holds what the batch says.

Compares (key hash, digest) only, one share of the key space at a time, and writes `changes.parquet` (`key_hash`, `op`,
`row`) and `kept.parquet` once into the run's staging. Changes no table.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.parquet import SharedWriter
from lake.places import read_json, storing, whole, write_json
from lake.settle import ask
from lake.staging import Staging, in_share
from lake.table import LakeTable
from schemas.entry import Mode
from schemas.errors import StateError

CHANGES = pa.schema([("key_hash", pa.binary()), ("op", pa.string()), ("row", pa.int64())])
KEPT = pa.schema([("key_hash", pa.binary())])
#: Compares one share: the changes found in it, and how many published rows it did not look at.
Compare = Callable[[str], tuple[pa.Table, int]]
_STAGED = ["row", "key_hash", "digest", "op"]

# A key that is both rejected and accepted in one batch is accepted: `kept` asks only for keys without a staged row.
_COMPARE = """
SELECT coalesce(s.key_hash, p.key_hash) AS key_hash,
       CASE WHEN $marked AND s.op = 'D' THEN NULL ELSE s.row END AS row,  -- a deletion publishes no row
       CASE
         WHEN s.key_hash IS NULL AND k.key_hash IS NOT NULL THEN 'kept'
         WHEN s.key_hash IS NULL AND $absent THEN 'delete'
         WHEN s.key_hash IS NULL THEN 'left'
         WHEN $marked AND s.op = 'D' AND p.key_hash IS NULL THEN 'gone'
         WHEN $marked AND s.op = 'D' THEN 'delete'
         WHEN p.key_hash IS NULL THEN 'insert'
         WHEN s.digest = p.digest THEN 'unchanged'
         ELSE 'update'
       END AS op
FROM staged s FULL JOIN published p ON s.key_hash = p.key_hash LEFT JOIN kept k ON k.key_hash = p.key_hash
"""


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """Counts of a change set. `unchanged` includes deletions of keys that were not there (change_flag)."""

    inserted: int
    updated: int
    deleted: int
    unchanged: int
    kept: int
    before: int
    after: int

    @property
    def empty(self) -> bool:
        """Says whether nothing changes; such a run makes no commit."""
        return not (self.inserted or self.updated or self.deleted)


def derive(
    table: LakeTable,
    staging: Staging,
    duck: duckdb.DuckDBPyConnection,
    *,
    mode: Mode,
    kept_keys_file: Path | None = None,
) -> ChangeCounts:
    """Derives the change set of a settled run against the published version; repeated, it returns what it wrote.

    Kept keys come from the run's rejected rows (`Staging.write_rejected_keys`), its conflicts, and `kept_keys_file`
    (Parquet with a column `key_hash`).
    """
    done = _done(table, staging)
    if done is not None:
        return done
    read_kept = _KeptKeys(staging, kept_keys_file)
    query = _COMPARE.replace("$absent", str(mode == "snapshot")).replace("$marked", str(mode == "change_flag"))

    def compare(share: str) -> tuple[pa.Table, int]:
        staged, kept, left = staging.read_share(share, _STAGED), read_kept(share), 0
        if mode == "snapshot":
            published = table.keys(share)
        else:
            published, left = table.keys_near(share, pa.concat_arrays([*_chunks(staged), *_chunks(kept)]))
        if not published.num_rows:
            return _all_new(staged, marked=mode == "change_flag"), left
        return ask(duck, query, staged=staged, published=published, kept=kept), left

    counts = _write(table, staging, compare)
    accepted = staging.rows - len(staging.dropped_rows("duplicate"))
    accepted -= len(staging.dropped_rows("older")) + len(staging.dropped_rows("conflict"))
    balanced = counts.inserted + counts.updated + counts.unchanged + (counts.deleted if mode == "change_flag" else 0)
    if balanced != accepted:
        raise StateError("变更集与通过校验的记录数不平", "", "请重新校验该批次并联系运维", code="LEDGER")
    return counts


def _done(table: LakeTable, staging: Staging) -> ChangeCounts | None:
    facts = read_json(staging.folder / "changeset.json")
    if facts is None:
        return None
    # Written against another version than the present one, and not because this run's own commit came since.
    if facts["base"] != table.base and table.last_run != staging.run:
        return None
    return ChangeCounts(**facts["counts"])


def _all_new(staged: pa.Table, *, marked: bool) -> pa.Table:
    gone = pc.fill_null(pc.equal(staged["op"], "D"), False) if marked else pa.scalar(False)
    ops = pc.if_else(gone, "gone", pa.repeat("insert", staged.num_rows))
    return pa.table({"key_hash": staged["key_hash"], "row": staged["row"], "op": ops})


def _chunks(table: pa.Table) -> list[pa.Array]:
    return [pa.array([], pa.binary()), *table["key_hash"].chunks]


class _KeptKeys:
    """The key hashes of rejected rows, share by share."""

    def __init__(self, staging: Staging, more: Path | None) -> None:
        self._staging = staging
        paths = [*staging.rejected_keys(), *([more] if more else [])]
        with storing("rejected"):
            tables = [pq.read_table(path, columns=["key_hash"]).cast(KEPT) for path in paths]
        self._rejected = pa.concat_tables([KEPT.empty_table(), *tables])["key_hash"].drop_null()

    def __call__(self, share: str) -> pa.Table:
        parts = [self._rejected.filter(in_share(self._rejected, share))]
        dropped = self._staging.read_side("dropped", share)
        if dropped is not None:
            parts.append(dropped.filter(pc.equal(dropped["why"], "conflict"))["key_hash"])
        chunks = [chunk for part in parts for chunk in part.chunks]
        return pa.table({"key_hash": pa.chunked_array(chunks, pa.binary()).unique()})


def _write(table: LakeTable, staging: Staging, compare: Compare) -> ChangeCounts:
    before, counts = table.rows(), dict.fromkeys(("insert", "update", "delete", "unchanged", "gone", "kept", "left"), 0)
    folder, digits = staging.folder, staging.digits
    with ExitStack() as stack:
        stack.enter_context(storing("changes.parquet"))
        half = stack.enter_context(whole(folder / "changes.parquet"))
        other = stack.enter_context(whole(folder / "kept.parquet"))
        changes = stack.enter_context(SharedWriter(half, CHANGES, digits))
        kept = stack.enter_context(SharedWriter(other, KEPT, digits))
        for share in staging.shares():
            found, left = compare(share)
            counts["left"] += left
            for pair in found["op"].value_counts().to_pylist():
                counts[pair["values"]] += pair["counts"]
            changed = found.filter(pc.is_in(found["op"], pa.array(["insert", "update", "delete"])))
            changes.write(share, changed.select(CHANGES.names).cast(CHANGES))
            kept.write(share, found.filter(pc.equal(found["op"], "kept")).select(KEPT.names).cast(KEPT))
    result = ChangeCounts(
        inserted=counts["insert"],
        updated=counts["update"],
        deleted=counts["delete"],
        unchanged=counts["unchanged"] + counts["gone"],
        kept=counts["kept"],
        before=before,
        after=before + counts["insert"] - counts["delete"],
    )
    _check(counts, before)
    facts: dict[str, Any] = {"base": table.base, "counts": asdict(result)}
    write_json(folder / "changeset.json", facts)
    return result


def _check(counts: dict[str, int], before: int) -> None:
    seen = counts["update"] + counts["delete"] + counts["unchanged"] + counts["kept"] + counts["left"]
    if seen != before:
        raise StateError("已发布版本的记录数与变更集不平", "", "请停止发布并联系运维核对", code="LEDGER")


_DIFFER = """
SELECT coalesce(o.key_hash, n.key_hash) AS key_hash, o.row AS row,
       CASE
         WHEN o.key_hash IS NULL THEN 'delete'
         WHEN n.key_hash IS NULL THEN 'insert'
         WHEN o.digest = n.digest THEN 'unchanged'
         ELSE 'update'
       END AS op
FROM older o FULL JOIN present n ON o.key_hash = n.key_hash
"""


def derive_rollback(
    table: LakeTable, staging: Staging, duck: duckdb.DuckDBPyConnection, to_delta_version: int
) -> ChangeCounts:
    """Fills fresh staging with the rows and the change set that make the table equal its version `to_delta_version`.

    It is published like any other run; a version of another layout brings its layout back. Repeated, it returns what it
    wrote. Raises NotFound when the version is not there any more.
    """
    done = _done(table, staging)
    if done is not None:
        return done
    older = LakeTable(table.root, table.dataset, to_delta_version)
    staging.begin(max(table.rows(), older.rows()))

    def compare(share: str) -> tuple[pa.Table, int]:
        rows = older.read_prefix(share)
        first = int(share, 16) << 40  # row numbers tell shares apart; a share never holds as many rows
        numbers = pa.array(range(first, first + rows.num_rows), pa.int64())
        older_keys = rows.select(["key_hash", "digest"]).append_column("row", numbers)
        found = ask(duck, _DIFFER, older=older_keys, present=table.keys(share))
        wanted = found.filter(pc.is_in(found["op"], pa.array(["insert", "update"])))["row"].combine_chunks()
        picked = rows.append_column("row", numbers).filter(pc.is_in(numbers, wanted))
        staging.write_part(int(share, 16), _as_staged(picked, older))
        return found, 0

    counts = _write(table, staging, compare)
    staging.finish({"rollback_to": to_delta_version})
    return counts


def _as_staged(rows: pa.Table, older: LakeTable) -> pa.Table:
    assert older.layout is not None  # noqa: S101 - a version that was read has one
    schema = older.layout.staging_schema
    marks = {"op": pa.nulls(rows.num_rows, pa.string()), "time": pa.nulls(rows.num_rows, schema.field("time").type)}
    return pa.table([marks[n] if n in marks else rows[n] for n in schema.names], schema=schema)
