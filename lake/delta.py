"""One Delta table in a folder: its files at a version, and one commit. Knows nothing of runs or change sets.

Data files are read by pyarrow, never by `DeltaTable.to_pyarrow_*`: with deltalake 1.6 the process then aborts
at its end.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from lake.layout import Layout
from lake.parquet import write_options
from lake.places import fsync_file, fsync_folder, safe, storing
from schemas.errors import NotFound, StorageError

APP = "shuqiao"


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One data file of a version. `path` is relative to the table's folder."""

    path: str
    bytes: int
    rows: int
    bucket: str


class DeltaFolder:
    """One Delta table in a folder: its state at a version, and one commit. Reopened after each commit."""

    def __init__(self, path: Path, version: int | datetime | None = None) -> None:
        self.path = path
        self._version = version

    @cached_property
    def _delta(self) -> DeltaTable | None:
        if not DeltaTable.is_deltatable(str(self.path)):
            return None
        try:
            table = DeltaTable(str(self.path), version=self._version if isinstance(self._version, int) else None)
            if isinstance(self._version, datetime):
                table.load_as_version(self._version)
        except DeltaError:
            raise NotFound(
                "该版本不存在或已按保存期限清除", "", "请用 versions 查看可用版本", code="VERSION_NOT_FOUND"
            ) from None
        return table

    def refresh(self) -> None:
        """Forgets the state, so that the next question reads the log again."""
        for name in ("_delta", "files", "layout", "last_commit"):
            self.__dict__.pop(name, None)

    @property
    def version(self) -> int | None:
        """The Delta version; None when there is no table."""
        return None if self._delta is None else int(self._delta.version())

    @property
    def hub_version(self) -> int | None:
        """The hub's version of the last commit of data."""
        return None if self._delta is None else self._delta.transaction_version(APP)

    @cached_property
    def last_commit(self) -> dict[str, Any]:
        """What the last commit of data says of itself (`run`, `hub_version`, `version`); empty when it is not known."""
        if self._delta is None:
            return {}
        for limit in (5, 1000):  # vacuum writes commits of its own
            for entry in self._delta.history(limit):
                if "hub_version" in entry:
                    return dict(entry)
        return {}

    @cached_property
    def files(self) -> tuple[LakeFile, ...]:
        """The data files of the version."""
        if self._delta is None:
            return ()
        actions = pa.table(self._delta.get_add_actions(flatten=True)).to_pylist()
        return tuple(
            LakeFile(a["path"], a["size_bytes"], a["num_records"], a.get("partition.bucket") or "") for a in actions
        )

    @cached_property
    def layout(self) -> Layout | None:
        """The layout the version was written with."""
        text = None if self._delta is None else self._delta.metadata().description
        return Layout.from_text(text) if text else None

    def write_file(self, table: pa.Table, name: str, bucket: str | None = None) -> AddAction:
        """Writes one data file durably; it belongs to no version until it is committed."""
        folder = self.path / f"bucket={safe(bucket)}" if bucket else self.path
        path = folder / safe(name)
        try:
            with storing(self.path.name):
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, path, row_group_size=100_000, **write_options(table.schema))
                fsync_file(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        values = {"bucket": bucket} if bucket else {}
        stats = json.dumps({"numRecords": table.num_rows})
        return AddAction(str(path.relative_to(self.path)), path.stat().st_size, values, _now(), True, stats)

    def commit(
        self,
        adds: Sequence[AddAction],
        removes: Sequence[LakeFile],
        layout: Layout,
        schema: pa.Schema,
        facts: dict[str, Any],
    ) -> int:
        """Commits files in one transaction under `facts["hub_version"]`; a new layout replaces the schema with it."""
        properties = CommitProperties(custom_metadata=facts, app_transactions=[Transaction(APP, facts["hub_version"])])
        partitions = ["bucket"] if "bucket" in schema.names else []
        for folder in {(self.path / add.path).parent for add in adds}:
            fsync_folder(folder)
        with storing(self.path.name):
            self.path.mkdir(parents=True, exist_ok=True)
            fsync_folder(self.path)
        delta_schema = Schema.from_arrow(schema)
        try:
            if self._delta is None or self.layout != layout:
                create_table_with_add_actions(
                    str(self.path),
                    delta_schema,
                    list(adds),
                    mode="error" if self._delta is None else "overwrite",
                    partition_by=partitions,
                    description=layout.text,
                    commit_properties=properties,
                )
            else:
                gone = [RemoveAction(f.path, True, _now(), f.bytes, _values(f)) for f in removes]
                self._delta.create_write_transaction(
                    [*adds, *gone], "append", delta_schema, partition_by=partitions, commit_properties=properties
                )
        except (DeltaError, OSError) as error:
            raise StorageError(f"湖仓提交失败（{type(error).__name__}）", "", "请检查磁盘后重试") from None
        self.refresh()
        return self.version or 0

    def read_file(self, file: LakeFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Reads one data file."""
        with self._opened(file) as opened:
            return opened.read(columns=None if columns is None else list(columns))

    def batches(self, file: LakeFile, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
        """Streams one data file."""
        with self._opened(file) as opened:
            yield from opened.iter_batches(batch_size=rows, columns=None if columns is None else list(columns))

    @contextmanager
    def _opened(self, file: LakeFile) -> Iterator[pq.ParquetFile]:
        try:
            with storing(self.path.name), pq.ParquetFile(self.path / file.path) as opened:
                yield opened
        except StorageError:
            if (self.path / file.path).exists():
                raise
        else:
            return
        raise NotFound("该版本的数据文件已按保存期限清除", "", "请用 versions 查看可用版本", code="VERSION_GONE")

    def vacuum(self, keep: Sequence[int], hours: int) -> list[str]:
        """Removes files that neither the present version nor one in `keep` needs, gone for `hours` or more."""
        if self._delta is None:
            return []
        kept = sorted({*keep, int(self._delta.version())})
        try:
            removed = self._delta.vacuum(
                retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=kept
            )
        except (DeltaError, OSError) as error:
            raise StorageError(f"湖仓清理失败（{type(error).__name__}）", "", "请检查磁盘后重试") from None
        self.refresh()
        return list(removed)


def _now() -> int:
    return int(time.time() * 1000)


def _values(file: LakeFile) -> dict[str, str | None]:
    return {"bucket": file.bucket} if file.bucket else {}
