"""Drift between a source's columns and the items of the entry."""

import pyarrow as pa
import pytest

from quality.drift import compare_columns
from schemas.source import SourceColumn
from tests.quality.landing import citizen, entry, item

ITEMS = [
    citizen(source="gmsfhm", title="公民身份号码"),
    item("name", "name", source="xm", title="姓名", length=50),
    item("birth_date", "date", "D", source="csrq", title="出生日期"),
    item("amount", "amount", "Y", source="je", title="金额"),
    item("rate", "decimal", "N", source="bl", title="比例", scale=2),
    item("moment", "datetime", "T", source="gxsj", title="更新时间"),
    item("flag", "bool", "L", source="bz", title="标志"),
    item("note", "text", source="beizhu", title="备注", length=40, length_unit="byte_gb18030"),
]
COLUMNS = {
    "gmsfhm": SourceColumn("gmsfhm", pa.string(), 18),
    "xm": SourceColumn("xm", pa.string(), 50),
    "csrq": SourceColumn("csrq", pa.date32()),
    "je": SourceColumn("je", pa.decimal128(18, 2)),
    "bl": SourceColumn("bl", pa.decimal128(10, 4)),
    "gxsj": SourceColumn("gxsj", pa.timestamp("us")),
    "bz": SourceColumn("bz", pa.bool_()),
    "beizhu": SourceColumn("beizhu", pa.string(), 20),
}


def compare(*extra, **changes):
    """Compares the sound columns, changed or with extra ones, with the entry."""
    columns = {**COLUMNS, **changes}
    return compare_columns(entry(ITEMS), [*(column for column in columns.values() if column), *extra])


def test_the_same_columns_are_no_drift():
    """A source as the entry says it has neither notices nor holds."""
    drift = compare()
    assert (drift.holds, drift.notices) == ([], [])


def test_an_extra_column_is_told_and_the_run_goes_on():
    """A new column is a notice that names the entry and the column."""
    drift = compare(SourceColumn("sj", pa.string(), 11))
    assert drift.holds == []
    assert [(notice.code, notice.column) for notice in drift.notices] == [("COLUMN_EXTRA", "sj")]
    assert "样例" in drift.notices[0].says


def test_a_longer_column_is_told_and_a_shorter_one_holds():
    """Length 80 for 50 is a notice; 30 for 50 holds; a length in bytes is halved for characters."""
    assert [notice.code for notice in compare(xm=SourceColumn("xm", pa.string(), 80)).notices] == ["LENGTH_LONGER"]
    assert [notice.code for notice in compare(xm=SourceColumn("xm", pa.string(), 30)).holds] == ["LENGTH_NARROWED"]
    assert [notice.code for notice in compare(beizhu=SourceColumn("beizhu", pa.string(), 19)).holds] == [
        "LENGTH_NARROWED"
    ]
    assert compare(xm=SourceColumn("xm", pa.string())).holds == []


def test_a_missing_column_holds_and_likely_new_names_are_said():
    """A renamed column is looked for among the extra ones of a fitting type, by name and comment."""
    drift = compare(
        SourceColumn("xm_new", pa.string(), 50),
        SourceColumn("zz", pa.string()),
        SourceColumn("xm2", pa.int64()),
        xm=None,
    )
    (notice,) = drift.holds
    assert (notice.code, notice.column, notice.likely) == ("COLUMN_RENAMED", "xm", ("xm_new",))
    assert "xm_new" in notice.says
    assert "姓名" in notice.says
    by_comment = compare(SourceColumn("col7", pa.date32(), comment="出生日期"), csrq=None)
    assert by_comment.holds[0].likely == ("col7",)
    (gone,) = compare(csrq=None).holds
    assert (gone.code, gone.likely) == ("COLUMN_MISSING", ())


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("gmsfhm", pa.float64()),
        ("csrq", pa.bool_()),
        ("je", pa.date32()),
        ("bl", pa.int64()),
        ("gxsj", pa.date32()),
        ("bz", pa.float64()),
        ("xm", pa.int32()),
        ("beizhu", pa.binary()),
    ],
)
def test_a_narrowed_type_holds(column, kind):
    """A type that cannot hold the item's values holds the run."""
    drift = compare(**{column: SourceColumn(column, kind)})
    assert [notice.code for notice in drift.holds] == ["TYPE_NARROWED"]
    assert drift.holds[0].column == column


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("csrq", pa.string()),
        ("csrq", pa.int32()),
        ("je", pa.string()),
        ("je", pa.float64()),
        ("bz", pa.int8()),
        ("gxsj", pa.string()),
        ("gmsfhm", pa.int64()),
        ("xm", pa.large_string()),
        ("beizhu", pa.int64()),
        ("xm", pa.dictionary(pa.int32(), pa.string())),
        ("xm", pa.null()),
    ],
)
def test_a_type_that_the_gate_reads_is_no_drift(column, kind):
    """Text for a date and the like is read by the gate."""
    assert compare(**{column: SourceColumn(column, kind)}).holds == []


def test_columns_that_reading_itself_uses_are_not_extra():
    """Operation, time, batch and guid of a front-end table are no news."""
    own = ["cd_operation", "cd_time", "cd_batch", "row_guid"]
    columns = [*COLUMNS.values(), *(SourceColumn(name, pa.string()) for name in own)]
    assert compare_columns(entry(ITEMS, mode="change_flag"), columns).notices == []
    binary = entry([item("file", "binary", "G", source="f")])
    assert compare_columns(binary, [SourceColumn("f", pa.binary())]).holds == []
    assert compare_columns(binary, [SourceColumn("f", pa.int8())]).holds != []
