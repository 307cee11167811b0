"""A run's accepted rows before they are published, grouped by shares of the key space. Decides nothing about them.

Each part holds its rows sorted by share (the first hex digits of the key hash), one share after the other, so that the
passes that follow (uniqueness, change set, bucket rewrite) read one share of all parts at a time and memory is bounded
by the share, not by the run. No plaintext of a sealed item comes here, and the files carry no statistics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.layout import LAYOUT_KEY, Layout
from lake.parquet import Footers, SharedFile, SharedWriter, first_bytes, write_options
from lake.places import Places, clear_folder, fsync_folder, read_json, remove_folder, storing, whole, write_json
from schemas.errors import StateError

#: Rows of a run from which on the key space is cut into 256 shares instead of 16.
WIDE = 4_000_000
Rows = npt.NDArray[np.int64]


class Staging:
    """The folder `staging/<dataset>/<run>`. Several processes may write parts of it at the same time."""

    def __init__(self, root: Path, dataset: str, run: str) -> None:
        self.dataset, self.run = dataset, run
        self.folder = Places(Path(root)).folder("staging", dataset, run)
        self._footers = Footers()

    def begin(self, expected_rows: int | None = None) -> None:
        """Starts anew: removes what an earlier try left. `expected_rows` sets how finely the key space is cut."""
        clear_folder(self.folder)
        write_json(self.folder / "begun.json", {"digits": 2 if (expected_rows or 0) > WIDE else 1})

    def write_part(self, index: int, rows: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch]) -> int:
        """Writes the accepted rows of one landing part, whole or not at all; safe to repeat. Returns the row count."""
        table = _table(rows)
        if table is None or table.num_rows == 0:
            return 0
        path = self.folder / f"accepted-{index:05d}.parquet"
        with storing(path.name), whole(path) as half, SharedWriter(half, table.schema, self.digits) as writer:
            writer.write_mixed(table)
        return int(table.num_rows)

    def write_rejected_keys(self, index: int, key_hashes: pa.Array | pa.ChunkedArray) -> None:
        """Writes the row key hashes of one part's rejected rows (nulls are left out); they keep their published row."""
        hashes = pc.drop_null(key_hashes)
        path = self.folder / f"rejected-{index:05d}.parquet"
        if len(hashes):
            with storing(path.name), whole(path) as half:
                table = pa.table({"key_hash": hashes})
                pq.write_table(table, half, **write_options(table.schema))

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Says that all parts are there; `facts` hold no personal value."""
        fsync_folder(self.folder)
        counted = {path.name: pq.ParquetFile(path).metadata.num_rows for path in self.folder.glob("accepted-*.parquet")}
        write_json(
            self.folder / "staging.json", {"rows": sum(counted.values()), "parts": counted, "facts": dict(facts)}
        )

    def remove(self) -> None:
        """Removes the folder."""
        remove_folder(self.folder)

    @property
    def finished(self) -> bool:
        """Says whether `finish` was reached."""
        return (self.folder / "staging.json").is_file()

    @property
    def digits(self) -> int:
        """Hex digits of the key hash that name a share."""
        begun = read_json(self.folder / "begun.json")
        if begun is None:
            raise StateError("暂存区尚未建立", "", "请重新校验该批次", code="STAGING_MISSING")
        return int(begun["digits"])

    @property
    def facts(self) -> dict[str, Any]:
        """What `finish` was given; raises StateError before."""
        return dict(self._manifest()["facts"])

    @property
    def rows(self) -> int:
        """Counts the accepted rows, duplicates and conflicts included."""
        return int(self._manifest()["rows"])

    @property
    def layout(self) -> Layout | None:
        """The layout of the rows; None when there is no row."""
        files = self.accepted_files()
        text = pq.read_schema(files[0]).metadata.get(LAYOUT_KEY.encode()) if files else None
        return Layout.from_text(text.decode()) if text else None

    def accepted_files(self) -> list[Path]:
        """Lists the parts in order; raises StateError when one is missing."""
        files = [self.folder / name for name in sorted(self._manifest()["parts"])]
        if not all(file.is_file() for file in files):
            raise StateError("暂存文件不全", "", "请重新校验该批次", code="STAGING_MISSING")
        return files

    def _manifest(self) -> dict[str, Any]:
        manifest = read_json(self.folder / "staging.json")
        if manifest is None:
            raise StateError("该批次尚未校验完毕", "", "请重新校验该批次", code="STAGING_MISSING")
        return manifest

    def shares(self) -> Iterator[str]:
        """Yields the names of all shares in key order."""
        yield from shares(self.digits)

    def read_share(
        self, share: str, columns: Sequence[str] | None = None, *, rows: pa.Array | None = None, settled: bool = True
    ) -> pa.Table:
        """Returns the rows of one share: without dropped ones, with final keys when `settled`; `rows` picks."""
        wanted = None if columns is None else list(dict.fromkeys(["row", *columns]))
        found = [self._read_part(path, share, wanted, rows) for path in self.accepted_files()]
        tables = [table for table in found if table is not None]
        if not tables:
            return self._empty(wanted).select(columns) if columns is not None else self._empty(wanted)
        table = pa.concat_tables(tables)
        if settled:
            table = self._settled(table, share)
        return table if columns is None else table.select(list(columns))

    def _read_part(self, path: Path, share: str, columns: list[str] | None, rows: pa.Array | None) -> pa.Table | None:
        with storing(path.name), SharedFile(path, self._footers.of(path)) as file:
            if rows is None:
                return file.read(share, columns)
            # The numbers alone first: most parts hold none of a small change set's rows.
            numbers = file.read(share, ["row"])
            if numbers is None:
                return None
            mask = pc.is_in(numbers["row"], rows)
            if not pc.any(mask).as_py():
                return None
            table = file.read(share, columns)
            return None if table is None else table.filter(mask)

    def _empty(self, columns: list[str] | None) -> pa.Table:
        files = self.accepted_files()
        if not files:
            head = pa.schema([("row", pa.int64()), ("key_hash", pa.binary()), ("digest", pa.binary())])
            schema = pa.unify_schemas([head, pa.schema([("op", pa.string()), ("time", pa.timestamp("us", "UTC"))])])
        else:
            schema = pq.read_schema(files[0])
        return schema.empty_table().select(columns) if columns else schema.empty_table()

    def _settled(self, table: pa.Table, share: str) -> pa.Table:
        dropped = self.read_side("dropped", share, ["row"])
        if dropped is not None and len(dropped):
            table = table.filter(pc.invert(pc.is_in(table["row"], dropped["row"].combine_chunks())))
        again = self.read_side("ordinals", share)
        if again is None or not len(again) or "key_hash" not in table.column_names:
            return table
        where = pc.index_in(table["row"], again["row"].combine_chunks())
        final = pc.coalesce(
            again["key_hash"].combine_chunks().take(where.combine_chunks()), table["key_hash"].combine_chunks()
        )
        return table.set_column(table.column_names.index("key_hash"), "key_hash", final)

    def read_side(self, name: str, share: str, columns: list[str] | None = None) -> pa.Table | None:
        """Returns one share of a side file (`dropped`, `ordinals`, `changes`, `kept`); None when it has none."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            return None
        with storing(path.name), SharedFile(path, self._footers.of(path)) as file:
            return file.read(share, columns)

    def dropped_rows(self, why: str) -> Rows:
        """Returns the row numbers that the uniqueness pass took out for this reason, in order."""
        found = [np.empty(0, np.int64)]
        for share in self.shares():
            table = self.read_side("dropped", share, ["row", "why"])
            if table is not None:
                found.append(table.filter(pc.equal(table["why"], why))["row"].to_numpy())
        return np.sort(np.concatenate(found))

    def rejected_keys(self) -> list[Path]:
        """Lists the files of rejected rows' keys."""
        return sorted(self.folder.glob("rejected-*.parquet"))


def shares(digits: int) -> Iterator[str]:
    """Yields the hex prefixes of this length in order."""
    for number in range(16**digits):
        yield f"{number:0{digits}x}"


def in_share(key_hashes: pa.ChunkedArray | pa.Array, share: str) -> Any:
    """Returns a mask of the key hashes that start with this hex prefix."""
    prefix = int(share, 16)
    return pa.array((first_bytes(key_hashes, 4) >> np.uint32(32 - 4 * len(share))) == prefix)


def _table(rows: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch]) -> pa.Table | None:
    if isinstance(rows, pa.Table):
        return rows
    batches = [rows] if isinstance(rows, pa.RecordBatch) else list(rows)
    return pa.Table.from_batches(batches) if batches else None
