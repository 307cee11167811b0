"""What is out of time goes, what is kept stays; and the factory's connections reach nothing."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from lake.duck import connect, quoted
from lake.places import Places, read_json, write_json
from lake.retention import remove_expired
from schemas.errors import StorageError

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def folder(root: Path, kind: str, run: str, days: float) -> Path:
    """Makes a run's folder last written some days ago."""
    path = Places(root).folder(kind, "people", run)
    path.mkdir(parents=True)
    (path / "part").write_bytes(b"xx")
    moment = (NOW - timedelta(days=days)).timestamp()
    os.utime(path / "part", (moment, moment))
    return path


def test_folders_out_of_time_are_removed_and_returned(tmp_path):
    """Each kind has its own term; runs that are still needed stay however old they are."""
    old = folder(tmp_path, "landing", "old", 8)
    young = folder(tmp_path, "landing", "young", 6)
    held = folder(tmp_path, "landing", "held", 30)
    problem = folder(tmp_path, "quarantine", "old", 100)
    removed = remove_expired(tmp_path, NOW, keep={("people", "held")})
    assert [(r.kind, r.dataset, r.run, r.files, r.bytes) for r in removed] == [("landing", "people", "old", 1, 2)]
    assert [path.exists() for path in (old, young, held, problem)] == [False, True, True, True]
    assert [r.kind for r in remove_expired(tmp_path, NOW, {"quarantine": 90}, {("people", "held")})] == ["quarantine"]


def test_an_empty_lake_has_nothing_to_remove(tmp_path):
    """Nothing there is no error; an empty folder goes by its own age."""
    assert remove_expired(tmp_path, NOW) == []
    Places(tmp_path).folder("staging", "people", "empty").mkdir(parents=True)
    assert [r.files for r in remove_expired(tmp_path, NOW + timedelta(days=9999))] == [0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')", "COPY (SELECT 1) TO '/tmp/out_of_duck.csv'", "ATTACH '/tmp/x.db'",
        "SET threads = 8", "INSTALL httpfs", "SET enable_external_access = true", "SELECT * FROM local_secret",
    ],
)  # fmt: skip
def test_connections_reach_nothing(sql):
    """A connection of the factory reads no file, writes none, takes no setting and sees no Python variable."""
    local_secret = pa.table({"a": [1]})
    with connect(64) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()
    assert local_secret.num_rows == 1


def test_only_hashes_may_spill(tmp_path):
    """Without a spill folder a large sort fails; with one it ends, and leaves nothing there."""
    sql = "SELECT count(*) FROM (SELECT hash(i) h FROM range(6000000) t(i) ORDER BY h)"
    sort = sql.replace("ORDER BY h", "ORDER BY h LIMIT 5999999")
    with connect(48) as connection, pytest.raises(duckdb.Error):
        connection.execute(sort).fetchall()
    with connect(48, spill=tmp_path / "spill") as connection:
        assert connection.execute(sort).fetchone() == (5999999,)
    assert not list(tmp_path.glob("spill/*"))


def test_identifiers_are_quoted():
    """A quote in a name cannot end the name."""
    assert quoted('a"b') == '"a""b"'


def test_small_files_are_there_whole_or_not_at_all(tmp_path):
    """A JSON file that could not be written leaves what was there before."""
    path = tmp_path / "facts.json"
    assert read_json(path) is None
    write_json(path, {"名": 1})
    (tmp_path / ".facts.json.half").symlink_to("/dev/full")
    with pytest.raises(StorageError):
        write_json(path, {"名": "x" * 100_000})
    assert read_json(path) == {"名": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["facts.json"]
