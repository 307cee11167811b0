"""Bad files and databases: the sync fails or is held with what is wrong and whom to ask; nothing changes."""

import gzip
import io
import json
import os
import threading
import time
import uuid

import msoffcrypto.format.ooxml
import openpyxl
import psycopg
import pytest

from tests.attack import city_hub
from tests.attack.desk import publish, refused, state_of
from tests.exchange.small_city import Department, contract, people, table_server


def csv_of(rows) -> bytes:
    """Writes rows as CSV."""
    lines = ["gmsfhm,xm,xb,csrq,gxsj", *(",".join(row.values()) for row in rows)]
    return ("\r\n".join(lines) + "\r\n").encode()


def protected_workbook() -> bytes:
    """Makes a workbook with a password."""
    book, plain, sealed = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["gmsfhm", "xm", "xb", "csrq"])
    book.save(plain)
    msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("pw", sealed)
    return sealed.getvalue()


REFUSED = "SOURCE_UNREADABLE"
GOOD = csv_of(people(200))
FILES = {
    "an empty file": ("a.csv", b"", {}, REFUSED, "空的"),
    "blank lines": ("a.csv", b"\r\n\r\n", {}, REFUSED, "空的"),
    "binary junk": ("a.csv", os.urandom(100_000), {}, REFUSED, "a.csv"),
    "the wrong encoding": ("a.csv", GOOD.decode().encode("gb18030"), {"encoding": "utf-8"}, REFUSED, "GB18030"),
    "a truncated gzip": ("a.csv.gz", gzip.compress(GOOD)[:-200], {}, REFUSED, "截断"),
    "a damaged gzip": ("a.csv.gz", gzip.compress(GOOD)[:60] + b"junk" * 99, {}, REFUSED, "损坏"),
    "a workbook with a password": ("a.xlsx", protected_workbook(), {}, REFUSED, "密码"),
    "a damaged workbook": ("a.xlsx", b"PK\x03\x04" + os.urandom(500), {}, REFUSED, "工作簿"),
    "a workbook named CSV": ("a.csv", b"PK\x03\x04" + os.urandom(500), {}, REFUSED, "format"),
    "a damaged Parquet file": ("a.parquet", b"PAR1" + os.urandom(500), {}, REFUSED, "Parquet"),
    "no header": ("a.csv", b"".join(GOOD.splitlines(True)[1:]), {}, REFUSED, "表头"),
    "no file": ("gone.csv", None, {}, REFUSED, "gone.csv"),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_fails_the_sync(what, desk, folder):
    """The sync fails with what is wrong and whom to ask; the published version stays."""
    name, data, server, code, word = FILES[what]
    if data is not None:
        (folder / name).write_bytes(data)
    publish(desk, folder, location=name, **server)
    before = state_of(desk)
    refused(desk("sync", "run", "person"), code, word, "请", exit_code=1)
    assert state_of(desk) == before
    newest = json.loads(desk.ok("sync", "list", "--dataset", "person", "--limit", 1, "--json").stdout)[0]
    assert newest["state"] == "failed"
    assert code in desk.ok("sync", "show", newest["run_id"]).stdout


def test_a_gzip_bomb_takes_no_memory(desk, folder):
    """Two hundred megabytes in two hundred kilobytes are one problem row; memory stays bounded and nothing changes."""
    with gzip.open(folder / "bomb.csv.gz", "wb", compresslevel=9) as bomb:
        bomb.write(b"gmsfhm,xm,xb,csrq\r\n")
        for _ in range(200):
            bomb.write(b"0" * (1 << 20))
    publish(desk, folder, location="bomb.csv.gz")
    before, peak = state_of(desk), _peak()
    done = desk("sync", "run", "person")
    assert done.exit_code == 3 and "暂缓发布" in done.stderr
    assert state_of(desk) == before and _peak() - peak < 150


def _peak() -> float:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


DRIFT = {
    "a column is missing": ([",".join(line.split(",")[:3]) for line in GOOD.decode().splitlines()], "csrq", "没有列"),
    "a column is renamed": ([GOOD.decode().replace("csrq", "csrq_new")], "可能改名为：csrq_new", "没有列“csrq”"),
    "another table": (["a,b,c", "1,2,3"], "没有列", "gmsfhm"),
}  # fmt: skip


@pytest.mark.parametrize("what", DRIFT)
def test_drift_holds_the_run(what, desk, folder):
    """A missing or renamed column holds the run and names entry, column and likely names; nothing changes."""
    lines, *words = DRIFT[what]
    (folder / "drift.csv").write_text("\r\n".join(lines), encoding="utf-8")
    publish(desk, folder, location="drift.csv")
    before = state_of(desk)
    done = desk("sync", "run", "person", "--json")
    held = json.loads(done.stdout)
    assert (done.exit_code, held["state"], held["version"], held["extracted"]) == (3, "held", None, 0)
    assert all(word in done.stderr for word in (*words, "人口person", "revalidate")), done.stderr
    assert state_of(desk) == before
    refused(desk("sync", "release", held["run_id"], "--reason", "x"), "NOTHING_TO_RELEASE", "revalidate", exit_code=5)
    desk.ok("sync", "discard", held["run_id"], "--reason", "试验")


def test_a_column_more_is_only_a_notice(desk, folder):
    """An extra column is told and the sync goes on."""
    lines = GOOD.decode().splitlines()
    text = "\r\n".join([f"{lines[0]},新列", *(f"{line},x" for line in lines[1:])])
    (folder / "more.csv").write_text(text, encoding="utf-8")
    publish(desk, folder, location="more.csv")
    run_id = json.loads(desk.ok("sync", "run", "person", "--json").stdout)["run_id"]
    assert "新列" in desk.ok("sync", "show", run_id).stdout


@pytest.fixture(scope="module")
def police(cluster):
    """A department's database with 300 people."""
    name = f"bad_police_{uuid.uuid4().hex[:8]}"  # each test process has one
    with cluster.connect() as server:
        server.execute(f"CREATE DATABASE {name}")
    department = Department(cluster.url(name))
    department.put(people(300))
    yield department
    with cluster.connect() as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def register(desk, police, folder):
    """The same hub with a dataset `register` read from the department's table."""
    desk.ok("connection", "set", "police", "-", input=police.url + "\n")
    path = folder.parent / "register.yaml"
    path.write_text(contract("register", server=table_server()), encoding="utf-8")
    with city_hub.without_gx():
        desk.ok("entry", "apply", "--publish", path)
    desk.ok("sync", "run", "register")
    return desk


def test_a_source_that_is_down(register, police):
    """A closed port and an unknown host fail with what to look at."""
    for url, code, word in (
        ("postgresql://reader:geheim@127.0.0.1:1/x", "SOURCE_DOWN", "127.0.0.1:1"),
        ("postgresql://reader:geheim@no-such-host.invalid/x", "SOURCE_DOWN", "no-such-host"),
        ("mysql+pymysql://reader:geheim@127.0.0.1:1/x", "SOURCE_DOWN", "127.0.0.1:1"),
    ):
        register.ok("connection", "set", "police", "-", input=url + "\n")
        before = state_of(register)
        said = refused(register("sync", "run", "register"), code, word, "重试", exit_code=1)
        tested = register("connection", "test", "police")
        assert tested.exit_code == 1 and "失败" in tested.stdout
        assert "geheim" not in said + tested.stdout + tested.stderr and state_of(register) == before
    register.ok("connection", "set", "police", "-", input=police.url + "\n")


def test_a_locked_table_ends_soon(register, police):
    """An exclusive lock ends the sync with a transient error within seconds; after it the sync works."""
    with police.connect() as connection, connection.transaction():
        connection.execute("lock table t_person in access exclusive mode")
        begun = time.monotonic()
        refused(register("sync", "run", "register"), "SOURCE_DOWN", "锁定", "t_person", exit_code=1)
    assert time.monotonic() - begun < 60
    assert json.loads(register.ok("sync", "run", "register", "--json").stdout)["unchanged"] == 300


def test_a_connection_that_is_cut(register, police):
    """A reading that the server cuts in the middle fails as transient, leaves nothing in landing, and goes on later."""
    grow = "insert into t_person select gmsfhm || i, xm, xb, csrq, gxsj from t_person, generate_series(1, 2000) i"
    with police.connect() as connection:
        connection.execute(grow)
    cut = threading.Thread(target=_cut, args=(police.url,))
    cut.start()
    refused(register("sync", "run", "register"), "SOURCE_DOWN", "中断", exit_code=1)
    cut.join()
    with police.connect() as connection:
        connection.execute("delete from t_person where length(gmsfhm) > 18")
    landed = (register.var / "lake" / "landing" / "register").glob("*/*.sealed")
    assert all((path.parent / "manifest.json").exists() for path in landed)
    assert json.loads(register.ok("sync", "run", "register", "--json").stdout)["unchanged"] == 300


def _cut(url: str) -> None:
    find = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
              AND application_name = 'shuqiao' AND state = 'active' AND query ILIKE 'COPY%'
              AND clock_timestamp() - query_start > interval '30 ms'"""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and connection.execute(find).fetchone() == (0,):
            time.sleep(0.005)


def test_a_narrowed_column_holds(register, police):
    """A column that has become too short for the contract holds the run; a longer one is a notice."""
    with police.connect() as connection:
        connection.execute("alter table t_person alter xm type varchar(4)")
    done = register("sync", "run", "register", "--json")
    with police.connect() as connection:
        connection.execute("alter table t_person alter xm type text")
    assert done.exit_code == 3 and "xm" in done.stderr
    register.ok("sync", "discard", json.loads(done.stdout)["run_id"], "--reason", "试验")
