"""Looks for personal values of a generated city wherever a thief would: raw bytes, Parquet, Delta logs, database dumps.

`python -m tests.attack.scanner VAR CITY` scans the folder of a hub that has synced the city, e.g. after `make run`.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from examples import city
from exchange.crypto import sm3
from schemas import contract
from schemas.identifiers import citizen_id, uscc

_BLOCK = 16 << 20
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_KINDS = {"citizen_id": "id", "identifier": "id", "name": "name", "mobile": "phone", "telephone": "phone"}


@dataclass(frozen=True)
class Truth:
    """The personal values of a city: value -> kind (id, name, phone, address, number)."""

    values: dict[str, str]

    @property
    def searchable(self) -> dict[str, str]:
        """The values long enough that no chance meets them in raw bytes."""
        return {value: kind for value, kind in self.values.items() if _is_long(value)}


def _is_long(value: str) -> bool:
    return len(value) >= 8 if value.isascii() else len(value) >= 3


def _is_short_name(value: str, kind: str) -> bool:
    """A name of two characters is looked for as a whole cell only."""
    return kind == "name" and len(value) == 2 and not value.isascii()


def truth_of(made: city.City) -> Truth:
    """Collects the values of every sealed item as its department holds them, and in their normalised forms."""
    values: dict[str, str] = {}
    plain: set[str] = set()
    credit_codes: set[str] = set()
    for dataset, path in city.CONTRACTS.items():
        entry = contract.load(path.read_text(encoding="utf-8"), path.name).entry
        for batch, _ in made.planter(dataset).stretches():
            for item in entry.items:
                cells = {str(cell).strip() for cell in batch.column(item.source).to_pylist() if cell is not None}
                if not item.sealed:
                    plain |= cells
                    credit_codes |= {uscc(cell).normalised or cell for cell in cells if item.kind == "uscc"}
                    continue
                kind = "address" if "address" in item.name else _KINDS.get(item.kind, "number")
                for cell in cells:
                    values.update(dict.fromkeys(_forms(cell, kind), kind))
    # A company's code is public, whoever else is numbered with it; words such as 不详, numbers of offices and what a
    # defect took from a plain column name nobody.
    known = {value for value, kind in values.items() if kind not in {"id", "phone"} and value in plain}
    everything = "\n".join(plain)
    known |= {value for value, kind in values.items() if kind == "number" and value in everything}
    known |= {value for value, kind in values.items() if kind == "id" and value.upper() in "\n".join(credit_codes)}
    kept = {value: kind for value, kind in values.items() if value not in known}
    return Truth({value: kind for value, kind in kept.items() if _is_long(value) or _is_short_name(value, kind)})


def _forms(cell: str, kind: str) -> set[str]:
    forms = {cell}
    if kind == "id":
        forms.add(re.sub(r"[^0-9A-Za-z]", "", cell).upper())
        found = citizen_id(cell)
        if found.normalised:
            forms.add(found.normalised)
    if kind == "phone":
        forms.add(re.sub(r"[^0-9]", "", cell))
    return {form for form in forms if form and any(character.isalnum() for character in form)}


@dataclass(frozen=True)
class Hit:
    """Where a value was found: never the value in a message, only its kind."""

    place: str
    kind: str
    how: str
    value: str = field(repr=False)


def encodings(value: str) -> Iterator[tuple[str, bytes]]:
    """Yields the ways in which software writes a text down."""
    utf8 = value.encode()
    yield "utf-8", utf8
    if not value.isascii():
        yield "gb18030", value.encode("gb18030")
        escaped = json.dumps(value)[1:-1].encode()
        yield "json", escaped
        yield "json", escaped.replace(b"\\u", b"\\\\u")
        yield "repr", repr(utf8)[2:-1].encode()
        yield "percent", quote(value).encode()
    yield "utf-16-le", value.encode("utf-16-le")
    yield "utf-16-be", value.encode("utf-16-be")
    yield "hex", utf8.hex().encode()
    yield "hex", utf8.hex().upper().encode()


def bare_hashes(value: str, types: Iterable[str] = ("", "111:", "001:")) -> Iterator[tuple[str, bytes]]:
    """Yields unkeyed hashes of a value, from which a list of all numbers gives it back in a second."""
    for head in types:
        message = (head + value).encode()
        for name, made in (
            ("sha256", hashlib.sha256(message).digest()),
            ("sm3", sm3(message)),
            ("sha1", hashlib.sha1(message, usedforsecurity=False).digest()),
            ("md5", hashlib.md5(message, usedforsecurity=False).digest()),
        ):
            yield name, made
            yield name, made.hex().encode()


class Matcher:
    """Finds any of many byte strings by their last six bytes, in which numbers and names differ most, then compares."""

    def __init__(self, patterns: dict[bytes, tuple[str, str, str]]) -> None:
        self._tails: dict[int, list[bytes]] = defaultdict(list)
        self._patterns = patterns
        self._pairs = [np.zeros(65536, np.bool_) for _ in range(3)]
        for pattern in patterns:
            words = [int.from_bytes(pattern[at : at + 2], "little") for at in range(len(pattern) - 6, len(pattern), 2)]
            for table, word in zip(self._pairs, words, strict=True):
                table[word] = True
            self._tails[words[0] | words[1] << 16 | words[2] << 32].append(pattern)
        self._sorted = np.array(sorted(self._tails), np.uint64)
        self.longest = max(map(len, patterns))

    def find(self, data: bytes, place: str) -> Iterator[Hit]:
        """Yields every value that stands in the bytes, once for each way of writing."""
        for start in range(0, max(len(data), 1), _BLOCK):
            yield from self._find(data[start : start + _BLOCK + self.longest], place)

    def _find(self, data: bytes, place: str) -> Iterator[Hit]:
        if len(data) < 6:
            return
        raw = np.frombuffer(data, np.uint8)
        pairs = raw[:-1].astype(np.uint16) | (raw[1:].astype(np.uint16) << 8)
        first, second, third = self._pairs
        at = np.flatnonzero(first[pairs[:-4]] & second[pairs[2:-2]] & third[pairs[4:]])
        words = [pairs[at + 2 * index].astype(np.uint64) << np.uint64(16 * index) for index in range(3)]
        keys = words[0] | words[1] | words[2]
        slots = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        keep = self._sorted[slots] == keys
        for position, key in zip(at[keep].tolist(), keys[keep].tolist(), strict=True):
            for pattern in self._tails[key]:
                if data.endswith(pattern, 0, position + 6):
                    value, kind, how = self._patterns[pattern]
                    yield Hit(place, kind, how, value)


class Scanner:
    """Everything that is looked for, ready for bytes, cells, files, folders and databases."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        patterns = {
            pattern: (value, kind, how) for value, kind in truth.searchable.items() for how, pattern in encodings(value)
        }
        for value, kind in truth.values.items():
            if kind == "id":
                patterns |= {pattern: (value, kind, how) for how, pattern in bare_hashes(value)}
        self._matcher = Matcher(patterns)
        self._short = {value for value in truth.values if not _is_long(value)}

    def bytes(self, data: bytes, place: str) -> list[Hit]:
        """Scans bytes as they are, and what they hold in hexadecimal, Base64 or gzip."""
        found = list(self._matcher.find(data, place))
        if data[:2] == b"\x1f\x8b":
            return found + self.bytes(_gunzipped(data), f"{place} (gzip)")
        if b"\0" not in data[:4096]:
            for run in _HEX.finditer(data):
                found += self._matcher.find(bytes.fromhex(run.group().decode()), f"{place} (hex)")
            for run in _BASE64.finditer(data):
                found += self._matcher.find(_unbased(run.group()), f"{place} (base64)")
        return found

    def cells(self, values: Iterable[Any], place: str) -> list[Hit]:
        """Scans the values of a table; short names count when they are a whole value."""
        leaves = set(_leaves(values))
        texts = {leaf for leaf in leaves if isinstance(leaf, str)}
        short = [Hit(place, "name", "cell", text.strip()) for text in texts if text.strip() in self._short]
        raw = b"\0".join(leaf for leaf in leaves if isinstance(leaf, bytes))
        return short + self.bytes("\n".join(texts).encode(), place) + self.bytes(raw, place)

    def parquet(self, path: Path) -> list[Hit]:
        """Decodes every cell of a Parquet file, and the file's own facts."""
        with pq.ParquetFile(path) as file:
            table = file.read()
            facts = {**(file.metadata.metadata or {}), **(file.schema_arrow.metadata or {})}
        found = [hit for value in facts.values() for hit in self.bytes(value, f"{path}#facts")]
        return found + self.table(table, str(path))

    def table(self, table: pa.Table, place: str) -> list[Hit]:
        """Scans an Arrow table column by column."""
        found: list[Hit] = []
        for name, column in zip(table.schema.names, table.columns, strict=True):
            found += self.cells(column.to_pylist(), f"{place}#{name}")
        return found

    def tree(self, root: Path, leave_out: Iterable[Path] = ()) -> tuple[list[Hit], int]:
        """Scans every file below a folder, Parquet and Delta logs decoded; returns the hits and the number of files."""
        found, files = [], 0
        away = {path.resolve() for path in leave_out}
        for folder, names, leaves in os.walk(root):
            names[:] = [name for name in names if (Path(folder) / name).resolve() not in away]
            for leaf in leaves:
                path = Path(folder) / leaf
                if path.resolve() in away or not path.is_file() or path.is_symlink():
                    continue
                files += 1
                found += self.file(path)
        return found, files

    def file(self, path: Path) -> list[Hit]:
        """Scans one file: its name, its bytes, and its cells where it can be opened as Parquet."""
        try:
            data = path.read_bytes()
        except (FileNotFoundError, PermissionError):
            return []
        found = self.bytes(str(path).encode(), f"{path} (name)")
        if not data.strip(b"\0"):
            return found
        found += self.bytes(data, str(path))
        if data[:4] == b"PAR1" and data[-4:] == b"PAR1":
            found += self.parquet(path)
        return found

    def database(self, url: str) -> tuple[list[Hit], int]:
        """Dumps every table, its statistics and its comments; returns the hits and the number of cells."""
        found, cells = [], 0
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            tables = connection.execute(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname NOT IN ('information_schema')"
                " AND (n.nspname NOT LIKE 'pg\\_%' OR c.relname = 'pg_description')"
            ).fetchall()
            for schema, name in [*tables, ("pg_catalog", "pg_stats"), ("pg_catalog", "pg_stat_activity")]:
                rows = connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()
                cells += sum(map(len, rows))
                found += self.cells(rows, f"{schema}.{name}")
        return found, cells


def _leaves(value: Any) -> Iterator[str | bytes]:
    """Yields the texts and bytes inside a value; numbers, dates and truths name nobody."""
    if isinstance(value, str | bytes):
        yield value
    elif isinstance(value, dict):
        yield from _leaves(list(value))
        yield from _leaves(list(value.values()))
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _leaves(part)


def _gunzipped(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""


def _unbased(data: bytes) -> bytes:
    plain = data.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    # One character beyond a group of four says nothing; two or three need their padding back.
    plain = plain[:-1] if len(plain) % 4 == 1 else plain
    return base64.b64decode(plain + b"=" * (-len(plain) % 4))


def main() -> int:
    """Scans a folder; prints where values were found, never which."""
    var, home = Path(sys.argv[1]), Path(sys.argv[2])
    hits, files = Scanner(truth_of(city.load(home))).tree(var, [home])
    for hit in hits[:50]:
        print(hit)  # noqa: T201
    print(f"{files} files, {len(hits)} hits")  # noqa: T201
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
