"""The header of a file or sheet: its names, and where the contract's columns are. Shows no cell in a message."""

import re
from collections import Counter
from collections.abc import Sequence

from connectors import failures

BLANKS = " \t\r\n\u3000\u00a0\ufeff"
#: A header cell that is an ID number, a credit code, a mobile number or a date says that the header is missing.
_VALUE = re.compile(r"\d{15}|\d{17}[\dXx]|1[3-9]\d{9}|[0-9A-Z]{2}\d{6}[0-9A-Z]{10}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")


def names_of(cells: Sequence[str], title: str, row: int) -> list[str]:
    """Returns the trimmed names; raises SourceUnreadable when the row is no header."""
    names = [cell.strip(BLANKS) for cell in cells]
    if not any(names) or any(_VALUE.fullmatch(name) for name in names):
        raise failures.no_header(title, row)
    return names


def positions_of(wanted: Sequence[str], header: Sequence[str], title: str, row: int) -> tuple[int, ...]:
    """Returns where the wanted columns are; raises SourceError when one is not there, or there twice."""
    there = Counter(header)
    missing = [name for name in wanted if name not in there]
    if missing and len(missing) == len(wanted):
        raise failures.no_header(title, row)
    if missing:
        raise failures.columns_missing(title, missing)
    if twice := [name for name in wanted if there[name] > 1]:
        raise failures.column_twice(title, twice)
    return tuple(header.index(name) for name in wanted)
