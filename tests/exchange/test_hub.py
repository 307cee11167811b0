"""Opening the hub: its database found or started, migrated, its failures said in plain words; the doctor."""

import json
import subprocess

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from catalog.stores import audit_chain
from exchange import doctor, entries, hub
from exchange.hub import database_failure, find_database, open_hub
from exchange.settings import Settings
from schemas.errors import SetupError, StorageError

PASSWORD = "Tr0ub4dor"


def test_a_new_database_is_migrated_and_the_chain_closes_with_the_hub(empty_database_url, tmp_path, admin):
    """Opening makes the schema; closing links the events that were written."""
    settings = Settings(var=tmp_path / "var", database_url=SecretStr(empty_database_url))
    with open_hub(settings) as opened:
        entries.list_entries(opened, admin)
        assert opened.clock.now().tzinfo is not None
    with open_hub(settings) as opened, opened.engine.connect() as connection:
        assert len(list(audit_chain.links(connection))) == 1 and audit_chain.waiting(connection).events == 0
        assert empty_database_url not in repr(opened)


def test_a_newer_schema_is_refused(database_url, settings):
    """A database that a newer program has migrated is left alone."""
    with open_hub(settings) as opened, opened.engine.begin() as connection:
        connection.execute(text("update hub.alembic_version set version_num = '9999'"))
    with pytest.raises(SetupError, match="9999"), open_hub(settings):
        pass


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://nobody:{password}@127.0.0.1:1/x", StorageError),
        ("{server}/no_such_database", SetupError),
    ],
)
def test_a_database_that_refuses_is_said_in_plain_words(cluster, tmp_path, url, kind):
    """A dead server and a wrong database are two errors; neither shows a password."""
    address = cluster.url("x").rsplit("/", 1)[0] if "?" not in cluster.url("x") else None
    if "{server}" in url and address is None:
        url = cluster.url("no_such_database")
    wrong = url.format(password=PASSWORD, server=address)
    with pytest.raises(kind) as caught, open_hub(Settings(var=tmp_path, database_url=wrong)):
        pass
    assert PASSWORD not in str(caught.value) and caught.value.__cause__ is None


def test_database_errors_keep_their_sqlstate_alone():
    """Privilege, log-in and other failures become errors of ours with class and SQLSTATE, without the text."""

    class LibraryError(Exception):
        sqlstate = "42501"

    secret = LibraryError("620402199003079879")
    assert isinstance(database_failure(OperationalError("select", {}, secret)), SetupError)
    LibraryError.sqlstate = "53100"
    failure = database_failure(OperationalError("select", {}, secret))
    assert isinstance(failure, StorageError) and "53100" in str(failure) and "620402" not in str(failure)


def test_the_embedded_database_is_found_by_its_record(tmp_path, database_url):
    """A recorded server that answers is used as it is."""
    record = tmp_path / "run" / "postgres.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"url": database_url}))
    assert find_database(Settings(var=tmp_path)) == database_url
    assert all(finding.passed for finding in doctor.examine(Settings(var=tmp_path)))


def test_the_embedded_database_is_started_when_none_answers(tmp_path, database_url, monkeypatch):
    """Without an answering server the runtime is asked to start one; a failure says what it said."""
    record = tmp_path / "run" / "postgres.json"
    outcomes = iter([0, 3, None])

    def start(command, **options):
        assert command[1:] == ["-m", "runtime", "database"]
        assert options["env"]["SHUQIAO_VAR"] == str(tmp_path)
        code = next(outcomes)
        if code is None:
            raise subprocess.TimeoutExpired(command, 1)
        if code == 0:
            record.parent.mkdir()
            record.write_text(json.dumps({"url": database_url}))
        return subprocess.CompletedProcess(command, code, "", "no room")

    with monkeypatch.context() as patched:
        patched.setattr(hub.subprocess, "run", start)
        assert find_database(Settings(var=tmp_path)) == database_url
        record.write_text(json.dumps({"url": "postgresql://u@127.0.0.1:1/x"}))
        with pytest.raises(SetupError, match="no room"):
            find_database(Settings(var=tmp_path))
        with pytest.raises(SetupError, match="超时"):
            find_database(Settings(var=tmp_path))


def test_a_missing_suite_is_said(settings, monkeypatch):
    """A machine without the suite's primitives is told so before anything is written."""
    monkeypatch.setattr(hub, "suite_works", lambda suite: False)
    with pytest.raises(SetupError, match="OpenSSL"), open_hub(settings):
        pass
    assert not settings.key_file.exists()


def test_the_doctor_looks_without_starting_anything(hub, settings, tmp_path, monkeypatch):
    """Each thing is looked at and what is wrong comes with a next step; a wrong setting alone is reported."""
    found = {finding.name: finding for finding in doctor.examine(hub)}
    assert {"配置", "密钥", "密码套件", "数据目录", "磁盘", "调度清单", "数据库", "结构版本", "批次"} == set(found)
    assert all(finding.passed for finding in found.values())
    fresh = {finding.name: finding for finding in doctor.examine(Settings(var=tmp_path / "new"))}
    assert fresh["数据库"].passed and "没有在运行" in fresh["数据库"].says
    settings.directory.mkdir(parents=True, exist_ok=True)
    (settings.directory / "dags.json").write_text("{}")
    settings.key_file.chmod(0o644)
    dead = settings.model_copy(update={"database_url": SecretStr(f"postgresql://u:{PASSWORD}@127.0.0.1:1/x")})
    monkeypatch.setattr(doctor, "_ENOUGH_MB", 10**9)
    monkeypatch.setattr(doctor, "suite_works", lambda suite: False)
    failed = {finding.name: finding for finding in doctor.examine(dead) if not finding.passed}
    assert set(failed) == {"密钥", "密码套件", "磁盘", "调度清单", "数据库"}
    assert all(finding.next_step for finding in failed.values())
    assert PASSWORD not in repr(failed)
    settings.dags_file.touch()
    assert {f.name: f.passed for f in doctor.examine(settings)}["调度清单"]
    monkeypatch.setenv("SHUQIAO_WORKERS", "many")
    assert [f.passed for f in doctor.examine()] == [False]


def test_the_doctor_names_an_unmigrated_database(empty_database_url, tmp_path):
    """An empty database is reported as one that the next command migrates."""
    found = {f.name: f for f in doctor.examine(Settings(var=tmp_path, database_url=empty_database_url))}
    assert "空库" in found["结构版本"].says


def test_a_dropped_connection_shows_with_the_statement_and_no_second_time(settings):
    """Single statements ask nobody whether the connection lives: the first fails when it is gone, the next is fresh."""
    with open_hub(settings) as opened:
        with opened.statements() as connection:
            first = connection.execute(text("select pg_backend_pid()")).scalar_one()
        with opened.transaction() as connection:
            assert connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": first}).scalar_one()
        with pytest.raises(StorageError), opened.statements() as connection:
            connection.execute(text("select 1"))
        with opened.statements() as connection:
            assert connection.execute(text("select pg_backend_pid()")).scalar_one() != first
            connection.execute(text("create temporary table kept (n int)"))
            connection.execute(text("insert into kept values (1)"))
        with opened.statements() as connection:
            assert connection.execute(text("select n from kept")).scalars().all() == [1]
