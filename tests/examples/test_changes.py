"""A day of changes is the same every time, leaves planted rows alone and keeps the answers' places right."""

import csv
import io
import shutil
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path

import openpyxl
import psycopg
import pytest

from examples import changes, city, databases
from examples.city import City, Server
from examples.planting import Plan
from examples.tables import Sizes

SIZES = Sizes(population=1500, legal_entities=1500, licences=1500, subsidy_people=120, marriages=1500, deaths=1000)
PLAN = Plan(0.04, 0.04)


@pytest.fixture
def own_city(tmp_path: Path, server: Server) -> tuple[City, Server]:
    """A city that the test may change, with databases of its own."""
    own = Server(server.url, None, server.prefix + "c_")
    made = city.generate(tmp_path / "city", seed=6, sizes=SIZES, plan=PLAN, server=own)
    return made, own


def records(path: Path) -> list[bytes]:
    """Reads the CSV's records, whole, by their entity number; undecodable ones too."""
    text = path.read_bytes().decode("gb18030", errors="surrogateescape")
    return [
        row[0].encode("utf-8", "surrogateescape") if row else b"" for row in csv.reader(io.StringIO(text, newline=""))
    ]


def test_files_of_a_day(tmp_path: Path) -> None:
    """Rows are updated, deleted and added; answers find their records; a second run gives the same bytes."""
    made = city.generate(tmp_path / "a", seed=6, sizes=SIZES, plan=PLAN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    before = len(records(made.folder / city.FILES["legal_entity"]))
    for _ in range(2):
        done = changes.apply(tmp_path / "a")
        changes.apply(tmp_path / "b")
    for file in (*city.FILES.values(), Path("answers-day-2.jsonl")):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert set(done) == set(city.FILES)
    assert min(done["legal_entity"].updated, done["legal_entity"].deleted, done["legal_entity"].inserted) > 0
    rows = records(made.folder / city.FILES["legal_entity"])
    assert len(rows) != before
    for answer in (a for a in made.answers(2) if a["dataset"] == "legal_entity"):
        assert answer["row"]["主体身份代码"].encode() in rows[answer["record"]]
    lines = (made.folder / city.FILES["legal_entity"]).read_bytes().split(b"\n")
    for answer in (a for a in made.answers(2) if a["dataset"] == "legal_entity"):
        assert answer["row"]["主体身份代码"].encode() in lines[answer["row"]["line"] - 1]


def test_workbook_and_register_of_a_day(tmp_path: Path) -> None:
    """The workbook's answers find their cells again and the register has exactly the day's changes."""
    made = city.generate(tmp_path, seed=6, sizes=SIZES, plan=PLAN)
    with sqlite3.connect(tmp_path / city.FILES["marriage"]) as database:
        before = Counter(database.execute("SELECT * FROM hydj").fetchall())
    database.close()
    done = changes.apply(tmp_path)
    with sqlite3.connect(tmp_path / city.FILES["marriage"]) as database:
        after = Counter(database.execute("SELECT * FROM hydj").fetchall())
    database.close()
    one = done["marriage"]
    assert (before - after).total() == one.updated + one.deleted
    assert (after - before).total() == one.updated + one.inserted
    sheet = openpyxl.load_workbook(tmp_path / city.FILES["subsidy_payment"])["发放明细"]
    answers = [a for a in made.answers(1) if a["dataset"] == "subsidy_payment"]
    assert answers
    for answer in answers:
        assert str(sheet.cell(answer["row"]["cell_row"], 1).value) == answer["row"]["序号"]


def test_databases_of_a_day(own_city: tuple[City, Server]) -> None:
    """Updates and new rows carry the day's time, deletes are gone, and the exchange table only grows."""
    made, server = own_city
    at = datetime(2026, 11, 21, 9, 30)  # noqa: DTZ001 - departments write Beijing time without a zone
    try:
        done = changes.apply(made.folder, server=server, day=1, at=at)
        with psycopg.connect(databases.with_database(server.url, server.prefix + "police")) as database:
            total = database.execute(
                "SELECT count(*), count(*) FILTER (WHERE gxsj >= %s) FROM rk_jbxx", (at,)
            ).fetchone()
        one = done["population"]
        assert one.deleted > 0
        assert total == (SIZES.population - one.deleted + one.inserted, one.updated + one.inserted)
        with psycopg.connect(databases.with_database(server.url, server.prefix + "health")) as database:
            rows = database.execute(
                "SELECT cd_operation, count(*), count(DISTINCT row_guid) FROM qz_swxx WHERE cd_time >= %s GROUP BY 1",
                (at,),
            ).fetchall()
            assert database.execute("SELECT max(length(row_guid)) FROM qz_swxx").fetchone() == (36,)
        one = done["death"]
        new = {flag: count for flag, count, _ in rows}
        assert sum(new.values()) == one.updated + one.deleted + one.inserted
        assert all(count == guids for _, count, guids in rows)
        assert city.load(made.folder).day == 1
    finally:
        databases.drop_databases(server.url, city.database_names(server.prefix))


def test_planted_rows_are_left_alone(tmp_path: Path) -> None:
    """No day touches a planted row or the clean row before it, and no row is touched after its deletion."""
    made = city.generate(tmp_path, seed=6, sizes=SIZES, plan=PLAN)
    planted = [answer["record"] for answer in made.answers() if answer["dataset"] == "marriage"]
    left_alone = {int(str(record)) - back for record in planted for back in (1, 2)}
    gone: set[int] = set()
    for day in range(1, 6):
        updated, deleted, before = changes.fates(made, "marriage", day, changes.untouchable(made)["marriage"])
        touched = {*updated.tolist(), *deleted.tolist()}
        assert touched
        assert not touched & (left_alone | gone)
        gone |= set(deleted.tolist())
        assert set(before.tolist()) <= gone


def test_days_come_one_after_the_other(tmp_path: Path) -> None:
    """A day that is not the next one is refused with the day that is."""
    city.generate(tmp_path, seed=6, sizes=Sizes(200, 100, 100, 10, 100, 100), plan=Plan(0, 0))
    with pytest.raises(ValueError, match="the next day is 1, not 3"):
        changes.apply(tmp_path, day=3)
