"""Rows of a SQLAlchemy cursor → Arrow columns; bytes that are no text in any encoding become a finding of their row."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from connectors.base import FINDINGS


def row_batch(rows: Sequence[Sequence[Any]], names: Sequence[str], types: dict[str, pa.DataType]) -> pa.RecordBatch:
    """Turns rows to a batch of these types; a row with bytes that are no text keeps them apart, with a finding."""
    arrays: list[pa.Array] = []
    bad: dict[int, dict[str, bytes]] = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        kind = types[name]
        if kind == pa.string():
            arrays.append(_texts(name, values, bad))
        else:
            arrays.append(pa.array(_numbers_of_bits(values) if kind == pa.int64() else values, kind))
    batch = pa.RecordBatch.from_arrays(arrays, names=list(names))
    if not bad:
        return batch
    findings = [
        [{"code": "ROW_ENCODING", "column": name, "place": None} for name in bad[row]] if row in bad else None
        for row in range(len(rows))
    ]
    raw = [b"\n".join(bad[row].values()) if row in bad else None for row in range(len(rows))]
    return batch.append_column("_raw", pa.array(raw, pa.binary())).append_column(
        "_findings", pa.array(findings, FINDINGS)
    )


def _numbers_of_bits(values: Sequence[Any]) -> Sequence[Any]:
    """Turns MySQL's BIT, which comes as bytes, to numbers."""
    if not any(isinstance(value, bytes) for value in values):
        return values
    return [int.from_bytes(value, "big") if isinstance(value, bytes) else value for value in values]


def _texts(name: str, values: Sequence[Any], bad: dict[int, dict[str, bytes]]) -> pa.Array:
    """Turns values of any kind to text; bytes that are no text in any encoding are noted in `bad` and left out."""
    if all(value is None or type(value) is str for value in values):
        return pa.array(values, pa.string())
    texts: list[str | None] = []
    for row, value in enumerate(values):
        text = text_or_bytes(value) if isinstance(value, bytes) else value
        if isinstance(text, bytes):
            bad.setdefault(row, {})[name] = text
            text = None
        texts.append(text if text is None or isinstance(text, str) else str(text))
    return pa.array(texts, pa.string())


def text_or_bytes(data: bytes) -> str | bytes:
    """Reads bytes as UTF-8, else as GB18030; leaves what is neither."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data
