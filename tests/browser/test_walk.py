"""A department's table becomes a shared dataset, and its problem rows are mended: in a browser, with a real Airflow."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from catalog.stores import departments
from exchange import connections
from exchange.access import local_administrator
from exchange.hub import open_hub
from runtime.watch import DirectoryWatch, dag_of
from tests.browser.conftest import people_at, serve
from tests.exchange.small_city import people, person
from tests.portal.conftest import OTHER, PROVIDER

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(900)]

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
GOOD, BAD = 97, 3
#: From the table to the first sync: clicks, choices, texts and files of all three people together.
MOST_ACTS = 25
DATASET = "t_person"


@pytest.fixture
def city(stack, police, browser):
    """The portal over the hub of a real Airflow, the police's connection, and three people at their browsers."""
    police.put([*people(GOOD), *(person(200 + number) | {"xb": "7"} for number in range(BAD))])
    with police.connect() as connection:
        connection.execute("comment on table t_person is '人口基础信息'")
    with open_hub(stack.settings) as hub:
        _name_departments(hub)
        connections.set_connection(hub, local_administrator(), "police", police.url, department=PROVIDER)
        for address in serve(hub):
            yield from _people(hub, browser, address)


def _name_departments(hub):
    now = datetime.now(UTC)
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        for code, name in ((PROVIDER, "示例市公安局"), (OTHER, "示例市数据局")):
            departments.save(connection, code, name, now)
        connection.execute(text("update hub.departments set region_code = '620400'"))


def _people(hub, browser, address):
    people = people_at(browser, hub, address)
    begin = next(people)
    found = {
        "editor": begin("editor", login="police_editor"),
        "reviewer": begin("dept_reviewer", login="police_reviewer"),
        "authority": begin("data_admin", login="authority", department=OTHER),
    }
    yield found
    next(people, None)


def waits_for(somebody, path, words, within, seconds=180):
    """Looks at a page again until a part of it says these words."""
    deadline = time.monotonic() + seconds
    while True:
        somebody.go(path)
        if any(words in part for part in somebody.page.locator(within).all_inner_texts()):
            return
        assert time.monotonic() < deadline, somebody.page.locator("main").inner_text()[:2000]
        time.sleep(1)


def draft_to_publication(editor, reviewer, authority):
    """The entry is drafted from the table, reviewed on paper and by two people, and published."""
    editor.go("/connections/police/tables")
    editor.click("拟定目录条目（t_person）")
    editor.click("生成目录条目草稿")
    editor.sees("目录条目草稿", "人口基础信息")
    for label, name in (
        ("保密审查：审查人", "李安"), ("个人信息保护影响评估：审查人", "王评"), ("部门主要负责人同意：审查人", "赵首"),
    ):  # fmt: skip
        editor.write(label, name)
    editor.hand_in("签批件扫描件", "签批件.pdf", PDF)
    editor.click("登记")
    editor.click("提交审核")
    reviewer.go("/tasks")
    reviewer.click("部门审核：人口基础信息")
    reviewer.click("部门审核通过")
    authority.go("/tasks")
    authority.click("发布审核：人口基础信息")
    authority.click("审核通过并发布")
    authority.sees("已发布")


def attachment_to_first_sync(editor, authority, stack):
    """The attachment is tried and agreed to; its DAG appears; the first sync is asked for on the portal."""
    editor.go(f"/entries/{DATASET}")
    editor.click("挂接")
    editor.click("试加载")
    editor.sees("试加载完成", "质量分")
    editor.click("提交挂接审核")
    authority.go("/tasks")
    authority.click("挂接审核：人口基础信息")
    authority.click("同意")
    stack.api.wait_for_dags([dag_of(DATASET)], 60)
    DirectoryWatch(stack.settings).step(stack.api)
    editor.go(f"/entries/{DATASET}")
    editor.click("计划与同步")
    editor.click("立即同步")
    waits_for(editor, f"/runs?dataset={DATASET}", "已发布", "table")


def test_from_the_table_to_clean_data(city, stack, police):
    """Table, draft, reviews, publication, attachment, trial, DAG, first sync; then problem rows, an order, clean."""
    editor, reviewer, authority = city["editor"], city["reviewer"], city["authority"]
    draft_to_publication(editor, reviewer, authority)
    attachment_to_first_sync(editor, authority, stack)
    acts = editor.did + reviewer.did + authority.did
    typed = editor.typed + reviewer.typed + authority.typed
    assert acts <= MOST_ACTS, acts
    assert len(typed) == len(set(typed))

    editor.page.locator("table a[href^='/runs/']").first.click()
    editor.sees("平衡关系", "合格 97 ＋ 问题数据 3 ＋ 重复 0", "读取的日志")
    authority.go("/problems")
    authority.sees(f"未决问题 {BAD} 个")
    authority.click("人口基础信息", within="main")
    authority.sees("值已遮蔽")
    assert person(200)["gmsfhm"] not in authority.page.content()
    authority.click("下发")
    authority.sees("已下发整改单")
    editor.go("/orders")
    editor.click("1 人口基础信息问题数据整改")
    editor.click("查看未决的行")
    editor.sees("按原值显示", person(200)["gmsfhm"], "请在来源系统更正")
    editor.go("/orders/1")
    editor.write("整改情况", "已在来源系统更正")
    editor.click("答复")

    with police.connect() as connection:
        right = "case when substr(gmsfhm, 17, 1)::int % 2 = 1 then '1' else '2' end"
        connection.execute(f"update t_person set xb = {right} where xb = '7'")
    editor.go(f"/entries/{DATASET}/schedule")
    editor.choose("同步方式", "全量")
    editor.click("立即同步")
    waits_for(editor, "/orders/1", "已办结", "dl.facts")
    editor.go("/problems")
    editor.sees("没有未决的问题数据")
    assert [somebody.troubles for somebody in city.values()] == [[], [], []]
