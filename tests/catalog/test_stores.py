"""Stores on a real, migrated PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from catalog.locks import dataset_lock, slot_locks, try_locks
from catalog.stores import audit, audit_chain, connections, datasets, departments, entries, problems, runs
from catalog.stores.entries import EntryVersion, State

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
CODE = "91620400XX00A0013M"


@pytest.fixture
def connection(engine):
    """Opens a transaction with one department and the draft entry `person`."""
    with engine.begin() as opened:
        departments.save(opened, CODE, "市公安局", NOW)
        entries.insert_entry(opened, "person", "人口", CODE, NOW)
        entries.add_version(
            opened, EntryVersion("person", 1, "1.0.0", "text", State.DRAFT, None, None, [], "admin", NOW, None)
        )
        yield opened


def new_run(run_id, **values):
    """Makes a run of `person`."""
    facts = {"dataset": "person", "entry_version": 1, "mode": "snapshot", "state": "created", "created_at": NOW}
    return runs.Run(run_id=run_id, **(facts | values))


def test_departments_are_renamed(connection):
    """Saving a known department gives it the new name."""
    departments.save(connection, CODE, "市公安局（新）", NOW)
    assert [d.name for d in departments.list_all(connection)] == ["市公安局（新）"]


def test_an_entry_and_its_versions_are_found(connection):
    """An entry is found by dataset, by code and locked; versions by number and as the newest."""
    entries.insert_entry(connection, "person", "again", CODE, NOW)
    entries.update_entry(connection, "person", code="101/000001", published_version=1, state=State.PUBLISHED)
    entries.update_version(connection, "person", 1, state=State.PUBLISHED, plan={"a": 1})
    assert entries.find(connection, "person") == entries.find_by_code(connection, "101/000001")
    assert entries.find_locked(connection, "person").title == "人口"
    assert entries.find(connection, "none") is None
    assert entries.latest_version(connection, "person").plan == {"a": 1}
    assert entries.find_version(connection, "person", 2) is None
    assert entries.latest_version(connection, "none") is None
    [(entry, version)] = entries.published(connection)
    assert (entry.dataset, version.number) == ("person", 1)
    assert [e.dataset for e in entries.list_all(connection)] == ["person"]
    assert entries.count_versions(connection, "person") == 1


def test_code_numbers_are_never_issued_twice(connection):
    """Each classification counts for itself, from 1."""
    issued = [entries.next_code_number(connection, c) for c in ("101", "101", "307", "101")]
    assert issued == [1, 2, 1, 3]


def test_connections_are_replaced(connection):
    """Saving a connection again keeps its first time and replaces the rest."""
    stored = connections.StoredConnection("ga", "postgres", "h", 5432, "d", "u", b"sealed", "admin", NOW, NOW)
    connections.save(connection, stored)
    later = NOW + timedelta(days=1)
    connections.save(
        connection, connections.StoredConnection("ga", "sql", None, None, None, None, b"2", "b", later, later)
    )
    found = connections.find(connection, "ga")
    assert (found.kind, found.created_at, found.updated_at) == ("sql", NOW, later)
    assert connections.list_all(connection) == [found]
    assert connections.find(connection, "none") is None


def test_runs_are_kept_with_all_their_facts(connection):
    """A run is found by id, trigger, state and age, and what is changed is read back."""
    runs.insert(connection, new_run("r1", trigger="t1", cursor_from={"a": 1}))
    runs.insert(connection, new_run("r2", created_at=NOW))
    runs.change(connection, "r1", state="published", extracted=3, extracted_at=NOW, result={"success": True})
    first = runs.find(connection, "r1")
    assert (first.extracted, first.cursor_from, first.hold_reasons) == (3, {"a": 1}, [])
    assert runs.find_by_trigger(connection, "person", "t1") == first
    assert runs.find_by_trigger(connection, "person", "t2") is None
    assert [r.run_id for r in runs.find_in_states(connection, "person", runs.UNFINISHED)] == ["r2"]
    assert [r.run_id for r in runs.list_recent(connection, None, 10)] == ["r2", "r1"]
    assert [r.run_id for r in runs.list_recent(connection, "other", 10)] == []
    assert runs.result_of(connection, "r1") == {"success": True}
    assert runs.find(connection, "none") is None
    after = NOW + timedelta(days=1)
    assert [r.run_id for r in runs.with_landing_before(connection, after)] == ["r1"]
    assert [r.run_id for r in runs.with_quarantine_before(connection, after)] == ["r1"]
    assert runs.with_landing_before(connection, NOW) == []


def test_a_state_that_does_not_exist_is_refused(connection):
    """The database itself refuses an unknown run state."""
    with pytest.raises(DBAPIError):
        runs.insert(connection, new_run("r1", state="almost"))


def test_datasets_and_versions(connection):
    """A dataset starts at version 0; versions are found by number and by time."""
    datasets.ensure(connection, "person", NOW)
    datasets.ensure(connection, "person", NOW + timedelta(days=9))
    assert datasets.find(connection, "person").current_version == 0
    for number in (1, 2):
        datasets.add_version(
            connection,
            datasets.Version(
                "person", number, f"r{number}", 1, number, 10, 10, 0, 0, "gm", 1, {"c": number}, None, None, None,
                NOW + timedelta(hours=number),
            ),
        )  # fmt: skip
    datasets.change(connection, "person", current_version=2, cursor={"c": 2})
    assert datasets.list_all(connection)[0].cursor == {"c": 2}
    assert [v.version for v in datasets.versions(connection, "person")] == [2, 1]
    assert datasets.find_version(connection, "person", 1).cursor == {"c": 1}
    assert datasets.find_version(connection, "person", 3) is None
    assert datasets.version_at(connection, "person", NOW) is None
    assert datasets.version_at(connection, "person", NOW + timedelta(minutes=90)).version == 1
    assert datasets.find(connection, "none") is None


def test_an_open_problem_has_a_first_and_a_last_sighting(engine, connection):
    """The same row, code and item over two runs is one problem; a repeated record of one run does not count twice."""
    connection.commit()
    one, two = problems.Sighting(b"k1", "ID_CHECK", "citizen_id"), problems.Sighting(b"k2", "ID_CHECK", "citizen_id")
    for run, day, seen in (("r1", 0, [one, one, two]), ("r1", 0, [one, two]), ("r2", 1, [one])):
        with engine.begin() as each:
            problems.record(each, "person", run, NOW + timedelta(days=day), seen)
    with engine.begin() as each:
        [row] = each.execute(text("select times, first_seen, last_seen from hub.open_problems where key_hash = 'k1'"))
        assert (row.times, row.first_seen, row.last_seen) == (2, NOW, NOW + timedelta(days=1))
        [count] = problems.counts(each, "person")
        assert (count.code, count.item, count.rows, count.first_seen) == ("ID_CHECK", "citizen_id", 2, NOW)
        assert set(problems.open_keys(each, "person")) == {b"k1", b"k2"}
        assert problems.close_keys(each, "person", "r2", NOW, [b"k1"]) == 0
        assert problems.close_unseen(each, "person", "r2", NOW) == 1
        assert problems.close_keys(each, "person", "r3", NOW, [b"k1"]) == 1
        assert problems.counts(each, "person") == []


def event(action):
    """Makes an audit event."""
    return audit.Event(NOW, "root", "root", "administrator", "cli", action, "dataset", "person", items=("a",))


HASHING = audit_chain.Hashing(
    lambda recorded, previous, form: f"{form}:{recorded.seq}:{previous[:5]}".ljust(64, "."),
    lambda batch: f"batch {batch.number} ends {batch.head_sm3[:4]}".ljust(64, "."),
    lambda moment: moment.isoformat(),
)


def sealed(engine, limit=100):
    """Seals once, with a readable stand-in for the real hash."""
    with engine.begin() as each:
        return audit_chain.seal_batch(each, HASHING, NOW, limit)


def test_events_are_chained_and_read_back(engine, connection):
    """Events come back in order; each is linked once, in batches that follow each other, however often one seals."""
    for action in ("QUERY", "PUBLISH"):
        audit.append(connection, event(action))
    connection.commit()
    assert sealed(engine).last_number == 2
    assert sealed(engine) is None
    with engine.begin() as each:
        audit.append(each, event("EXPORT"))
    assert sealed(engine).number == 2
    with engine.begin() as each:
        links = list(audit_chain.links(each))
        assert [link.number for link, _ in links] == [1, 2, 3]
        assert links[0][0].prev_sm3 == audit.GENESIS
        assert all(link.record_sm3 == HASHING.record(recorded, link.prev_sm3, 2) for link, recorded in links)
        assert [r.event.action for r in audit.read(each, after=links[0][0].seq)] == ["PUBLISH", "EXPORT"]
        first, second = audit_chain.batches(each)
        assert second.prev_sm3 == first.batch_sm3 and second.first_number == 3


@pytest.mark.parametrize("table", ["audit_events", "audit_chain", "audit_batches"])
@pytest.mark.parametrize("change", ["delete from", "truncate", "update"])
def test_audit_records_cannot_be_changed(engine, connection, table, change):
    """Updating, deleting or emptying the audit tables is refused by the database, also to their owner."""
    audit.append(connection, event("QUERY"))
    connection.commit()
    sealed(engine)
    column = "action = 'x'" if table == "audit_events" else "prev_sm3 = 'x'"
    cascade = " cascade" if change == "truncate" else ""
    statement = f"update hub.{table} set {column}" if change == "update" else f"{change} hub.{table}{cascade}"
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as each:
        each.execute(text(statement))


def test_locks_admit_one_and_a_number(engine):
    """One holds a dataset's lock at a time, slots admit their number, and a left block frees what it held."""
    names = [dataset_lock("person")]
    with try_locks(engine, names) as first, try_locks(engine, names) as second:
        assert (first, second) == (names[0], None)
    with try_locks(engine, names) as again:
        assert again == names[0]
    slots = slot_locks("ga", 2)
    with try_locks(engine, slots) as a, try_locks(engine, slots) as b, try_locks(engine, slots) as c:
        assert (a, b, c) == (*slots, None)
