"""Sealed Arrow frames: how landing and quarantine rest. Must not know what a row means; writes no plain byte.

A part file is a header (magic, format version, 16 random bytes that name this file) and frames: length, a flag on the
last one, and the sealed bytes of an Arrow IPC stream of one batch. Each frame is bound to folder, part, file, its own
number and the flag, so that a cut, moved, repeated or swapped frame does not open. `manifest.json` comes last and is
sealed over its own content: a folder without it does not exist.
"""

import base64
import hashlib
import json
import os
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa

from lake.places import Places, clear_folder, fsync_folder, read_json, remove_folder, safe, storing, whole, write_json
from schemas.errors import NotFound, SealBroken
from schemas.ports import FrameCipher

_MAGIC = b"SQFRAMES"
_VERSION = 1
_HEADER = struct.Struct(">8sH16s")
_FRAME = struct.Struct(">QB")
_IPC = pa.ipc.IpcWriteOptions(compression="lz4")
PART_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part file as the manifest names it."""

    name: str
    rows: int
    frames: int
    bytes: int
    file_id: str


class FrameStore:
    """Folders of sealed frames. `folder` is `landing/<dataset>/<run>` or `quarantine/<dataset>/<run>`."""

    def __init__(self, root: Path, cipher: FrameCipher) -> None:
        self.places = Places(Path(root))
        self.cipher = cipher

    def path(self, folder: str) -> Path:
        """Returns the folder's path; raises InputError unless it is `<kind>/<dataset>/<run>`."""
        kind, _, rest = folder.partition("/")
        dataset, _, run = rest.partition("/")
        return self.places.folder(kind, dataset, run)

    def begin(self, folder: str) -> None:
        """Removes whatever an earlier try left and makes the folder anew."""
        clear_folder(self.path(folder))

    def writer(self, folder: str, part_rows: int = PART_ROWS) -> "FrameWriter":
        """Opens a writer that fills parts of about `part_rows` rows; leaving it without `commit` removes all of it."""
        return FrameWriter(self, folder, part_rows)

    def write_part(self, folder: str, index: int, batches: Iterable[pa.RecordBatch]) -> Part:
        """Writes one part on its own, for a pool of workers; `commit` names it. Safe to repeat."""
        with _PartWriter(self, folder, part_name(index)) as part:
            for batch in batches:
                part.append(batch)
            return part.close()

    def commit(self, folder: str, parts: Iterable[Part], facts: Mapping[str, Any], schema: pa.Schema | None) -> None:
        """Writes the manifest: from here on the folder exists. `facts` must hold no personal value."""
        named = [part for part in parts if part.rows]
        body = {
            "format": _VERSION,
            "folder": folder,
            "rows": sum(part.rows for part in named),
            "parts": [asdict(part) for part in named],
            "schema": None if schema is None else _text(schema.serialize().to_pybytes()),
            "facts": dict(facts),
        }
        sealed = self.cipher.encrypt(_fingerprint(body), _manifest_binding(folder))
        fsync_folder(self.path(folder))
        write_json(self.path(folder) / "manifest.json", {**body, "seal": _text(sealed)})

    def reader(self, folder: str) -> "FrameReader":
        """Opens a finished folder; raises NotFound when it is not there, SealBroken when the manifest was changed."""
        return FrameReader(self, folder)

    def reseal(self, folder: str, current: Callable[[bytes], bool]) -> int:
        """Seals a finished folder's frames anew, part after part in place; returns how many. Safe to repeat.

        `current` says whether a sealed value is under the present key. Names, ids and bindings stay as they are.
        """
        reader = FrameReader(self, folder)
        parts = [self._reseal_part(folder, part, current) for part in reader.named]
        body = read_json(self.path(folder) / "manifest.json") or {}
        changed = sum(before.bytes != after.bytes for before, after in zip(reader.named, parts, strict=True))
        if changed or not current(base64.b64decode(str(body["seal"]))):
            del body["seal"]
            body["parts"] = [asdict(part) for part in parts]
            sealed = self.cipher.encrypt(_fingerprint(body), _manifest_binding(folder))
            write_json(self.path(folder) / "manifest.json", {**body, "seal": _text(sealed)})
        return len(parts)

    def _reseal_part(self, folder: str, part: Part, current: Callable[[bytes], bool]) -> Part:
        path = self.path(folder) / safe(part.name)
        frames = list(sealed_frames(path))
        if all(map(current, frames)):
            return part
        file_id = bytes.fromhex(part.file_id)
        with storing(part.name), whole(path) as half, half.open("wb") as file:
            file.write(_HEADER.pack(_MAGIC, _VERSION, file_id))
            for index, sealed in enumerate(frames):
                last = index == part.frames - 1
                binding = _frame_binding(folder, part.name, file_id, index, last=last)
                fresh = self.cipher.encrypt(self.cipher.decrypt(sealed, binding), binding)
                file.write(_FRAME.pack(len(fresh), last))
                file.write(fresh)
            size = file.tell()
        return replace(part, bytes=size)

    def exists(self, folder: str) -> bool:
        """Says whether the folder was finished."""
        return (self.path(folder) / "manifest.json").is_file()

    def remove(self, folder: str) -> None:
        """Removes the folder, finished or not."""
        remove_folder(self.path(folder))


