"""The schedule's page: plan, history drawn, what may be done; and the charts themselves."""

import re

import pytest

from exchange import entries, sync
from portal.charts import Point, bars, figure, lines, nice_top, sparkline
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server, people, write_csv
from tests.portal.conftest import OTHER


@pytest.fixture
def source(hub, tmp_path):
    """Publishes `person` attached to a file of 50 people with a nightly window, and syncs it once."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, ADMIN, contract(server=csv_server(path)), "person.yaml", publish=True)
    sync.run(hub, ADMIN, "person")
    return path


def test_plan_and_history_are_drawn_without_airflow(sign, source):
    """The page says that Airflow is down, what is planned in Chinese, and draws what has been."""
    page = sign("editor").get("/entries/person/schedule")
    assert page.status_code == 200 and "<h1>人口person 同步计划</h1>" in page.text
    assert "Airflow 没有运行" in page.text and "每天 02:00" in page.text
    assert page.text.count("<svg") == 3 and "每次读取的记录数" in page.text
    ids = re.findall(r' id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    assert "立即同步" in page.text and "补跑" not in page.text


def test_refusals_are_plain_pages(sign, source):
    """Run now without Airflow, pause without the role, a wrong date, another department: each has its own answer."""
    client = sign("editor")
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/entries/person/schedule").text).group(1)
    down = client.post("/entries/person/schedule/run", data={"csrf": token})
    assert down.status_code == 503 and "AIRFLOW_DOWN" in down.text
    assert client.post("/entries/person/schedule/pause", data={"csrf": token}).status_code == 403
    assert client.post("/entries/person/schedule/run").status_code == 403
    boss = sign("data_admin", login="boss")
    token = re.search(r'name="csrf" value="([^"]+)"', boss.get("/entries/person/schedule").text).group(1)
    wrong = boss.post("/entries/person/schedule/backfill", data={"csrf": token, "first": "soon", "last": ""})
    assert wrong.status_code == 422
    assert sign("editor", login="other", department=OTHER).get("/entries/person/schedule").status_code == 403
    assert sign("inspector", login="eyes").get("/entries/nothing/schedule").status_code == 404


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (0.3, 0.4), (1, 1), (7, 8), (10, 10), (11, 20), (50, 50), (999, 1000), (12345, 20000)]
)
def test_the_axis_ends_at_a_round_figure(most, top):
    """The top of an axis holds the largest value and is round."""
    assert nice_top(most) == pytest.approx(top)


def test_charts_speak_to_readers():
    """Each chart has a title and words; what a label holds is escaped; nothing to draw is nothing."""
    points = [Point("11-21", 50, kind="good"), Point("<b>", 20000, kind="bad")]
    drawn = bars("read", "记录数", points, " 条")
    assert drawn.count("<rect") == 2 and "<b>" not in drawn and "最大 2 万 条" in drawn
    assert 'aria-labelledby="read-t read-d"' in drawn and "style=" not in drawn
    assert lines("rows", "行数", points[:1]).count("<circle") == 1
    assert bars("none", "空", []) == "" and lines("none", "空", []) == "" and sparkline("空", [1]) == ""
    assert "polyline" in sparkline("趋势", [1, 2, 3]) and sparkline("零", [0, 0])
    assert [figure(value) for value in (0.5, 3000, 12000, 3e8)] == ["0.5", "3,000", "1.2 万", "3 亿"]
