"""Locations, connections' roots, fsspec, Parquet, the registry and the reading window."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import registry
from connectors.window import inside
from schemas.entry import Attachment
from schemas.errors import InputError, SchemaDrift, SetupError, SourceDown, SourceRefused, SourceUnreadable
from schemas.source import ReadRequest

CSV = "a,b\n1,2\n"


def source(location: str | None, url: str | None = None, **settings: Any) -> Any:
    """Opens a file or files."""
    return registry.open_source(
        Attachment(**{"connector": "file", "mode": "snapshot", "location": location} | settings), url
    )


def read(given: Any, columns: tuple[str, ...] = ("a", "b")) -> list[dict[str, Any]]:
    """Reads all rows."""
    with given.read(ReadRequest(columns, "snapshot", datetime.now(UTC))) as reading:
        return [row for batch in reading for row in batch.to_pylist()]


class TestLocations:
    @pytest.mark.parametrize("root", ["{}", "file://{}", "{}/"])
    def test_a_location_is_below_its_connection(self, tmp_path, root):
        """A relative location is found below the connection's root."""
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "x.csv").write_text(CSV)
        assert len(read(source("in/x.csv", root.format(tmp_path)))) == 1

    @pytest.mark.parametrize(
        "location", ["../x.csv", "/etc/passwd", "in/../../x.csv", "file:///etc/passwd", "..\\x.csv"]
    )
    def test_a_location_does_not_lead_out_of_its_connection(self, tmp_path, location):
        """No location of an entry reads a file outside the folder that the administrator opened."""
        (tmp_path / "x.csv").write_text(CSV)
        with pytest.raises(SourceUnreadable, match="根目录"):
            read(source(location, str(tmp_path / "in")))

    def test_any_fsspec_file_system(self):
        """A file on another file system reads like a local one, alone and with a root and a pattern."""
        files = fsspec.filesystem("memory")
        files.pipe("/inbox/x.csv", CSV.encode())
        files.pipe("/inbox/y.csv", CSV.encode())
        assert len(read(source("memory://inbox/x.csv"))) == 1
        assert len(read(source("*.csv", "memory://inbox"))) == 2
        assert [step.passed for step in registry.test_connection("memory://inbox")] == [True] * 4

    def test_what_is_missing_is_said(self, tmp_path):
        """No location, no such file, no known format: each in words, and in the connection's test."""
        with pytest.raises(SourceUnreadable, match="没有写明文件位置"):
            read(source(None))
        with pytest.raises(SourceUnreadable, match=r"none\.csv"):
            read(source(str(tmp_path / "none.csv")))
        (tmp_path / "x.bin").write_text(CSV)
        with pytest.raises(SourceUnreadable, match="格式"):
            read(source(str(tmp_path / "x.bin")))
        assert len(read(source(str(tmp_path / "x.bin"), format="csv"))) == 1
        last = source(str(tmp_path / "none.csv")).test()[-1]
        assert (last.name, last.passed) == ("table", False)
        last = registry.test_connection(f"file://{tmp_path}/none")[-1]
        assert (last.name, last.passed) == ("login", False)

    def test_a_driver_that_is_not_installed_is_named(self, monkeypatch):
        """A file system whose package is missing says which to install."""
        monkeypatch.setitem(sys.modules, "s3fs", None)
        with pytest.raises(SetupError, match="s3fs"):
            read(source("s3://bucket/x.csv?key=k&secret=s"))
        step = registry.test_connection("s3://bucket?key=k&secret=S3cret")[-1]
        assert (step.name, step.passed) == ("login", False)
        assert "S3cret" not in str(step)

    def test_a_server_of_files_that_is_down(self):
        """A file server without answer fails at the port; reading from it is transient."""
        assert [step.name for step in registry.test_connection("ftp://u:p@127.0.0.1:5999/x")] == ["name", "port"]
        with pytest.raises(SourceDown):
            read(source("ftp://u:p@127.0.0.1:5999/x.csv"))

    def test_no_permission(self, tmp_path, monkeypatch):
        """A file that may not be opened is refused."""
        path = tmp_path / "x.csv"
        path.write_text(CSV)
        given = source(str(path))
        with given.read(ReadRequest(("a",), "snapshot", datetime.now(UTC))) as reading:

            def refuse(*_: Any) -> None:
                raise PermissionError(13, "secret words")

            monkeypatch.setattr(reading._session._files, "open", refuse)
            with pytest.raises(SourceRefused) as caught:
                list(reading)
        assert "secret words" not in str(caught.value)

    def test_an_increment_in_a_file_needs_its_column(self, tmp_path):
        """Watermark without a column is told as the attachment's fault."""
        path = tmp_path / "x.csv"
        path.write_text(CSV)
        with pytest.raises(SourceUnreadable, match="watermarkColumn"):
            read(source(str(path), mode="watermark"))


