"""The DAGs of every night and every hour are use-cases that wait for one another in nothing, and each does its work."""

from importlib import import_module

import pytest

from catalog.stores import audit as audit_store
from exchange.access import allowed, local_administrator
from exchange.hub import open_hub
from exchange.settings import read_settings
from tests.dags.test_steps import hub_environment  # noqa: F401 - a fixture used here


@pytest.fixture(scope="module")
def nightly_file(load):
    """The DAG file as a module."""
    return load("nightly_dags")


def test_each_task_is_a_use_case_that_the_scheduler_may_run(nightly_file):
    """Every step names a use-case of the hub, open to the machine's administrator, after midnight in Beijing."""
    dag, other = nightly_file.nightly, nightly_file.hourly
    assert (other.dag_id, other.timetable.expression) == ("hourly", "20 * * * *")
    assert dag.timetable.expression == "30 0 * * *" and str(dag.timetable.timezone) == "Asia/Shanghai"
    assert dag.max_active_runs == 1 and not dag.catchup and not dag.is_paused_upon_creation
    tasks = [*dag.tasks, *other.tasks]
    assert sorted(task.task_id for task in tasks) == sorted(nightly_file.STEPS)
    assert not any(task.upstream_task_ids for task in tasks)
    for module, name in nightly_file.STEPS.values():
        action = getattr(import_module(module), name).action
        assert allowed(local_administrator("scheduler"), action), action


def test_a_night_leaves_its_traces_and_a_second_one_changes_nothing(hub_environment, nightly_file):
    """Every task runs on an empty hub, twice, and is in the audit log."""
    for _ in range(2):
        for task in [*nightly_file.nightly.tasks, *nightly_file.hourly.tasks]:
            task.execute({})
    with open_hub(read_settings()) as hub, hub.transaction() as connection:
        done = {each.event.detail["use_case"] for each in audit_store.read(connection)}
    assert {"share.daily", "audit.nightly", "audit.anchor", "retention.short", "interface.test_due"} <= done


def test_a_failure_says_no_value(nightly_file, fails_for_good, monkeypatch):
    """An unforeseen error fails the task with its class and line alone."""
    monkeypatch.setitem(nightly_file.STEPS, "retention", ("exchange.retention", "_no_such_use_case"))
    step = nightly_file.nightly.get_task("retention")
    monkeypatch.setattr("exchange.hub.open_hub", lambda: (_ for _ in ()).throw(ValueError("620403199001011234")))
    with pytest.raises(fails_for_good) as caught:
        step.execute({})
    assert "620403199001011234" not in str(caught.value) and "ValueError" in str(caught.value)
