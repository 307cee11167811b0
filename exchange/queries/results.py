"""Results of queries: sealed in the lake for a short time, read in pages and batches. Asks nobody for permission."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from catalog.stores import queries as store
from exchange.hub import Hub
from lake.frames import FrameReader, FrameWriter

#: Rows of one sealed frame, and of one part: a page opens the part that it lies in.
FRAME_ROWS, _PART_ROWS = 2_000, 20_000
_LOST_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Rows of a result in its order; `next` is the `after` of the page that follows, None at the end."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    after: int
    next: int | None


def folder_of(query_id: str) -> str:
    """Names the folder of a result."""
    return f"results/queries/{query_id}"


def writer(hub: Hub, query_id: str) -> FrameWriter:
    """Opens the writer of a result; what is left without `commit` is removed."""
    return hub.frames.writer(folder_of(query_id), _PART_ROWS)


def reader(hub: Hub, query_id: str) -> FrameReader:
    """Opens a finished result; raises NotFound."""
    return hub.frames.reader(folder_of(query_id))


def page_of(hub: Hub, query_id: str, after: int, limit: int) -> ResultPage:
    """Reads the rows that follow row `after`: nothing is run again, and parts before it are not opened."""
    found = reader(hub, query_id)
    names = tuple(found.schema.names) if found.schema else ()
    rows: list[tuple[Any, ...]] = []
    for batch, begins in _batches_from(found, after):
        start = max(after - begins, 0)
        part = batch.slice(start, limit - len(rows))
        columns = [[plain(value) for value in column.to_pylist()] for column in part.columns]
        rows += zip(*columns, strict=True)
        if len(rows) >= limit:
            break
    last = after + len(rows)
    return ResultPage(names, tuple(rows), after, last if last < found.rows else None)


def _batches_from(found: FrameReader, after: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    begins = 0
    for part in found.parts:
        if begins + found.part_rows(part) <= after:
            begins += found.part_rows(part)
            continue
        for batch in found.read_part(part):
            if begins + batch.num_rows > after:
                yield batch, begins
            begins += batch.num_rows


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line a type reads best
    """Turns a cell into what JSON holds: exact numbers and dates as text, bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, float) and value - value != 0:  # not finite: JSON has no word for it
        return str(value)
    return value


def sweep(hub: Hub) -> int:
    """Removes results whose time is over and ends runs whose process is gone; returns how many results went."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        lost, over = store.lost(connection, now - _LOST_AFTER), store.over(connection, now)
    for query_id in (*lost, *over):
        hub.frames.remove(folder_of(query_id))
    with hub.transaction() as connection:
        for query_id in lost:
            store.finish(connection, query_id, {"state": "failed", "error_code": "QUERY_LOST", "ended_at": now})
        for query_id in over:
            store.change(connection, query_id, kept_until=None)
    return len(over)
