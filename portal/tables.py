"""The tables of a rendered page: each can be downloaded, as the reader sees it. Knows no use-case.

A file is made of the page itself, so that it holds what the page shows to that person: the same rows, masked alike.
Tables of the class `fields` are parts of a form, or paper; they are left alone.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from markupsafe import Markup

from exchange import spreadsheets
from exchange.spreadsheets import Cell
from schemas.errors import NotFound

_NUMBER = re.compile(r"-?\d{1,3}(,\d{3})*(\.\d+)?|-?\d{1,15}(\.\d+)?")
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMATS = {
    "xlsx": (spreadsheets.as_workbook, WORKBOOK),
    "csv": (lambda _name, *table: spreadsheets.as_csv(*table), "text/csv; charset=utf-8"),
}
#: What stands in a cell but is no part of its value.
_ASIDE = frozenset({"form", "button", "select", "textarea", "svg", "script", "details"})
_CAPTION = re.compile(r"<table(?P<facts>[^>]*)>\s*<caption>(?P<says>.*?)</caption>", re.DOTALL)
_FIELDS = re.compile(r'class="[^"]*\bfields\b')


@dataclass(slots=True)
class Table:
    """One table of a page: its caption, and its rows from the headings down."""

    caption: str = ""
    headings: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Reads the tables of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._row: list[tuple[str, bool]] = []
        self._text: list[str] | None = None
        self._aside = 0
        self._in_head = self._number = self._in_table = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a table, a row or a cell."""
        classes = (dict(attrs).get("class") or "").split()
        if tag == "table":
            self._in_table = "fields" not in classes
            if self._in_table:
                self.tables.append(Table())
        elif tag in _ASIDE:
            self._aside += 1
        elif tag in {"td", "th", "caption"}:
            self._text, self._number = [], "n" in classes
        elif tag in {"br", "p", "li"} and self._text is not None:
            self._text.append(" ")
        elif tag == "thead":
            self._in_head = True

    def handle_endtag(self, tag: str) -> None:
        """Closes a cell, a row or a table."""
        if tag in _ASIDE:
            self._aside = max(self._aside - 1, 0)
        if not self._in_table:
            return
        says = " ".join("".join(self._text or ()).split())
        if tag == "caption":
            self.tables[-1].caption, self._text = says, None
        elif tag in {"td", "th"}:
            self._row.append((says, self._number))
            self._text = None
        elif tag == "tr":
            self._end_row()
        elif tag == "thead":
            self._in_head = False
        elif tag == "table":
            self._in_table = False

    def handle_data(self, data: str) -> None:
        """Takes the text of a cell."""
        if self._text is not None and not self._aside:
            self._text.append(data)

    def _end_row(self) -> None:
        table, row = self.tables[-1], self._row
        self._row = []
        if self._in_head:
            table.headings = [says for says, _ in row]
        else:
            table.rows.append([_value(says) if number else says for says, number in row])


def _value(says: str) -> Cell:
    if not _NUMBER.fullmatch(says):
        return says
    plain = says.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def tables_of(page: str) -> list[Table]:
    """Returns the tables of a page in their order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.tables


def as_file(page: str, title: str, number: int, kind: str) -> tuple[str, bytes, str]:
    """Makes a file of the n-th table of a page (from 1): its name, its bytes, its media type; raises NotFound."""
    found = tables_of(page)
    if not 1 <= number <= len(found):
        raise NotFound(f"该页没有第 {number} 个表格", f"该页有 {len(found)} 个表格", "请从页面上下载", code="TABLE")
    table = found[number - 1]
    make, media_type = _FORMATS[kind]
    says = re.split(r"[，,；;：:（(]", table.caption)[0].strip()
    return f"{title}_{says}.{kind}", make(says, table.headings, table.rows), media_type


def with_downloads(page: str, path: str, query: list[tuple[str, str]]) -> str:
    """Puts the links by which each table is downloaded into its caption."""
    number = 0

    def linked(match: re.Match[str]) -> str:
        nonlocal number
        if _FIELDS.search(match["facts"]):
            return match[0]
        number += 1
        kept = [(name, value) for name, value in query if name != "table"]
        asked = urlencode([*kept, ("table", str(number))])
        links = Markup(" ").join(
            Markup('<a href="{}.{}?{}" download aria-label="下载第 {} 个表格（{}）">{}</a>').format(
                path, kind, asked, number, says, says
            )
            for kind, says in (("xlsx", "Excel"), ("csv", "CSV"))
        )
        says = f'{match["says"]}<span class="tools"><span aria-hidden="true">下载</span> {links}</span>'
        return f"<table{match['facts']}><caption>{says}</caption>"

    return _CAPTION.sub(linked, page)
