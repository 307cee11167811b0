"""With a real Airflow at work: an entry published meanwhile gets its DAG, syncs, is held, is revoked."""

import time
from urllib.parse import urlsplit

import pytest

from exchange import connections, entries, sync
from exchange.access import local_administrator
from exchange.hub import open_hub
from runtime.watch import DirectoryWatch, dag_of
from tests.exchange.small_city import contract, people, write_csv

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(900)]

ACTOR = local_administrator()


def publish(stack, dataset, rows):
    """Publishes an entry over a CSV file of its own."""
    folder = stack.var / "files"
    folder.mkdir(exist_ok=True)
    write_csv(folder / f"{dataset}.csv", rows)
    server = {
        "connector": "file",
        "connection": "files",
        "location": f"{dataset}.csv",
        "format": "csv",
        "mode": "snapshot",
    }
    with open_hub(stack.settings) as hub:
        connections.set_connection(hub, ACTOR, "files", str(folder))
        entries.apply(hub, ACTOR, contract(dataset, server=server), "test", publish=True)


def run_to_end(stack, dataset, run_id, seconds=240):
    """Triggers the dataset's DAG and waits for its end; Airflow puts a task off for a minute when its DAG is slow."""
    stack.api.trigger(dag_of(dataset), run_id)
    deadline = time.monotonic() + seconds
    while (state := stack.api.run(dag_of(dataset), run_id)["state"]) not in {"success", "failed"}:
        assert time.monotonic() < deadline, told(stack, dataset, run_id)
        time.sleep(0.3)
    return state


def told(stack, dataset, run_id):
    """Returns the states of the run's tasks and what their logs say."""
    states = [(task["task_id"], task["state"]) for task in stack.api.tasks(dag_of(dataset), run_id)]
    logs = (stack.var / "airflow" / "logs").rglob(f"*run_id={run_id}/**/*.log")
    return states, [path.read_text(encoding="utf-8", errors="replace")[-3000:] for path in sorted(logs)]


def runs_of(stack, dataset):
    """Lists the hub's runs of a dataset, the newest first."""
    with open_hub(stack.settings) as hub:
        return sync.list_runs(hub, ACTOR, dataset)


def test_entry_published_while_airflow_runs_has_its_dag_in_ten_seconds(stack):
    """Publishing touches the DAG file, so the DAG shows within 10 s; two entries in a row both do."""
    publish(stack, "quick_one", people(10))
    publish(stack, "quick_two", people(10))
    began = time.monotonic()
    stack.api.wait_for_dags([dag_of("quick_one"), dag_of("quick_two")], 30)
    assert time.monotonic() - began <= 10


def test_dag_syncs_and_a_truncated_batch_is_held_without_retry(stack):
    """A triggered DAG publishes the dataset; a truncated copy of it then fails its validate task once, as held."""
    watch = DirectoryWatch(stack.settings)
    publish(stack, "synced", people(60))
    stack.api.wait_for_dags([dag_of("synced")], 30)
    watch.step(stack.api)
    assert run_to_end(stack, "synced", "first") == "success"
    assert [(run.state, run.inserted) for run in runs_of(stack, "synced")] == [("published", 60)]

    write_csv(stack.var / "files" / "synced.csv", people(30))
    assert run_to_end(stack, "synced", "second") == "failed"
    tasks = {task["task_id"]: task for task in stack.api.tasks(dag_of("synced"), "second")}
    assert (tasks["validate"]["state"], tasks["validate"]["try_number"]) == ("failed", 1)
    assert tasks["publish"]["state"] == "upstream_failed"
    newest = runs_of(stack, "synced")[0]
    assert (newest.state, newest.trigger) == ("held", f"{dag_of('synced')}/second")


def test_no_secret_and_no_value_in_what_airflow_writes(stack):
    """Logs and files of Airflow hold neither the hub's password nor a citizen ID of the synced rows."""
    password = urlsplit(stack.settings.database_url.get_secret_value()).password
    ids = [row["gmsfhm"] for row in people(60)]
    seen = 0
    for path in [*(stack.var / "airflow").rglob("*"), *(stack.var / "log").rglob("*")]:
        if path.is_file():
            seen += 1
            text = path.read_text("utf-8", errors="replace")
            assert password not in text, path
            assert not [each for each in ids if each in text], path
    assert seen > 3


def test_revoked_entry_is_paused(stack):
    """A revoked entry's DAG is paused and has no schedule any more."""
    publish(stack, "withdrawn", people(5))
    stack.api.wait_for_dags([dag_of("withdrawn")], 30)
    with open_hub(stack.settings) as hub:
        entries.revoke(hub, ACTOR, "withdrawn", "测试")
    watch = DirectoryWatch(stack.settings)
    assert watch.step(stack.api) is True
    assert watch.step(stack.api) is False
    assert stack.api.dag(dag_of("withdrawn"))["is_paused"] is True


def test_part_that_dies_is_started_again(stack):
    """A killed scheduler is started again and Airflow gets well."""
    stack.airflow._running["scheduler"].kill()
    stack.airflow._running["scheduler"].wait(10)
    assert stack.airflow.keep_alive() == ["scheduler"]
    stack.airflow.wait_ready()
