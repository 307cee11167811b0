"""Held batches at the terminal: discard, release, revalidate, rollback, and the sync after each."""

import json

import pytest

from tests.attack import city_hub
from tests.attack.desk import publish, refused, run_of
from tests.exchange.small_city import people, write_csv


@pytest.fixture
def register_csv(desk, folder, request):
    """A dataset of its own for a test that publishes versions: 200 people in a file."""
    name = f"ledger_{request.node.name[5:30].rstrip('_')}"
    path = folder / f"{name}.csv"
    write_csv(path, people(200))
    publish(desk, folder, name, location=path.name)
    desk.ok("sync", "run", name)
    return name, path


def rows_of(desk, name) -> int:
    """Counts the published rows."""
    return int(json.loads(desk.ok("dataset", "show", name, "--json").stdout)["rows"])


def test_a_truncated_snapshot_waits_for_a_person(desk, register_csv):
    """−40 % rows: held, nothing changed, discarded; again, released; the next sync is an ordinary one."""
    name, path = register_csv
    write_csv(path, people(120))
    done = desk("sync", "run", name, "--json")
    held = run_of(done)
    assert (done.exit_code, held["state"], held["version"], rows_of(desk, name)) == (3, "held", None, 200)
    assert "减少40.00%" in done.stderr and "sync release" in done.stderr
    refused(desk("sync", "discard", held["run_id"], "--reason", " "), "REASON")
    assert (
        run_of(desk.ok("sync", "discard", held["run_id"], "--reason", "导出不完整", "--json"))["state"] == "discarded"
    )
    refused(desk("sync", "release", held["run_id"], "--reason", "x"), "NOT_HELD", exit_code=5)
    again = run_of(desk("sync", "run", name, "--json"))
    released = run_of(desk.ok("sync", "release", again["run_id"], "--reason", "部门已确认", "--json"))
    assert (released["state"], released["version"], released["deleted"], rows_of(desk, name)) == (
        "published",
        2,
        80,
        120,
    )
    assert run_of(desk.ok("sync", "run", name, "--json"))["unchanged"] == 120


def test_revalidate_under_a_newer_entry(desk, register_csv, folder):
    """Held for too many problem rows; a newer entry allows them; the batch is validated again without the source."""
    name, path = register_csv
    rows = people(200)
    for row in rows[:30]:
        row["xm"] = "张" * 51
    write_csv(path, rows)
    held = run_of(desk("sync", "run", name, "--json"))
    assert held["state"] == "held" and held["quarantined"] == 30
    path.unlink()
    again = desk("sync", "revalidate", held["run_id"], "--json")
    assert run_of(again)["state"] == "held"
    contract_file = folder.parent / f"{name}.yaml"
    text = contract_file.read_text(encoding="utf-8").replace("maxLength: 50", "maxLength: 60").replace("1.0.0", "1.1.0")
    contract_file.write_text(text, encoding="utf-8")
    with city_hub.without_gx():
        desk.ok("entry", "apply", "--publish", contract_file)
    done = run_of(desk.ok("sync", "revalidate", held["run_id"], "--json"))
    assert (done["state"], done["accepted"], done["quarantined"], done["updated"]) == ("published", 200, 0, 30)


def test_rollback_and_what_follows(desk, register_csv):
    """A rollback is a new version equal to the old one; the next sync is held until it is released."""
    name, path = register_csv
    write_csv(path, people(190))
    desk.ok("sync", "run", name)
    refused(desk("dataset", "rollback", name, "--to", 2, "--reason", "x"), "VERSION_CURRENT", exit_code=5)
    refused(desk("dataset", "rollback", name, "--to", 1, "--reason", ""), "REASON")
    back = run_of(desk.ok("dataset", "rollback", name, "--to", 1, "--reason", "来源误删", "--json"))
    assert (back["version"], back["inserted"], rows_of(desk, name)) == (3, 10, 200)
    done = desk("sync", "run", name, "--json")
    assert done.exit_code == 3 and "回退" in done.stderr and rows_of(desk, name) == 200
    released = desk.ok("sync", "release", run_of(done)["run_id"], "--reason", "已核实", "--json")
    assert run_of(released)["version"] == 4 and rows_of(desk, name) == 190
    assert run_of(desk.ok("sync", "run", name, "--json"))["state"] == "published"
    assert "回退到版本1" in desk.ok("dataset", "versions", name).stdout


def test_a_whole_table_of_which_nothing_is_good_is_held(desk, folder):
    """A first file in which every row is bad is held, however few rows it has."""
    rows = people(3)
    for row in rows:
        row["gmsfhm"] = "无"
    write_csv(folder / "nothing.csv", rows)
    publish(desk, folder, "nothing", location="nothing.csv")
    done = desk("sync", "run", "nothing", "--json")
    assert done.exit_code == 3 and run_of(done)["state"] == "held" and "100.00%" in done.stderr
