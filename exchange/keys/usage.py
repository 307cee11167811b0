"""Where each key generation is in use: a scan of every sealed value of the hub. Opens none of them.

A key is named as sealed values name it: suite letter and generation, such as `i1` or `g2`.
"""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select, text

from exchange.crypto import generation_of
from exchange.hub import Hub
from exchange.keys.sealed import SEALED
from lake.frames import sealed_frames
from lake.places import read_json
from lake.resealing import HEAD_BYTES, parquet_heads

_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Use:
    """How many values of one place are under one key."""

    place: str
    key: str
    values: int


def scan(hub: Hub) -> list[Use]:
    """Counts every sealed value by place and key; raises SealBroken at a value that names no key."""
    counted: Counter[tuple[str, str]] = Counter()
    for part in (_catalogue(hub), _served(hub), _lake(hub), _frames(hub), _files(hub)):
        for place, key, values in part:
            counted[place, key] += values
    return [Use(place, key, values) for (place, key), values in sorted(counted.items())]


def _catalogue(hub: Hub) -> Iterator[tuple[str, str, int]]:
    for sealed in SEALED:
        with hub.transaction() as connection:
            query = select(func.substring(sealed.column, 1, HEAD_BYTES)).where(sealed.column.is_not(None))
            for value in connection.execution_options(yield_per=_PAGE).execute(query).scalars():
                yield sealed.name, generation_of(value), 1


def _served(hub: Hub) -> Iterator[tuple[str, str, int]]:
    with hub.transaction() as connection:
        for name in served_tables(connection):
            head = r"substring(sealed from 1 for position('\x2e'::bytea in sealed))"
            whole = f"{head} || '\\x3030303a'::bytea"  # a kid that ends in 000, and the colon after it
            query = f'select {whole}, count(*) from serving."{name}" where sealed is not null group by 1'
            for value, count in connection.execute(text(query)):
                yield f"serving.{name}", generation_of(value), count


def served_tables(connection: Connection) -> list[str]:
    """Lists the tables of schema `serving` with sealed values, also side tables of an unfinished publishing."""
    query = (
        "select table_name from information_schema.columns where table_schema = 'serving' and column_name = 'sealed'"
    )
    return [str(name) for name in connection.execute(text(query + " order by 1")).scalars()]


def _lake(hub: Hub) -> Iterator[tuple[str, str, int]]:
    for kind, dataset, heads in parquet_heads(hub.settings.lake_root):
        for key, values in keys_of(heads).items():
            yield f"lake/{kind}/{dataset}", key, values


def keys_of(heads: pa.Array) -> dict[str, int]:
    """Counts the keys of many sealed values' first bytes."""
    found: Counter[str] = Counter()
    # Up to the point: sub-keys are many, generations few.
    for value in pc.value_counts(pc.binary_slice(heads, 0, 6)).to_pylist():
        head = value["values"].partition(b".")[0]
        found[generation_of(head + b".0:")] += value["counts"]
    return dict(found)


def _frames(hub: Hub) -> Iterator[tuple[str, str, int]]:
    root = hub.settings.lake_root
    # Results of queries are short-lived: a key stays until those under it have gone.
    for kind in ("landing", "quarantine", "results"):
        for path in sorted((root / kind).glob("*/*/*.sealed")):
            try:
                for frame in sealed_frames(path):
                    yield f"lake/{kind}/{path.parent.parent.name}", generation_of(frame[:HEAD_BYTES]), 1
            except FileNotFoundError:
                continue
        for path in sorted((root / kind).glob("*/*/manifest.json")):
            yield f"lake/{kind}/{path.parent.parent.name}", generation_of(manifest_seal(path)), 1


def manifest_seal(path: Path) -> bytes:
    """Returns the seal of a manifest of landing or quarantine."""
    return base64.b64decode(str((read_json(path) or {}).get("seal", "")))


def sealed_files(hub: Hub) -> Iterator[tuple[str, Path, bytes]]:
    """Yields the sealed single files with what each is bound to: handed-in workbooks, and batches on their way."""
    for path in sorted((hub.settings.var / "uploads").glob("*/*.sealed")):
        yield "uploads", path, f"upload:{path.parent.name}:{path.name.removesuffix('.sealed')}".encode()
    for path in sorted((hub.settings.lake_root / "outbox").glob("*/*/*.sealed")):
        subscription, batch, name = path.parts[-3], path.parts[-2], path.name.removesuffix(".sealed")
        yield "outbox", path, f"outbox:{subscription}:{batch}:{name}".encode()
    for path in sorted((hub.settings.var / "keyed").glob("*.sealed")):
        yield "keyed", path, f"batch:{path.name.removesuffix('.sealed')}".encode()


def _files(hub: Hub) -> Iterator[tuple[str, str, int]]:
    for place, path, _ in sealed_files(hub):
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except FileNotFoundError:
            continue
        yield place, generation_of(head), 1
