"""A task fails for good or for now by the class of the error, and its words hold no value of the data."""

import pytest

import exchange.sync
from exchange.access import local_administrator
from exchange.connections import set_connection
from exchange.entries import apply
from exchange.hub import open_hub
from exchange.settings import read_settings
from exchange.sync import show_run
from tests.dags.conftest import entry
from tests.exchange.small_city import contract, people, write_csv


@pytest.fixture
def hub_environment(database_url, tmp_path, monkeypatch):
    """The environment that a task finds: a hub in the test's folder."""
    monkeypatch.setenv("SHUQIAO_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("SHUQIAO_DATABASE_URL", database_url)
    monkeypatch.setenv("SHUQIAO_DAGS_FILE", str(tmp_path / "dags.py"))
    monkeypatch.setenv("SHUQIAO_WORKERS", "1")
    return tmp_path


def publish_file(folder, rows, dataset="person"):
    """Publishes an entry over a CSV file."""
    write_csv(folder / "people.csv", rows)
    with open_hub(read_settings()) as hub:
        actor = local_administrator()
        set_connection(hub, actor, "files", str(folder))
        server = {
            "connector": "file",
            "connection": "files",
            "location": "people.csv",
            "format": "csv",
            "mode": "snapshot",
        }
        apply(hub, actor, contract(dataset, server=server), "test", publish=True)


class Instance:
    """What a task reads of its task instance."""

    def __init__(self, run_id=None):
        self.run_id = run_id

    def xcom_pull(self, task_ids):
        """Returns what the extract task handed over."""
        assert task_ids == "extract"
        return self.run_id


def step(dag_file, task_id, run_id=None, dataset="person", mode=None):
    """Executes one task of the dataset's DAG."""
    dag = dag_file.build(entry(dataset))
    context = {"dag": dag, "run_id": "manual__1", "params": {"mode": mode}, "ti": Instance(run_id)}
    return dag.get_task(task_id).execute(context)


def test_three_steps_publish_and_hand_over_a_run_id(dag_file, hub_environment):
    """The three tasks publish the dataset; what they hand over is the run id and nothing else."""
    publish_file(hub_environment, people(20))
    run_id = step(dag_file, "extract")
    assert step(dag_file, "validate", run_id) == run_id
    assert step(dag_file, "publish", run_id) == run_id
    with open_hub(read_settings()) as hub:
        run = show_run(hub, local_administrator(), run_id)
    assert (run.state, run.inserted, run.trigger) == ("published", 20, "sync_person/manual__1")


def test_repeated_task_goes_on_with_its_run(dag_file, hub_environment):
    """A task that is tried again takes up the run of its first attempt."""
    publish_file(hub_environment, people(5))
    assert step(dag_file, "extract") == step(dag_file, "extract")


def test_unknown_dataset_fails_at_once(dag_file, hub_environment, fails_for_good):
    """An error that a retry cannot mend fails the task for good, in Chinese."""
    with pytest.raises(fails_for_good, match="没有"):
        step(dag_file, "extract", dataset="nothing")


def test_source_that_is_down_is_tried_again(dag_file, hub_environment, fails_for_now, fails_for_good):
    """A source that cannot be reached fails for now: Airflow tries again."""
    publish_file(hub_environment, people(5))
    with open_hub(read_settings()) as hub:
        actor = local_administrator()
        set_connection(hub, actor, "police", "postgresql://reader:hidden-word@127.0.0.1:9/police")
        server = {"connector": "postgres", "connection": "police", "table": "t_person", "mode": "snapshot"}
        apply(hub, actor, contract("down", server=server), "test", publish=True)
    with pytest.raises(fails_for_now) as caught:
        step(dag_file, "extract", dataset="down")
    assert not isinstance(caught.value, fails_for_good)
    assert "hidden-word" not in str(caught.value)


def test_held_batch_fails_without_retry(dag_file, hub_environment, fails_for_good):
    """A truncated snapshot is held: the task fails for good and says 暂缓发布."""
    publish_file(hub_environment, people(100))
    run_id = step(dag_file, "extract")
    step(dag_file, "validate", run_id)
    step(dag_file, "publish", run_id)
    write_csv(hub_environment / "people.csv", people(50))
    dag = dag_file.build(entry("person"))
    context = {"dag": dag, "run_id": "manual__2", "params": {"mode": None}, "ti": Instance()}
    second = dag.get_task("extract").execute(context)
    with pytest.raises(fails_for_good, match="暂缓发布"):
        step(dag_file, "validate", second)


def test_unforeseen_error_gives_its_class_and_place_only(dag_file, hub_environment, monkeypatch, fails_for_good):
    """An exception of a library reaches Airflow's log as class and line, never with its text."""

    def broken(*_arguments, **_named):
        raise ValueError("11010519491231002X")

    monkeypatch.setattr(exchange.sync, "begin", broken)
    with pytest.raises(fails_for_good) as caught:
        step(dag_file, "extract")
    assert "ValueError" in str(caught.value)
    assert "11010519491231002X" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_flagged_dag_says_what_is_wrong(dag_file, fails_for_good):
    """Running a flagged DAG fails with the reason."""
    flagged = dag_file.build_broken(3, None, "第3条无法使用")
    with pytest.raises(fails_for_good, match="第3条"):
        flagged.get_task("explain").execute({})
