"""A dataset's published rows: what the table holds at a version, streamed, and the ways it changes.

Readers see one whole version, old or new. Changes come through lake/publish.py alone.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.delta import DeltaFolder
from lake.layout import DIGEST, KEY_HASH, Layout
from lake.places import Places
from lake.publish import Commit, append_changes, publish
from lake.rows import RowCoder
from lake.staging import Staging, in_share
from schemas.errors import NotFound
from schemas.ports import Faults

NO_KEYS = pa.schema([KEY_HASH, DIGEST])


class LakeTable:
    """The published rows of a dataset, at the present version or as of an older one."""

    def __init__(self, root: Path, dataset: str, version: int | datetime | None = None) -> None:
        self.root, self.dataset = Path(root), dataset
        places = Places(self.root)
        self.folder = DeltaFolder(places.table(dataset), version)
        self.changes = DeltaFolder(places.changes(dataset))

    def delta_version(self) -> int | None:
        """Returns the table's Delta version; None when nothing was published yet."""
        return self.folder.version

    @property
    def base(self) -> int:
        """The hub's version that the table holds; 0 when nothing was published yet."""
        return self.folder.hub_version or 0

    @property
    def last_run(self) -> str | None:
        """The run that made the present version."""
        return self.folder.last_commit.get("run")

    @property
    def layout(self) -> Layout | None:
        """The layout of the version; None when nothing was published yet."""
        return self.folder.layout

    def rows(self) -> int:
        """Counts the rows from the log alone."""
        return sum(file.rows for file in self.folder.files)

    def keys(self, share: str) -> pa.Table:
        """Returns (key_hash, digest) of one share of the key space."""
        return self.read_prefix(share, ["key_hash", "digest"])

    def keys_near(self, share: str, wanted: pa.Array) -> tuple[pa.Table, int]:
        """Returns (key_hash, digest) of the `wanted` keys of one share, and how many other rows the share has."""
        files = [file for file in self.folder.files if file.bucket.startswith(share)]
        if not files:  # buckets wider than the share
            table = self.keys(share)
            near = table.filter(pc.is_in(table["key_hash"], wanted))
            return near, table.num_rows - near.num_rows
        buckets = {key.hex()[: len(files[0].bucket)] for key in wanted.to_pylist()}
        read = [self.folder.read_file(file, ["key_hash", "digest"]) for file in files if file.bucket in buckets]
        found = [table.filter(pc.is_in(table["key_hash"], wanted)) for table in read]
        near = pa.concat_tables([NO_KEYS.empty_table(), *found])
        return near, sum(file.rows for file in files) - near.num_rows

    def read_prefix(self, prefix: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Returns the rows whose key hash starts with these hex digits."""
        found = []
        for file in self.folder.files:
            if file.bucket.startswith(prefix):
                found.append(self.folder.read_file(file, columns))
            elif prefix.startswith(file.bucket):
                table = self.folder.read_file(file, columns)
                found.append(table.filter(in_share(table["key_hash"], prefix)))
        if found:
            return pa.concat_tables(found)
        schema = self.layout.table_schema if self.layout else NO_KEYS
        return schema.empty_table().select(list(columns)) if columns else schema.empty_table()

    def read(
        self,
        as_of_delta_version: int | None = None,
        columns: Sequence[str] | None = None,
        key_hashes: Sequence[bytes] | None = None,
        batch_rows: int = 50_000,
    ) -> pa.RecordBatchReader:
        """Streams the rows of a version: some columns of the table, some keys (only their buckets are read)."""
        if as_of_delta_version is not None and as_of_delta_version != self.delta_version():
            return LakeTable(self.root, self.dataset, as_of_delta_version).read(None, columns, key_hashes, batch_rows)
        if self.layout is None:
            raise NotFound("数据集尚未发布", "", "请先同步该数据集", code="DATASET_NOT_PUBLISHED")
        schema = self.layout.table_schema
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        return pa.RecordBatchReader.from_batches(schema, self._stream(schema, key_hashes, batch_rows))

    def _stream(self, schema: pa.Schema, keys: Sequence[bytes] | None, rows: int) -> Iterator[pa.RecordBatch]:
        wanted = None if keys is None else pa.array(keys, pa.binary())
        prefixes = None if keys is None else {key.hex() for key in keys}
        names = list(schema.names)
        read = names if wanted is None or "key_hash" in names else [*names, "key_hash"]
        for file in self.folder.files:
            if prefixes is not None and not any(prefix.startswith(file.bucket) for prefix in prefixes):
                continue
            for batch in self.folder.batches(file, read, rows):
                found = batch if wanted is None else batch.filter(pc.is_in(batch.column("key_hash"), wanted))
                if found.num_rows:
                    yield found.select(names).cast(schema)

    def vacuum(self, keep: Sequence[int] = (), hours: int = 168) -> list[str]:
        """Removes files no longer needed (see DeltaFolder.vacuum); call it under the dataset's lock."""
        return [*self.folder.vacuum(keep, hours), *self.changes.vacuum((), hours)]

    def publish(
        self, staging: Staging, *, version: int, run_id: str, faults: Faults, coder: RowCoder | None = None
    ) -> int:
        """Applies the run's change set as the hub's `version` and returns the Delta version; a repeat returns the same.

        `coder` is needed when the entry's layout changed: rows that stay are opened and sealed anew in that commit.
        """
        return publish(self.folder, staging, Commit(version, run_id, faults), coder)

    def append_changes(self, staging: Staging, *, version: int, run_id: str, faults: Faults) -> int | None:
        """Appends the run's change set to the change table; a repeat appends nothing. None: nothing ever changed."""
        return append_changes(self.changes, staging, Commit(version, run_id, faults))
