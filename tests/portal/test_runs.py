"""Batches in the portal: list, one batch, release with the provider's confirmation, discard, and whose they are."""

import re

import pytest

from catalog.stores import tasks
from exchange import entries, sync
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server, people, write_csv
from tests.portal.conftest import OTHER


@pytest.fixture
def source(hub, tmp_path):
    """Publishes `person` attached to a file of 50 people, and syncs it once; returns the file."""
    path = tmp_path / "people.csv"
    write_csv(path, people(50))
    entries.apply(hub, ADMIN, contract(server=csv_server(path)), "person.yaml", publish=True)
    sync.run(hub, ADMIN, "person")
    return path


@pytest.fixture
def held(hub, source):
    """Brings a batch that shrank; returns its run id."""
    write_csv(source, people(20))
    return sync.run(hub, ADMIN, "person").run_id


def send(client, path, **fields):
    """Posts a form with the session's token, as the page would."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(path.rpartition("/")[0]).text)
    return client.post(path, data={"csrf": token.group(1) if token else "", **fields})


def test_list_filters_and_pages(sign, hub, source):
    """The list shows newest first, by dataset, state and day; a wrong day and an unknown state are clear errors."""
    client = sign("editor")
    [run] = client.get("/runs.json").json()["runs"]
    assert (run["state_name"], run["extracted"], run["title"]) == ("已发布", 50, "人口person")
    assert client.get("/runs.json?state=held").json()["runs"] == []
    assert len(client.get("/runs.json?day=2026-11-22&dataset=person").json()["runs"]) == 1
    assert client.get("/runs.json?day=2026-11-21").json()["runs"] == []
    assert client.get(f"/runs.json?before={run['number']}").json()["runs"] == []
    assert client.get("/runs?day=yesterday").status_code == 422
    assert client.get("/runs?state=flying").status_code == 422
    assert "没有符合条件的批次" in client.get("/runs?state=failed").text


def test_one_batch_balances_and_names_its_findings(sign, hub, source):
    """The page shows that the counts agree, and each rule that was not met by its Chinese name."""
    rows = people(50)
    rows[3] = rows[3] | {"gmsfhm": rows[3]["gmsfhm"][:-1] + ("0" if rows[3]["gmsfhm"][-1] != "0" else "1")}
    rows[4] = rows[4] | {"xb": "7"}
    write_csv(source, [*rows, rows[7]])
    run_id = sync.run(hub, ADMIN, "person").run_id
    page = sign("editor").get(f"/runs/{run_id}")
    assert page.status_code == 200
    assert "读取" in page.text and "不平" not in page.text and page.text.count(">平<") == 3
    assert "校验码不符" in page.text and "ID_CHECK" in page.text
    assert rows[3]["gmsfhm"] not in page.text
    sheet = sign("inspector").get(f"/runs/{run_id}.json").json()["sheet"]
    assert [each["holds"] for each in sheet["balances"]] == [True, True, True]
    assert sheet["line"]["quarantined"] == 2 and sheet["run"]["duplicates"] == 1


def test_release_of_a_shrunken_batch_asks_the_provider_first(sign, hub, held):
    """First release asks, an early second one is refused, the reviewer confirms, then it is published."""
    boss, reviewer = sign("data_admin", login="boss"), sign("dept_reviewer", login="reviewer")
    assert "与上一版本比较" in boss.get(f"/runs/{held}").text
    assert send(boss, f"/runs/{held}/release").status_code == 422
    asked = send(boss, f"/runs/{held}/release", reason="与公安核对过总数")
    assert asked.headers["location"] == f"/runs/{held}"
    assert boss.get(f"/runs/{held}.json").json()["sheet"]["confirmation"]["state"] == "asked"
    early = send(boss, f"/runs/{held}/release", reason="与公安核对过总数")
    assert early.status_code == 409 and "尚未确认" in early.text
    with hub.transaction() as connection:
        [task] = tasks.about(connection, "person")
    assert (task.kind, task.role, task.link) == ("release_confirmation", "dept_reviewer", f"/runs/{held}")
    assert send(boss, f"/runs/{held}/confirm", opinion="数据无误，同意").status_code == 403
    assert "同意放行" in reviewer.get(f"/runs/{held}").text
    assert send(reviewer, f"/runs/{held}/confirm", opinion="数据无误，同意").status_code == 303
    assert send(boss, f"/runs/{held}/release", reason="提供部门已确认").status_code == 303
    sheet = boss.get(f"/runs/{held}.json").json()["sheet"]
    assert (sheet["run"]["state"], sheet["run"]["rows_after"]) == ("published", 20)
    bearer = {"Authorization": f"Bearer {reviewer.cookies['shuqiao_session']}"}
    late = reviewer.post(f"/api/v1/runs/{held}/confirm", json={"opinion": "数据无误，同意"}, headers=bearer)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "NOTHING_TO_CONFIRM")


def test_a_provider_may_refuse_and_is_asked_again(sign, held):
    """A refusal keeps the batch held; the next release asks again."""
    boss, reviewer = sign("data_admin", login="boss"), sign("dept_reviewer", login="reviewer")
    send(boss, f"/runs/{held}/release", reason="请核对总数")
    send(reviewer, f"/runs/{held}/confirm", opinion="来源导出不全", agrees="no")
    sheet = boss.get(f"/runs/{held}.json").json()["sheet"]
    assert (sheet["confirmation"]["state"], sheet["confirmation"]["opinion"]) == ("refused", "来源导出不全")
    send(boss, f"/runs/{held}/release", reason="再次请核对")
    sheet = boss.get(f"/runs/{held}.json").json()["sheet"]
    assert (sheet["confirmation"]["state"], sheet["run"]["state"]) == ("asked", "held")


def test_discard_and_revalidate_need_a_reason(sign, source, hub, held):
    """Revalidating keeps a batch held that still shrinks; discarding ends it and takes back what was asked."""
    boss = sign("data_admin", login="boss")
    send(boss, f"/runs/{held}/release", reason="请核对总数")
    assert send(boss, f"/runs/{held}/discard", reason="  ").status_code == 422
    assert send(boss, f"/runs/{held}/revalidate", reason="条目已改").status_code == 303
    assert boss.get(f"/runs/{held}.json").json()["run"]["state"] == "held"
    assert send(boss, f"/runs/{held}/discard", reason="来源导出不全").status_code == 303
    sheet = boss.get(f"/runs/{held}.json").json()["sheet"]
    assert (sheet["run"]["state"], sheet["confirmation"]["state"]) == ("discarded", "refused")
    assert "来源导出不全" in boss.get(f"/runs/{held}").text


@pytest.mark.parametrize("act", ["release", "discard", "revalidate", "confirm"])
def test_other_departments_and_roles_touch_nothing(sign, held, act):
    """An editor may not decide; a reviewer of another department neither sees nor confirms the batch."""
    words = {"reason": "想放行看看", "opinion": "想放行看看"}
    assert send(sign("editor", login="own"), f"/runs/{held}/{act}", **words).status_code == 403
    other = sign("dept_reviewer", "editor", login="other", department=OTHER)
    assert other.get(f"/runs/{held}").status_code == 403
    assert other.get("/runs.json").json()["runs"] == []
    token = re.search(r'name="csrf" value="([^"]+)"', other.get("/me").text + 'name="csrf" value="-"').group(1)
    answer = other.post(f"/runs/{held}/{act}", data={"csrf": token, **words})
    assert answer.status_code == 403 and "同步批次" not in answer.headers.get("location", "")


def test_an_unknown_batch_is_said(sign, source):
    """A run that does not exist is a clear 404."""
    page = sign("inspector").get("/runs/nothing")
    assert page.status_code == 404 and "没有批次" in page.text


def test_api_has_the_same(sign, held):
    """Programs list and read batches at the API; a change by cookie needs the header."""
    client = sign("data_admin", login="boss")
    page = client.get("/api/v1/runs").json()
    assert [run["state"] for run in page["items"]] == ["held", "published"] and page["next"] is None
    assert client.get(f"/api/v1/runs/{held}").json()["run"]["state"] == "held"
    assert client.post(f"/api/v1/runs/{held}/release", json={"reason": "请核对总数"}).status_code == 403