class TestParquet:
    def test_types_stay_and_odd_ones_become_plain(self, tmp_path):
        """Native types are kept; dictionaries, large and nested types come as their plain form."""
        table = pa.table(
            {
                "a": pa.array(["x", "y"]).dictionary_encode(),
                "b": pa.array([{"k": "中"}, None]),
                "c": pa.array(["大", None], pa.large_string()),
                "d": pa.array([b"1", b"2"], pa.large_binary()),
                "n": pa.array([1, 2], pa.int16()),
            }
        )
        path = tmp_path / "x.parquet"
        pq.write_table(table, path)
        given = source(str(path))
        assert [column.type for column in given.columns()] == [
            pa.string(),
            pa.string(),
            pa.string(),
            pa.binary(),
            pa.int16(),
        ]
        rows = read(given, ("a", "b", "c", "d", "n"))
        assert [rows[0][name] for name in "abcdn"] == ["x", '{"k": "中"}', "大", b"1", 1]
        assert rows[1]["b"] is None

    @pytest.mark.parametrize("cut", [0, 50, 4])
    def test_a_broken_file(self, tmp_path, cut):
        """An empty or cut file is refused."""
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"a": list(range(1000))}), path)
        path.write_bytes(path.read_bytes()[:cut] if cut != 50 else path.read_bytes()[:-50])
        with pytest.raises(SourceUnreadable):
            read(source(str(path)), ("a",))

    def test_an_encrypted_file(self, tmp_path):
        """A file under Parquet's own encryption is called encrypted."""
        path = tmp_path / "x.parquet"
        path.write_bytes(b"PARE" + b"\x00" * 20 + b"PARE")
        with pytest.raises(SourceUnreadable):
            read(source(str(path)), ("a",))

    def test_columns_twice_and_columns_gone(self, tmp_path):
        """A wanted column that is there twice is refused; columns that are gone are drift, not a missing header."""
        path = tmp_path / "x.parquet"
        pq.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"]), pa.array(["z"])], ["a", "a", "b"]), path)
        with pytest.raises(SourceUnreadable, match="重复：a"):
            read(source(str(path)))
        assert read(source(str(path)), ("b",))[0]["b"] == "z"
        with pytest.raises(SchemaDrift, match="缺少列：c"):
            read(source(str(path)), ("c",))

    def test_files_of_one_reading_must_agree(self, tmp_path):
        """A later file without a column has drifted; one with another type is unreadable."""
        pq.write_table(pa.table({"a": [1], "b": [1]}), tmp_path / "1.parquet")
        pq.write_table(pa.table({"a": [1]}), tmp_path / "2.parquet")
        with pytest.raises(SchemaDrift, match=r"2\.parquet"):
            read(source(str(tmp_path / "*.parquet")))
        pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "2.parquet")
        with pytest.raises(SourceUnreadable):
            read(source(str(tmp_path / "*.parquet")))


class TestRegistry:
    def test_kinds_are_the_folder(self):
        """The kinds are the modules of connectors/sources, nothing more."""
        folder = Path(registry.__file__).parent / "sources"
        assert registry.kinds() == tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__"))

    @pytest.mark.parametrize("kind", ["os", "../base", "sources.postgres", ""])
    def test_nothing_else_is_imported(self, kind):
        """A kind from a contract that is not in the folder is refused."""
        with pytest.raises(SourceUnreadable, match="可用"):
            registry.open_source(Attachment(connector=kind, mode="snapshot"), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("window", "hour", "open_"),
    [
        (None, "12:00", True),
        (("22:00", "06:00"), "23:00", True),
        (("22:00", "06:00"), "05:59", True),
        (("22:00", "06:00"), "06:00", False),
        (("22:00", "06:00"), "22:00", True),
        (("22:00", "06:00"), "12:00", False),
        (("01:00", "05:00"), "00:59", False),
        (("01:00", "05:00"), "04:59", True),
        (("01:00", "05:00"), "05:00", False),
        (("03:00", "03:00"), "12:00", True),
    ],
)
def test_the_reading_window(window, hour, open_):
    """A window is Shanghai time, may pass midnight, includes its start and not its end."""
    now = datetime.fromisoformat(f"2026-11-22T{hour}").replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    assert inside(window, now.astimezone(UTC)) is open_


def test_a_window_that_is_none():
    """A window that is no time of day is refused."""
    with pytest.raises(InputError, match="25:00"):
        inside(("25:00", "06:00"), datetime.now(UTC))
