"""Syncs end to end on small real sources: a CSV file and a PostgreSQL table."""

from datetime import timedelta

import pytest

from catalog.stores import runs as store
from exchange import connections, datasets, entries, quarantine, sync
from exchange.balance import balances
from exchange.runs import require_run
from schemas.errors import Held, IdentifierError, InputError, NotFound, StateError
from tests.exchange.small_city import START, contract, csv_server, people, person, table_server, write_csv
from tests.reading import look_up, select


@pytest.fixture
def csv_person(hub, admin, tmp_path):
    """Publishes the entry `person` attached to a CSV file of 200 people; returns the file's path."""
    path = tmp_path / "people.csv"
    write_csv(path, people(200))
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    return path


def test_csv_end_to_end(hub, admin, csv_person):
    """A CSV file is read, checked and published; the same file again changes nothing."""
    first = sync.run(hub, admin, "person")
    assert (first.state, first.version, first.extracted, first.accepted, first.inserted) == (
        "published", 1, 200, 200, 200,
    )  # fmt: skip
    again = sync.run(hub, admin, "person")
    assert (again.state, again.version, again.unchanged, again.inserted) == ("published", 1, 200, 0)
    rows = people(200)
    rows[0] = person(0, version=2)
    write_csv(csv_person, rows[:199] + people(1, start=500))
    third = sync.run(hub, admin, "person")
    assert (third.version, third.inserted, third.updated, third.deleted, third.unchanged) == (2, 1, 1, 1, 198)


@pytest.fixture
def table_person(hub, admin, police):
    """Registers the connection `police`; returns a function that publishes `person` in a mode."""
    connections.set_connection(hub, admin, "police", police.url)

    def publish(mode="snapshot", **more):
        return entries.apply(hub, admin, contract(server=table_server(mode, **more)), "person.yaml", publish=True)

    return publish


def test_table_end_to_end(hub, admin, police, table_person):
    """A PostgreSQL table is published; what is not in it any more is deleted."""
    table_person()
    police.put(people(100))
    assert sync.run(hub, admin, "person").inserted == 100
    police.put([person(3, version=5)])
    police.remove([person(4)["gmsfhm"]])
    again = sync.run(hub, admin, "person")
    assert (again.updated, again.deleted, again.unchanged) == (1, 1, 98)


def test_watermark_reads_what_changed_and_compares_in_full_when_due(hub, admin, clock, police, table_person):
    """After a full first reading only changed rows are read; deletes are found by the comparison run, a week later."""
    table_person("watermark")
    police.put(people(100))
    first = sync.run(hub, admin, "person")
    assert (first.mode, first.comparison, first.inserted) == ("snapshot", True, 100)
    clock.forward(hours=1)
    police.put([person(3, version=5, updated=clock.now() - timedelta(minutes=30))])
    police.remove([person(4)["gmsfhm"]])
    second = sync.run(hub, admin, "person")
    assert (second.mode, second.version, second.updated, second.deleted, second.rows_after) == (
        "watermark", 2, 1, 0, 100,
    )  # fmt: skip
    assert second.extracted < 100
    clock.forward(days=7)
    third = sync.run(hub, admin, "person")
    assert (third.mode, third.deleted, third.version) == ("snapshot", 1, 3)


def test_change_flag_applies_the_last_change_of_each_row(hub, admin, clock, police, table_person):
    """I, U and D rows of a front-end table are applied in order; the cursor goes on from the last."""
    table_person("change_flag")
    police.change("I", people(20), START)
    first = sync.run(hub, admin, "person")
    assert (first.version, first.inserted, first.accepted) == (1, 20, 20)
    police.change("U", [person(1, version=7)], START + timedelta(hours=1))
    police.change("D", [person(2)], START + timedelta(hours=1))
    police.change("I", people(1, start=50), START + timedelta(hours=2))
    police.change("D", people(1, start=50), START + timedelta(hours=3))
    second = sync.run(hub, admin, "person")
    assert (second.inserted, second.updated, second.deleted, second.rows_after) == (0, 1, 1, 19)
    replay = sync.run(hub, admin, "person", mode="snapshot")
    assert (replay.state, replay.version, replay.rows_after) == ("published", 2, 19)


