"""How runs begin, resume, refuse and hold: triggers, modes, windows, slots, drift, other versions, failures."""

import re
from datetime import timedelta

import pytest
import yaml

from catalog.locks import dataset_lock, slot_locks, try_locks
from catalog.stores import runs as store
from exchange import beginning, connections, datasets, entries, retention, sync, validation
from exchange.extraction import landing_folder, quarantine_folder
from exchange.faults import POINTS, FaultError, NoFaults, SetFaults, read_faults
from exchange.hub import open_hub
from exchange.runs import as_ours, require_run
from exchange.settings import ROOT
from lake.serving import Serving
from schemas.errors import Busy, Held, HubError, InputError, NotFound, SetupError, SourceError, StateError
from tests.exchange.small_city import contract, csv_server, people, person, table_server, write_csv
from tests.reading import look_up


@pytest.fixture
def source(hub, admin, tmp_path):
    """Publishes `person` attached to a CSV file of 50 people; returns the file's path."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    return path


def break_at(hub, point):
    """Makes the hub fail once at a point."""
    object.__setattr__(hub, "faults", SetFaults(point, "raise"))


def mend(hub):
    """Lets the hub work again."""
    object.__setattr__(hub, "faults", NoFaults())


def test_steps_one_by_one_as_the_scheduler_does(hub, admin, source):
    """Begin, extract, validate, publish are steps of their own; one trigger is one run; repeats do nothing."""
    run_id = sync.begin(hub, admin, "person", trigger="scheduled-1")
    assert sync.begin(hub, admin, "person", trigger="scheduled-1") == run_id
    for early in (sync.validate, sync.publish):
        with pytest.raises(StateError):
            early(hub, admin, run_id)
    for step, state in ((sync.extract, "extracted"), (sync.validate, "validated"), (sync.publish, "published")):
        assert step(hub, admin, run_id).state == state
        assert step(hub, admin, run_id).state == state
    assert sync.extract(hub, admin, run_id).state == "published"
    assert sync.begin(hub, admin, "person", trigger="scheduled-1") == run_id
    assert sync.begin(hub, admin, "person", trigger="scheduled-2") != run_id
    assert [r.run_id for r in sync.list_runs(hub, admin, "person")][-1] == run_id


def test_a_failed_run_goes_on_from_its_last_step(hub, admin, source, clock):
    """A run that failed while validating keeps its landing and its id; the source is not asked again."""
    break_at(hub, "validate.parts")
    with pytest.raises(HubError, match="内部错误") as caught:
        sync.run(hub, admin, "person")
    assert "FaultError" in str(caught.value)
    mend(hub)
    [failed] = sync.list_runs(hub, admin)
    assert (failed.state, failed.error["step"]) == ("failed", "validate")
    source.unlink()
    clock.forward(minutes=30)
    done = sync.run(hub, admin, "person")
    assert (done.run_id, done.state, done.inserted) == (failed.run_id, "published", 50)


def test_an_old_extraction_is_thrown_away(hub, admin, source, clock):
    """What was read more than an hour ago is read again, under the same run id."""
    break_at(hub, "extract.landed")
    with pytest.raises(HubError):
        sync.run(hub, admin, "person")
    mend(hub)
    clock.forward(hours=2)
    write_csv(source, people(60))
    assert sync.run(hub, admin, "person").extracted == 60
    run_id = sync.begin(hub, admin, "person")
    sync.extract(hub, admin, run_id)
    write_csv(source, people(65))
    clock.forward(hours=2)
    again = sync.run(hub, admin, "person")
    assert (again.run_id, again.extracted, again.state) == (run_id, 65, "published")


def test_a_new_entry_version_makes_an_unfinished_run_read_anew(hub, admin, source):
    """A run that was read under an older entry version starts over under the published one."""
    run_id = sync.begin(hub, admin, "person")
    sync.extract(hub, admin, run_id)
    entries.apply(hub, admin, renamed(source, "另名"), "person.yaml", publish=True)
    done = sync.run(hub, admin, "person")
    assert (done.run_id, done.entry_version, done.state) == (run_id, 2, "published")


def renamed(source, title):
    """The contract of `person` with another item title."""
    document = yaml.safe_load(contract(server=csv_server(source)))
    document["schema"][0]["properties"][1]["businessName"] = title
    return yaml.safe_dump(document, allow_unicode=True)


def test_modes_that_the_entry_does_not_have_are_refused(hub, admin, source):
    """A mode is the entry's own or snapshot; others are refused by name."""
    for mode in ("watermark", "nonsense"):
        with pytest.raises(InputError, match="snapshot"):
            sync.run(hub, admin, "person", mode=mode)
    with pytest.raises(NotFound, match="person"):
        sync.run(hub, admin, "persons")
    with pytest.raises(NotFound):
        sync.show_run(hub, admin, "no-such-run")


