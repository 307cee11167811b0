"""The overview: what each role sees of the day, and that late data is measured by update cycle."""

import pytest

from exchange import entries, sync
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server, people, write_csv
from tests.portal.conftest import OTHER, PROVIDER


@pytest.fixture
def source(hub, tmp_path):
    """Publishes `person` of PROVIDER, attached to a file of 50 people, and syncs it once; returns the file."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, ADMIN, contract(server=csv_server(path)), "person.yaml", publish=True)
    sync.run(hub, ADMIN, "person")
    return path


def test_departments_and_administrators_see_the_day(sign, source):
    """The provider sees its sync of today; another department sees none of it; both pages are whole."""
    page = sign("editor").get("/")
    assert page.status_code == 200 and "<h1>概览</h1>" in page.text
    assert "人口person" in page.text and "已发布 1" in page.text
    other = sign("editor", department=OTHER)
    assert "人口person" not in other.get("/").text
    assert other.get("/overview.json").json()["day"]["today"] == {}


def test_late_data_is_measured_by_update_cycle(sign, source, clock):
    """Daily data is in time for 36 hours, then late, after three days seriously late."""
    client = sign("editor")
    assert client.get("/overview.json").json()["day"]["late"] == []
    clock.forward(hours=37)
    client = sign("editor", login="again")
    [late] = client.get("/overview.json").json()["day"]["late"]
    assert (late["dataset"], late["very_late"], late["cycle_name"]) == ("person", False, "每日")
    clock.forward(hours=36)
    client = sign("editor", login="later")
    day = client.get("/overview.json").json()["day"]
    assert (day["late"][0]["very_late"], day["very_late_count"], day["today"]) == (True, 1, {})
    assert [(c["name"], c["entries"], c["very_late"]) for c in day["cycles"]] == [("每日", 1, 1)]


@pytest.mark.parametrize("role", ["analyst", "window", "system_admin", "audit_admin"])
def test_who_watches_no_syncs_sees_only_tasks(sign, source, role):
    """Roles that have nothing to do with syncs see their tasks, no figures and no names."""
    client = sign(role, department=PROVIDER)
    page = client.get("/")
    assert page.status_code == 200 and "等我办理" in page.text
    assert "人口person" not in page.text and "暂缓发布" not in page.text


def test_failed_and_held_batches_wait_on_the_overview(sign, source, hub):
    """A batch that shrank is held and a source that is gone fails; both stand on the overview with their reasons."""
    write_csv(source, people(20))
    sync.run(hub, ADMIN, "person")
    day = sign("inspector").get("/overview.json").json()["day"]
    assert (day["held"], day["failed"]) == (1, 0)
    assert "减少60.00%" in day["waiting"][0]["says"]
    page = sign("data_admin", login="boss").get("/").text
    assert "减少60.00%" in page and "<caption>暂缓发布 1 个，失败 0 个" in page


def test_airflow_that_is_down_is_said(sign, source):
    """Without a scheduler the page says so and still shows what the hub knows."""
    page = sign("editor").get("/").text
    assert "Airflow 没有运行" in page and "人口person" in page
