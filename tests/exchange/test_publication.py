"""What publishing leaves in the hub database: version, dataset, run, problems, other runs; found by mutation."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from catalog.stores import datasets as held
from catalog.stores import problems
from catalog.stores import runs as store
from exchange import connections, datasets, entries, sync
from tests.exchange.small_city import START, contract, csv_server, people, person, table_server, write_csv
from tests.reading import look_up


@pytest.fixture
def source(hub, admin, tmp_path):
    """Publishes `person` attached to a CSV file of 50 people; returns the file's path."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    return path


@pytest.fixture
def police_person(hub, admin, police):
    """Registers the department's database; returns a function that publishes `person` in a mode."""
    connections.set_connection(hub, admin, "police", police.url)

    def publish(mode):
        entries.apply(hub, admin, contract(server=table_server(mode)), "person.yaml", publish=True)

    return publish


def state(hub, run_id=None, version=None):
    """Reads the dataset, a run and a version from the database."""
    with hub.transaction() as connection:
        return (
            held.find(connection, "person"),
            store.find(connection, run_id) if run_id else None,
            held.find_version(connection, "person", version) if version else None,
        )


def events(hub, action):
    """Reads the events of an action, oldest first."""
    with hub.transaction() as connection:
        query = text(
            "select object_id, row_count, detail - 'use_case' from hub.audit_events "
            "where detail->>'use_case' = :action order by seq"
        )
        return [tuple(row) for row in connection.execute(query, {"action": action})]


def test_everything_about_a_version_is_recorded(hub, admin, source, clock):
    """Version, dataset and run agree on counts, rows, facts and times of the same publish."""
    run_id = sync.run(hub, admin, "person").run_id
    clock.forward(hours=1)
    rows = people(48) + people(3, start=100)
    rows[0] = person(0, version=2)
    write_csv(source, rows)
    begun = clock.now()
    run_id = sync.run(hub, admin, "person").run_id
    dataset, run, version = state(hub, run_id, 2)
    assert (run.state, run.step, run.version, run.error, list(run.hold_reasons)) == (
        "published",
        "published",
        2,
        None,
        [],
    )
    assert (run.inserted, run.updated, run.deleted, run.unchanged, run.kept) == (3, 1, 2, 47, 0)
    assert (run.rows_before, run.rows_after, run.finished_at) == (50, 51, begun)
    assert 0 < run.seconds_publish < 60
    assert (dataset.current_version, dataset.rows, dataset.last_run, dataset.hold_next) == (2, 51, run_id, None)
    assert (dataset.updated_at, dataset.data_time, dataset.last_comparison_at) == (begun, run.data_time, run.data_time)
    assert dataset.last_facts == run.facts == version.facts != None  # noqa: E711
    assert dataset.delta_version == version.delta_version == 1
    assert (version.run_id, version.entry_version, version.rows) == (run_id, run.entry_version, 51)
    assert (version.inserted, version.updated, version.deleted, version.rollback_of) == (3, 1, 2, None)
    assert (version.suite, version.key_generation) == (hub.crypto.suite, hub.crypto.generation)
    assert (version.cursor, version.data_time, version.published_at) == (None, run.data_time, begun)


def test_a_run_without_changes_moves_the_dataset_but_makes_no_version(hub, admin, source, clock):
    """The same rows again: no version, no commit, but the dataset knows its last run and how fresh it is."""
    sync.run(hub, admin, "person")
    before, _, _ = state(hub)
    clock.forward(hours=3)
    again = sync.run(hub, admin, "person")
    after, run, none = state(hub, again.run_id, 2)
    assert none is None
    assert (after.current_version, after.delta_version, after.rows) == (1, before.delta_version, 50)
    assert (after.last_run, after.updated_at, run.version) == (again.run_id, clock.now(), 1)
    assert after.data_time == before.data_time + timedelta(hours=3) == after.last_comparison_at
    assert (run.rows_before, run.rows_after, run.unchanged) == (50, 50, 50)
    published = {run_id: (rows, detail) for run_id, rows, detail in events(hub, "sync.publish")}
    assert published[again.run_id] == (50, {"version": 1, "new_version": False, "rollback_to": None})


def test_an_empty_table_is_published_once(hub, admin, police, police_person):
    """The first run of no rows makes version 1; the second makes none."""
    police_person("snapshot")
    assert [sync.run(hub, admin, "person").version for _ in range(2)] == [1, 1]
    assert len(datasets.versions(hub, admin, "person")) == 1


def test_a_rollback_takes_facts_and_times_of_its_target(hub, admin, source, clock):
    """The new version has the old one's facts, cursor and data time, says what it goes back to, and holds the next."""
    sync.run(hub, admin, "person")
    _, _, first = state(hub, None, 1)
    clock.forward(hours=1)
    write_csv(source, people(52))
    sync.run(hub, admin, "person")
    clock.forward(hours=1)
    back = datasets.rollback(hub, admin, "person", 1, "来源误发")
    dataset, run, third = state(hub, back.run_id, 3)
    assert (third.rollback_of, third.facts, third.data_time, third.cursor) == (1, first.facts, first.data_time, None)
    assert (third.rows, third.deleted, third.published_at) == (50, 2, clock.now())
    assert (dataset.hold_next, dataset.last_facts, dataset.data_time) == ("来源误发", first.facts, first.data_time)
    assert (dataset.current_version, dataset.rows, run.rows_after) == (3, 50, 50)
    [(run_id, rows, detail)] = events(hub, "dataset.rollback")[-1:]
    assert (run_id, rows, detail["rollback_to"], detail["version"], detail["new_version"]) == (
        back.run_id,
        50,
        1,
        3,
        True,
    )
    assert back.run_id not in {run_id for run_id, _, _ in events(hub, "sync.publish")}


