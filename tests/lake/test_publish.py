"""Publishing batch after batch: the table, its older versions and the change table against a plain model."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake import publish as publishing
from lake.changeset import derive, derive_rollback
from lake.duck import connect
from lake.settle import settle
from lake.staging import Staging
from lake.table import LakeTable
from schemas.errors import NotFound, StateError, StorageError
from tests.lake.people import (
    MARRIAGES,
    PEOPLE,
    Hub,
    append_only,
    as_read,
    coder_of,
    item,
    marriage,
    person,
    stage,
)

BATCHES = st.lists(
    st.tuples(
        st.sampled_from(["snapshot", "watermark", "change_flag"]),
        st.dictionaries(st.integers(0, 9), st.tuples(st.sampled_from(["1", "2"]), st.sampled_from("IUD")), max_size=8),
        st.sets(st.integers(0, 9), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


def keys_of(numbers) -> list[str]:
    """Returns the citizen IDs of numbered people."""
    return [person(number)["citizen_id"] for number in numbers]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_any_sequence_of_batches_ends_as_the_model_says(tmp_path_factory, drawn):
    """Changes, kept keys and counts follow the rules in every mode, and every version stays readable."""
    with connect(256) as duck:
        hub = Hub(tmp_path_factory.mktemp("lake"), PEOPLE, duck)
        model: dict[int, str] = {}
        history = {}
        for mode, rows, failed in drawn:
            before, rejected = dict(model), failed - rows.keys()
            flagged = mode == "change_flag"
            batch = [person(n, region) | ({"_op": op} if flagged else {}) for n, (region, op) in rows.items()]
            _, counts = hub.sync(batch, mode, rejected=[person(n, "x") for n in rejected])
            gone = {n for n, (_, op) in rows.items() if flagged and op == "D"}
            if mode == "snapshot":
                gone = model.keys() - rows.keys() - rejected
            model = {n: r for n, r in model.items() if n not in gone}
            model |= {n: region for n, (region, op) in rows.items() if not (flagged and op == "D")}
            inserted, deleted = model.keys() - before.keys(), before.keys() - model.keys()
            updated = {n for n in model.keys() & before.keys() if model[n] != before[n]}
            assert (counts.inserted, counts.updated, counts.deleted) == (len(inserted), len(updated), len(deleted))
            assert counts.kept == len(rejected & before.keys())
            assert (counts.before, counts.after) == (len(before), len(model))
            assert counts.unchanged == len(rows) - len(inserted) - len(updated) - (len(deleted) if flagged else 0)
            if hub.version:
                history[hub.table.delta_version()] = [person(n, region) for n, region in model.items()]
                assert hub.rows() == as_read(PEOPLE, history[hub.table.delta_version()])
        for version, people in history.items():
            assert hub.rows(version) == as_read(PEOPLE, people)
        assert replayed(hub) == present(hub)


def present(hub: Hub) -> dict[bytes, bytes]:
    """Returns key hash to digest of the present version."""
    if hub.table.layout is None:
        return {}
    rows = hub.table.read(columns=["key_hash", "digest"]).read_all().to_pylist()
    return {row["key_hash"]: row["digest"] for row in rows}


def replayed(hub: Hub) -> dict[bytes, bytes]:
    """Replays the change table from its beginning."""
    folder = hub.table.changes
    rows = [row for file in folder.files for row in folder.read_file(file).to_pylist()]
    state: dict[bytes, bytes] = {}
    for row in sorted(rows, key=lambda row: row["version"]):
        if row["op"] == "delete":
            del state[row["key_hash"]]
        else:
            assert (row["op"] == "update") == (row["key_hash"] in state)
            state[row["key_hash"]] = row["digest"]
    return state


def test_payments_and_marriages_merge_by_row_key(tmp_path, duck):
    """A row changes by its own key, whoever the people in it are."""
    hub = Hub(tmp_path, MARRIAGES, duck)
    hub.sync([marriage(1), marriage(2)])
    _, counts = hub.sync([marriage(1, second_id="620402198101010009"), marriage(2)])
    assert (counts.updated, counts.unchanged) == (1, 1)
    now, before = hub.table.read().read_all(), LakeTable(tmp_path, "marriages", 0).read().read_all()
    hashed = coder_of(MARRIAGES).lookup_hash
    second, other = hashed("111", "620402198101010001"), hashed("111", "620402198101010009")
    assert (now["s_second_id"].to_pylist().count(second), before["s_second_id"].to_pylist().count(second)) == (0, 1)
    assert (now["s_second_id"].to_pylist().count(other), now["s_first_id"].to_pylist().count(other)) == (1, 0)
    assert now["s_unit_code"].to_pylist() == [hashed("001", "11620400XX00A0013M")] * 2


def test_append_only_rows_lose_nothing(tmp_path, duck):
    """Equal rows without a key are all there; a snapshot with one fewer deletes one."""
    hub = Hub(tmp_path, append_only(PEOPLE), duck)
    hub.sync([person(1), person(1), person(1), person(2)])
    assert len(hub.rows()) == 4
    _, counts = hub.sync([person(1), person(2), person(1)])
    assert (counts.deleted, counts.unchanged, len(hub.rows())) == (1, 3, 3)


def test_the_newest_of_equal_keys_is_published(tmp_path, duck):
    """With an order item the newest row of a key is the one that is served."""
    hub = Hub(tmp_path, replace(PEOPLE, order_item="updated"), duck)
    rows = [person(1, str(day), updated=datetime(2026, 1, day, tzinfo=UTC)) for day in (3, 9, 5)]
    settled, counts = hub.sync(rows)
    assert (settled.duplicates, settled.older, counts.inserted) == (2, 2, 1)
    assert hub.rows()[0]["region"] == "9"


def test_conflicting_keys_keep_their_published_row(hub):
    """A key whose rows conflict keeps its last good row and is counted as kept."""
    hub.sync([person(1), person(2)])
    settled, counts = hub.sync([person(1, "a"), person(1, "b"), person(2)])
    assert (settled.conflicts, counts.kept, counts.unchanged, counts.deleted) == (2, 1, 1, 0)
    assert hub.rows() == as_read(PEOPLE, [person(1), person(2)])


def test_kept_keys_can_come_from_a_file(hub, tmp_path, duck):
    """Rejected keys handed over as a file count like those of the staging."""
    hub.sync([person(1), person(2)])
    staging = stage(Staging(hub.root, "people", "next"), hub.coder, PEOPLE, [person(2)])
    settle(staging, duck, mode="snapshot", ordered=False)
    keys = hub.coder.key_hashes(pa.record_batch([pa.array([person(1)["citizen_id"]])], ["citizen_id"]))
    pq.write_table(pa.table({"key_hash": keys}), tmp_path / "kept.parquet")
    counts = derive(hub.table, staging, duck, mode="snapshot", kept_keys_file=tmp_path / "kept.parquet")
    assert (counts.kept, counts.deleted) == (1, 0)


def test_an_empty_change_set_makes_no_commit(hub):
    """The same rows again change nothing in any table."""
    hub.sync([person(n) for n in range(50)])
    before = sorted(path for path in hub.root.joinpath("tables").rglob("*") if path.is_file())
    _, counts = hub.sync([person(n) for n in range(50)])
    assert counts.empty
    assert counts.unchanged == 50
    assert sorted(path for path in hub.root.joinpath("tables").rglob("*") if path.is_file()) == before


def test_a_first_version_may_have_no_rows(hub, duck):
    """An empty first snapshot makes an empty table that later batches fill."""
    staging = stage(Staging(hub.root, "people", "empty"), hub.coder, PEOPLE, [])
    settle(staging, duck, mode="snapshot", ordered=False)
    derive(hub.table, staging, duck, mode="snapshot")
    hub.table.publish(staging, version=1, run_id="empty", faults=hub.faults, coder=hub.coder)
    assert hub.table.append_changes(staging, version=1, run_id="empty", faults=hub.faults) is None
    assert hub.rows() == []
    hub.version = 1
    hub.sync([person(1)])
    assert hub.rows() == as_read(PEOPLE, [person(1)])


def test_only_files_with_a_changed_key_are_rewritten(hub):
    """One changed row rewrites one file; one new row adds one; the others stay as they are."""
    people = [person(n) for n in range(400)]
    hub.sync(people)
    before = {file.path for file in hub.table.folder.files}
    people[7] = person(7, "changed")
    hub.sync(people)
    after = {file.path for file in hub.table.folder.files}
    assert (len(before - after), len(after - before)) == (1, 1)
    hub.sync([person(1000)], "watermark")
    last = {file.path for file in hub.table.folder.files}
    assert (len(after - last), len(last - after)) == (0, 1)


def test_a_bucket_of_many_small_files_becomes_one(hub, monkeypatch):
    """Inserts alone add files to a bucket until they are written as one."""
    monkeypatch.setattr(publishing, "BUCKET_FILES", 2)
    for start in range(0, 160, 40):
        hub.sync([person(number) for number in range(start, start + 40)], "watermark")
    counts = defaultdict(int)
    for file in hub.table.folder.files:
        counts[file.bucket] += 1
    assert max(counts.values()) == 2
    assert hub.rows() == as_read(PEOPLE, [person(n) for n in range(160)])


def test_buckets_become_finer_as_the_table_grows(hub, monkeypatch):
    """When a bucket would hold too many rows, one commit cuts the table finer and loses nothing."""
    hub.sync([person(n) for n in range(100)])
    assert {len(file.bucket) for file in hub.table.folder.files} == {1}
    monkeypatch.setattr(publishing, "BUCKET_ROWS", 10)
    people = [person(n) for n in range(5, 300)]
    hub.sync(people)
    assert {len(file.bucket) for file in hub.table.folder.files} == {2}
    assert hub.rows() == as_read(PEOPLE, people)
    hub.sync([person(0, "late"), person(299, "changed")], "watermark")
    assert hub.rows() == as_read(PEOPLE, [*people[:-1], person(0, "late"), person(299, "changed")])
    assert hub.rows(0) == as_read(PEOPLE, [person(n) for n in range(100)])


def test_reading_some_columns_and_keys(hub):
    """A read can ask for columns of the table and for keys, of any version; only their buckets are opened."""
    hub.sync([person(n) for n in range(200)])
    hub.sync([person(n, "new") for n in range(200)])
    key = hub.coder.row_key_hash(person(5)["citizen_id"])
    found = hub.table.read(columns=["region", "count"], key_hashes=[key]).read_all().to_pylist()
    assert found == [{"region": "new", "count": 5}]
    assert hub.table.read(0, ["region"], [key]).read_all().to_pylist() == [{"region": "620402"}]
    for file in hub.table.folder.files:
        if file.bucket != key.hex()[0]:
            (hub.table.folder.path / file.path).unlink()
    assert hub.table.read(key_hashes=[key]).read_all().num_rows == 1
    with pytest.raises(NotFound, match="保存期限"):
        list(hub.table.read())


def test_a_version_can_be_read_as_of_a_time(hub):
    """A moment between two commits gives the version of that moment; a version never made is NotFound."""
    hub.sync([person(1)])
    moment = datetime.now(UTC)
    hub.sync([person(1), person(2)])
    assert LakeTable(hub.root, "people", moment).rows() == 1
    for wrong in (99,):
        with pytest.raises(NotFound):
            LakeTable(hub.root, "people", wrong).rows()
    with pytest.raises(NotFound):
        LakeTable(hub.root, "nothing").read()


def test_publishing_twice_makes_one_version(hub, duck):
    """A repeated publish and append return the same versions and add nothing."""
    staging = stage(Staging(hub.root, "people", "run"), hub.coder, PEOPLE, [person(1)])
    settle(staging, duck, mode="snapshot", ordered=False)
    counts = derive(hub.table, staging, duck, mode="snapshot")
    said = {"version": 1, "run_id": "run", "faults": hub.faults}
    first = hub.table.publish(staging, **said), hub.table.append_changes(staging, **said)
    again = hub.table.publish(staging, **said), hub.table.append_changes(staging, **said)
    assert first == again == (0, 0)
    assert derive(hub.table, staging, duck, mode="snapshot") == counts
    assert hub.table.last_run == "run"


def test_a_version_of_another_run_is_not_taken_for_ones_own(hub, duck):
    """When the lake holds this number from another run, publishing stops instead of skipping."""
    hub.sync([person(1)])
    staging = stage(Staging(hub.root, "people", "other"), hub.coder, PEOPLE, [person(2)])
    settle(staging, duck, mode="snapshot", ordered=False)
    derive(hub.table, staging, duck, mode="snapshot")
    with pytest.raises(StateError, match="同号版本"):
        hub.table.publish(staging, version=1, run_id="other", faults=hub.faults)


def test_a_change_set_against_an_older_version_is_derived_anew(hub, duck):
    """When another run came between, a change set is not published but derived again."""
    hub.sync([person(1)])
    staging = stage(Staging(hub.root, "people", "slow"), hub.coder, PEOPLE, [person(2)])
    settle(staging, duck, mode="snapshot", ordered=False)
    assert derive(hub.table, staging, duck, mode="snapshot").deleted == 1
    hub.sync([person(2)])
    with pytest.raises(StateError, match="当前版本"):
        hub.table.publish(staging, version=3, run_id="slow", faults=hub.faults)
    assert derive(hub.table, staging, duck, mode="snapshot").empty


def test_rollback_brings_an_older_version_back(hub, duck):
    """A rollback is a new version equal to the old one; the change table follows; a repeat is the same."""
    hub.sync([person(n) for n in range(30)])
    hub.sync([person(n, "new") for n in range(10, 40)])
    staging = Staging(hub.root, "people", "back")
    counts = derive_rollback(hub.table, staging, duck, 0)
    assert derive_rollback(hub.table, staging, duck, 0) == counts
    assert (counts.inserted, counts.updated, counts.deleted) == (10, 20, 10)
    hub.publish(staging, counts)
    assert hub.rows() == as_read(PEOPLE, [person(n) for n in range(30)])
    assert replayed(hub) == present(hub)
    assert derive_rollback(hub.table, staging, duck, 0) == counts


def test_rollback_brings_an_older_layout_back(hub, duck):
    """A version of another item list comes back with its own list."""
    hub.sync([person(n) for n in range(30)])
    hub.entry = replace(PEOPLE, items=PEOPLE.items[:-2], version="2.0.0")
    hub.sync([person(n) for n in range(5, 30)])
    staging = Staging(hub.root, "people", "back")
    hub.publish(staging, derive_rollback(hub.table, staging, duck, 0))
    hub.entry = PEOPLE
    assert hub.rows() == as_read(PEOPLE, [person(n) for n in range(30)])


def test_a_new_item_list_rewrites_the_table_in_one_commit(hub):
    """Items added, removed and moved between plain and sealed: all rows come under the new list."""
    hub.sync([person(n, memo="旧") for n in range(40)])
    moved = [replace(i, level=4) if i.name == "region" else i for i in PEOPLE.items if i.name != "picture"]
    hub.entry = replace(PEOPLE, items=(*moved, item("added")), version="2.0.0")
    before = hub.table.delta_version()
    hub.sync([person(n, memo="新", added="有") for n in range(35, 50)], "watermark")
    assert hub.table.delta_version() == before + 1
    stay = [person(n, memo="旧", added=None) for n in range(35)]
    assert hub.rows() == as_read(hub.entry, stay + [person(n, memo="新", added="有") for n in range(35, 50)])
    assert hub.rows(0) == as_read(PEOPLE, [person(n, memo="旧") for n in range(40)])
    assert "region" not in hub.table.folder.read_file(hub.table.folder.files[0]).column_names
    _, counts = hub.sync([person(n, memo="旧", added=None) for n in range(35)], "watermark")
    assert counts.empty


def test_a_new_item_list_without_a_coder_is_refused(hub, duck):
    """Rows that stay cannot be opened without the coder: nothing is committed."""
    hub.sync([person(1), person(2)])
    entry = replace(PEOPLE, items=PEOPLE.items[:-1])
    staging = stage(Staging(hub.root, "people", "two"), coder_of(entry), entry, [person(1)])
    settle(staging, duck, mode="watermark", ordered=False)
    derive(hub.table, staging, duck, mode="watermark")
    with pytest.raises(StateError, match="数据项清单"):
        hub.table.publish(staging, version=2, run_id="two", faults=hub.faults)
    assert hub.rows() == as_read(PEOPLE, [person(1), person(2)])


def test_another_order_of_items_changes_nothing(hub):
    """A contract that lists its items in another order makes no new version."""
    hub.sync([person(n) for n in range(20)])
    hub.entry = replace(PEOPLE, items=PEOPLE.items[::-1])
    _, counts = hub.sync([person(n) for n in range(20)])
    assert counts.empty
    hub.sync([person(n) for n in range(21)])
    files = hub.table.folder.files
    assert len({tuple(hub.table.folder.read_file(file).column_names) for file in files}) == 1
    assert replayed(hub) == present(hub)


def test_vacuum_keeps_what_is_needed(hub):
    """Vacuum removes files of versions nobody keeps and orphans of killed runs, and keeps the rest."""
    for region in "abc":
        hub.sync([person(n, region) for n in range(40)])
    orphan = hub.table.folder.path / "bucket=0" / "orphan.parquet"
    orphan.write_bytes(b"left by a killed run")
    removed = hub.table.vacuum(keep=[1], hours=0)
    assert removed
    assert not orphan.exists()
    assert hub.rows(1) == as_read(PEOPLE, [person(n, "b") for n in range(40)])
    assert hub.rows() == as_read(PEOPLE, [person(n, "c") for n in range(40)])
    with pytest.raises(NotFound, match="保存期限"):
        hub.rows(0)
    hub.sync([person(n, "d") for n in range(40)])
    assert hub.rows() == as_read(PEOPLE, [person(n, "d") for n in range(40)])
    assert LakeTable(hub.root, "nothing").vacuum() == []


def test_the_log_holds_no_statistics(hub):
    """The Delta log and the files' footers hold counts, never a least or greatest value."""
    hub.sync([person(1, birth=date(1987, 6, 5))])
    log = "".join(path.read_text() for path in hub.table.folder.path.joinpath("_delta_log").glob("*.json"))
    assert "numRecords" in log
    assert "minValues" not in log
    assert "1987" not in log
    for path in hub.root.rglob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        for group in range(metadata.num_row_groups):
            assert not any(metadata.row_group(group).column(n).is_stats_set for n in range(metadata.num_columns))


