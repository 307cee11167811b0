"""Applies a run's change set: new files for the buckets that hold a changed key, one commit, then the change table.

Works one share of the key space at a time. Every step is safe to repeat: files without a commit belong to no version,
and a commit whose hub version is already there is skipped. The change set itself is lake/changeset.py's.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction

from lake import points
from lake.delta import DeltaFolder, LakeFile
from lake.layout import Layout
from lake.parquet import first_bytes
from lake.places import read_json, storing
from lake.rows import RowCoder
from lake.staging import Staging, in_share, shares
from schemas.errors import StateError
from schemas.ports import Faults

#: Rows of a bucket above which the table is cut finer.
BUCKET_ROWS = 200_000
#: Files of a bucket from which on it is written as one again.
BUCKET_FILES = 8
#: Rows of one file of the change table.
CHANGES_ROWS = 200_000
#: Shares written at the same time; reading, filtering and writing Parquet need no interpreter lock.
WRITERS = 2


@dataclass(frozen=True, slots=True)
class Commit:
    """Under which number and for which run a commit is made."""

    version: int
    run_id: str
    faults: Faults

    def reach(self, point: str) -> None:
        """Passes a fault point; a full disk there is a StorageError as anywhere."""
        with storing(point):
            self.faults.reach(point)

    def facts(self) -> dict[str, object]:
        """What the commit says of itself."""
        return {"run": self.run_id, "hub_version": self.version}


@dataclass(slots=True)
class _Plan:
    """What one publish does to the table."""

    folder: DeltaFolder
    staging: Staging
    layout: Layout
    digits: int  # of the table after the commit
    old_digits: int
    coder: RowCoder | None
    name: str
    adds: list[AddAction] = field(default_factory=list)
    removes: list[LakeFile] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Says whether every file is written anew (finer buckets, another layout)."""
        return bool(self.folder.files) and (self.digits != self.old_digits or self.folder.layout != self.layout)


def publish(folder: DeltaFolder, staging: Staging, commit: Commit, coder: RowCoder | None = None) -> int:
    """Commits the change set of `staging`; returns the Delta version, also when it was committed before."""
    folder.refresh()
    if _is_there(folder, commit):
        return int(folder.last_commit.get("version", folder.version or 0))
    facts = read_json(staging.folder / "changeset.json")
    if facts is None or facts["base"] != (folder.hub_version or 0):
        raise StateError("变更集不是对照当前版本得出的", "", "请重新发布该批次", code="CHANGESET_STALE")
    plan = _plan(folder, staging, commit, coder, int(facts["counts"]["after"]))
    units = shares(min(filter(None, (plan.digits, plan.old_digits, staging.digits))))
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(partial(_write_unit, plan), units))
    commit.reach(points.LAKE_FILES_WRITTEN)
    schema = plan.layout.table_schema.insert(0, pa.field("bucket", pa.string()))
    version = folder.commit(plan.adds, plan.removes, plan.layout, schema, commit.facts())
    commit.reach(points.LAKE_COMMITTED)
    return version


def _is_there(folder: DeltaFolder, commit: Commit) -> bool:
    """Says whether this commit was made before; raises StateError when another run made that version."""
    found = folder.hub_version or 0
    if found < commit.version:
        return False
    if found > commit.version or folder.last_commit.get("run", commit.run_id) != commit.run_id:
        raise StateError("湖中已有其他批次提交的同号版本", "", "请先完成该批次的发布", code="LAKE_AHEAD")
    return True


def _same(folder: DeltaFolder, layout: Layout | None) -> Layout | None:
    """Returns the layout to write: the table's own where the new one differs in the order of items alone."""
    held = folder.layout
    return held if held and (layout is None or layout.signature == held.signature) else layout


def _plan(folder: DeltaFolder, staging: Staging, commit: Commit, coder: RowCoder | None, after: int) -> _Plan:
    layout = _same(folder, staging.layout or (coder.layout if coder else None))
    if layout is None:
        raise StateError("批次没有可发布的记录", "", "请确认来源数据后重新同步", code="NOTHING_TO_PUBLISH")
    old = len(folder.files[0].bucket) if folder.files else 0
    digits = max(old, 1)
    while after / 16**digits > BUCKET_ROWS:
        digits += 1
    return _Plan(folder, staging, layout, digits, old, coder, f"{commit.version:06d}-{commit.run_id}")


def _write_unit(plan: _Plan, unit: str) -> None:
    """Writes the new files of the buckets under one hex prefix."""
    changed = _changes(plan.staging, unit)
    if not plan.whole and (changed is None or not changed.num_rows):
        return
    fresh = _fresh(plan, unit, changed)
    dead = pa.array([], pa.binary())
    if changed is not None:
        dead = changed.filter(pc.not_equal(changed["op"], "insert"))["key_hash"].combine_chunks()
    if plan.whole:
        files = [file for file in plan.folder.files if file.bucket.startswith(unit)]
        stay = [_stay(plan, file, dead, unit) for file in files]
        plan.removes.extend(files)
        _write_buckets(plan, pa.concat_tables([*stay, fresh]))
        return
    for bucket in _buckets(pa.concat_arrays([dead, _keys(fresh)]), plan.digits):
        _write_bucket(plan, bucket, fresh, dead)


