"""CSV as departments write it: nothing lost, nothing shifted, nothing joined."""

import csv
import gzip
import io
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.formats import lines
from connectors.registry import open_source
from schemas.entry import Attachment
from schemas.errors import SchemaDrift, SourceDown, SourceUnreadable
from schemas.source import ReadRequest

HEADER = "编号,姓名,住址"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The department's inbox."""
    return tmp_path


def read(path: Path, columns: tuple[str, ...] = ("编号", "姓名", "住址"), **changes: Any) -> list[dict[str, Any]]:
    """Reads all records of a file."""
    attachment = Attachment(connector="file", mode="snapshot", location=str(path), **changes)
    with open_source(attachment, None).read(ReadRequest(columns, "snapshot", datetime.now(UTC))) as reading:
        rows = [row for batch in reading for row in batch.to_pylist()]
    assert reading.records == len(rows)
    assert [row["_row"] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def written(folder: Path, data: str | bytes, encoding: str = "utf-8") -> Path:
    """Writes the file and returns its path."""
    path = folder / "file.csv"
    path.write_bytes(data.encode(encoding) if isinstance(data, str) else data)
    return path


def values(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Returns the three columns of each row."""
    return [(row["编号"], row["姓名"], row["住址"]) for row in rows]


def found(row: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Returns code and column of each finding."""
    return [(finding["code"], finding["column"]) for finding in row["_findings"] or []]


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    @pytest.mark.parametrize("declared", [True, False])
    def test_each_encoding_is_read(self, folder, encoding, declared):
        """UTF-8 with and without mark, GB18030 and UTF-16 give the same text, declared or found out."""
        path = written(folder, f"{HEADER}\r\n1,张三,白银市\r\n2,㐂·阿依古丽,𠮷\r\n", encoding)
        rows = read(path, encoding=encoding if declared else None)
        assert values(rows) == [("1", "张三", "白银市"), ("2", "㐂·阿依古丽", "𠮷")]
        assert [row["_place"] for row in rows] == ["2", "3"]

    @pytest.mark.parametrize(("declared", "real"), [("utf-16", "le"), ("UTF-16LE", "le"), ("utf-16-be", "be")])
    def test_utf16_without_a_mark_is_read_as_declared(self, folder, declared, real):
        """A file that is declared UTF-16 need not begin with a mark; without a way round it is Windows'."""
        path = written(folder, f"{HEADER}\r\n1,张三,𠮷\r\n", f"utf-16-{real}")
        assert values(read(path, encoding=declared)) == [("1", "张三", "𠮷")]

    @pytest.mark.parametrize("size", [4, 1 << 20])
    @pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
    def test_a_mark_inside_the_file_is_no_end_and_stays(self, folder, monkeypatch, size, encoding):
        """Files that were joined have marks in the middle: nothing is dropped, wherever the file is cut."""
        monkeypatch.setattr(lines.chunks, "__defaults__", (size,))
        path = written(folder, f"{HEADER}\n\ufeff1,a,b\n\ufeff\n2,c,d\n\ufeff", encoding)
        rows = read(path)
        assert [row["_place"] for row in rows] == ["2", "3", "4", "5"]
        assert [row["编号"] for row in rows] == ["\ufeff1", None, "2", None]
        assert [found(row) for row in rows] == [[], [("ROW_RAGGED", None)], [], [("ROW_RAGGED", None)]]

    def test_the_whole_stream_decides(self, folder):
        """Chinese that begins after megabytes of ASCII is still read in the right encoding."""
        head = "id,name,address\n" + "".join(f"{n},abcdefghij,klmnopqrst\n" for n in range(300_000))
        path = written(folder, head + "x,张三,白银市\n", "gb18030")
        rows = read(path, ("id", "name", "address"))
        assert rows[-1]["name"] == "张三"
        assert len(rows) == 300_001

    @pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
    def test_one_bad_line_spoils_only_itself(self, folder, encoding):
        """A line with bytes of no encoding is one record with its raw bytes; what can be read of it is kept."""
        good = [f"{n},张三,白银市平川区\n".encode(encoding) for n in range(50)]
        bad = "7,李四".encode(encoding) + b"\xff\xff" + ",甘肃\n".encode(encoding)
        path = written(folder, (HEADER + "\n").encode(encoding) + b"".join(good) + bad + b"".join(good))
        rows = read(path)
        assert len(rows) == 101
        assert rows[50]["_raw"] == bad.rstrip(b"\n")
        assert found(rows[50]) == [("ROW_ENCODING", "姓名")]
        assert values(rows)[50] == ("7", None, "甘肃")
        assert {row["姓名"] for row in rows if row["_raw"] is None} == {"张三"}

    @pytest.mark.parametrize(("declared", "real"), [("utf-8", "gb18030"), ("gbk", "utf-8")])
    def test_a_wrong_declaration_is_refused(self, folder, declared, real):
        """A file that is plainly not in the declared encoding is not read as mojibake."""
        path = written(folder, f"{HEADER}\n1,张三,白银市\n", real)
        with pytest.raises(SourceUnreadable, match="编码"):
            read(path, encoding=declared)

    def test_an_unknown_encoding_is_refused(self, folder):
        """An encoding that nobody knows is named."""
        with pytest.raises(SourceUnreadable, match="klingon"):
            read(written(folder, f"{HEADER}\n"), encoding="klingon")

    def test_bytes_that_are_no_text_are_refused(self, folder):
        """A binary file under a CSV's name is not read."""
        with pytest.raises(SourceUnreadable):
            read(written(folder, bytes(range(128, 256)) * 50))


class TestLines:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_every_line_end_is_read(self, folder, end):
        """LF, CRLF and CR end a line, with empty lines at the end and no end at all."""
        for tail in ("", end, end * 3):
            rows = read(written(folder, end.join([HEADER, "1,a,b", "2,c,d"]) + tail))
            assert values(rows) == [("1", "a", "b"), ("2", "c", "d")]

    def test_mixed_ends_and_empty_lines(self, folder):
        """Line ends may differ from line to line; an empty line is no record but counts for the place."""
        rows = read(written(folder, f"{HEADER}\r\n1,a,b\n\r\n\n2,c,d\r3,e,f"))
        assert values(rows) == [("1", "a", "b"), ("2", "c", "d"), ("3", "e", "f")]
        assert [row["_place"] for row in rows] == ["2", "5", "6"]

    def test_line_ends_at_the_edge_of_a_chunk(self, folder, monkeypatch):
        """A CRLF that two blocks share is one line end."""
        data = (HEADER + "\r\n" + "".join(f"{n},a,b\r\n" for n in range(40))).encode()
        for size in range(1, 40):
            monkeypatch.setattr(lines.chunks, "__defaults__", (size,))
            rows = read(written(folder, data))
            assert [row["编号"] for row in rows] == [str(n) for n in range(40)], size
            assert [row["_place"] for row in rows] == [str(n + 2) for n in range(40)], size

    def test_chunks_are_joined_to_batches(self, folder, monkeypatch):
        """Batches are cut from chunks of any size without losing a row between them."""
        monkeypatch.setattr(lines.chunks, "__defaults__", (50,))
        path = written(folder, HEADER + "\n" + "".join(f"{n},a,b\n" for n in range(100)))
        source = open_source(Attachment(connector="file", mode="snapshot", location=str(path)), None)
        with source.read(ReadRequest(("编号",), "snapshot", datetime.now(UTC), batch_rows=30)) as reading:
            batches = [batch.column("编号").to_pylist() for batch in reading]
        assert [len(batch) for batch in batches] == [30, 30, 30, 10]
        assert list(chain(*batches)) == [str(n) for n in range(100)]

    def test_quoted_fields(self, folder):
        """Commas, doubled quotes and line ends inside quotes belong to the value."""
        rows = read(written(folder, f'{HEADER}\n1,"a,b","c""d"\n2,"第一行\r\n第二行\n",e\n3,f,""\n'))
        assert values(rows) == [("1", "a,b", 'c"d'), ("2", "第一行\r\n第二行\n", "e"), ("3", "f", "")]
        assert [row["_place"] for row in rows] == ["2", "3", "6"]

    def test_ragged_lines(self, folder):
        """A line with too few or too many fields is one record with its raw bytes; its neighbours are whole."""
        rows = read(written(folder, f"{HEADER}\n1,a,b\n2,c\n3,d,e,f\n4,g,h\n".encode("gb18030")))
        assert values(rows) == [("1", "a", "b"), (None,) * 3, (None,) * 3, ("4", "g", "h")]
        assert [row["_raw"] for row in rows] == [None, b"2,c", b"3,d,e,f", None]
        assert [found(row) for row in rows] == [[], [("ROW_RAGGED", None)], [("ROW_RAGGED", None)], []]

    def test_a_stray_quote_inside_a_value_is_text(self, folder):
        """A quote in the middle of a value, or one that wraps a part of it, stays where it is."""
        rows = read(written(folder, f'{HEADER}\n1,5" 管,b\n2,"西安"公司,d\n3,"e","f"\n'))
        assert values(rows) == [("1", '5" 管', "b"), ("2", '"西安"公司', "d"), ("3", "e", "f")]

    @pytest.mark.parametrize("after", ["plain", "quoted", "stray"])
    def test_a_quote_that_never_closes_takes_no_other_line(self, folder, after):
        """The line of an unclosed quote is ragged, every line after it is read."""
        line = {"plain": "{},a,b", "quoted": '{},"a","b"', "stray": '{},"a,b'}[after]
        many = [line.format(n) for n in range(1000)]
        rows = read(written(folder, "\n".join([HEADER, '0,"张三,白银', *many])))
        assert len(rows) == 1001
        assert found(rows[0]) == [("ROW_RAGGED", None)]
        assert rows[0]["_raw"] == '0,"张三,白银'.encode()
        if after != "stray":
            assert values(rows)[1:] == [(str(n), "a", "b") for n in range(1000)]
        else:
            assert all(row["_raw"] for row in rows)

    def test_stray_quotes_in_one_column_of_neighbouring_lines(self, folder):
        """Two lines that only a stray quote each could join stay two records."""
        names = ("a", "b", "c", "d", "e")
        rows = read(written(folder, 'a,b,c,d,e\n1,"x,2,3,4\n5,y",6,7,8\n9,9,9,9,9\n'), names)
        assert len(rows) == 3
        assert found(rows[0]) == [("ROW_RAGGED", None)]
        assert rows[1]["b"] == 'y"'

    def test_nul_bytes_and_odd_characters_stay(self, folder):
        """NUL, tabs, vertical line ends and no-break blanks are parts of values."""
        rows = read(written(folder, f"{HEADER}\n1,a\x00b,\tc\x0b\u2028\n 2 ,\u3000d, e \n"))
        assert values(rows) == [("1", "a\x00b", "\tc\x0b\u2028"), (" 2 ", "\u3000d", " e ")]

    def test_a_line_without_end_is_not_held(self, folder, monkeypatch):
        """A line beyond all measure is one unreadable record, kept in part, and the next is read."""
        monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 10_000)
        monkeypatch.setattr(lines.chunks, "__defaults__", (1000,))
        rows = read(written(folder, f"{HEADER}\n1,a,b\n" + "x" * 50_000 + "\n2,c,d\n"))
        assert [row["编号"] for row in rows] == ["1", None, "2"]
        assert found(rows[1]) == [("ROW_UNREADABLE", None)]
        assert [row["_place"] for row in rows] == ["2", "3", "4"]

    @pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
    def test_other_delimiters(self, folder, delimiter):
        """The declared delimiter splits, also where a GB18030 character holds its byte."""
        text = f"{HEADER}\n1,倈貄讄皘,b\n".replace(",", delimiter)
        assert values(read(written(folder, text, "gb18030"), delimiter=delimiter)) == [("1", "倈貄讄皘", "b")]

    def test_a_delimiter_of_two_characters_is_refused(self, folder):
        """Only one character delimits."""
        with pytest.raises(SourceUnreadable, match="分隔符"):
            read(written(folder, f"{HEADER}\n"), delimiter="||")


class TestHeader:
    def test_blanks_marks_and_order(self, folder):
        """Header names are trimmed; columns are found by name in any order, others are passed over."""
        rows = read(written(folder, "\ufeff 姓名 ,其他,\u3000住址,编号\n张三,x,甘肃,1\n"))
        assert values(rows) == [("1", "张三", "甘肃")]

    def test_titles_above_the_header(self, folder):
        """Lines above the declared header row are titles."""
        rows = read(written(folder, f"名册,,\n填表日期,2026,\n{HEADER}\n1,a,b\n"), header_row=3)
        assert values(rows) == [("1", "a", "b")]
        assert rows[0]["_place"] == "4"

    def test_a_header_in_quotes(self, folder):
        """Header names may be quoted, hold line ends, or a stray quote."""
        rows = read(written(folder, '"编\n号","姓名",住址\n1,a,b\n'), ("编\n号", "姓名"))
        assert [(row["姓名"], row["_place"]) for row in rows] == [("a", "3")]
        assert len(read(written(folder, '编号,姓"名,住址\n1,a,b\n'), ("编号", '姓"名'))) == 1

    def test_a_name_twice(self, folder):
        """A name that the contract uses may be there only once; others may."""
        assert values(read(written(folder, "编号,姓名,住址,x,x\n1,a,b,c,d\n"))) == [("1", "a", "b")]
        with pytest.raises(SourceUnreadable, match="重复"):
            read(written(folder, "编号,姓名,住址,姓名\n1,a,b,c\n"))

    @pytest.mark.parametrize(
        "data", ["1,张三,甘肃\n2,李四,四川\n", "110101199003070011,张三,2024-01-01\n", ",,\n1,2,3\n", "\n\n1,2,3\n"]
    )
    def test_no_header(self, folder, data):
        """A file that begins with data is refused without showing the data."""
        with pytest.raises(SourceUnreadable, match="不是表头") as caught:
            read(written(folder, data))
        assert "张三" not in str(caught.value)

    def test_values_never_become_column_names(self, folder):
        """Identifiers in the header's place are refused when columns are listed, too."""
        path = written(folder, "110101199003070011,张三\n")
        with pytest.raises(SourceUnreadable):
            open_source(Attachment(connector="file", mode="snapshot", location=str(path)), None).columns()

    @pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
    def test_an_empty_file(self, folder, data):
        """A file without content is refused, one with a header alone has no rows."""
        with pytest.raises(SourceUnreadable):
            read(written(folder, data))
        assert read(written(folder, HEADER)) == []

    def test_some_columns_missing(self, folder):
        """A header that has some of the columns has drifted."""
        with pytest.raises(SchemaDrift, match="住址"):
            read(written(folder, "编号,姓名\n1,a\n"))


class TestFiles:
    def test_a_truncated_gzip(self, folder):
        """A gzip file that is cut or damaged is refused and nothing of it is yielded."""
        whole = gzip.compress((HEADER + "\n" + "".join(f"{n},a,{n * n}\n" for n in range(100_000))).encode())
        for data in (whole[:-10], whole[: len(whole) // 2], whole[:-500] + b"\x00" * 500):
            path = folder / "file.csv.gz"
            path.write_bytes(data)
            with pytest.raises(SourceUnreadable, match="压缩文件"):
                read(path)

    def test_several_files_are_one_reading(self, folder):
        """Files found by `*` are read in the order of their names; places name the file."""
        for name in ("b.csv", "a.csv", "c.txt"):
            (folder / name).write_text(f"{HEADER}\n{name},x,y\n")
        rows = read(folder / "*.csv")
        assert [(row["编号"], row["_place"]) for row in rows] == [("a.csv", "a.csv:2"), ("b.csv", "b.csv:2")]

    def test_files_of_one_reading_must_agree(self, folder):
        """Each file has its own header: another order is read by name, a missing column stops the reading."""
        (folder / "a.csv").write_text(f"{HEADER}\n1,x,y\n")
        (folder / "b.csv").write_text("住址,编号,姓名\ny,2,x\n")
        assert values(read(folder / "*.csv")) == [("1", "x", "y"), ("2", "x", "y")]
        (folder / "b.csv").write_text("编号,姓名\n2,x\n")
        with pytest.raises(SchemaDrift, match=r"b\.csv缺少列：住址"):
            read(folder / "*.csv")
        (folder / "b.csv").write_text("2,x,y\n")
        with pytest.raises(SourceUnreadable, match="不是表头"):
            read(folder / "*.csv")

    def test_a_file_that_changes_while_it_is_read(self, folder):
        """A file that grows under the reading breaks it off as transient."""
        path = written(folder, HEADER + "\n" + "1,a,b\n" * 10)
        source = open_source(Attachment(connector="file", mode="snapshot", location=str(path)), None)
        with source.read(ReadRequest(("编号",), "snapshot", datetime.now(UTC), batch_rows=2)) as reading:
            running = iter(reading)
            next(running)
            with path.open("a") as stream:
                stream.write("2,a,b\n")
            with pytest.raises(SourceDown, match="改动"):
                list(running)

    @pytest.mark.parametrize(
        ("head", "title"), [(b"PK\x03\x04", "工作簿"), (b"\xd0\xcf\x11\xe0", "旧版"), (b"PAR1", "Parquet")]
    )
    def test_another_format_under_the_name(self, folder, head, title):
        """A workbook saved as .csv is called what it is."""
        with pytest.raises(SourceUnreadable, match=title):
            read(written(folder, head + b"\x00" * 100))


FIELD = st.text(
    st.one_of(st.sampled_from('ab,"\n\r; \t张李·𠮷\x00'), st.characters(blacklist_categories=("Cs",))), max_size=12
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(FIELD, min_size=n, max_size=n), min_size=1, max_size=25)),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 300),
)
def test_what_csv_writes_is_read_back(tmp_path, monkeypatch, records, encoding, end, quoting, size):  # noqa: PLR0917
    """Any records written by the standard csv module, in any encoding and cut anywhere, come back the same."""
    names = [f"列{number}" for number in range(len(records[0]))]
    buffer = io.StringIO(newline="")
    # Left to itself the module does not quote a CR where lines end in LF.
    writer = csv.writer(buffer, lineterminator=end, quoting=quoting if end == "\r\n" else csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows(records)
    path = tmp_path / "any.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    with monkeypatch.context() as patch:
        patch.setattr(lines.chunks, "__defaults__", (size,))
        rows = read(path, tuple(names), encoding=encoding)
    assert [[row[name] for name in names] for row in rows] == records
    assert all(row["_raw"] is None and row["_findings"] is None for row in rows)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.sampled_from('ab,"张 '), min_size=1, max_size=14), min_size=1, max_size=20),
    st.sampled_from(["utf-8", "gb18030"]),
    st.integers(1, 100),
)
def test_no_dirt_takes_a_good_line(tmp_path, monkeypatch, dirty, encoding, size):
    """Between any dirty lines, each good line is a record of its own."""
    body = []
    for number, line in enumerate(dirty):
        body += [line, f"good{number},x,y,z,w"]
    path = tmp_path / "dirty.csv"
    path.write_bytes("\n".join([HEADER + ",四,五", *body]).encode(encoding))
    with monkeypatch.context() as patch:
        patch.setattr(lines.chunks, "__defaults__", (size,))
        rows = read(path, encoding=encoding)
    good = [row["编号"] for row in rows if row["编号"] and row["编号"].startswith("good")]
    assert good == [f"good{number}" for number in range(len(dirty))]
    assert len(rows) == len(body)
