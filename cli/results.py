"""Writes rows as CSV or JSON to standard output. Decides nothing.

CSV is what people open in a spreadsheet: a text that a spreadsheet would run as a formula gets a quote before it, bytes
are hexadecimal, lists and records are JSON. JSON holds the values as they are.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from cli.output import plain
from exchange.spreadsheets import guarded


def write_json_rows(rows: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Writes rows as one JSON list, a row at a time."""
    before = "[\n"
    for row in rows:
        stream.write(before + json.dumps(plain(row), ensure_ascii=False))
        before = ",\n"
    stream.write("[]\n" if before == "[\n" else "\n]\n")


def write_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Writes rows as CSV for spreadsheets."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def _cell(value: object) -> object:
    value = plain(value)
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if isinstance(value, str) else value
