"""The departments' sources are as departments have them, reproducible, and the hub's account can only read."""

import json
import sqlite3
from collections import Counter
from pathlib import Path

import openpyxl
import psycopg
import pytest
import yaml
from stdnum.cn import uscc

from examples import city, databases, departments
from examples.city import City, Server
from examples.planting import Plan
from examples.registry import TABLES
from examples.tables import Sizes
from schemas.contract import load, problems
from tests.examples.conftest import SMALL
from tests.examples.literal import citizen_id_faults, uscc_is_valid

FILES_ONLY = Sizes(population=1000, legal_entities=400, licences=400, subsidy_people=40, marriages=400, deaths=400)


def reader(made: City, server: Server, connection: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Opens a department's database with the hub's account."""
    return psycopg.connect(city.connections(made.folder, server.reader_url(), made.prefix)[connection])


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two runs of one seed give the same files byte for byte; another seed gives others."""
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        city.generate(tmp_path / name, seed=seed, sizes=FILES_ONLY)
    for file in (*city.FILES.values(), Path("answers.jsonl")):
        first = (tmp_path / "a" / file).read_bytes()
        assert first == (tmp_path / "b" / file).read_bytes()
        assert first != (tmp_path / "c" / file).read_bytes()


def test_databases_are_reproducible_too(tmp_path: Path, server: Server, small_city: City) -> None:
    """The rows in the databases are those that the planter makes, in order, for every dataset."""
    for dataset, connection in city.DATABASES.items():
        columns = ", ".join(column.name for column in TABLES[dataset].columns)
        with reader(small_city, server, connection) as database:
            stored = database.execute(f"SELECT {columns} FROM {TABLES[dataset].source_table} ORDER BY ctid").fetchall()
        made = [row for batch, _ in small_city.planter(dataset).stretches() for row in batch.to_pylist()]
        assert len(stored) == len(made)
        texts = [tuple(value and str(value) for value in row) for row in stored]
        assert texts == [tuple(row.values()) for row in made]


def test_the_hub_may_only_read(server: Server, small_city: City) -> None:
    """The reading account sees every table and can neither change a row nor make a table."""
    with reader(small_city, server, "police") as database:
        found = database.execute("SELECT count(*) FROM rk_jbxx").fetchone()
        assert found == (SMALL.population,)
        for statement in ("DELETE FROM rk_jbxx", "UPDATE rk_jbxx SET xm = 'x'", "CREATE TABLE public.mine (a int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction():
                database.execute(statement)


def test_tables_carry_comments(server: Server, small_city: City) -> None:
    """Pinyin columns are explained by Chinese comments, as the hub shows them."""
    with reader(small_city, server, "police") as database:
        found = database.execute(
            "SELECT col_description('rk_jbxx'::regclass, ordinal_position::int) FROM information_schema.columns "
            "WHERE table_name = 'rk_jbxx' AND column_name = 'gmsfhm'"
        ).fetchone()
    assert found == ("公民身份号码",)


def test_foreign_databases_are_never_dropped(tmp_path: Path, server: Server) -> None:
    """A database of that name that the city did not make is refused and left as it is."""
    name = server.prefix + "foreign"
    with psycopg.connect(databases.plain_url(server.url), autocommit=True) as database:
        database.execute(f'CREATE DATABASE "{name}"')
        try:
            with pytest.raises(ValueError, match="not an example city's"):
                databases.create_databases(server.url, [name])
            databases.drop_databases(server.url, [name])
            found = database.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            assert found == (1,)
        finally:
            database.execute(f'DROP DATABASE "{name}"')


def test_csv_answers_find_their_lines(small_city: City) -> None:
    """Each answer of the CSV names the line on which its record begins; spoilt lines are there."""
    lines = (small_city.folder / city.FILES["legal_entity"]).read_bytes().split(b"\n")
    answers = [answer for answer in small_city.answers() if answer["dataset"] == "legal_entity"]
    kinds = Counter(kind for answer in answers for kind in answer["kinds"])
    assert kinds["line_short"]
    assert kinds["line_undecodable"]
    for answer in answers:
        row = answer["row"]
        line = lines[row["line"] - 1]
        assert row["主体身份代码"].encode("gb18030") in line
        if "line_undecodable" in answer["kinds"]:
            with pytest.raises(UnicodeDecodeError):
                line.decode("gb18030")


def test_csv_is_what_departments_write(small_city: City) -> None:
    """GB18030, Chinese headers, quotes, commas and line breaks inside fields."""
    text = (small_city.folder / city.FILES["legal_entity"]).read_bytes().decode("gb18030", errors="replace")
    assert text.startswith("主体身份代码,统一社会信用代码,")
    assert '""便民早餐""' in text
    assert '"建筑材料、装饰材料批发,零售"' in text
    assert '"软件开发；信息系统集成；\n数据处理服务"' in text


def test_workbook_is_what_clerks_keep(small_city: City) -> None:
    """A notes sheet, a title row, headers, merged cells, sub-totals and a total, and numbers where texts should be."""
    book = openpyxl.load_workbook(small_city.folder / city.FILES["subsidy_payment"])
    sheet = book["发放明细"]
    assert book.sheetnames[0] == "填表说明"
    assert str(sheet["A1"].value).startswith("银桥市民政局")
    assert [cell.value for cell in sheet[2]] == [column.name for column in TABLES["subsidy_payment"].columns]
    assert {"A1:K1"} < {str(area) for area in sheet.merged_cells.ranges}
    assert sheet.cell(sheet.max_row, 1).value == "合计"
    answers = [answer for answer in small_city.answers() if answer["dataset"] == "subsidy_payment"]
    for answer in answers:
        assert sheet.cell(answer["row"]["cell_row"], 1).value == int(answer["row"]["序号"])
        if "id_as_number" in answer["kinds"]:
            assert isinstance(sheet.cell(answer["row"]["cell_row"], 3).value, int | float)
        if "amount_error_cell" in answer["kinds"]:
            assert sheet.cell(answer["row"]["cell_row"], 7).data_type in {"e", "f"}


def test_marriages_name_two_people(small_city: City) -> None:
    """Clean rows hold two valid numbers of different sex."""
    bad = {answer["row"]["ywlsh"] for answer in small_city.answers() if answer["dataset"] == "marriage"}
    with sqlite3.connect(small_city.folder / city.FILES["marriage"]) as database:
        rows = database.execute("SELECT ywlsh, sqr_zjhm, po_zjhm FROM hydj").fetchall()
    database.close()
    clean = [row for row in rows if row[0] not in bad]
    assert len(rows) == SMALL.marriages
    assert len(clean) > 0.9 * len(rows)
    for _, one, other in clean:
        assert citizen_id_faults(one) == citizen_id_faults(other) == []
        assert int(one[16]) % 2 != int(other[16]) % 2


def test_clean_and_bad_numbers_by_a_second_computation(server: Server, small_city: City) -> None:
    """Clean numbers are valid and planted ones invalid by python-stdnum and a literal computation."""
    kinds = {a["row"]["rybh"]: a["kinds"] for a in small_city.answers() if a["dataset"] == "population"}
    with reader(small_city, server, "police") as database:
        rows = database.execute("SELECT rybh, gmsfhm FROM rk_jbxx").fetchall()
    expected = {"id_check": "check", "id_impossible_day": "date", "id_length": "length", "id_masked": "letters"}
    seen = Counter()
    for number, value in rows:
        planted = kinds.get(number, ())
        if not planted and len(value) == 18:
            assert citizen_id_faults(value) == []
        for kind in set(planted) & set(expected):
            assert expected[kind] in citizen_id_faults(value)
            seen[kind] += 1
    assert set(seen) == set(expected)


def test_credit_codes_by_a_second_computation(small_city: City) -> None:
    """Clean credit codes verify by python-stdnum, spoilt ones do not."""
    kinds = {a["record"]: a["kinds"] for a in small_city.answers() if a["dataset"] == "legal_entity"}
    record = 0
    for batch, _ in small_city.planter("legal_entity").stretches():
        for value in batch.column("统一社会信用代码").to_pylist():
            record += 1
            planted = kinds.get(record, ())
            if not planted:
                assert uscc_is_valid(value)
            if "uscc_check" in planted:
                assert not uscc.is_valid(value)
            if "uscc_inner_check" in planted:
                assert uscc.is_valid(value)
                assert not uscc_is_valid(value)


def test_exchange_table_has_all_operations(server: Server, small_city: City) -> None:
    """Certificates are inserted, some updated, some deleted; some deletions carry the key alone."""
    with reader(small_city, server, "health") as database:
        rows = database.execute("SELECT cd_operation, count(*), count(xm) FROM qz_swxx GROUP BY 1").fetchall()
    counted = {str(flag): (rows, named) for flag, rows, named in rows}
    assert set(counted) >= {"I", "U", "D"}
    assert 0 < counted["D"][1] < counted["D"][0]


def test_contracts_are_valid_and_fit_their_tables() -> None:
    """All six contracts load without a warning and read only columns that their source has."""
    assert list(city.CONTRACTS) == ["population", "legal_entity", "licence", "subsidy_payment", "marriage", "death"]
    for dataset, path in city.CONTRACTS.items():
        text = path.read_text("utf-8")
        assert [str(problem) for problem in problems(text, dataset)] == []
        entry = load(text, dataset).entry
        assert entry.dataset == dataset
        assert set(entry.source_columns) <= {column.name for column in TABLES[dataset].columns}
        assert entry.subjects
        assert entry.attachment


def test_connections_are_those_that_contracts_name(tmp_path: Path) -> None:
    """Every connection of a contract has a URL, with the database of the department put in."""
    named = city.connections(tmp_path, "postgresql+psycopg://who:pw@/x?host=/tmp/a%20b&port=5", "p_")
    wanted = {load(path.read_text("utf-8"), name).entry.attachment for name, path in city.CONTRACTS.items()}
    assert {attachment.connection for attachment in wanted if attachment} == set(named)
    assert named["police"] == "postgresql://who:pw@/p_police?host=/tmp/a%20b&port=5"
    assert set(city.connections(tmp_path, None)) == {"market_files", "civil_files", "civil"}


def test_departments_have_fictional_valid_codes() -> None:
    """Departments carry valid codes of bodies XX…, and every contract names one of them."""
    listed = {d["name"]: d["code"] for d in yaml.safe_load(city.DEPARTMENTS.read_text("utf-8"))}
    assert all(uscc_is_valid(code) and code[8:10] == "XX" for code in listed.values())
    for dataset, path in city.CONTRACTS.items():
        entry = load(path.read_text("utf-8"), dataset).entry
        assert listed[entry.provider_name] == entry.provider_code
    assert departments.POLICE.code in listed.values()


def test_a_city_knows_itself_again(small_city: City) -> None:
    """city.json holds seed, sizes and plan, and no password; a folder without a city says what to do."""
    assert city.load(small_city.folder) == small_city
    assert "pass" not in (small_city.folder / "city.json").read_text()
    assert json.loads((small_city.folder / "city.json").read_text())["day"] == 0
    with pytest.raises(ValueError, match="generate"):
        city.load(small_city.folder / "civil_affairs")


def test_payments_must_fit_one_sheet(tmp_path: Path) -> None:
    """More payments than a sheet holds are refused plainly before anything is written."""
    sizes = Sizes(population=10, legal_entities=10, licences=10, subsidy_people=90_000, marriages=10, deaths=20)
    with pytest.raises(ValueError, match="a sheet holds"):
        city.generate(tmp_path, sizes=sizes, plan=Plan(0, 0))
    assert list(tmp_path.iterdir()) == []
