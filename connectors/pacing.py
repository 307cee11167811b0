"""How batches leave a reading: of one size, and no faster than the department allows. Reads nothing itself."""

import time
from collections.abc import Iterator

import pyarrow as pa


def resized(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cuts and joins batches to `rows` rows each, the last one shorter; holds little more than one batch."""
    held: list[pa.RecordBatch] = []
    count = 0
    for given in batches:
        batch = given
        while count + batch.num_rows >= rows:
            cut = rows - count
            held.append(batch.slice(0, cut))
            yield _joined(held)
            batch, held, count = batch.slice(cut), [], 0
        if batch.num_rows:
            held.append(batch)
            count += batch.num_rows
    if held:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def paced(batches: Iterator[pa.RecordBatch], rows_per_second: int | None) -> Iterator[pa.RecordBatch]:
    """Yields no more rows a second than the department allows."""
    if not rows_per_second:
        yield from batches
        return
    begun, rows = time.monotonic(), 0
    for batch in batches:
        yield batch
        rows += batch.num_rows
        ahead = rows / rows_per_second - (time.monotonic() - begun)
        if ahead > 0:
            time.sleep(ahead)
