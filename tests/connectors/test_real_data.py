"""The real registers: every record is read, and what is ragged is what an independent count finds so."""

import csv
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.registry import open_source
from schemas.entry import Attachment
from schemas.source import ReadRequest

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "legal_entities"


@pytest.mark.real_data
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the real registers are not there")
@pytest.mark.parametrize("province", ["gansu", "hebei", "henan", "liaoning", "yunnan"])
def test_a_register_reads_whole(province):
    """Records and values are those of the standard csv module; each ragged line is kept with its bytes."""
    path = FOLDER / f"{province}.csv.gz"
    data = gzip.decompress(path.read_bytes())
    header, *expected = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
    physical = data.split(b"\n")
    source = open_source(Attachment(connector="file", mode="snapshot", location=str(path)), None)
    with source.read(ReadRequest(tuple(header), "snapshot", datetime.now(UTC))) as reading:
        rows = [row for batch in reading for row in batch.to_pylist()]
    assert reading.records == len(expected) == data.count(b"\n") - 1
    for row, record in zip(rows, expected, strict=True):
        if len(record) == len(header):
            assert [row[name] for name in header] == record
            assert row["_findings"] is None
        else:
            assert [finding["code"] for finding in row["_findings"]] == ["ROW_RAGGED"]
            assert row["_raw"] == physical[int(row["_place"]) - 1]