def test_one_work_on_a_dataset_at_a_time(hub, admin, source):
    """While one process works on the dataset another gets Busy, at once."""
    with try_locks(hub.engine, [dataset_lock("person")]), pytest.raises(Busy, match="person"):
        sync.run(hub, admin, "person")
    assert sync.run(hub, admin, "person").state == "published"


@pytest.fixture
def table(hub, admin, police):
    """Publishes `person` attached to the department's table, with what the test adds to the attachment."""
    connections.set_connection(hub, admin, "police", police.url)
    police.put(people(30))

    def publish(**more):
        entries.apply(hub, admin, contract(server=table_server(**more)), "person.yaml", publish=True)
        return police

    return publish


def test_reading_keeps_to_the_window(hub, admin, clock, table):
    """Outside the department's reading window nothing is read; inside, the same run goes on."""
    table(readingWindow="22:00-06:00")
    with pytest.raises(Busy, match="22:00"):
        sync.run(hub, admin, "person")
    [waiting] = sync.list_runs(hub, admin)
    assert (waiting.state, waiting.extracted) == ("created", 0)
    clock.forward(hours=13)
    assert sync.run(hub, admin, "person").run_id == waiting.run_id


def test_reading_takes_a_slot_of_the_source(hub, admin, settings, table):
    """A source that has all its parallel readings gives Busy after the waiting time."""
    table(parallelReads=2)
    object.__setattr__(hub, "settings", settings.model_copy(update={"lock_wait_seconds": 0.6}))
    slots = slot_locks("police", 2)
    with try_locks(hub.engine, slots[:1]), try_locks(hub.engine, slots[1:]), pytest.raises(Busy, match="并行"):
        sync.run(hub, admin, "person")
    with try_locks(hub.engine, slots[:1]):
        assert sync.run(hub, admin, "person").state == "published"


def test_a_renamed_column_holds_the_run_until_the_entry_follows(hub, admin, table):
    """A missing column holds the run, the notice names likely names; revalidating under a new version publishes."""
    police = table()
    sync.run(hub, admin, "person")
    with police.connect() as connection:
        connection.execute("alter table t_person rename column xm to xm_new")
        connection.execute("alter table t_person add column bz text")
    held = sync.run(hub, admin, "person")
    assert (held.state, held.extracted) == ("held", 0)
    assert "xm_new" in held.hold_reasons[0] and "xm" in held.reasons[0]["column"]
    assert look_up(hub, "person", person(1)["gmsfhm"]).rows
    with pytest.raises(StateError, match="没有读取"):
        sync.release(hub, admin, held.run_id)
    assert sync.revalidate(hub, admin, held.run_id).state == "held"
    changed = contract(server=table_server()).replace("physicalName: xm", "physicalName: xm_new")
    entries.apply(hub, admin, changed, "person.yaml", publish=True)
    done = sync.revalidate(hub, admin, held.run_id)
    assert (done.state, done.extracted, done.unchanged) == ("published", 30, 30)
    assert {notice["code"] for notice in done.notices} == {"COLUMN_EXTRA"}
    with pytest.raises(StateError):
        sync.revalidate(hub, admin, held.run_id)


def test_a_held_batch_is_validated_again_from_landing(hub, admin, source):
    """A batch held for bad rows passes under a new entry version without the source; missing columns are refused."""
    rows = people(50)
    for row in rows[:20]:
        row["xb"] = "9"
    for row in rows[:20]:
        row["csrq"] = ""
    write_csv(source, rows)
    held = sync.run(hub, admin, "person")
    assert (held.state, held.quarantined) == ("held", 20)
    source.unlink()
    document = yaml.safe_load(contract(server=csv_server(source)))
    document["schema"][0]["properties"][3]["required"] = False
    loose = yaml.safe_dump(document, allow_unicode=True)
    document["schema"][0]["properties"][3]["physicalName"] = "csrq2"
    entries.apply(hub, admin, yaml.safe_dump(document, allow_unicode=True), "person.yaml", publish=True)
    with pytest.raises(StateError, match="csrq2"):
        sync.revalidate(hub, admin, held.run_id)
    entries.apply(hub, admin, loose, "person.yaml", publish=True)
    done = sync.revalidate(hub, admin, held.run_id)
    assert (done.state, done.accepted, done.quarantined) == ("published", 50, 0)


