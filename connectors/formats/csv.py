"""CSV as departments write it, in bounded memory: no record is lost, shifted or joined to the next by a stray quote.

A record that cannot be split into the header's number of fields, or decoded, is kept whole in `_raw` with its finding.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TypeVar, cast

import pyarrow as pa

from connectors.base import FINDINGS
from connectors.failures import no_header
from connectors.formats.block import Block, Layout, places, read_block
from connectors.formats.document import Document, empty
from connectors.formats.encoding import Encoding, Utf16Stream, normal_name, settle_encoding, to_utf8, unmarked_utf16
from connectors.formats.header import names_of, positions_of
from connectors.formats.lines import BROKEN, Chunk, broken_gzip, chunks, index_lines, open_bytes
from connectors.formats.records import MOST_LINES, loose_fields, strict_fields
from schemas.entry import Attachment
from schemas.errors import SourceUnreadable
from schemas.source import SourceColumn

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"


def columns(document: Document, attachment: Attachment) -> list[SourceColumn]:
    """Lists the header's columns; reads no further than the header."""
    header = _unbroken(lambda: _header_of(document, attachment), document.name)
    return [SourceColumn(name, pa.string()) for name in header if name]


def batches(document: Document, attachment: Attachment, wanted: Sequence[str], prefix: str) -> Iterator[pa.RecordBatch]:
    """Yields batches of text columns with `_place` (line), `_raw` and `_findings`."""
    reader = _Reader(document, attachment, tuple(wanted), prefix)
    running = iter(reader)
    while (batch := _unbroken(lambda: next(running, None), document.name)) is not None:
        yield batch


def _unbroken(call: Callable[[], T], name: str) -> T:
    """Runs `call`; a gzip stream that is cut or damaged is worded."""
    try:
        return call()
    except BROKEN as error:
        failure = broken_gzip(name, error)
    raise failure


class _Reader:
    """Reads one document once: a pass to settle the encoding, a pass to read."""

    def __init__(self, document: Document, attachment: Attachment, wanted: tuple[str, ...], prefix: str) -> None:
        self._document = document
        self._attachment = attachment
        self._wanted = wanted
        self._prefix = prefix

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        document, attachment = self._document, self._attachment
        with open_bytes(document) as stream:
            encoding = settle_encoding(document.name, attachment.encoding, _chunks_of(stream, attachment))
        layout: Layout | None = None
        held, before = b"", 0
        with open_bytes(document) as stream:
            for chunk, last in _with_last(_chunks_of(stream, attachment)):
                if chunk.overlong:
                    yield self._overlong(chunk, before, layout)
                    before += 1
                    continue
                block, first = _block(held + chunk.data, encoding), 0
                if layout is None:
                    header, first = _read_header(block, document.name, attachment)
                    layout = _layout(header, self._wanted, document.name, attachment)
                batch, at, used = read_block(block, first, layout, last=last)
                if batch.num_rows:
                    yield batch.append_column("_place", places(at, before, self._prefix))
                before += used
                held = block.original.data[block.original.starts[used] :] if used < len(block.original) else b""
        if layout is None:
            raise empty(document.name)

    def _overlong(self, chunk: Chunk, before: int, layout: Layout | None) -> pa.RecordBatch:
        if layout is None:
            raise no_header(f"文件{self._document.name}", self._attachment.header_row)
        found = [[{"code": "ROW_UNREADABLE", "column": None, "place": None}]]
        head = {
            "_raw": pa.array([chunk.data], pa.binary()),
            "_findings": pa.array(found, FINDINGS),
            "_place": pa.array([f"{self._prefix}{before + 1}"]),
        }
        return pa.RecordBatch.from_pydict({name: pa.nulls(1, pa.string()) for name in layout.names} | head)


def _chunks_of(stream: BinaryIO, attachment: Attachment) -> Iterator[Chunk]:
    """Cuts the stream into chunks of lines, without its mark; UTF-16 is brought to UTF-8 first."""
    mark = stream.read(2)
    stream.seek(0)
    if mark in {b"\xff\xfe", b"\xfe\xff"}:
        stream = cast("BinaryIO", Utf16Stream(stream, "utf-16"))
    elif attachment.encoding is not None and normal_name(attachment.encoding) == "utf-16":
        stream = cast("BinaryIO", Utf16Stream(stream, unmarked_utf16(attachment.encoding)))
    for number, chunk in enumerate(chunks(stream)):
        yield Chunk(chunk.data.removeprefix(_BOM), chunk.overlong) if number == 0 else chunk


def _with_last(given: Iterator[Chunk]) -> Iterator[tuple[Chunk, bool]]:
    """Says of each chunk whether no line can follow it that belongs to its last record."""
    previous: Chunk | None = None
    for chunk in given:
        if previous is not None:
            yield previous, chunk.overlong
        previous = chunk
    if previous is not None:
        yield previous, True


def _block(data: bytes, encoding: Encoding) -> Block:
    text, bad = to_utf8(data, encoding)
    lines = index_lines(text)
    return Block(lines, lines if text is data else index_lines(data), bad)


def _header_of(document: Document, attachment: Attachment) -> list[str]:
    """Reads the header with what its own chunk says of the encoding."""
    with open_bytes(document) as stream:
        chunk = next(_chunks_of(stream, attachment), None)
    if chunk is None:
        raise empty(document.name)
    encoding = settle_encoding(document.name, attachment.encoding, iter((chunk,)))
    header, _ = _read_header(_block(chunk.data, encoding), document.name, attachment)
    return header


def _read_header(block: Block, name: str, attachment: Attachment) -> tuple[list[str], int]:
    """Returns the header's names and the line after it; lines above `header_row` are titles and passed over."""
    lines, delimiter = block.lines, _one_character(attachment.delimiter)
    first = attachment.header_row - 1
    if not lines.data.strip():
        raise empty(name)
    if first < 0 or first >= len(lines):
        raise no_header(f"文件{name}", attachment.header_row)
    fields = strict_fields(lines.text(first), delimiter)
    after = first + 1
    while fields is None and after < min(len(lines), first + MOST_LINES):
        fields = strict_fields(lines.joined(first, after), delimiter)
        after += 1
    if not isinstance(fields, list):
        fields, after = loose_fields(lines.text(first), delimiter), first + 1
    return names_of(fields or [], f"文件{name}", attachment.header_row), after


def _layout(header: list[str], wanted: tuple[str, ...], name: str, attachment: Attachment) -> Layout:
    positions = positions_of(wanted, header, f"文件{name}", attachment.header_row)
    return Layout(len(header), wanted, positions, attachment.delimiter)


def _one_character(delimiter: str) -> str:
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise SourceUnreadable("分隔符应为一个英文字符", "例如逗号、制表符、分号、竖线", "请修改挂接中的delimiter")
    return delimiter
