"""Pools and pauses follow the list of published entries."""

import json

import pytest

from exchange.settings import Settings
from runtime.watch import DirectoryWatch, dag_of, listed, pools, print_pools


class RememberingApi:
    """Remembers what Airflow would be told."""

    def __init__(self):
        self.pools = {}
        self.paused = {}

    def set_pools(self, wanted):
        """Remembers pools."""
        self.pools = dict(wanted)

    def pause(self, dag_id, *, paused):
        """Remembers a pause."""
        self.paused[dag_id] = paused

    def dag_ids(self):
        """Lists the DAGs that there are."""
        return {dag_of("a"), dag_of("b")}


@pytest.fixture
def settings(tmp_path):
    """Settings of a hub in the test's folder."""
    return Settings(var=tmp_path)


def write(settings, *entries):
    """Writes the list as exchange does."""
    settings.directory.mkdir(exist_ok=True)
    (settings.directory / "dags.json").write_text(json.dumps({"entries": entries}), "utf-8")


def entry(dataset, pool="source_x", reads=1, state="published"):
    """Returns one entry of the list."""
    return {"dataset": dataset, "pool": pool, "parallel_reads": reads, "state": state}


def test_pool_is_as_large_as_its_largest_entry_allows(settings):
    """Two entries of one source share a pool of the larger size; an absent list gives none."""
    assert pools(settings) == {}
    write(settings, entry("a", reads=1), entry("b", reads=3), entry("c", pool="source_y"))
    assert pools(settings) == {"source_x": 3, "source_y": 1}


def test_damaged_list_is_no_entry(settings):
    """A list that is no JSON is like none: the DAG file shows what is wrong with it."""
    settings.directory.mkdir()
    (settings.directory / "dags.json").write_text("{", "utf-8")
    assert listed(settings) == []


def test_printed_pools_are_what_airflow_imports(settings, capsys):
    """The printed pools have the three fields that `airflow pools import` asks for."""
    write(settings, entry("a", reads=2))
    assert print_pools(settings) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source_x": {"slots": 2, "description": "", "include_deferred": False}
    }


def test_revoked_is_paused_and_published_again_goes_on(settings):
    """A revoked entry's DAG is paused once; published again it goes on; one without a DAG is left alone."""
    api, watch = RememberingApi(), DirectoryWatch(settings)
    assert watch.step(api) is False
    write(settings, entry("a"), entry("b", state="revoked"), entry("new", state="revoked"))
    assert watch.step(api) is True
    assert api.pools == {"source_x": 1}
    assert api.paused == {"sync_b": True}
    assert watch.step(api) is False
    write(settings, entry("a"), entry("b"), entry("new"))
    assert watch.step(api) is True
    assert api.paused["sync_b"] is False
