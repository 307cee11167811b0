"""Change sets and publishing, case by case where a random sequence of batches may miss one; found by mutation."""

import pyarrow.parquet as pq
import pytest

from lake.changeset import derive
from lake.settle import settle
from lake.staging import Staging
from schemas.errors import StateError
from tests.lake.people import PEOPLE, as_read, person, stage


def flagged(op, *args, **more):
    """Makes a changed person with its operation."""
    return person(*args, **more) | {"_op": op}


def prepared(hub, duck, run, rows, mode="snapshot"):
    """Stages, settles and derives a batch; returns its staging and counts."""
    staging = stage(Staging(hub.root, "people", run), hub.coder, PEOPLE, rows)
    settle(staging, duck, mode=mode, ordered=False)
    return staging, derive(hub.table, staging, duck, mode=mode)


def test_changes_without_a_published_version_beside_those_with_one(hub):
    """Inserts, updates, deletes and repeats of a front-end table have each their count, first and later."""
    _, counts = hub.sync([flagged("I", 1), flagged("I", 2), flagged("D", 3), flagged("I", 4)], "change_flag")
    assert (counts.inserted, counts.deleted, counts.unchanged, counts.after) == (3, 0, 1, 3)
    assert hub.rows() == as_read(PEOPLE, [person(1), person(2), person(4)])
    batch = [flagged("U", 1, "9"), flagged("D", 2), flagged("D", 8), flagged("U", 4), flagged("I", 5)]
    _, counts = hub.sync(batch, "change_flag")
    assert (counts.inserted, counts.updated, counts.deleted, counts.unchanged) == (1, 1, 1, 2)
    assert (counts.kept, counts.before, counts.after) == (0, 3, 3)
    assert hub.rows() == as_read(PEOPLE, [person(1, "9"), person(4), person(5)])
    _, counts = hub.sync([flagged("D", 1), flagged("D", 4), flagged("D", 5)], "change_flag")
    assert (counts.deleted, counts.after, hub.rows()) == (3, 0, [])


def test_a_mark_means_nothing_outside_change_flag(hub):
    """A comparison reads rows, not changes: an operation D in them deletes nothing."""
    hub.sync([person(1), person(2)], "watermark")
    _, counts = hub.sync([flagged("D", 1), flagged("D", 3)], "watermark")
    assert (counts.inserted, counts.deleted, counts.unchanged) == (1, 0, 1)
    _, counts = hub.sync([flagged("D", 1)], "snapshot")
    assert (counts.deleted, counts.unchanged) == (2, 1)


def test_a_change_without_a_mark_is_a_row(hub):
    """A row without an operation is inserted, not taken for a deletion."""
    _, counts = hub.sync([person(1)], "change_flag")
    assert (counts.inserted, counts.unchanged) == (1, 0)
    _, counts = hub.sync([person(1, "9"), person(2)], "change_flag")
    assert (counts.inserted, counts.updated, counts.deleted) == (1, 1, 0)


def test_kept_keys_only_where_no_row_was_accepted(hub):
    """A rejected key keeps its published row in every mode; an accepted one beside it wins."""
    hub.sync([person(1), person(2), person(3)])
    _, counts = hub.sync([person(2, "9")], "snapshot", rejected=[person(1), person(2), person(7)])
    assert (counts.kept, counts.updated, counts.deleted, counts.after) == (1, 1, 1, 2)
    _, counts = hub.sync([person(2)], "watermark", rejected=[person(1), person(7)])
    assert (counts.kept, counts.updated, counts.deleted, counts.after) == (1, 1, 0, 2)


def test_change_set_files_say_what_changed(hub, duck):
    """`changes` has every changed key with its operation and, but for a deletion, its row; `kept` the kept keys."""
    hub.sync([person(1), person(2), person(3)])
    rows = [person(1), person(2, "9"), person(4)]
    staging, counts = prepared(hub, duck, "next", rows)
    changes = pq.read_table(staging.folder / "changes.parquet").to_pylist()
    assert sorted((change["op"], change["row"]) for change in changes if change["row"]) == [
        ("insert", 3),
        ("update", 2),
    ]
    assert [change["op"] for change in changes if change["row"] is None] == ["delete"]
    assert pq.read_table(staging.folder / "kept.parquet").num_rows == 0
    assert not counts.empty


def test_the_same_layout_needs_no_coder(hub, duck):
    """Rows that stay as they are are copied, not opened: publishing under the same item list needs no keys."""
    hub.sync([person(number) for number in range(40)])
    rows = [person(number, "9" if number % 2 else "620402") for number in range(40)]
    staging, _ = prepared(hub, duck, "next", rows)
    hub.table.publish(staging, version=2, run_id="next", faults=hub.faults)
    assert hub.rows() == as_read(PEOPLE, rows)


def test_an_older_number_of_the_same_run_is_refused(hub, duck):
    """The lake at version 2 takes no commit of version 1, not even of the run that made version 2."""
    hub.sync([person(1)])
    staging, _ = prepared(hub, duck, "again", [person(2)])
    hub.table.publish(staging, version=2, run_id="again", faults=hub.faults, coder=hub.coder)
    with pytest.raises(StateError, match="同号版本") as caught:
        hub.table.publish(staging, version=1, run_id="again", faults=hub.faults, coder=hub.coder)
    assert caught.value.code == "LAKE_AHEAD"


def test_publishing_passes_its_fault_points_in_order(hub):
    """Files, commit, change files, change commit: the points that crash tests break at."""
    hub.sync([person(1)])
    assert hub.faults.reached == ["lake.files_written", "lake.committed", "changes.files_written", "changes.committed"]


def test_the_change_table_says_version_operation_and_key(hub):
    """Each version's changes are there once, with their number; a deletion has its key alone."""
    hub.sync([person(1), person(2)])
    hub.sync([person(1, "9"), person(3)])
    folder = hub.table.changes
    rows = [row for file in folder.files for row in folder.read_file(file).to_pylist()]
    assert sorted((row["version"], row["op"]) for row in rows) == [
        (1, "insert"),
        (1, "insert"),
        (2, "delete"),
        (2, "insert"),
        (2, "update"),
    ]
    for row in rows:
        assert (row["digest"] is None and row["sealed"] is None) == (row["op"] == "delete")
        assert row["key_hash"] is not None
