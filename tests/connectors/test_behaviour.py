"""One suite over every kind of source: what a reading promises whatever the department's system is."""

import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.errors import SchemaDrift
from schemas.source import ReadRequest

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
#: In minutes; more than any server's clock is behind Shanghai's.
DAY = 24 * 60
LOCAL = NOW.replace(tzinfo=None)


def blank(**values: Any) -> dict[str, Any]:
    """Returns a row with nothing but what is given."""
    names = ("code", "title", "amount", "day", "changed", "number", "cd_operation", "cd_time", "cd_batch", "row_guid")
    return dict.fromkeys(names) | values


def codes(result: Any) -> list[str]:
    """Lists the codes of a reading's rows in their order."""
    return [row["code"] for row in result.rows]


def minutes_ago(minutes: float) -> datetime:
    """Returns a naive Shanghai time before noon."""
    return LOCAL - timedelta(minutes=minutes)


def text(value: Any) -> str | None:
    """Writes a value the same way for every kind of source; files cannot tell an empty text from null."""
    if value is None or value == "":
        return None
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


@pytest.fixture(autouse=True)
def at_noon(place):
    """The hub's clock stands at noon of a day that every server's clock has passed."""
    place.now = NOW


def test_every_row_is_read_once_and_numbered(place):
    """A snapshot yields each row once, numbered from 1 in the reading's order."""
    place.put([blank(code=f"c{n:05d}") for n in range(1234)])
    result = place.read(["code"])
    assert sorted(codes(result)) == [f"c{n:05d}" for n in range(1234)]
    assert [row["_row"] for row in result.rows] == list(range(1, 1235))
    assert result.records == 1234
    assert result.cursor is None


def test_batches_have_the_size_asked_for(place):
    """Every batch but the last has batch_rows rows, whatever pieces the source delivers."""
    place.put([blank(code=str(n)) for n in range(250)])
    assert place.read(["code"], batch_rows=100).batches == [100, 100, 50]


def test_an_empty_source_is_a_normal_reading(place):
    """A table or file without rows gives no batch and no error."""
    place.put([])
    result = place.read()
    assert (result.rows, result.records) == ([], 0)


def test_values_come_as_they_are(place):
    """Chinese, rare characters, quotes, delimiters, nulls, long text, dates and exact decimals arrive unchanged."""
    long = "长" * 30_000
    rows = [
        blank(code="1", title='𠮷林省·“引号”,逗号"双"', amount=Decimal("1234567.1234"), day=date(2024, 2, 29)),
        blank(code="2", title="第一行\n第二行", number=12_345_678_901),
        blank(code="3", title=long),
        blank(code="4"),
    ]
    place.put(rows)
    got = {row["code"]: row for row in place.read().rows}
    for row in rows:
        given = got[row["code"]]
        for name in ("title", "amount", "day", "number"):
            assert text(given[name]) == text(row[name]), name


def test_only_the_columns_asked_for_are_read(place):
    """The landing batch holds the landing columns and the columns of the request, in its order."""
    place.put([blank(code="1", title="a")])
    row = place.read(["title", "code"]).rows[0]
    assert list(row) == ["_row", "_place", "_raw", "_findings", "_op", "_time", "title", "code"]


def test_a_missing_column_is_drift(place):
    """A contract column that is not at the source stops the reading and is named."""
    with pytest.raises(SchemaDrift, match="not_there"):
        place.read(["code", "not_there"])


def test_columns_are_listed(place):
    """The source lists its columns in order."""
    assert [column.name for column in place.source().columns()] == list(blank())


def test_batch_types_are_what_columns_says(place):
    """The Arrow type of each column in the batches is the one that columns() announces."""
    place.put([blank(code="1", title="a", amount=Decimal("1.5"), day=date(2024, 1, 1), changed=LOCAL, number=1)])
    source = place.source()
    announced = {column.name: column.type for column in source.columns()}
    with source.read(ReadRequest(tuple(announced), "snapshot", NOW)) as reading:
        batch = next(iter(reading))
    assert {name: batch.schema.field(name).type for name in announced} == announced


def test_the_connection_test_passes(place):
    """Every step of a good connection passes, in the order that users know."""
    steps = place.source().test()
    assert all(step.passed for step in steps), steps
    order = ["name", "port", "login", "privilege", "table", "read_only"]
    assert [step.name for step in steps] == [name for name in order if name in {step.name for step in steps}]
    assert {"name", "login", "privilege", "table"} <= {step.name for step in steps}


