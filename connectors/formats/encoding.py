"""Finds out how a text file is encoded, over the whole stream, and brings chunks to UTF-8. Never drops a byte silently.

A file in UTF-8 with one bad line stays UTF-8 and has one bad record; in a GB18030 file most lines are no UTF-8.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.formats.lines import Chunk, index_lines
from schemas.errors import SourceUnreadable

_SMALL_BYTES = 256 << 10
_GB_FAMILY = {"gb2312", "gbk", "gb18030", "cp936", "ansi", "936", "gb_2312-80", "euc-cn", "euc_cn", "hz"}
_TITLES = {"utf-8": "UTF-8", "gb18030": "GB18030", "utf-16": "UTF-16"}


@dataclass(slots=True)
class Survey:
    """What a pass over a file saw: lines beyond ASCII that are UTF-8, that are not, that are no GB18030."""

    utf8_lines: int = 0
    not_utf8: int = 0
    not_gb18030: int = 0

    def add(self, data: bytes) -> None:
        """Counts the lines of a chunk."""
        if data.isascii():
            return
        lines = data.count(b"\n") + 1
        if _reads(data, "utf-8"):
            self.utf8_lines += lines
        elif len(data) > _SMALL_BYTES and _reads(data, "gb18030"):
            # Thousands of lines of Chinese in UTF-8 are never all valid GB18030, so these need no look one by one.
            self.not_utf8 += lines
        else:
            self._add_lines(data)

    def _add_lines(self, data: bytes) -> None:
        for line in data.splitlines():
            if line.isascii():
                continue
            if _reads(line, "utf-8"):
                self.utf8_lines += 1
            else:
                self.not_utf8 += 1
                self.not_gb18030 += not _reads(line, "gb18030")

    def encoding(self) -> str | None:
        """Returns the encoding of the file, None when it is neither."""
        if self.utf8_lines >= self.not_utf8:
            return "utf-8"
        return "gb18030" if self.not_gb18030 * 2 <= self.not_utf8 else None


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to read a file; `clean` says that a pass over it has found every byte to be UTF-8."""

    name: str
    clean: bool = False


def settle_encoding(name: str, declared: str | None, chunks: Iterator[Chunk]) -> Encoding:
    """Returns the encoding to read with; raises SourceUnreadable when the declared one is plainly another."""
    wanted = normal_name(declared) if declared else None
    if wanted == "utf-16":
        # Utf16Stream has brought the chunks to UTF-8.
        return Encoding("utf-8")
    survey = Survey()
    for chunk in chunks:
        survey.add(chunk.data)
    found = survey.encoding()
    if wanted is None:
        if found is None:
            raise SourceUnreadable(
                f"文件{name}的编码无法识别",
                "应为UTF-8或GB18030",
                "请在目录的挂接中填写encoding，或请提供部门另存为UTF-8",
            )
        return Encoding(found, survey.not_utf8 == 0)
    beyond_ascii = survey.utf8_lines + survey.not_utf8
    contradicts = {"utf-8": found != "utf-8", "gb18030": survey.not_utf8 == 0 and survey.utf8_lines > 0}
    if beyond_ascii and contradicts.get(wanted, False):
        seen = f"看来是{_TITLES[found]}" if found else "也不是GB18030"
        raise SourceUnreadable(
            f"文件{name}无法按声明的编码{_TITLES[wanted]}读取，{seen}",
            "声明的编码应与文件一致",
            "请修改挂接中的encoding，或留空自动识别",
        )
    return Encoding(wanted, wanted == "utf-8" and survey.not_utf8 == 0)


def normal_name(declared: str) -> str:
    """Returns Python's name of a declared encoding; the GB family is read as GB18030, which contains it."""
    name = declared.strip().lower().replace(" ", "")
    if name in _GB_FAMILY:
        return "gb18030"
    try:
        found = codecs.lookup(name).name
    except LookupError:
        raise SourceUnreadable(
            f"不认识编码“{declared}”", "常用UTF-8、GB18030", "请修改挂接中的encoding，或留空自动识别"
        ) from None
    if found.startswith("utf-16"):
        return "utf-16"
    return "utf-8" if found in {"utf-8", "utf-8-sig", "ascii"} else found


def unmarked_utf16(declared: str) -> str:
    """Returns how a file declared UTF-16 is read when it has no mark: the way round that is named, else Windows'."""
    return "utf-16-be" if codecs.lookup(declared.strip()).name == "utf-16-be" else "utf-16-le"


def to_utf8(data: bytes, encoding: Encoding) -> tuple[bytes, frozenset[int]]:
    """Returns the chunk in UTF-8, line for line, and the lines that could not be decoded (damage as U+FFFD)."""
    if encoding.clean:
        return data, frozenset()
    try:
        text = data.decode(encoding.name)
    except UnicodeDecodeError:
        return _line_by_line(data, encoding.name)
    return (data if encoding.name == "utf-8" else text.encode("utf-8")), frozenset()


def _line_by_line(data: bytes, encoding: str) -> tuple[bytes, frozenset[int]]:
    lines = index_lines(data)
    parts, bad = [], set()
    for number in range(len(lines)):
        line = data[lines.starts[number] : lines.nexts[number]]
        try:
            parts.append(line.decode(encoding).encode("utf-8"))
        except UnicodeDecodeError:
            bad.add(number)
            body = data[lines.starts[number] : lines.ends[number]].decode(encoding, "replace")
            parts.append(body.encode("utf-8") + data[lines.ends[number] : lines.nexts[number]])
    return b"".join(parts), frozenset(bad)


class Utf16Stream:
    """A UTF-16 stream read as UTF-8 bytes; only what the chunk cutter needs of a stream."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int) -> bytes:
        """Returns about `size` bytes, b"" at the end."""
        while block := self._stream.read(size):
            if text := self._decoder.decode(block):
                return text.encode("utf-8")
        return self._decoder.decode(b"", True).encode("utf-8")


def _reads(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
