"""`shuqiao audit …` over a real log: exit codes, JSON, what is refused."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.auditing.conftest import add, tamper

RUN = CliRunner()


@pytest.fixture
def shuqiao(hub, monkeypatch):
    """Runs a command on the test's hub; returns its exit code and what it printed."""
    monkeypatch.setenv("SHUQIAO_VAR", str(hub.settings.var))
    monkeypatch.setenv("SHUQIAO_DATABASE_URL", hub.database_url)

    def run(*words: str):
        done = RUN.invoke(app, ["audit", *words])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_the_day_of_a_keeper(hub, shuqiao, tmp_path):
    """Seal, anchor, status, verify and export succeed; a changed record then makes verify fail and say which."""
    add(hub, 5)
    assert shuqiao("seal")[0] == 0
    assert json.loads(shuqiao("anchor", "--json")[1])["number"] == 1
    assert json.loads(shuqiao("status", "--json")[1])["last_number"] >= 5
    code, said, _ = shuqiao("verify")
    assert code == 0 and "核验通过" in said and "尚未封存的记录" in said
    folder = tmp_path / "out"
    code, _, said = shuqiao("export", "--from", "2026-11-22", "--to", "2026-11-22", "-o", str(folder))
    assert code == 0 and (folder / "verify_audit.py").exists(), said
    done = subprocess.run([sys.executable, "-I", "-S", folder / "verify_audit.py", folder], check=False)
    assert done.returncode == 0
    assert shuqiao("export", "--from", "2026-11-22", "--to", "2026-11-22", "-o", str(folder))[0] == 2
    tamper(hub, "update hub.audit_events set actor_id = 'x' where seq = 3")
    code, said, _ = shuqiao("verify", "--json")
    assert code == 1 and json.loads(said)["broken_seq"] == 3
    code, said, _ = shuqiao("verify")
    assert code == 1 and "不通过" in said and "记录 3" in said


def test_what_is_refused(hub, shuqiao):
    """Too young a day is a state error; a day that is none an input error; each in one sentence."""
    code, _, said = shuqiao("archive", "--before", "2099-01-01")
    assert code == 5 and "未满 183 天" in said
    code, _, said = shuqiao("archive", "--before", "soon")
    assert code == 2 and "日期的写法不对" in said
    code, _, said = shuqiao("protect", "--as", hub.database_url)
    assert code == 0 and "超级用户" in said