def test_a_dead_source_fails_clearly_and_changes_nothing(hub, admin, source):
    """A missing file is a source error; the run is failed and the version keeps serving."""
    sync.run(hub, admin, "person")
    source.unlink()
    with pytest.raises(SourceError):
        sync.run(hub, admin, "person")
    assert sync.list_runs(hub, admin)[0].state == "failed"
    assert look_up(hub, "person", person(1)["gmsfhm"]).rows
    write_csv(source, people(51))
    assert sync.run(hub, admin, "person").version == 2


def test_counts_that_do_not_balance_fail_the_run(hub, admin, source, monkeypatch):
    """A broken ledger is a failed run, never a published one."""
    monkeypatch.setattr(validation, "_values", broken(validation._values))
    with pytest.raises(HubError, match="不平"):
        sync.run(hub, admin, "person")
    assert datasets.list_datasets(hub, admin)[0].version == 0


def broken(values):
    """Wraps the counting so that it loses a row."""

    def counted(run, facts, changes):
        return values(run, facts, changes) | {"accepted": 49}

    return counted


def test_workers_and_one_process_agree(hub, admin, settings, source):
    """Parts validated by worker processes give the same counts and rows as one process."""
    rows = people(450)
    rows[10]["csrq"] = "x"
    rows.append(rows[3])
    write_csv(source, rows)
    object.__setattr__(hub, "settings", settings.model_copy(update={"workers": 2, "batch_rows": 100}))
    seen = []
    done = sync.run(hub, admin, "person", progress=lambda *step: seen.append(step))
    assert (done.extracted, done.accepted, done.quarantined, done.duplicates) == (451, 449, 1, 1)
    assert {step for step, _, _ in seen} == {"extract", "validate", "publish"}
    object.__setattr__(hub, "settings", settings)
    assert sync.run(hub, admin, "person").unchanged == 449


def test_the_gm_suite_works_and_suites_do_not_mix(hub, admin, settings, source, clock):
    """A hub in the suite gm syncs and looks up; a dataset of one suite is not synced under the other."""
    gm = settings.model_copy(update={"crypto_suite": "gm"})
    with open_hub(gm, clock) as other:
        assert sync.run(other, admin, "person").inserted == 50
        assert look_up(other, "person", person(1)["gmsfhm"]).rows[0].values["name"] == person(1)["xm"]
    with pytest.raises(StateError, match="gm"):
        sync.run(hub, admin, "person")


def test_rollback_refuses_what_it_cannot_do(hub, admin, source):
    """Rolling back needs a reason, another version and a published dataset."""
    with pytest.raises(NotFound):
        datasets.rollback(hub, admin, "person", 1, "x")
    sync.run(hub, admin, "person")
    for to, reason, error in ((1, "x", StateError), (9, "x", NotFound), (1, " ", InputError)):
        with pytest.raises(error):
            datasets.rollback(hub, admin, "person", to, reason)


def test_an_interrupted_rollback_is_rolled_forward(hub, admin, source):
    """A rollback that broke off while publishing is ended by the next sync, which is then held."""
    sync.run(hub, admin, "person")
    write_csv(source, people(51))
    sync.run(hub, admin, "person")
    for point in ("publish.started", "lake.committed", "serving.prepared"):
        break_at(hub, point)
        with pytest.raises(HubError):
            datasets.rollback(hub, admin, "person", 1, "误发") if point == "publish.started" else sync.run(
                hub, admin, "person"
            )
    mend(hub)
    held = sync.run(hub, admin, "person")
    assert (held.state, datasets.show_dataset(hub, admin, "person").rows) == ("held", 50)
    assert [v.rows for v in datasets.versions(hub, admin, "person")] == [50, 51, 50]