def test_the_ledger_of_a_replayed_front_end_table_counts_its_deletions(hub, admin, police, table_person):
    """A replay that deletes balances on the run's page, where deletions are a part of what was accepted."""
    table_person("change_flag")
    police.change("I", people(20), START)
    sync.run(hub, admin, "person")
    police.change("D", [person(2)], START + timedelta(hours=1))
    done = sync.run(hub, admin, "person", mode="snapshot")
    assert (done.mode, done.accepted, done.deleted, done.unchanged) == ("snapshot", 20, 1, 19)
    assert all(balance.holds for balance in balances(require_run(hub, done.run_id)))


def test_changes_of_one_moment_whose_order_nobody_knows(hub, admin, police, table_person):
    """I before U before D where the table tells no order; a deletion beside an insertion leaves the row as it was."""
    table_person("change_flag")
    police.change("I", people(30), START)
    sync.run(hub, admin, "person")
    moment = START + timedelta(hours=1)
    for operation, numbers, version in (
        ("D", (1, 3), 1),
        ("U", (1, 2, 4, 40), 5),
        ("I", (2, 3, 40), 4),
        ("U", (4,), 6),
    ):
        police.change(operation, [person(number, version=version) for number in numbers], moment)
    done = sync.run(hub, admin, "person")
    assert (done.state, done.inserted, done.updated, done.deleted, done.kept) == ("published", 1, 1, 1, 2)
    assert (done.quarantined, done.conflicts) == (4, 4)
    names = {
        number: [row.values["name"] for row in look_up(hub, "person", person(number)["gmsfhm"]).rows]
        for number in (1, 2, 3, 4, 40)
    }
    expected = {1: [], **{number: [person(number, version=5)["xm"]] for number in (2, 40)}}
    assert names == expected | {number: [person(number)["xm"]] for number in (3, 4)}


def test_what_was_let_go_does_not_hold_the_next_increment(hub, admin, clock, police, table_person):
    """Increments overlap: problem data that was released is read again and not judged again; new ones are."""
    table_person("change_flag")
    police.change("I", people(100), START)
    sync.run(hub, admin, "person")
    police.change("U", [person(number) | {"csrq": "2026-13-40"} for number in range(30)], clock.now())
    held = sync.run(hub, admin, "person")
    assert held.state == "held"
    assert sync.release(hub, admin, held.run_id, "已核实").state == "published"
    clock.forward(hours=1)
    again = sync.run(hub, admin, "person")
    assert (again.state, again.quarantined, again.kept) == ("published", 30, 30)
    police.change("U", [person(number) | {"csrq": "2026-13-40"} for number in range(50, 80)], clock.now())
    assert "读取30条" in sync.run(hub, admin, "person").hold_reasons[0]


def test_a_truncated_snapshot_is_held_and_released(hub, admin, csv_person):
    """A copy with 40 % fewer rows is held and changes nothing; releasing it publishes it."""
    sync.run(hub, admin, "person")
    write_csv(csv_person, people(120))
    held = sync.run(hub, admin, "person")
    assert (held.state, held.version) == ("held", None)
    assert "行数" in held.hold_reasons[0]
    assert datasets.show_dataset(hub, admin, "person").rows == 200
    with pytest.raises(Held):
        sync.publish(hub, admin, held.run_id)
    done = sync.release(hub, admin, held.run_id, "部门已确认")
    assert (done.state, done.version, done.deleted) == ("published", 2, 80)
    with pytest.raises(StateError):
        sync.release(hub, admin, held.run_id)


def test_a_held_batch_is_discarded_or_superseded(hub, admin, csv_person):
    """Discarding needs a reason and changes nothing; a newer published batch supersedes a held one."""
    sync.run(hub, admin, "person")
    write_csv(csv_person, people(120))
    first = sync.run(hub, admin, "person")
    with pytest.raises(InputError):
        sync.discard(hub, admin, first.run_id, " ")
    assert sync.discard(hub, admin, first.run_id, "导出不完整").state == "discarded"
    second = sync.run(hub, admin, "person")
    assert second.state == "held"
    write_csv(csv_person, people(201))
    assert sync.run(hub, admin, "person").state == "published"
    assert sync.show_run(hub, admin, second.run_id).state == "superseded"
    with pytest.raises(StateError):
        sync.discard(hub, admin, second.run_id, "x")