class _PartWriter:
    """Writes one part; holds one batch back, since the last frame is marked as such."""

    def __init__(self, store: FrameStore, folder: str, name: str) -> None:
        self._store, self._folder, self.name = store, folder, safe(name)
        self._path = store.path(folder) / name
        self._file: BinaryIO | None = None
        self._id = secrets.token_bytes(16)
        self._pending: pa.RecordBatch | None = None
        self.rows = self._frames = 0

    def __enter__(self) -> Self:
        with storing(self.name):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
            self._file.write(_HEADER.pack(_MAGIC, _VERSION, self._id))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self.discard()

    def append(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        if self._pending is not None:
            self._write(self._pending, last=False)
        self._pending = batch
        self.rows += batch.num_rows

    def _write(self, batch: pa.RecordBatch, *, last: bool) -> None:
        assert self._file is not None  # noqa: S101 - a writer is used inside `with`
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=_IPC) as stream:
            stream.write_batch(batch)
        binding = _frame_binding(self._folder, self.name, self._id, self._frames, last=last)
        sealed = self._store.cipher.encrypt(sink.getvalue().to_pybytes(), binding)
        with storing(self.name):
            self._file.write(_FRAME.pack(len(sealed), last))
            self._file.write(sealed)
        self._frames += 1

    def close(self) -> Part:
        assert self._file is not None  # noqa: S101 - a writer is used inside `with`
        if self._pending is not None:
            self._write(self._pending, last=True)
        with storing(self.name):
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
        self._file = self._pending = None
        return Part(self.name, self.rows, self._frames, size, self._id.hex())

    def discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # closing flushes, which fails again on a full disk
                self._file.close()
        self._file = None
        self._path.unlink(missing_ok=True)


