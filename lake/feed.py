"""What changed between two published versions, key by key: the rows before and after. Changes nothing.

Reads the change table for the keys and both versions of the table for their rows, one bucket of the key space at a
time, so that memory is bounded by a bucket's changes. Rows are as they rest; opening them is the caller's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.delta import DeltaFolder, LakeFile
from lake.places import Places
from lake.staging import in_share, shares
from lake.table import LakeTable

_KEYS = pa.schema([("key_hash", pa.binary()), ("version", pa.int64())])


@dataclass(frozen=True, slots=True)
class Changed:
    """The changed keys of one bucket with the version of their last change; their rows before and after."""

    keys: pa.Table  # key_hash, version; each key once
    before: pa.Table
    after: pa.Table


class Feed:
    """The changes after hub version `after` up to `until`; `older` and `newer` are these versions of the table."""

    def __init__(self, older: LakeTable, newer: LakeTable, after: int, until: int) -> None:
        self.older, self.newer, self.after, self.until = older, newer, after, until
        self._changes = DeltaFolder(Places(Path(newer.root)).changes(newer.dataset))

    def complete(self, rows: int) -> bool:
        """Says whether the change table still holds all changes in between: `rows` of them, under one layout.

        A new layout begins the change table anew.
        """
        old, new = self.older.layout, self.newer.layout
        if old is None or new is None or old.signature != new.signature:
            return False
        return sum(file.rows for file in self._files()) == rows

    def _files(self) -> list[LakeFile]:
        # A file of the change table is named after the hub version whose change set it holds.
        named = [(int(Path(file.path).name.partition("-")[0]), file) for file in self._changes.files]
        return [file for version, file in named if self.after < version <= self.until]

    def _keys(self) -> pa.Table:
        found = [self._changes.read_file(file, _KEYS.names).cast(_KEYS) for file in self._files()]
        table = pa.concat_tables([_KEYS.empty_table(), *found])
        table = table.filter(
            pc.and_(pc.greater(table["version"], self.after), pc.less_equal(table["version"], self.until))
        )
        return table.group_by("key_hash").aggregate([("version", "max")]).rename_columns(_KEYS.names)

    def __call__(self, columns: Sequence[str]) -> Iterator[Changed]:
        """Yields the changes bucket by bucket with some columns of the table, `key_hash` among them."""
        keys = self._keys()
        files = self.newer.folder.files
        digits = len(files[0].bucket) if files else 1
        for share in shares(digits):
            here = keys.filter(in_share(keys["key_hash"], share)) if keys.num_rows else keys
            if here.num_rows:
                yield Changed(here, _rows(self.older, share, columns, here), _rows(self.newer, share, columns, here))


def _rows(table: LakeTable, share: str, columns: Sequence[str], keys: pa.Table) -> pa.Table:
    found = table.read_prefix(share, columns)
    return found.filter(pc.is_in(found["key_hash"], keys["key_hash"].combine_chunks()))
