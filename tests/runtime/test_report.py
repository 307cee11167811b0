"""The end of `make run` says per dataset what was published, what was kept back and why; progress is one line."""

import re

import pytest

from exchange import connections, entries, sync
from exchange.access import local_administrator
from exchange.hub import open_hub
from exchange.settings import Settings
from runtime import report
from runtime.supervisor import _progress
from tests.exchange.small_city import Department, contract, people, table_server, write_csv

ACTOR = local_administrator()


@pytest.fixture
def hub(database_url, tmp_path):
    """An open hub with an entry over a CSV file that is not there yet."""
    settings = Settings(var=tmp_path / "var", database_url=database_url, workers=1, dags_file=tmp_path / "none.py")
    with open_hub(settings) as opened:
        connections.set_connection(opened, ACTOR, "files", str(tmp_path))
        server = {"connector": "file", "connection": "files", "location": "p.csv", "format": "csv", "mode": "snapshot"}
        entries.apply(opened, ACTOR, contract("population", server=server), "test", publish=True)
        yield opened


def lines(hub):
    """Returns the report's lines on the dataset as one text."""
    return "\n".join(report.describe(hub, ACTOR, "population"))


def test_dataset_that_never_synced_is_said(hub):
    """A dataset without a run has one line."""
    assert "没有同步过" in lines(hub)


def test_published_dataset_shows_its_ledger_and_reasons(hub, tmp_path):
    """The counts balance on the page, and each kind of finding has its code, sentence and count."""
    rows = people(100)
    rows[3]["gmsfhm"] = rows[3]["gmsfhm"][:-1] + ("1" if rows[3]["gmsfhm"][-1] != "1" else "2")
    write_csv(tmp_path / "p.csv", rows)
    sync.run(hub, ACTOR, "population")
    says = lines(hub)
    assert "已发布，版本 1，共 99 行" in says
    assert "读取 100 ＝ 合格 99 ＋ 问题数据 1 ＋ 重复 0" in says
    assert re.search(r" 1 行  ID_CHECK +数据项校验码不符；请", says)
    assert rows[3]["gmsfhm"] not in says


def test_increment_of_nothing_shows_the_reasons_that_still_stand(hub, empty_database_url):
    """After an increment without records the reasons of the last batch that had some are shown."""
    rows = people(50)
    rows[3]["gmsfhm"] = "0"
    Department(empty_database_url).put(rows)
    connections.set_connection(hub, ACTOR, "police", empty_database_url)
    entries.apply(hub, ACTOR, contract("population", server=table_server("watermark")), "test", publish=True)
    sync.run(hub, ACTOR, "population")
    sync.run(hub, ACTOR, "population")
    assert re.search(r"本次没有读到记录；批次 \S+ 的问题数据 1 行", lines(hub))
    assert "KEY_MISSING" in lines(hub)


def test_held_batch_shows_its_reason(hub, tmp_path):
    """A held batch shows why it waits."""
    for count in (100, 40):
        write_csv(tmp_path / "p.csv", people(count))
        sync.run(hub, ACTOR, "population")
    assert "：暂缓发布，" in lines(hub)
    assert re.search(r"    暂缓发布：\S+", lines(hub))


def test_failed_run_shows_its_error(hub):
    """A failed run shows the error's sentence."""
    with pytest.raises(Exception, match=r"p\.csv|文件"):
        sync.run(hub, ACTOR, "population")
    assert "：失败，" in lines(hub)
    assert "[" in lines(hub).splitlines()[-1]


def _tasks(**states):
    return [{"task_id": name, "state": state} for name, state in states.items()]


@pytest.mark.parametrize(
    ("state", "tasks", "line"),
    [
        ("queued", _tasks(extract=None), "读取中"),
        ("running", _tasks(extract="success", validate="running"), "校验中"),
        ("running", _tasks(extract="up_for_retry"), "读取：稍后重试"),
        ("running", _tasks(extract="success", validate="success", publish="success"), "收尾"),
        ("success", _tasks(), "完成"),
        ("failed", _tasks(extract="success", validate="failed"), "校验未完成"),
    ],
)
def test_progress_is_one_line(state, tasks, line):
    """Each state of a run has its line."""
    assert _progress(state, tasks) == line