class FrameWriter:
    """Appends batches to a folder, part after part; `commit` makes the folder exist."""

    def __init__(self, store: FrameStore, folder: str, part_rows: int) -> None:
        self._store, self._folder, self._part_rows = store, folder, part_rows
        self._part: _PartWriter | None = None
        self._parts: list[Part] = []
        self._schema: pa.Schema | None = None
        self._done = False
        self.rows = 0

    def __enter__(self) -> Self:
        self._store.begin(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done:
            if self._part is not None:
                self._part.discard()
            self._store.remove(self._folder)

    def append(self, batch: pa.RecordBatch) -> None:
        """Seals one batch; raises StorageError when it cannot be written."""
        if self._part is None:
            self._part = _PartWriter(self._store, self._folder, part_name(len(self._parts))).__enter__()
        self._schema = self._schema or batch.schema
        self._part.append(batch)
        self.rows += batch.num_rows
        if self._part.rows >= self._part_rows:
            self._finish_part()

    def _finish_part(self) -> None:
        if self._part is not None:
            self._parts.append(self._part.close())
            self._part = None

    def commit(self, facts: Mapping[str, Any], schema: pa.Schema | None = None) -> None:
        """Finishes the last part and writes the manifest. `schema` serves a folder without rows."""
        self._finish_part()
        self._store.commit(self._folder, self._parts, facts, self._schema or schema)
        self._done = True


class FrameReader:
    """Reads a finished folder: batches in the order they were written."""

    def __init__(self, store: FrameStore, folder: str) -> None:
        self._store, self._folder = store, folder
        body = read_json(store.path(folder) / "manifest.json")
        if body is None:
            raise NotFound(
                "找不到这一批次的数据文件", "", "请确认批次编号，数据可能已按保存期限清除", code="FRAMES_NOT_FOUND"
            )
        try:
            seal = base64.b64decode(str(body.pop("seal", "")))
        except ValueError:
            raise _broken(folder) from None
        if store.cipher.decrypt(seal, _manifest_binding(folder)) != _fingerprint(body) or body["folder"] != folder:
            raise _broken(folder)
        self._parts = {part["name"]: Part(**part) for part in body["parts"]}
        self.facts: dict[str, Any] = body["facts"]
        self.rows: int = body["rows"]
        serialised = body["schema"]
        self.schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(serialised))) if serialised else None

    @property
    def named(self) -> tuple[Part, ...]:
        """The parts as the manifest names them."""
        return tuple(self._parts.values())

    @property
    def parts(self) -> tuple[str, ...]:
        """Names the parts in order; each can be read on its own by a worker."""
        return tuple(self._parts)

    def part_rows(self, name: str) -> int:
        """Counts the rows of a part."""
        return self._parts[name].rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for name in self._parts:
            yield from self.read_part(name)

    def read_part(self, name: str) -> Iterator[pa.RecordBatch]:
        """Yields the batches of one part; raises SealBroken at the first frame that is not what was written."""
        part = self._parts[name]
        with storing(name), (self._store.path(self._folder) / safe(name)).open("rb") as file:
            header = file.read(_HEADER.size)
            if header != _HEADER.pack(_MAGIC, _VERSION, bytes.fromhex(part.file_id)):
                raise _broken(self._folder)
            for index in range(part.frames):
                yield self._read_frame(file, part, index)
            if file.read(1):
                raise _broken(self._folder)

    def _read_frame(self, file: BinaryIO, part: Part, index: int) -> pa.RecordBatch:
        head = file.read(_FRAME.size)
        if len(head) < _FRAME.size:
            raise _broken(self._folder)
        length, flag = _FRAME.unpack(head)
        last = index == part.frames - 1
        if bool(flag) != last or length > part.bytes:
            raise _broken(self._folder)
        sealed = file.read(length)
        if len(sealed) < length:
            raise _broken(self._folder)
        binding = _frame_binding(self._folder, part.name, bytes.fromhex(part.file_id), index, last=last)
        plain = self._store.cipher.decrypt(sealed, binding)
        with pa.ipc.open_stream(pa.py_buffer(plain)) as stream:
            return stream.read_next_batch()


def sealed_frames(path: Path) -> Iterator[bytes]:
    """Yields the sealed frames of a part file as they lie there."""
    with storing(path.name), path.open("rb") as file:
        file.seek(_HEADER.size)
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            yield file.read(_FRAME.unpack(head)[0])


def part_name(index: int) -> str:
    """Names the part with this number."""
    return f"part-{index:05d}.sealed"


def _frame_binding(folder: str, part: str, file_id: bytes, index: int, *, last: bool) -> bytes:
    names = folder.encode(), part.encode()
    return b"frame" + struct.pack(">II", *map(len, names)) + b"".join(names) + file_id + struct.pack(">QB", index, last)


def _manifest_binding(folder: str) -> bytes:
    return b"manifest" + folder.encode()


def _fingerprint(body: Mapping[str, Any]) -> bytes:
    # Sealed before it is stored: a bare hash of a manifest would be a bare hash of the facts in it.
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).digest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _broken(folder: str) -> SealBroken:
    kind = folder.partition("/")[0]
    return SealBroken(
        f"{kind} 中的数据文件被截断、移动或改动", "文件须与写入时一致", "请从备份恢复或重新同步", code="SEAL_BROKEN"
    )
