"""Files that departments hand in (文件填报): where they wait, sealed, and how a run reads one. Checks no row.

Connectors read plain files. The plain bytes are therefore lent to them in this process's memory for the time of one
reading and taken back at once; on disk (`var/uploads/<dataset>/`, 0600) a file rests sealed, and only until submitted.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import fsspec
import pyarrow as pa

from connectors.registry import open_source
from exchange.hub import Hub
from schemas.entry import Attachment, Entry
from schemas.source import Reading, ReadRequest, Source, SourceColumn, Step

Format = Literal["csv", "workbook"]
_FOLDER = "uploads"
_KEPT_SECONDS = 24 * 3600
_SUFFIX: dict[Format, str] = {"csv": "csv", "workbook": "xlsx"}


def upload_location(dataset: str) -> str:
    """Returns the location that an attachment names when its department uploads files: in the hub's own folder."""
    return f"{_FOLDER}/{dataset}/data.xlsx"


def upload_attachment(dataset: str) -> Attachment:
    """Returns the attachment of an entry whose department uploads files."""
    return Attachment("file", "snapshot", location=upload_location(dataset), format="workbook")


def is_upload(attachment: Attachment | None, dataset: str) -> bool:
    """Says whether an attachment, in force or not, is that of an entry whose department uploads files."""
    if attachment is None or attachment.connector != "file" or attachment.connection is not None:
        return False
    location = attachment.location or ""
    return location.startswith(f"{_FOLDER}/{dataset}/") and ".." not in location


def takes_uploads(var: Path, entry: Entry) -> bool:
    """Says whether the entry's rows are handed in as files: a file without connection in the hub's upload folder."""
    attachment = entry.attachment
    if attachment is None or attachment.connector != "file" or attachment.connection is not None:
        return False
    folder = (var / _FOLDER / entry.dataset).resolve()
    location = attachment.location or ""
    # An absolute location stands for itself; a relative one, which another hub can use too, begins at `var`.
    return "://" not in location and (var / location).resolve().is_relative_to(folder)


def _path(hub: Hub, dataset: str, upload_id: str) -> Path:
    return hub.settings.var / _FOLDER / dataset / f"{upload_id}.sealed"


def _bound(dataset: str, upload_id: str) -> bytes:
    return f"upload:{dataset}:{upload_id}".encode()


def keep(hub: Hub, dataset: str, upload_id: str, content: bytes) -> None:
    """Keeps a checked file, sealed, until it is submitted; files that nobody submitted within a day go."""
    path = _path(hub, dataset, upload_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in path.parent.glob("*.sealed"):
        if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            old.unlink(missing_ok=True)
    sealed = hub.crypto.frames().encrypt(content, _bound(dataset, upload_id))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())


def kept(hub: Hub, dataset: str, upload_id: str) -> bytes | None:
    """Returns a kept file, None when it is not there any more; raises SealBroken."""
    path = _path(hub, dataset, upload_id)
    if not path.is_file():
        return None
    return hub.crypto.frames().decrypt(path.read_bytes(), _bound(dataset, upload_id))


def drop(hub: Hub, dataset: str, upload_id: str) -> None:
    """Removes a kept file."""
    _path(hub, dataset, upload_id).unlink(missing_ok=True)


@contextmanager
def lent(attachment: Attachment, content: bytes, form: Format, upload_id: str) -> Iterator[Source]:
    """Lends a file to its connector for the time of one reading; the bytes stay in memory and go with the block."""
    files, path = fsspec.core.url_to_fs(f"memory://{_FOLDER}/{upload_id}/填报文件.{_SUFFIX[form]}")
    files.pipe_file(path, content)
    try:
        yield open_source(given(attachment, form, f"memory://{path.lstrip('/')}"), None)
    finally:
        files.rm_file(path)


def given(attachment: Attachment, form: Format, location: str | None = None) -> Attachment:
    """Returns the attachment as it reads a file of this form."""
    return replace(attachment, location=location or attachment.location, format=form, header_row=1, encoding=None)


def headings_of(entry: Entry) -> dict[str, str]:
    """Returns the heading of each source column in templates: its item's title, where that is one column's only."""
    found: dict[str, str] = {}
    for item in entry.items:
        taken = item.title in found.values() or item.source in found
        found.setdefault(item.source, item.source if taken else item.title)
    return found


def chosen_headings(entry: Entry, there: set[str]) -> tuple[dict[str, str], list[str]]:
    """Returns which heading of a file stands for each source column, and the headings that are missing."""
    chosen, missing = {}, []
    for source, title in headings_of(entry).items():
        heading = next((name for name in (title, source) if name in there), None)
        if heading is None:
            missing.append(title)
        else:
            chosen[source] = heading
    return chosen, missing


class Titled:
    """A source whose columns are headed by the items' titles, read under the names that the entry gives them."""

    def __init__(self, inner: Source, headings: Mapping[str, str]) -> None:
        self._inner = inner
        self._headings = headings
        self._names = {heading: source for source, heading in headings.items()}

    def test(self) -> list[Step]:
        """Tries the file."""
        return self._inner.test()

    def columns(self) -> list[SourceColumn]:
        """Lists the columns under the entry's names."""
        return [replace(column, name=self._names.get(column.name, column.name)) for column in self._inner.columns()]

    def read(self, request: ReadRequest) -> "TitledReading":
        """Opens a reading whose batches carry the entry's names."""
        asked = tuple(self._headings.get(name, name) for name in request.columns)
        return TitledReading(self._inner.read(replace(request, columns=asked)), self._names)


class TitledReading:
    """One reading of a titled source, see schemas.source.Reading."""

    def __init__(self, inner: Reading, names: Mapping[str, str]) -> None:
        self._inner = inner
        self._names = names
        self.records = 0
        self.cursor: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._inner:
            yield self._renamed(batch)
        self.records = self._inner.records

    def _renamed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        at = batch.schema.get_field_index("_findings")
        if at >= 0 and batch.column(at).null_count < batch.num_rows:
            found = [
                row and [each | {"column": self._names.get(each["column"], each["column"])} for each in row]
                for row in batch.column(at).to_pylist()
            ]
            batch = batch.set_column(at, batch.schema.field(at), pa.array(found, batch.schema.field(at).type))
        return batch.rename_columns([self._names.get(name, name) for name in batch.schema.names])
