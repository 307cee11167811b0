"""Parquet files of this room: how they are written, and files cut into shares of the key space by row group.

No statistics are written (they would hold values in plain); hashes and sealed bytes are neither compressed nor put into
dictionaries, since they have no pattern.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

_SHARES = b"shuqiao.shares"


def write_options(schema: pa.Schema, level: int = 1) -> dict[str, Any]:
    """Returns pyarrow's writer options for a schema."""
    random = [field.name for field in schema if pa.types.is_binary(field.type)]
    plain = [field.name for field in schema if pa.types.is_string(field.type)]
    # A path of the column inside the file: list elements have a longer one.
    codecs = {path: "NONE" if path in random else "ZSTD" for path in map(_path, schema)}
    return {
        "compression": codecs,
        "compression_level": {path: level for path, codec in codecs.items() if codec == "ZSTD"},
        "use_dictionary": plain,
        "write_statistics": False,
        "store_schema": True,
    }


def _path(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def first_bytes(values: pa.ChunkedArray | pa.Array, count: int) -> Any:
    """Returns the first 1 or 4 bytes of each binary value (never null) as unsigned numbers."""
    if isinstance(values, pa.ChunkedArray):
        parts = [first_bytes(chunk, count) for chunk in values.chunks]
        return np.concatenate(parts) if parts else np.empty(0, np.uint8 if count == 1 else np.uint32)
    if len(values) == 0:
        return np.empty(0, np.uint8 if count == 1 else np.uint32)
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values)]
    data: npt.NDArray[np.uint8] = np.frombuffer(values.buffers()[2], np.uint8)
    if count == 1:
        return data[offsets]
    return data[offsets[:, None] + np.arange(4)].view(">u4").reshape(-1).astype(np.uint32)


class SharedWriter:
    """Writes a file whose row groups each belong to one share; the footer says which."""

    def __init__(self, path: Path, schema: pa.Schema, digits: int) -> None:
        self._writer = pq.ParquetWriter(path, schema, **write_options(schema))
        self._groups: dict[str, list[int]] = {}
        self._count, self._digits = 0, digits

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._writer.add_key_value_metadata({_SHARES: json.dumps(self._groups).encode()})
        self._writer.close()

    def write(self, share: str, table: pa.Table) -> None:
        """Appends rows of one share."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
            self._groups.setdefault(share, []).append(self._count)
            self._count += 1

    def write_mixed(self, table: pa.Table) -> None:
        """Sorts rows by share and appends them."""
        numbers = first_bytes(table["key_hash"], 1)
        if self._digits == 1:
            numbers = numbers >> np.uint8(4)
        order = np.argsort(numbers, kind="stable")
        table = table.take(pa.array(order)).combine_chunks()
        ends = np.searchsorted(numbers[order], np.arange(16**self._digits + 1))
        for number in np.flatnonzero(np.diff(ends)).tolist():
            self.write(f"{number:0{self._digits}x}", table.slice(ends[number], ends[number + 1] - ends[number]))


@dataclass(frozen=True, slots=True)
class Footer:
    """A file's parsed footer and its row groups by share."""

    metadata: pq.FileMetaData
    groups: Mapping[str, list[int]]

    @classmethod
    def of(cls, path: Path) -> "Footer":
        """Reads the footer of a file that SharedWriter wrote."""
        metadata = pq.read_metadata(path)
        return cls(metadata, json.loads((metadata.metadata or {}).get(_SHARES, b"{}")))


class Footers:
    """Footers that were read once: a file cut into 256 shares has thousands of columns' places in its footer, and each
    pass over a large run opens each file once a share. A file that was written anew is read anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], Footer] = {}

    def of(self, path: Path) -> Footer:
        """Returns the footer of a file."""
        now = path.stat()
        key = (path, now.st_mtime_ns, now.st_ino)
        if key not in self._known:
            self._known[key] = Footer.of(path)
        return self._known[key]


class SharedFile:
    """Reads single shares of a file that SharedWriter wrote."""

    def __init__(self, path: Path, footer: Footer) -> None:
        self._file = pq.ParquetFile(path, metadata=footer.metadata)
        self._groups = footer.groups

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, share: str, columns: list[str] | None = None) -> pa.Table | None:
        """Returns the rows of one share; None when the file has none."""
        groups = self._groups.get(share)
        return None if groups is None else self._file.read_row_groups(groups, columns=columns, use_threads=True)
