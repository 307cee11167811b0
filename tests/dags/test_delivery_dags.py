"""The DAG file of deliveries builds one DAG a subscription, which is three calls and nothing else."""

import json

import pytest

from exchange.delivery import work


def line(**changes):
    """Returns one line of the list as exchange writes it."""
    return {
        "subscription": "dy01", "dataset": "person", "consumer": "11620400XX00A0050C", "schedule": None,
        "state": "active",
    } | changes  # fmt: skip


@pytest.fixture(scope="module")
def delivery_file(load):
    """The DAG file as a module."""
    return load("delivery_dags")


def test_a_subscription_is_three_calls(delivery_file):
    """Tasks are prepare, send, confirm in this order, each a use-case; the schedule is the dataset's publication."""
    [dag] = delivery_file.dags(json.dumps({"subscriptions": [line()]}))
    assert dag.dag_id == "deliver_dy01" and dag.max_active_runs == 1 and not dag.catchup
    names = [task.task_id for task in dag.topological_sort()]
    assert names == ["prepare", "send", "confirm"] and all(callable(getattr(work, name)) for name in names)
    assert [asset.uri for asset in dag.timetable.asset_condition.objects] == ["shuqiao://dataset/person"]


def test_a_schedule_and_a_pause(delivery_file):
    """A cron line runs in Beijing time; a paused subscription has no schedule."""
    lines = [line(schedule="0 3 * * *"), line(subscription="dy02", state="paused", schedule="0 3 * * *")]
    cron, paused = delivery_file.dags(json.dumps({"subscriptions": lines}))
    assert cron.timetable.expression == "0 3 * * *" and str(cron.timetable.timezone) == "Asia/Shanghai"
    assert paused.is_paused_upon_creation and getattr(paused.timetable, "expression", None) is None


def test_a_bad_line_stops_no_other(delivery_file):
    """A line that cannot be used is left out, a damaged list gives no DAG, and a task builds its own alone."""
    text = json.dumps({"subscriptions": [{"subscription": "x"}, "text", line(schedule="99 * * * *"), line()]})
    assert [dag.dag_id for dag in delivery_file.dags(text)] == ["deliver_dy01"]
    assert list(delivery_file.dags("{")) == []
    both = json.dumps({"subscriptions": [line(), line(subscription="dy02")]})
    assert [dag.dag_id for dag in delivery_file.dags(both, "deliver_dy02")] == ["deliver_dy02"]
