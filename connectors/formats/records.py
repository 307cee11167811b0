"""Splits the few physical lines that are not plainly one CSV record each. Text in, fields out; no bytes, no Arrow.

A quoted field may hold line ends, but one stray quote must not eat the rest of a file. So lines are joined only when
that gives a record by the book (RFC 4180: a quote opens at a field's start, closes at its end, is doubled inside) with
as many fields as the header, within MOST_LINES lines; otherwise the line stands alone, is ragged, and the next line
begins anew.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from connectors.formats.lines import Lines

MOST_LINES = 500
MOST_BYTES = 1 << 20
#: From this many columns on, a line with exactly the header's number of fields is a record of its own, even where a
#: stray quote before and another after it could legally join it to its neighbours.
_TELLING_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Record:
    """`fields` is None for a ragged record. It covers `lines` physical lines."""

    fields: list[str] | None
    lines: int


class NeedMoreLines(Exception):
    """The chunk ends inside what may be a record of several lines."""


def strict_fields(text: str, delimiter: str) -> list[str] | bool | None:
    """Splits by the book: the fields, None when the text ends inside quotes, False when it is not by the book."""
    field = _pattern(delimiter)
    fields: list[str] = []
    at, size = 0, len(text)
    while True:
        found = field.match(text, at)
        if found is None:
            return None if _open_to_the_end(text, at) else False
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == size:
            return fields
        at += 1


@lru_cache(maxsize=8)
def _pattern(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|([^"{mark}\r\n]*))(?={mark}|\Z)')


def _open_to_the_end(text: str, at: int) -> bool:
    return text[at : at + 1] == '"' and re.fullmatch(r'"[^"]*(?:""[^"]*)*', text[at:]) is not None


def loose_fields(text: str, delimiter: str) -> list[str] | None:
    """Splits a line with stray quotes, which stay in their values; None when a quote opens a field and never closes."""
    field = _pattern(delimiter)
    fields: list[str] = []
    at, size = 0, len(text)
    while True:
        found = field.match(text, at)
        if found is not None:
            quoted, plain = found.groups()
            fields.append(plain if quoted is None else quoted.replace('""', '"'))
            at = found.end()
        else:
            end = text.find(delimiter, at)
            end = size if end < 0 else end
            literal = text[at:end]
            if literal.startswith('"') and literal.count('"') == 1:
                return None
            fields.append(literal)
            at = end
        if at == size:
            return fields
        at += 1


def record_at(lines: Lines, first: int, columns: int, delimiter: str, *, last: bool) -> Record:
    """Reads the record that begins at line `first`; raises NeedMoreLines unless `last` says that the file ends here."""
    text = lines.text(first)
    fields = strict_fields(text, delimiter)
    if fields is None:
        return _several_lines(lines, first, columns, delimiter, last=last)
    if fields is False:
        fields = loose_fields(text, delimiter)
    return Record(fields if isinstance(fields, list) and len(fields) == columns else None, 1)


def _several_lines(lines: Lines, first: int, columns: int, delimiter: str, *, last: bool) -> Record:
    size = int(lines.ends[first] - lines.starts[first])
    for index in range(first + 1, first + MOST_LINES):
        if index >= len(lines):
            if last:
                break
            raise NeedMoreLines
        size += int(lines.nexts[index] - lines.starts[index])
        if size > MOST_BYTES:
            break
        if b'"' not in lines.span(index, index):
            continue
        fields = strict_fields(lines.joined(first, index), delimiter)
        if fields is None:
            continue
        if isinstance(fields, list):
            fits = len(fields) == columns
            if _belongs_together(lines, first, index, columns, delimiter, fits=fits):
                return Record(fields if fits else None, index - first + 1)
        break
    return Record(None, 1)


def _belongs_together(lines: Lines, first: int, index: int, columns: int, delimiter: str, *, fits: bool) -> bool:
    alone = [lines.text(number).count(delimiter) + 1 == columns for number in range(first, index + 1)]
    if fits:
        return columns < _TELLING_COLUMNS or not (all(alone) or any(alone[1:-1]))
    return not any(alone[1:])