def test_retention_removes_what_is_over_and_says_so(hub, admin, source, clock):
    """Landing goes after 7 days, problem data after 180, each with its event; a held run keeps its own."""
    rows = people(50)
    rows[0]["csrq"] = "x"
    write_csv(source, rows)
    done = sync.run(hub, admin, "person")
    run = require_run(hub, done.run_id)
    write_csv(source, people(10))
    held = require_run(hub, sync.run(hub, admin, "person").run_id)
    clock.forward(days=8)
    first = retention.apply_retention(hub, admin)
    assert (first.landing, first.quarantine) == ((run.run_id,), ())
    assert not hub.frames.exists(landing_folder(run)) and hub.frames.exists(quarantine_folder(run))
    assert hub.frames.exists(landing_folder(held))
    clock.forward(days=175)
    assert retention.apply_retention(hub, admin).quarantine == (run.run_id,)
    assert not hub.frames.exists(quarantine_folder(run))
    with try_locks(hub.engine, [dataset_lock("person")]):
        assert retention.apply_retention(hub, admin).busy == ("person",)


def test_stale_staging_of_a_killed_publish_goes_with_the_next_sync(hub, admin, source):
    """Staging that a run left after its last act is removed when the dataset is synced again."""
    sync.run(hub, admin, "person")
    left = hub.settings.lake_root / "staging" / "person" / "20200101T000000-left"
    left.mkdir(parents=True)
    sync.run(hub, admin, "person")
    assert not left.exists()


def test_fault_settings_are_checked():
    """A fault setting must name a point and an action."""
    for setting in ("nowhere:kill", "lake.committed:fly", "lake.committed:kill:x", "lake.committed"):
        with pytest.raises(SetupError):
            read_faults(setting)
    faults = read_faults("lake.committed:raise:2")
    faults.reach("lake.committed")
    with pytest.raises(FaultError):
        faults.reach("lake.committed")
    assert isinstance(read_faults(None), NoFaults)


def test_foreign_exceptions_lose_their_text():
    """An exception of a library becomes ours without its text, which may hold values."""
    for error in (ValueError("620402199003079879"), OSError(28, "620402199003079879"), MemoryError()):
        assert "620402" not in str(as_ours(error))
    own = Held("x")
    assert as_ours(own) is own


def test_a_first_run_of_no_rows_makes_a_version(hub, admin, table):
    """An empty table is published as version 1 with no rows; looking up gives none."""
    police = table()
    police.remove([row["gmsfhm"] for row in people(30)])
    done = sync.run(hub, admin, "person")
    assert (done.state, done.version, done.rows_after) == ("published", 1, 0)
    assert look_up(hub, "person", person(1)["gmsfhm"]).rows == ()


def test_other_unfinished_runs_are_superseded(hub, admin, table):
    """A sync in another mode than the unfinished run's supersedes it."""
    table(mode="watermark")
    sync.run(hub, admin, "person")
    run_id = sync.begin(hub, admin, "person")
    with hub.transaction() as connection:
        assert store.find(connection, run_id).mode == "watermark"
    other = sync.run(hub, admin, "person", mode="snapshot")
    assert other.run_id != run_id
    assert sync.show_run(hub, admin, run_id).state == "superseded"
    assert sync.discard(hub, admin, sync.begin(hub, admin, "person"), "不做了").state == "discarded"


def test_choose_mode_of_a_watermark_entry(hub, admin, table, clock):
    """An increment is read while the last comparison is young enough."""
    table(mode="watermark")
    sync.run(hub, admin, "person")
    clock.forward(days=6, hours=23)
    assert sync.run(hub, admin, "person").mode == "watermark"
    clock.forward(hours=2)
    assert sync.run(hub, admin, "person").mode == "snapshot"
    assert timedelta(days=7) > timedelta(days=6, hours=23)
    assert beginning.new_run_id(clock.now()) != beginning.new_run_id(clock.now())
    assert Serving(hub.database_url)


def test_the_documented_fault_points_are_those_there_are():
    """docs/sync.md lists every fault point in the order in which a sync passes them."""
    text = (ROOT / "docs" / "sync.md").read_text(encoding="utf-8")
    listed = [
        word for word in re.findall(r"`([a-z]+\.[a-z_]+)`", text.partition("## Fault points")[2]) if word in POINTS
    ]
    assert tuple(listed) == POINTS
    assert len(POINTS) >= 12
