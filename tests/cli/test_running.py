"""Syncs, problem data, entries and the doctor at the terminal: what is printed, exit codes, files, signals."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from exchange.settings import ROOT
from tests.attack import city_hub
from tests.attack.city_hub import shuqiao
from tests.exchange.small_city import contract, people, person, write_csv
from tests.granted import AS_ASKER, ask, grant, opened
from tests.portal.conftest import PASSWORD

KEYS = [
    "run_id", "dataset", "state", "version", "extracted", "duplicates", "accepted", "quarantined", "inserted",
    "updated", "deleted", "unchanged", "seconds",
]  # fmt: skip


@pytest.fixture(scope="module")
def ledger(hub, tmp_path_factory):
    """A dataset of 100 people in a CSV file, three versions of it, and the file."""
    path = tmp_path_factory.mktemp("ledger") / "people.csv"
    hub.ok("connection", "set", "ledger_files", path.parent)
    server = {"connector": "file", "connection": "ledger_files", "location": path.name, "mode": "snapshot"}
    written = path.with_suffix(".yaml")
    written.write_text(contract("ledger", server=server), encoding="utf-8")
    with city_hub.without_gx():
        hub.ok("entry", "apply", "--publish", written)
    moments = []
    for version in (1, 2, 3):
        write_csv(path, [person(0, version=version), *people(99, start=1)])
        hub.ok("sync", "run", "ledger")
        (newest, *_) = json.loads(hub.ok("dataset", "versions", "ledger", "--json").stdout)
        moments.append(newest["published_at"])
    return path, moments


def test_sync_run_prints_exactly_these_keys(hub, ledger):
    """One object with the keys of the issue, in their order, and nothing else on either stream."""
    done = hub.ok("sync", "run", "ledger", "--json")
    printed = json.loads(done.stdout)
    assert [*printed] == KEYS and [*printed["seconds"]] == ["extract", "validate", "publish"]
    assert (printed["state"], printed["version"], printed["unchanged"], done.stderr) == ("published", 3, 100, "")
    assert "未变：100" in hub.ok("sync", "run", "ledger").stdout
    shown = json.loads(hub.ok("sync", "show", printed["run_id"], "--json").stdout)
    assert shown["run_id"] == printed["run_id"] and shown["seconds"].keys() == printed["seconds"].keys()
    assert [*json.loads(hub.ok("sync", "list", "--limit", 1, "--json").stdout)[0]] == KEYS
    assert "已发布" in hub.ok("sync", "list").stdout


def test_as_of_a_number_or_a_time(hub, ledger):
    """A query reads an older version by its number or by a moment at which it was served."""
    with opened(hub) as other:
        grant(other, "ledger")
    statement = f"SELECT name FROM ledger WHERE citizen_id = '{person(0)['gmsfhm']}'"
    for version, options in ((3, ()), (1, ("--as-of", 1)), (2, ("--as-of", ledger[1][1]))):
        asked = ask(hub, statement, "--json", *options)
        assert json.loads(asked.stdout)["page"]["rows"] == [[person(0, version=version)["xm"]]], asked.stderr
    assert ask(hub, statement, "--as-of", "2000-01-01").exit_code == 2


def test_exit_codes(hub, ledger):
    """0 done, 1 failed, 2 input, 3 held, 5 state: what a script can tell apart."""
    path, _ = ledger
    good = path.read_bytes()
    path.write_bytes(b"")
    assert hub("sync", "run", "ledger").exit_code == 1
    write_csv(path, people(50))
    held = hub("sync", "run", "ledger", "--json")
    assert held.exit_code == 3
    run_id = json.loads(held.stdout)["run_id"]
    hub.ok("sync", "discard", run_id, "--reason", "试验")
    assert hub("sync", "release", run_id, "--reason", "x").exit_code == 5
    assert hub("sync", "run", "nosuch").exit_code == 2
    path.write_bytes(good)


def test_problem_data_for_people_and_programs(hub, ledger):
    """Every problem row with its values as received: a table, JSON, and CSV with a column for each source column."""
    path, _ = ledger
    bad = [person(0) | {"xb": "=1+1"}, person(1) | {"csrq": "@2026-13-40"}, person(2) | {"xm": "张" * 51}]
    write_csv(path, [*bad, *people(97, start=3)])
    with path.open("ab") as file:
        file.write("620402,只有,三列\r\n".encode())
    run_id = json.loads(hub.ok("sync", "run", "ledger", "--json").stdout)["run_id"]
    rows = json.loads(hub.ok("quarantine", "show", run_id, "--json").stdout)
    assert [row["row"] for row in rows] == [1, 2, 3, 101]
    assert rows[0]["values"]["xb"] == "=1+1" and rows[0]["findings"][0]["says"]
    assert {"code", "severity", "item", "says", "next"} <= rows[1]["findings"][0].keys()
    printed = hub.ok("quarantine", "show", run_id, "--format", "csv").stdout
    assert printed.startswith("\ufeff行号,位置,问题代码,说明,gmsfhm,xm,xb,csrq,原始内容\n")
    cells = list(csv.DictReader(io.StringIO(printed.removeprefix("\ufeff"))))
    assert [cell["行号"] for cell in cells] == ["1", "2", "3", "101"]
    assert (cells[0]["xb"], cells[1]["csrq"]) == ("'=1+1", "'@2026-13-40")
    assert cells[2]["gmsfhm"] == person(2)["gmsfhm"] and "ITEM_TOO_LONG:name" in cells[2]["问题代码"]
    assert "620402,只有,三列" in cells[3]["原始内容"] and cells[3]["gmsfhm"] == ""
    assert "ROW_RAGGED" in hub.ok("quarantine", "show", run_id).stdout
    write_csv(path, [person(0, version=3), *people(99, start=1)])
    clean = json.loads(hub.ok("sync", "run", "ledger", "--json").stdout)["run_id"]
    assert json.loads(hub.ok("quarantine", "show", clean, "--json").stdout) == []
    assert "没有问题数据" in hub.ok("quarantine", "show", clean).stdout
    assert hub.ok("quarantine", "show", clean, "--format", "csv").stdout.count("\n") == 1


def test_one_bad_file_keeps_no_other_from_being_applied(hub, ledger, tmp_path):
    """Several files: the good ones are applied, the bad one is named once, the exit code is that of the bad one."""
    server = {"connector": "file", "connection": "ledger_files", "location": "x.csv", "mode": "snapshot"}
    good = contract("spare", server=server)
    (tmp_path / "a.yaml").write_text("x: [", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(good, encoding="utf-8")
    done = hub("entry", "apply", tmp_path / "a.yaml", tmp_path / "b.yaml", "--json")
    assert done.exit_code == 2 and [view["dataset"] for view in json.loads(done.stdout)] == ["spare"]
    assert done.stderr.count("a.yaml") == 1 and "[CONTRACT_YAML]" in done.stderr
    assert json.loads(done.stdout)[0]["state_name"] == "草稿"
    assert hub("sync", "run", "spare").exit_code == 5
    assert "没有问题" in hub.ok("entry", "check", tmp_path / "b.yaml").stdout
    checked = json.loads(hub("entry", "check", tmp_path / "a.yaml", "--json").stdout)
    assert next(iter(checked.values()))[0]["code"] == "CONTRACT_YAML"


def test_a_draft_changes_nothing_that_is_served(hub, ledger):
    """A new version that is not published shows its differences; look-ups go on under the published one."""
    path, _ = ledger
    text = path.with_suffix(".yaml").read_text(encoding="utf-8").replace("姓名", "姓 名").replace("1.0.0", "1.1.0")
    draft = path.with_name("draft.yaml")
    draft.write_text(text, encoding="utf-8")
    hub.ok("entry", "apply", draft)
    shown = json.loads(hub.ok("entry", "show", "ledger", "--json").stdout)
    assert (shown["version"], shown["published_version"]) == (2, 1)
    titles = [item["title"] for item in json.loads(hub.ok("dataset", "show", "ledger", "--json").stdout)["items"]]
    assert "姓名" in titles


def test_doctor_on_a_fresh_clone(tmp_path):
    """With nothing configured the doctor starts nothing, makes nothing, and says what comes next."""
    run = shuqiao(tmp_path, "")
    env = {name: value for name, value in run.env.items() if name != "SHUQIAO_DATABASE_URL"}
    env["SHUQIAO_DAGS_FILE"] = str(tmp_path / "dags.py")
    done = city_hub.Shuqiao(env)("doctor")
    assert done.exit_code == 0 and not (tmp_path / "var").exists()
    assert "make up" in done.stdout and "entry apply --publish" in done.stdout and "正常" in done.stdout


def test_doctor_finds_what_is_wrong(hub, tmp_path):
    """A healthy hub has no complaint; a key file for all to read, a wrong setting and a wrong password have."""
    steps = json.loads(hub.ok("doctor", "--json").stdout)
    assert all(step["passed"] for step in steps) and {"密钥", "数据库", "磁盘"} <= {step["name"] for step in steps}
    broken = city_hub.Shuqiao(dict(hub.env) | {"SHUQIAO_KEYS_FILE": str(tmp_path / "keys.json")})
    (tmp_path / "keys.json").write_text("{}")
    (tmp_path / "keys.json").chmod(0o644)
    done = broken("doctor")
    assert done.exit_code == 1 and "chmod 600" in done.stdout
    done = city_hub.Shuqiao(dict(hub.env) | {"SHUQIAO_WORKERS": "many"})("doctor")
    assert done.exit_code == 1 and "SHUQIAO_WORKERS" in done.stdout and "many" not in done.stdout
    assert city_hub.Shuqiao(dict(hub.env) | {"SHUQIAO_WORKERS": "many"})("sync", "list").exit_code == 1
    url = "postgresql://nobody:geheim@127.0.0.1:1/x"
    done = city_hub.Shuqiao(dict(hub.env) | {"SHUQIAO_DATABASE_URL": url})("doctor")
    assert done.exit_code == 1 and "geheim" not in done.stdout + done.stderr and "异常" in done.stdout


def start(hub, *arguments: object, **more) -> "subprocess.Popen[bytes]":
    """Starts a command as a process of its own, with Ctrl-C as a terminal has it: a build server may ignore it."""
    command = ["env", "--default-signal=INT", sys.executable, "-m", "cli", *map(str, arguments)]
    environment = dict(os.environ) | dict(hub.env)  # noqa: TID251
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, **more)


def test_a_closed_pipe_ends_quietly(hub, ledger):
    """`… | head -1` ends without a traceback."""
    path, _ = ledger
    good = path.read_bytes()
    write_csv(path, [each | {"xb": "x" * 40} for each in people(2000)])
    run_id = json.loads(hub("sync", "run", "ledger", "--json").stdout)["run_id"]
    with start(hub, "quarantine", "show", run_id, "--format", "csv") as running:
        assert "行号" in running.stdout.readline().decode()
        running.stdout.close()
        running.stdout = None
        said = running.stderr.read().decode()
        assert running.wait(60) in (0, 141) and "Traceback" not in said
    hub.ok("sync", "discard", run_id, "--reason", "试验")
    path.write_bytes(good)


def test_interrupting_a_command(hub):
    """Ctrl-C ends a long query with one sentence and exit code 130."""
    endless = "SELECT count(*) FROM " + ", ".join(f"population p{number}" for number in range(6))
    with start(hub, "query", "run", endless, *AS_ASKER, stdin=subprocess.PIPE) as running, opened(hub) as other:
        running.stdin.write(f"{PASSWORD}\n".encode())
        running.stdin.close()
        running.stdin = None
        count = text("select count(*) from hub.queries where state = 'running'")
        while running.poll() is None and not _scalar(other, count):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read().decode()
        code = running.wait(60)
    assert code == 130 and said.startswith("[INTERRUPTED]") and "Traceback" not in said, said


def _scalar(hub, statement):
    with hub.engine.connect() as connection:
        return connection.execute(statement).scalar()