class TestWatermark:
    """增量(时间戳)"""

    def read(self, place, cursor=None, **changes):
        """Reads an increment by the column `changed`."""
        settings = {"mode": "watermark", "watermark_column": "changed", "longest_transaction_seconds": 600} | changes
        return place.read(["code", "changed"], cursor, **settings)

    def test_the_first_reading_takes_all_up_to_the_bound_and_the_nulls(self, place):
        """Rows newer than the settled moment wait for the next reading; a null watermark is never lost."""
        place.put(
            [
                blank(code="old", changed=LOCAL.replace(year=2001)),
                blank(code="bound", changed=minutes_ago(10)),
                blank(code="new", changed=minutes_ago(9)),
                blank(code="null"),
            ]
        )
        result = self.read(place)
        assert sorted(codes(result)) == ["bound", "null", "old"]
        assert datetime.fromisoformat(result.cursor["upper"]) == NOW - timedelta(minutes=10)
        assert next(r["_time"] for r in result.rows if r["code"] == "bound") == NOW - timedelta(minutes=10)

    def test_the_next_reading_takes_the_rest_and_the_bound_again(self, place):
        """Rows at the lower bound are read again, older ones are not, and nothing between two readings is left out."""
        place.put(
            [
                blank(code="old", changed=minutes_ago(DAY)),
                blank(code="bound", changed=minutes_ago(10)),
                blank(code="new", changed=minutes_ago(9)),
                blank(code="null"),
            ]
        )
        first = self.read(place)
        place.now = NOW + timedelta(minutes=5)
        second = self.read(place, first.cursor)
        assert sorted(codes(second)) == ["bound", "new", "null"]

    def test_an_increment_of_no_rows_keeps_the_course(self, place):
        """No new row gives no row, and the cursor goes on in time."""
        place.put([blank(code="old", changed=minutes_ago(DAY))])
        first = self.read(place)
        place.now = NOW + timedelta(minutes=5)
        second = self.read(place, first.cursor)
        assert second.rows == []
        assert second.cursor["upper"] > first.cursor["upper"]

    def test_the_cursor_never_goes_back(self, place):
        """A clock that was set back moves no bound back."""
        place.put([])
        first = self.read(place)
        place.now = NOW - timedelta(hours=5)
        assert self.read(place, first.cursor).cursor == first.cursor

    def test_a_comparison_run_reads_the_whole_table(self, place):
        """With mode snapshot all rows come and the cursor is left as an increment would leave it."""
        place.put([blank(code="old", changed=minutes_ago(60)), blank(code="new", changed=minutes_ago(1))])
        result = self.read(place, {"kind": "time", "upper": "2026-10-01T00:00:00+00:00"}, request_mode="snapshot")
        assert sorted(codes(result)) == ["new", "old"]
        assert datetime.fromisoformat(result.cursor["upper"]) == NOW - timedelta(minutes=10)

    def test_a_date_is_read_by_whole_days(self, place):
        """With a date as watermark the bound's day is read again until it is over."""
        place.put([blank(code="today", day=date(2026, 11, 1)), blank(code="before", day=date(2026, 10, 30))])
        settings = {"mode": "watermark", "watermark_column": "day"}
        first = place.read(["code"], **settings)
        assert sorted(codes(first)) == ["before", "today"]
        place.now = NOW + timedelta(hours=1)
        assert codes(place.read(["code"], first.cursor, **settings)) == ["today"]

    def test_a_growing_number_reads_what_was_not_settled_again(self, place):
        """A number committed after a greater one was read is read later: settled numbers alone are passed over."""
        settings = {"mode": "watermark", "watermark_column": "number", "longest_transaction_seconds": 600}

        def read(at, cursor):
            place.now = NOW + timedelta(minutes=at)
            return place.read(["code"], cursor, **settings)

        rows = [blank(code="1", number=1), blank(code="3", number=3), blank(code="null")]
        place.put(rows)
        first = read(0, None)
        assert sorted(codes(first)) == ["1", "3", "null"]
        place.put([*rows, blank(code="2", number=2)])
        second = read(20, first.cursor)
        assert "2" in codes(second)
        place.put([*rows, blank(code="2", number=2), blank(code="4", number=4)])
        third = read(40, second.cursor)
        assert sorted(codes(third)) == ["3", "4", "null"]


