"""Testing a connection also tests what the entries attached through it read."""

import json

import pytest

from tests.attack.city_hub import shuqiao, without_gx
from tests.exchange.small_city import Department, contract, csv_server, people, table_server, write_csv


@pytest.fixture
def desk(database_url, tmp_path):
    """The command line of an empty hub."""
    return shuqiao(tmp_path, database_url)


def publish(run, path, text):
    """Publishes a contract by the command line."""
    path.write_text(text, encoding="utf-8")
    with without_gx():
        return run.ok("entry", "apply", "--publish", path)


def steps_of(run, name):
    """Returns the steps of a connection test."""
    return [
        (step["name"], step["passed"], step["says"])
        for step in json.loads(run("connection", "test", name, "--json").stdout)
    ]


def test_tables_of_attached_entries_are_tried(desk, empty_database_url, tmp_path):
    """After the log-in come privilege, table and a reminder of writing rights, for each entry."""
    police = Department(empty_database_url)
    police.put(people(3))
    desk.ok("connection", "set", "police", "-", input=police.url + "\n")
    assert [step[0] for step in steps_of(desk, "police")] == ["name", "port", "login"]
    publish(desk, tmp_path / "a.yaml", contract("person", server=table_server()))
    assert steps_of(desk, "police")[3:] == [
        ("privilege", True, "账号可以读取表t_person（person）"),
        ("table", True, "表t_person有5列（person）"),
        ("read_only", True, "账号对该表有写权限，数桥不会写入来源系统（person）"),
    ]
    assert "提醒" in desk.ok("connection", "test", "police").stdout
    with police.connect() as connection:
        connection.execute("drop table t_person")
    assert steps_of(desk, "police")[3:] == [("table", False, "来源系统中没有表t_person（person）")]
    assert desk("connection", "test", "police").exit_code == 1


def test_a_locked_table_fails_the_test(desk, empty_database_url, tmp_path):
    """A table under an exclusive lock is said to be locked within seconds."""
    police = Department(empty_database_url)
    desk.ok("connection", "set", "police", "-", input=police.url + "\n")
    publish(desk, tmp_path / "a.yaml", contract("person", server=table_server()))
    with police.connect() as connection, connection.transaction():
        connection.execute("lock table t_person in access exclusive mode")
        (found,) = steps_of(desk, "police")[3:]
    assert found == ("table", False, "表被锁定：t_person（person）")


def test_a_folder_is_tested_with_its_files(desk, tmp_path):
    """A folder of files is tried as a folder, then file by file."""
    write_csv(tmp_path / "people.csv", people(3))
    desk.ok("connection", "set", "files", tmp_path)
    assert [step[0] for step in steps_of(desk, "files")] == ["name", "port", "login", "privilege"]
    server = csv_server(tmp_path / "people.csv") | {"connection": "files", "location": "people.csv"}
    publish(desk, tmp_path / "a.yaml", contract("person", server=server))
    assert steps_of(desk, "files")[4:] == [
        ("privilege", True, "可以读取文件people.csv（person）"),
        ("table", True, "文件people.csv有5列（person）"),
    ]
    (tmp_path / "people.csv").unlink()
    assert steps_of(desk, "files")[4:] == [("table", False, "找不到文件people.csv（person）")]


def test_a_file_url_keeps_its_path(desk, tmp_path):
    """The list shows the folder from the root on, however the URL was written."""
    desk.ok("connection", "set", "files", f"file://{tmp_path}")
    (view,) = json.loads(desk.ok("connection", "list", "--json").stdout)
    assert view["database"] == str(tmp_path)
