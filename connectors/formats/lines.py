"""Byte streams cut into chunks of whole physical lines, with bounded memory. Knows nothing of fields or encodings."""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from connectors.formats.document import Document, empty, refuse_other_format
from schemas.errors import SourceUnreadable

CHUNK_BYTES = 4 << 20
#: A physical line longer than this cannot be a record; its first bytes are kept and the rest is passed over.
LONGEST_LINE_BYTES = 16 << 20
KEPT_OF_LONG_LINE_BYTES = 64 << 10
LF, CR = 10, 13
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines as bytes; `overlong` says that it is the beginning of one line that was too long to read."""

    data: bytes
    overlong: bool = False


def open_bytes(document: Document) -> BinaryIO:
    """Opens the document's bytes, unpacked when they are gzip; refuses other formats and an empty file."""
    stream = document.open()
    head = stream.read(8)
    stream.seek(0)
    if not head:
        raise empty(document.name)
    refuse_other_format(document.name, head, "CSV")
    if head[:2] == b"\x1f\x8b":
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream)), CHUNK_BYTES))
    return stream


def broken_gzip(name: str, error: Exception) -> SourceUnreadable:
    """Builds the failure of a gzip file that is cut or damaged."""
    what = "不完整（被截断）" if isinstance(error, EOFError) else "已损坏"
    return SourceUnreadable(f"压缩文件{name}{what}", "gzip文件应能完整解压", "请提供部门重新传输该文件")


BROKEN = (EOFError, gzip.BadGzipFile, zlib.error)


def chunks(stream: BinaryIO, size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Yields chunks that end at a line's end; a CR that may belong to a CRLF stays with its LF."""
    held = b""
    passing = False
    while block := stream.read(size):
        if passing:
            cut = _first_end(block)
            if cut < 0:
                continue
            block, passing = block[cut:], False
        held += block
        cut = _last_end(held)
        if cut:
            yield Chunk(held[:cut])
            held = held[cut:]
        elif len(held) > LONGEST_LINE_BYTES:
            yield Chunk(held[:KEPT_OF_LONG_LINE_BYTES], overlong=True)
            held, passing = b"", True
    if held:
        yield Chunk(held)


def _last_end(data: bytes) -> int:
    """Returns where the last whole line ends; a CR as the very last byte is left, since a LF may follow."""
    at = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1))
    return at + 1


def _first_end(data: bytes) -> int:
    """Returns where the line that we pass over ends, -1 when it goes on."""
    ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
    if not ends:
        return -1
    at = min(ends)
    return at + 2 if data[at : at + 2] == b"\r\n" else at + 1


@dataclass(frozen=True, slots=True)
class Lines:
    """The physical lines of a chunk: `starts` and `ends` without terminators, `nexts` where the next line begins."""

    data: bytes
    starts: Positions
    ends: Positions
    nexts: Positions

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, index: int) -> str:
        """Returns line `index` without its terminator; the data must be UTF-8."""
        return self.data[self.starts[index] : self.ends[index]].decode("utf-8")

    def span(self, first: int, last: int) -> bytes:
        """Returns lines first…last, terminators between them included, the last one's not."""
        return self.data[self.starts[first] : self.ends[last]]

    def joined(self, first: int, last: int) -> str:
        """Returns `span` as text; the data must be UTF-8."""
        return self.span(first, last).decode("utf-8")


def index_lines(data: bytes) -> Lines:
    """Finds the lines of a chunk; LF, CRLF and CR each end a line."""
    buffer = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(buffer == LF)
    ends = at
    if b"\r" in data:
        carriage = np.flatnonzero(buffer == CR)
        following = buffer[np.minimum(carriage + 1, len(buffer) - 1)]
        alone = carriage[(following != LF) | (carriage == len(buffer) - 1)]
        at = np.sort(np.concatenate([at, alone]))
        before = buffer[np.maximum(at - 1, 0)]
        ends = at - ((buffer[at] == LF) & (before == CR) & (at > 0))
    starts = np.concatenate([np.zeros(1, np.int64), at + 1])
    if starts[-1] == len(data):
        starts = starts[:-1]
    else:
        at = np.append(at, len(data) - 1)
        ends = np.append(ends, len(data))
    return Lines(data, starts.astype(np.int64), ends.astype(np.int64), (at + 1).astype(np.int64))