class TestChangeFlag:
    """增量(标志位)"""

    def read(self, place, cursor=None, **changes):
        """Reads the changes since the cursor."""
        settings = {"mode": "change_flag", "longest_transaction_seconds": 600} | changes
        return place.read(["code", "title"], cursor, **settings)

    def change(self, operation, code, minutes, **values):
        """Returns one change row."""
        return blank(cd_operation=operation, code=code, cd_time=minutes_ago(minutes), **values)

    def test_changes_carry_operation_and_time_in_their_order(self, place):
        """Rows come by time, then batch; a delete may have its key alone."""
        place.put(
            [
                self.change("I", "a", 30, title="甲", cd_batch=1, row_guid="1"),
                self.change("U", "b", 20, title="乙", cd_batch=1, row_guid="2"),
                self.change("D", "a", 10, cd_batch=2, row_guid="3"),
            ]
        )
        result = self.read(place)
        assert [(r["_op"], r["code"]) for r in result.rows] == [("I", "a"), ("U", "b"), ("D", "a")]
        assert [r["_time"] for r in result.rows] == [NOW - timedelta(minutes=m) for m in (30, 20, 10)]
        assert all(r["_findings"] is None for r in result.rows)

    def test_a_late_commit_is_read_by_the_overlap(self, place):
        """The next reading goes back by the longest transaction, so a change committed late is not lost."""
        early = [self.change("I", "a", 60, cd_batch=1), self.change("I", "b", 10, cd_batch=1)]
        place.put(early)
        first = self.read(place)
        place.put([*early, self.change("I", "late", 15, cd_batch=1)])
        place.now = NOW + timedelta(minutes=5)
        assert sorted(codes(self.read(place, first.cursor))) == ["b", "late"]

    def test_no_change_keeps_the_cursor(self, place):
        """A reading without changes leaves the cursor as it was."""
        place.put([])
        assert self.read(place).cursor is None
        cursor = {"kind": "time", "upper": "2026-11-01T00:00:00+00:00"}
        assert self.read(place, cursor).cursor == cursor

    def test_a_change_dated_in_the_future_does_not_move_the_cursor_past_now(self, place):
        """A wrong clock in one row must not hide the changes still to come."""
        place.put([self.change("I", "a", -600)])
        assert datetime.fromisoformat(self.read(place).cursor["upper"]) == NOW

    def test_unknown_operations_and_times_are_findings(self, place):
        """An operation that is none of I, U, D, or a change without time, is reported on its row and not dropped."""
        place.put([self.change("X", "a", 30), blank(code="b", cd_operation="U"), self.change(" u", "c", 20)])
        found = {r["code"]: (r["_op"], [f["code"] for f in r["_findings"] or []]) for r in self.read(place).rows}
        assert found == {"a": (None, ["OPERATION_UNKNOWN"]), "b": ("U", ["CHANGE_TIME_UNKNOWN"]), "c": ("U", [])}

    def test_a_change_that_has_not_happened_yet_is_a_finding(self, place):
        """A change dated in the future would stay the last one of its row; a clock may be some minutes ahead."""
        place.put([self.change("U", "a", -60), self.change("U", "b", -5)])
        found = {r["code"]: [f["code"] for f in r["_findings"] or []] for r in self.read(place).rows}
        assert found == {"a": ["CHANGE_TIME_FUTURE"], "b": []}

    @pytest.mark.parametrize("batch_rows", [1, 2, 100])
    def test_changes_of_one_moment_stay_in_their_order(self, place, batch_rows):
        """Batch number, then a row number that counts, tell changes of one moment apart; a file has its own order."""
        place.put(
            [
                self.change("I", "1", 20, cd_batch=9, row_guid="r9"),
                self.change("U", "2", 20, cd_batch=9, row_guid="r10"),
                self.change("D", "3", 20, cd_batch=10, row_guid="r1"),
                self.change("I", "4", 20, cd_batch=10, row_guid="r1"),
                self.change("U", "5", 10, cd_batch=10, row_guid="r1"),
            ]
        )
        rows = self.read(place, batch_rows=batch_rows).rows
        found = {row["code"]: row["_time"] for row in rows}
        read = [row["code"] for row in rows]
        assert (read[:2], set(read[2:4]), read[4:]) == (["1", "2"], {"3", "4"}, ["5"])
        if place.source().in_written_order:
            assert len(set(found.values())) == 2
            return
        assert found["1"] < found["2"] < found["3"] == found["4"] < found["5"] == NOW - timedelta(minutes=10)
        assert found["4"] - found["1"] == timedelta(microseconds=2)

    def test_random_row_numbers_tell_no_order(self, place):
        """Changes of one moment whose row numbers are UUIDs keep equal moments."""
        guids = ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "0e02b2c3-58cc-4372-a567-f47ac10bd47a")
        place.put([self.change("U", guid[0], 20, cd_batch=1, row_guid=guid) for guid in guids])
        assert {row["_time"] for row in self.read(place).rows} == {NOW - timedelta(minutes=20)}

    def test_a_snapshot_replays_the_table_from_the_beginning(self, place):
        """With mode snapshot the cursor is passed over and every change is read again."""
        place.put([self.change("I", "a", 60 * 24 * 30)])
        cursor = {"kind": "time", "upper": "2026-11-01T00:00:00+00:00"}
        assert codes(self.read(place, cursor)) == []
        assert codes(self.read(place, cursor, request_mode="snapshot")) == ["a"]


def test_no_more_rows_a_second_than_allowed(place):
    """The reading is slowed to the department's limit."""
    place.put([blank(code=str(n)) for n in range(60)])
    begun = time.monotonic()
    result = place.read(["code"], rows_per_second=100)
    assert result.records == 60
    assert time.monotonic() - begun >= 0.5