def test_a_cursor_moves_with_its_version_and_back_with_a_rollback(hub, admin, clock, police, police_person):
    """An increment moves the cursor and not the comparison; a rollback brings cursor and rows back."""
    police_person("watermark")
    police.put(people(30))
    sync.run(hub, admin, "person")
    full, run, first = state(hub, None, 1)
    assert full.cursor is not None and full.cursor == first.cursor
    clock.forward(hours=1)
    police.put([person(3, version=5, updated=clock.now() - timedelta(minutes=20))])
    done = sync.run(hub, admin, "person")
    moved, run, second = state(hub, done.run_id, 2)
    assert moved.cursor == run.cursor_to == second.cursor != full.cursor
    assert (moved.last_comparison_at, moved.last_facts) == (full.last_comparison_at, full.last_facts)
    assert moved.data_time == run.data_time > full.data_time
    datasets.rollback(hub, admin, "person", 1, "误发")
    back, _, third = state(hub, None, 3)
    assert back.cursor == third.cursor == first.cursor


def test_problems_close_when_their_row_comes_again(hub, admin, clock, police, police_person):
    """In an increment a problem closes with its own row alone; rows that did not come keep theirs."""
    police_person("change_flag")
    police.change("I", people(5), START)
    sync.run(hub, admin, "person")
    bad = [person(number) | {"csrq": "2026-13-40"} for number in (1, 2, 3)]
    police.change("U", bad, START + timedelta(hours=1))
    held_run = sync.run(hub, admin, "person")
    if held_run.state == "held":
        sync.release(hub, admin, held_run.run_id, "已核实")
    assert opened(hub) == {("DATE_FORMAT", "birth_date"): 3}
    # The reading overlaps by the longest transaction, so each change is read once more by the next run.
    police.change("U", [person(0, version=4)], START + timedelta(hours=2))
    sync.run(hub, admin, "person")
    assert opened(hub) == {("DATE_FORMAT", "birth_date"): 3}
    police.change("U", [person(2, version=4)], START + timedelta(hours=3))
    sync.run(hub, admin, "person")
    assert opened(hub) == {("DATE_FORMAT", "birth_date"): 2}


def opened(hub):
    """Counts the open problems by code and item."""
    with hub.transaction() as connection:
        return {(each.code, each.item): each.rows for each in problems.counts(connection, "person")}


def test_only_errors_of_readable_keys_are_problems(hub, admin, source):
    """A row whose key cannot be read opens none, and a warning beside an error opens none either."""
    rows = people(50)
    rows[0]["csrq"] = "2026-13-40"
    rows[1]["gmsfhm"] = ""
    write_csv(source, rows)
    done = sync.run(hub, admin, "person")
    assert (done.state, done.quarantined) == ("published", 2)
    assert opened(hub) == {("DATE_FORMAT", "birth_date"): 1}
    write_csv(source, people(50))
    sync.run(hub, admin, "person")
    assert opened(hub) == {}


def test_other_runs_are_superseded_but_not_one_that_is_publishing(hub, admin, source, clock):
    """Held and begun runs end with the new version, at its time; one that is publishing is left to roll forward."""
    sync.run(hub, admin, "person")
    write_csv(source, people(20))
    waiting = sync.run(hub, admin, "person")
    assert waiting.state == "held"
    write_csv(source, people(51))
    run_id = sync.begin(hub, admin, "person")
    sync.extract(hub, admin, run_id)
    sync.validate(hub, admin, run_id)
    _, model, _ = state(hub, run_id)
    with hub.transaction() as connection:
        other = {
            "dataset": "person",
            "entry_version": model.entry_version,
            "mode": "snapshot",
            "created_at": clock.now(),
        }
        store.insert(connection, store.Run("20261122T000000-begun", state="created", **other))
        store.insert(connection, store.Run("20261122T000000-late", state="publishing", step="publishing", **other))
    clock.forward(minutes=1)
    assert sync.publish(hub, admin, run_id).state == "published"
    with hub.transaction() as connection:
        found = {name: store.find(connection, f"20261122T000000-{name}") for name in ("begun", "late")}
        found["held"] = store.find(connection, waiting.run_id)
    assert {name: run.state for name, run in found.items()} == {
        "begun": "superseded",
        "late": "publishing",
        "held": "superseded",
    }
    assert found["begun"].finished_at == found["held"].finished_at == clock.now()
    assert found["late"].finished_at is None


def test_publishing_tells_its_progress_and_leaves_no_staging(hub, admin, source):
    """Progress goes from 0 to 3 of 3; the staging of the run is removed at the end."""
    seen = []
    done = sync.run(hub, admin, "person", progress=lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "publish"] == [("publish", number, 3) for number in range(4)]
    assert not (hub.settings.lake_root / "staging" / "person" / done.run_id).exists()


def test_the_served_rows_change_with_the_dataset(hub, admin, source):
    """Before the closing transaction ends nobody sees the version; after it look-up gives the new row."""
    sync.run(hub, admin, "person")
    rows = people(50)
    rows[4] = person(4, version=8)
    write_csv(source, rows)
    done = sync.run(hub, admin, "person")
    found = look_up(hub, "person", rows[4]["gmsfhm"])
    assert (found.version, found.rows[0].values["name"]) == (done.version, rows[4]["xm"]) == (2, rows[4]["xm"])