def _write_bucket(plan: _Plan, bucket: str, fresh: pa.Table, dead: pa.Array) -> None:
    rows = fresh.filter(in_share(fresh["key_hash"], bucket))
    gone = dead.filter(in_share(dead, bucket))
    files = [file for file in plan.folder.files if file.bucket == bucket]
    if len(gone) or len(files) >= BUCKET_FILES:
        rows = pa.concat_tables([*(_stay(plan, file, gone, bucket) for file in files), rows])
        plan.removes.extend(files)
    if rows.num_rows:
        plan.adds.append(plan.folder.write_file(rows, f"{plan.name}.parquet", bucket))


def _write_buckets(plan: _Plan, rows: pa.Table) -> None:
    for bucket in _buckets(_keys(rows), plan.digits):
        part = rows.filter(in_share(rows["key_hash"], bucket))
        plan.adds.append(plan.folder.write_file(part, f"{plan.name}.parquet", bucket))


def _stay(plan: _Plan, file: LakeFile, dead: pa.Array, unit: str) -> pa.Table:
    """Returns the rows of an old file that go on, under the new layout."""
    table = plan.folder.read_file(file)
    if len(unit) > len(file.bucket):
        table = table.filter(in_share(table["key_hash"], unit))
    if len(dead):
        table = table.filter(pc.invert(pc.is_in(table["key_hash"], dead)))
    old = plan.folder.layout
    if old is None or old == plan.layout or not table.num_rows:
        table = table if table.num_rows else plan.layout.table_schema.empty_table()
        return table.select(plan.layout.table_schema.names).cast(plan.layout.table_schema)
    if plan.coder is None:
        raise StateError("数据项清单已变更，须重写已发布数据", "", "请按新的目录版本重新发布", code="LAYOUT_CHANGED")
    schema = plan.layout.table_schema
    return pa.Table.from_batches([plan.coder.recode(batch, old) for batch in table.to_batches()], schema)


def _fresh(plan: _Plan, unit: str, changed: pa.Table | None) -> pa.Table:
    schema = plan.layout.table_schema
    if changed is None:
        return schema.empty_table()
    rows = changed["row"].drop_null().combine_chunks()
    if not len(rows):
        return schema.empty_table()
    found = [plan.staging.read_share(share, schema.names, rows=rows) for share in _under(plan.staging, unit)]
    table = pa.concat_tables([part for part in found if part.num_rows] or [schema.empty_table()])
    return table.cast(schema)


def _changes(staging: Staging, unit: str) -> pa.Table | None:
    found = [staging.read_side("changes", share) for share in _under(staging, unit)]
    tables = [table for table in found if table is not None]
    return pa.concat_tables(tables) if tables else None


def _under(staging: Staging, unit: str) -> Iterator[str]:
    return (share for share in staging.shares() if share.startswith(unit))


def _keys(table: pa.Table) -> pa.Array:
    return pa.concat_arrays([*table["key_hash"].chunks, pa.array([], pa.binary())])


def _buckets(keys: pa.Array, digits: int) -> Iterable[str]:
    numbers = np.unique(first_bytes(keys, 4) >> np.uint32(32 - 4 * digits))
    return [f"{number:0{digits}x}" for number in numbers.tolist()]


def append_changes(folder: DeltaFolder, staging: Staging, commit: Commit) -> int | None:
    """Appends the change set to the change table under the same hub version; a new layout begins it anew."""
    folder.refresh()
    if _is_there(folder, commit):
        return folder.version
    layout = _same(folder, staging.layout)
    if layout is None:
        return None
    adds: list[AddAction] = []
    for number, table in enumerate(_pages(change_batches(staging, layout, commit.version))):
        adds.append(folder.write_file(table, f"{commit.version:06d}-{commit.run_id}-{number:05d}.parquet"))
    commit.reach(points.CHANGES_FILES_WRITTEN)
    version = folder.commit(adds, (), layout, layout.changes_schema, commit.facts())
    commit.reach(points.CHANGES_COMMITTED)
    return version


def change_batches(staging: Staging, layout: Layout, version: int) -> Iterator[pa.Table]:
    """Yields the change set share by share as rows of the change table; a deletion has its key hash alone."""
    for share in staging.shares():
        changes = staging.read_side("changes", share)
        if changes is None or not changes.num_rows:
            continue
        gone = changes.filter(pc.is_null(changes["row"]))
        if gone.num_rows:
            yield _deletions(gone, layout, version)
        rows = changes["row"].combine_chunks()
        if gone.num_rows < changes.num_rows:
            table = staging.read_share(share, ["row", *layout.table_schema.names], rows=rows.drop_null())
            ops = changes["op"].combine_chunks().take(pc.index_in(table["row"].combine_chunks(), rows))
            yield _as_changes(table.drop_columns(["row"]), ops, layout, version)


def _deletions(gone: pa.Table, layout: Layout, version: int) -> pa.Table:
    schema = layout.table_schema
    columns = [gone["key_hash"] if f.name == "key_hash" else pa.nulls(gone.num_rows, f.type) for f in schema]
    return _as_changes(pa.table(columns, schema=schema), gone["op"], layout, version)


def _as_changes(rows: pa.Table, ops: pa.Array, layout: Layout, version: int) -> pa.Table:
    versions = pa.array(np.full(rows.num_rows, version), pa.int64())
    return pa.table([*rows.columns, ops, versions], schema=layout.changes_schema)


def _pages(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    page: list[pa.Table] = []
    for table in tables:
        page.append(table)
        if sum(part.num_rows for part in page) >= CHANGES_ROWS:
            yield pa.concat_tables(page)
            page = []
    if page:
        yield pa.concat_tables(page)