def test_many_commits_pass_a_checkpoint(hub):
    """The log's checkpoint, written every hundred commits, changes nothing that is read."""
    for number in range(105):
        folder = hub.table.folder
        if number == 0:
            hub.sync([person(0)], "watermark")
            continue
        table = folder.read_file(folder.files[0])
        add = folder.write_file(table, f"again-{number}.parquet", folder.files[0].bucket)
        folder.commit(
            [add],
            folder.files,
            folder.layout,
            table.schema.insert(0, pa.field("bucket", pa.string())),
            {"run": "x", "hub_version": number + 1},
        )
    assert list(Path(hub.table.folder.path, "_delta_log").glob("*.checkpoint.parquet"))
    assert hub.rows() == as_read(PEOPLE, [person(0)])
    assert hub.table.base == 105


@pytest.mark.parametrize("name", [".accepted-00000.parquet.half", ".rejected-00000.parquet.half"])
def test_a_full_disk_in_staging_is_transient(hub, name):
    """A full disk leaves no half-written staging file."""
    staging = Staging(hub.root, "people", "full")
    staging.begin(1)
    (staging.folder / name).symlink_to("/dev/full")
    items = [person(n) for n in range(2000)]
    with pytest.raises(StorageError, match="磁盘空间不足"):
        stage_full(staging, hub, items)
    assert [path.name for path in staging.folder.iterdir()] == ["begun.json"]


def stage_full(staging, hub, rows):
    """Writes accepted rows and rejected keys of which one meets a full disk."""
    from tests.lake.people import items_of  # noqa: PLC0415 - the staging must not begin anew

    items = items_of(PEOPLE, rows)
    staging.write_rejected_keys(0, hub.coder.key_hashes(items))
    (staging.folder / "rejected-00000.parquet").unlink()
    staging.write_part(0, hub.coder.encode(items, pa.array(range(len(rows)))))


def test_staging_that_is_not_there_says_so(hub):
    """Staging that was never begun, never finished or lost a part is a StateError, not a silent empty batch."""
    staging = Staging(hub.root, "people", "none")
    with pytest.raises(StateError, match="尚未建立"):
        _ = staging.digits
    staging.begin()
    assert not staging.finished
    with pytest.raises(StateError, match="尚未校验完毕"):
        _ = staging.rows
    stage(staging, hub.coder, PEOPLE, [person(1)])
    assert staging.finished
    staging.accepted_files()[0].unlink()
    with pytest.raises(StateError, match="不全"):
        staging.accepted_files()
    staging.remove()
    assert not staging.folder.exists()
