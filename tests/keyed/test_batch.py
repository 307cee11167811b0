"""Batch verification by workbook: results by row, quota first, every key logged, a day of keeping; between datasets."""

import io

import pytest
from openpyxl import load_workbook

from catalog.stores import keyed_calls
from exchange.keyed import batch
from exchange.keyed.batch import Upload
from exchange.keyed.between import between
from exchange.spreadsheets import as_workbook
from schemas.errors import Denied, InputError, NotFound
from schemas.grants import Quota
from tests.exchange.small_city import citizen_id
from tests.keyed.conftest import PEOPLE, STRANGER, WINDOW, events, give, log_text, why

HEADINGS = ["序号", "公民身份号码", "姓名", "出生日期", "备注"]


def workbook(rows, headings=HEADINGS):
    """Makes an uploaded workbook."""
    return Upload("名单.xlsx", as_workbook("名单", headings, rows))


def row(person, **changes):
    """Makes a row of a list."""
    facts = {"key": person["gmsfhm"], "name": person["xm"], "born": person["csrq"], "note": ""} | changes
    return ["1", facts["key"], facts["name"], facts["born"], facts["note"]]


def read_back(hub, job, actor=WINDOW):
    """Reads the rows of a result."""
    name, content = batch.result(hub, actor, job.id)
    assert name == "核验结果-名单.xlsx"
    return [list(each) for each in load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)]


ROWS = [
    row(PEOPLE[0]),
    row(PEOPLE[1], name="李四", note="=1+1"),
    row(PEOPLE[2], name=f"{PEOPLE[2]['xm'][0]} {PEOPLE[2]['xm'][1:]}", born="1960年01月01日"),
    row(PEOPLE[3], key=citizen_id(800)),
    row(PEOPLE[4], key="不是号码"),
]


def test_each_row_gets_its_result(city):
    """The same rows come back with 一致, 不一致 and its items, 未查到, 号码无效, and what the result rests on."""
    give(city)
    job = batch.run(city, WINDOW, "person", workbook(ROWS), why())
    found = read_back(city, job)
    assert found[0] == [*HEADINGS, "核验结果", "不一致的数据项"]
    assert [each[5] for each in found[1:6]] == ["一致", "不一致", "一致", "未查到", "号码无效"]
    assert found[2][6] == "姓名"
    assert found[2][4] == "=1+1"
    assert "版本1" in found[7][0]
    assert job.counts == {"match": 2, "differs": 1, "not_found": 1, "invalid": 1}
    cells = load_workbook(io.BytesIO(batch.result(city, WINDOW, job.id)[1])).active
    assert all(cell.data_type != "f" for line in cells.iter_rows() for cell in line)


def test_every_key_is_logged_by_its_hash(city):
    """The log has a hash for each number and no number, name or value."""
    give(city)
    batch.run(city, WINDOW, "person", workbook(ROWS), why())
    hashes = {each for event in events(city) for each in event["subject_key_hashes"] if event["grant_id"] == "GX-1"}
    assert len(hashes) == 4
    for secret in (PEOPLE[0]["gmsfhm"], PEOPLE[0]["xm"], "李四"):
        assert secret not in log_text(city)
    assert not list(city.settings.var.rglob("*.xlsx"))
    sealed = b"".join(path.read_bytes() for path in (city.settings.var / "keyed").glob("*"))
    assert PEOPLE[0]["gmsfhm"].encode() not in sealed


def test_purpose_and_quota_come_first(city):
    """A workbook above the quota, for another purpose or without reasons is refused whole; nothing is read."""
    give(city, states={"name": "plain", "birth_date": "plain"}, quota=Quota(keys_a_day=5))
    with pytest.raises(Denied, match="QUOTA_KEYS"):
        batch.run(city, WINDOW, "person", workbook([*ROWS, ROWS[0]]), why())
    with pytest.raises(Denied, match="GRANT_PURPOSE"):
        batch.run(city, WINDOW, "person", workbook(ROWS), why(purpose="reference"))
    with pytest.raises(InputError, match="WHY_CASE"):
        batch.run(city, WINDOW, "person", workbook(ROWS), why(case_no=""))
    with pytest.raises(Denied, match="ITEM_NOT_GRANTED"):
        batch.run(
            city,
            WINDOW,
            "person",
            workbook([["1", PEOPLE[0]["gmsfhm"], "1"]], ["序号", "公民身份号码", "性别代码"]),
            why(),
        )
    assert not [each for each in events(city) if each["result"] == "success" and each["subject_key_hashes"]]
    batch.run(city, WINDOW, "person", workbook(ROWS[:4]), why())


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "BATCH_FILE"), (b"a,b\n1,2\n", "BATCH_FILE"), (as_workbook("x", HEADINGS, []), "BATCH_FILE"),
     (as_workbook("x", ["甲", "乙"], [["1", "2"]]), "BATCH_KEY"),
     (as_workbook("x", ["公民身份号码", "乙"], [["1", "2"]]), "BATCH_COLUMNS")],
    ids=["empty", "text", "no-rows", "no-key", "no-columns"],
)  # fmt: skip
def test_a_file_that_is_no_list_is_told_so(city, content, code):
    """Empty files, other formats, lists without a key column or a known item get a clear answer and are logged."""
    give(city)
    with pytest.raises(InputError, match=code):
        batch.run(city, WINDOW, "person", Upload("x.xlsx", content), why())
    assert events(city, result="denied")[-1]["error_code"] == code


def test_a_result_is_its_makers_and_goes_after_a_day(city):
    """Nobody else gets a result; after 24 hours it is gone from the disk, and the log says so."""
    give(city)
    job = batch.run(city, WINDOW, "person", workbook(ROWS), why())
    with pytest.raises(NotFound):
        batch.result(city, STRANGER, job.id)
    files = list((city.settings.var / "keyed").glob(f"{job.id}*"))
    assert len(files) == 1
    city.clock.forward(hours=25)
    assert batch.list_batches(city, WINDOW)[0].removed_at is not None
    assert not files[0].exists()
    with pytest.raises(NotFound):
        batch.result(city, WINDOW, job.id)


def test_two_datasets_are_compared(second_register, city):
    """Between two grants the differing items are named, with both sources; both quotas are taken."""
    give(city, states={"name": "plain", "sex_code": "plain", "birth_date": "masked"})
    give(city, "resident", states={"name": "plain", "sex_code": "plain", "birth_date": "plain"}, number="GX-2")
    job = between(city, WINDOW, "person", "resident", workbook(ROWS), why())
    found = read_back(city, job)
    assert [each[5] for each in found[1:6]] == ["一致", "一致", "一致", "未查到", "号码无效"]
    assert found[7][0].startswith("第一个：来源：示例市公安局“人口person”")
    assert found[8][0].startswith("第二个：来源：示例市公安局“人口resident”")
    with city.transaction() as connection:
        from exchange.sharing import clock  # noqa: PLC0415

        day = clock.day_of(city.clock.now())
        assert keyed_calls.reserved(connection, "GX-1", day) > 0
        assert keyed_calls.reserved(connection, "GX-2", day) > 0