def test_rejected_rows_keep_their_last_good_row_and_are_shown(hub, admin, csv_person):
    """A row that fails goes to quarantine as received; its key keeps its last good row, marked stale."""
    sync.run(hub, admin, "person")
    rows = people(200)
    rows[5] |= {"xb": "9", "csrq": "2026-13-40"}
    rows[6] |= {"gmsfhm": "620402199003079878"}
    rows.append(person(7, version=3))
    write_csv(csv_person, rows)
    again = sync.run(hub, admin, "person")
    assert (again.extracted, again.quarantined, again.accepted, again.kept) == (201, 4, 197, 2)
    assert again.deleted == 1
    shown = {row.row: row for row in quarantine.show(hub, admin, again.run_id)}
    assert sorted(shown) == [6, 7, 8, 201]
    assert shown[6].values["csrq"] == "2026-13-40"
    assert {f["code"] for f in shown[6].findings} >= {"DATE_FORMAT"}
    assert "KEY_CONFLICT" in {f["code"] for f in shown[8].findings}
    answer = look_up(hub, "person", rows[5]["gmsfhm"])
    assert answer.rows[0].stale_since is not None
    problems = datasets.show_dataset(hub, admin, "person").open_problems
    assert {p["code"] for p in problems} >= {"KEY_CONFLICT", "DATE_FORMAT"}
    write_csv(csv_person, people(200))
    sync.run(hub, admin, "person")
    assert datasets.show_dataset(hub, admin, "person").open_problems == []


def test_rows_are_found_in_either_version(hub, admin, csv_person):
    """A person is found by a key in any writing, now and in an older version; an invalid key says what is wrong."""
    sync.run(hub, admin, "person")
    rows = people(200)
    rows[0] = person(0, version=2)
    write_csv(csv_person, rows)
    sync.run(hub, admin, "person")
    key = rows[0]["gmsfhm"]
    now = look_up(hub, "person", f" {key[:6]} {key[6:].lower()} ")
    assert (now.version, now.rows[0].roles, now.rows[0].values["name"]) == (2, ("本人",), person(0, version=2)["xm"])
    before = look_up(hub, "person", key, version=1)
    assert (before.version, before.rows[0].values["name"]) == (1, person(0)["xm"])
    assert look_up(hub, "person", person(999)["gmsfhm"]).rows == ()
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    with pytest.raises(IdentifierError) as caught:
        look_up(hub, "person", wrong)
    assert "ID_CHECK" in str(caught.value) and wrong not in str(caught.value)
    assert select(hub, "select count(*) n from person", version=1) == [{"n": 200}]


def test_rollback_and_the_sync_after_it(hub, admin, csv_person):
    """A rollback publishes a version equal to the old one; the next sync is held until someone lets it go."""
    sync.run(hub, admin, "person")
    write_csv(csv_person, people(190))
    sync.run(hub, admin, "person")
    back = datasets.rollback(hub, admin, "person", 1, "来源误删")
    assert (back.state, back.version, back.inserted, back.rows_after) == ("published", 3, 10, 200)
    assert look_up(hub, "person", person(195)["gmsfhm"]).rows != ()
    held = sync.run(hub, admin, "person")
    assert (held.state, held.reasons[0]["code"]) == ("held", "AFTER_ROLLBACK")
    assert sync.release(hub, admin, held.run_id, "已核实").version == 4
    assert sync.run(hub, admin, "person").state == "published"
    assert [v.kind for v in datasets.versions(hub, admin, "person")] == ["同步", "回退到版本1", "同步", "同步"]


def test_unreadable_lines_are_shown_as_they_came(hub, admin, csv_person):
    """A ragged line is one record in quarantine with its bytes; removed problem data is said to be gone."""
    with csv_person.open("a", encoding="utf-8") as file:
        file.write("620402,张三,1\n")
    run = sync.run(hub, admin, "person")
    [row] = quarantine.show(hub, admin, run.run_id)
    assert "张三" in "".join(str(value) for value in row.values.values())
    assert row.findings[0]["code"] == "ROW_RAGGED" and row.findings[0]["says"]
    with hub.transaction() as connection:
        store.change(connection, run.run_id, quarantine_removed_at=hub.clock.now())
    with pytest.raises(NotFound, match="保存期限"):
        quarantine.show(hub, admin, run.run_id)
    waiting = sync.begin(hub, admin, "person")
    assert list(quarantine.show(hub, admin, waiting)) == []


def test_bytes_are_shown_in_the_encoding_that_fits():
    """UTF-8 comes first, then GB18030; what is neither stays visible."""
    assert quarantine._text("张三".encode()) == "张三"
    assert quarantine._text("张三".encode("gb18030")) == "张三"
    assert "\\xff" in quarantine._text(b"\xff\xff\xff")
    assert quarantine._finding({"code": "NOT_LISTED", "item": None}, {})["says"] == "NOT_LISTED"
