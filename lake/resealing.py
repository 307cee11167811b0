"""Sealed values of a dataset's files: under which keys they are, and their rewriting under the present one.

Rewritten files go in as commits of the same hub version, a few files a commit: readers see no other content, and what
is cut off leaves whole files that the next try finds done. Decides nothing about keys and holds none.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from lake.delta import DeltaFolder, LakeFile
from lake.layout import Layout
from lake.places import Places, storing
from lake.rows import RowCoder

#: Files rewritten in one commit.
STEP_FILES = 8
#: Enough of a sealed value to read its key's name.
HEAD_BYTES = 24
#: Says whether a value is under the present key.
Current = Callable[[bytes], bool]


def parquet_heads(root: Path) -> Iterator[tuple[str, str, pa.Array]]:
    """Yields (kind, dataset, first bytes of sealed values) of every Parquet file: old versions and staging, too."""
    for kind in ("tables", "staging"):
        for path in sorted((root / kind).rglob("*.parquet")) if (root / kind).is_dir() else ():
            dataset = path.relative_to(root / kind).parts[0]
            for batch in _sealed(path):
                yield kind, dataset, pc.binary_slice(batch.drop_null(), 0, HEAD_BYTES)


def _sealed(path: Path) -> Iterator[pa.Array]:
    try:
        with storing(path.name), pq.ParquetFile(path) as file:
            if "sealed" in file.schema_arrow.names:
                for batch in file.iter_batches(columns=["sealed"]):
                    yield batch.column("sealed")
    except FileNotFoundError:  # cleared since the folder was listed
        return


def folders(root: Path, dataset: str) -> tuple[DeltaFolder, DeltaFolder]:
    """Returns the dataset's table and its change table."""
    places = Places(root)
    return DeltaFolder(places.table(dataset)), DeltaFolder(places.changes(dataset))


def reseal_step(folder: DeltaFolder, coder: RowCoder, current: Current, kid: str) -> int:
    """Rewrites the next few files that hold a value under another key, in one commit; returns how many, 0 at the end.

    Call it under the dataset's lock.
    """
    folder.refresh()
    layout = folder.layout
    if layout is None or not layout.sealed or folder.hub_version is None:
        return 0
    stale = []
    for file in folder.files:
        if _is_stale(folder, file, current):
            stale.append(file)
            if len(stale) == STEP_FILES:
                break
    if not stale:
        return 0
    adds = [_rewrite(folder, file, coder, layout, kid) for file in stale]
    partitioned = any(file.bucket for file in stale)
    bucket = pa.field("bucket", pa.string())
    schema = layout.table_schema.insert(0, bucket) if partitioned else layout.changes_schema
    facts = {"run": folder.last_commit.get("run"), "hub_version": folder.hub_version, "reseal": kid}
    folder.commit(adds, stale, layout, schema, facts)
    return len(stale)


def _is_stale(folder: DeltaFolder, file: LakeFile, current: Current) -> bool:
    for batch in folder.batches(file, ["sealed"], 100_000):
        # The generation alone is asked for: with it cut there, few values differ.
        heads = pc.unique(pc.binary_slice(batch.column("sealed").drop_null(), 0, 6))
        if not all(current(head) for head in heads.to_pylist()):
            return True
    return False


def _rewrite(folder: DeltaFolder, file: LakeFile, coder: RowCoder, layout: Layout, kid: str) -> AddAction:
    table = folder.read_file(file).combine_chunks()
    sealed, keys = (table[name].combine_chunks() for name in ("sealed", "key_hash"))
    at = table.schema.get_field_index("sealed")
    table = table.set_column(at, table.schema.field(at), coder.reseal(_one(sealed), _one(keys), layout))
    # The hub version stays the first word of the name: the feed finds a version's changes by it.
    version = Path(file.path).name.partition("-")[0]
    mark = hashlib.sha256(file.path.encode()).hexdigest()[:16]
    return folder.write_file(table, f"{version}-{kid}-{mark}.parquet", file.bucket or None)


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def last_reseal(folder: DeltaFolder) -> tuple[int, int] | None:
    """Returns (hub version, Delta version) when the last commit of data was a rewriting, None otherwise."""
    last = folder.last_commit
    if "reseal" not in last or folder.hub_version is None:
        return None
    return folder.hub_version, int(last["version"])
