"""Data is found, asked for, granted, used, taken back, and all of it is in the log: by people at real browsers."""

import csv
import io
import re

import pytest
from openpyxl import load_workbook

from exchange.spreadsheets import as_workbook
from tests.browser.test_pages import faults_of, links_of, shape_of
from tests.browser.town import AUTHORITY, CONSUMER, DESKS, PEOPLE, PROVIDER, town  # noqa: F401
from tests.exchange.small_city import citizen_id
from tests.sharing.conftest import NOTICE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("town"), pytest.mark.timeout(900)]

SQL = "SELECT name, sex_code FROM person"
COUNT = "SELECT sex_code, count(*) AS n FROM person GROUP BY sex_code"
TITLE = "人口基础信息"
#: What kinds of elements a page is built of.
#: Pages of sharing; what else there is, test_pages looks at.
NEW = re.compile(
    r"/(sharing|interfaces|deliveries|query|exports|window|batches|intakes|slips|clients|keys|alerts|audit)\b"
)


def asks(ana):
    """The analyst finds the entry in the catalogue and asks for two of its items; returns the request's page."""
    ana.go("/search")
    ana.write("名称、摘要、数据项", TITLE)
    ana.click("搜索", within="main")
    ana.click(TITLE, within="main")
    ana.click("申请", within="main")
    for item in ("姓名", "性别代码"):
        ana.choose(f"使用方式：{item}", "明文")
    for tick in ("行政依据", "在线查询", "须审核的查询导出，需求部门审核后再由提供部门审核"):
        ana.page.get_by_label(tick).check()
    for label, words in (
        ("每次导出行数", "20"), ("法律依据", "《社会保险法》第七十四条"),
        ("应用场景", "统计参保人员性别构成，用于待遇测算"),
        ("安全保障措施", "专人使用，只在政务外网内查询"), ("责任人", "王某某"), ("责任人电话", "0943-8220000"),
    ):  # fmt: skip
        ana.write(label, words)
    ana.click("保存")
    ana.sees("已保存草稿", "在线查询", "再由提供部门审核")
    ana.click("提交本部门审核")
    ana.sees("本部门审核")
    return ana.page.url.removeprefix(ana.address)


def takes_up(somebody, words, button, says):
    """Somebody opens a task on the list of tasks and decides."""
    somebody.go("/tasks")
    somebody.page.locator("main a").filter(has_text=words).first.click()
    somebody.click(button, within="main")
    somebody.sees(says)


def query(ana, sql):
    """The analyst runs a statement on the page."""
    ana.go("/query")
    ana.write("查询语句", sql)
    ana.choose("使用用途", "行政依据")
    ana.click("运行")


def exported(ana, boss, head):
    """An export that both departments agree to is fetched as a file."""
    query(ana, SQL)
    ana.sees("60", "张", "数据截至", "须经审核", "超过授权每次导出的 20 行")
    ana.write("导出理由", "待遇测算用")
    ana.choose("格式", "CSV")
    ana.click("申请导出")
    ana.sees("待本部门审核")
    here = ana.page.url.removeprefix(ana.address)
    number = here.rpartition("/")[2]
    takes_up(boss, number, "同意", "待提供部门审核")
    takes_up(head, number, "同意", "待领取")
    head.sees("脱敏预览", "张*")
    ana.go(here)
    with ana.page.expect_download() as begun:
        ana.click("领取（一次）")
    rows = list(csv.reader(io.StringIO(begun.value.path().read_text("utf-8-sig"))))
    assert rows[0] == ["name", "sex_code"] and len(rows) == 62 and rows[-1][0].startswith("#")
    return number


def denied_after(ana, code, result, held):
    """The analyst gets nothing more: no query, no page of an old result, no file of an approved export."""
    query(ana, SQL)
    ana.sees(f"没有使用“{TITLE}”的有效授权", f"请由本部门申请目录条目 {code}", "GRANT_NONE")
    ana.click("在目录中查看并申请")
    ana.sees(TITLE)
    ana.go(result)
    ana.sees("没有使用", "GRANT_NONE")
    assert ana.page.locator("#result").count() == 0
    ana.go(held)
    ana.click("领取（一次）")
    ana.sees("没有使用", "GRANT_NONE")
    query(ana, "SELECT * FROM nothing_here")
    unknown = ana.page.get_by_role("alert").inner_text()
    query(ana, "SELECT * FROM unseen_draft")
    assert ana.page.get_by_role("alert").inner_text() == unknown.replace("nothing_here", "unseen_draft")


def in_the_log(auditor, request, export):
    """The auditor finds every step: of the request, of the export, of the queries, and the denials; the chain holds."""
    for wanted, titles in (
        (request, ("编制共享申请", "提交共享申请", "部门审核并发送共享申请", "合规审核", "同意共享申请", "收回授权")),
        (export, ("导出查询结果", "同意导出", "领取导出文件")),
        ("person", ("在线查询", "拒绝")),
    ):  # fmt: skip
        auditor.go("/audit")
        auditor.write("数据集或对象", wanted)
        auditor.click("筛选", within="main form")
        auditor.sees(*titles, "示例市人社局")
    auditor.choose("结果", "拒绝")
    auditor.click("筛选", within="main form")
    auditor.page.locator("tbody a").first.click()
    auditor.sees("GRANT_NONE", "分析人员", "门户")
    auditor.go("/audit/verification")
    auditor.click("立即封存")
    auditor.click("核验全部记录")
    auditor.sees("核验通过")


def test_from_the_catalogue_to_the_log(town, axe_script):
    """Found, asked for, reviewed by three departments, queried, exported with approval, revoked, denied, audited."""
    ana = town.sit_down("analyst", login="ana", department=CONSUMER)
    boss = town.sit_down("dept_reviewer", login="boss", department=CONSUMER)
    chief = town.sit_down("data_admin", login="chief_two", department=AUTHORITY)
    head = town.sit_down("dept_reviewer", login="head_two", department=PROVIDER)
    auditor = town.sit_down("audit_admin", login="auditor_two", department=AUTHORITY)
    page = asks(ana)
    number = page.rpartition("/")[2]
    takes_up(boss, number, "审核通过并发送", "主管部门合规审核")
    takes_up(chief, number, "合规审核通过", "提供部门审核")
    takes_up(head, number, "同意共享", "授权")
    code = re.search(r"\d{10}/\d{6}", head.page.locator("main").inner_text())[0]

    export = exported(ana, boss, head)
    query(ana, COUNT)
    result = ana.page.url.removeprefix(ana.address)
    ana.choose("图的纵轴", "n")
    ana.click("画图")
    assert ana.page.locator("svg.chart").count() == 1
    assert faults_of(ana, ana.page.url.removeprefix(ana.address), axe_script) == []
    ana.click("导出", within="main form")
    held = ana.page.url.removeprefix(ana.address)

    head.go(page)
    head.write("意见", "发现超出申请的用途使用，予以收回")
    head.write("与需求部门协商的情况", NOTICE)
    head.click("收回授权")
    head.sees("已收回")
    denied_after(ana, code, result, held)
    in_the_log(auditor, number, export)
    assert [each.troubles for each in (boss, chief, head, auditor)] == [[]] * 4


def test_a_workbook_is_verified(town):
    """A list goes up with a purpose and a case; the same rows come back, each with its result."""
    clerk = town.sit_down("window", login="clerk", department=CONSUMER)
    rows = [[PEOPLE[0]["gmsfhm"], PEOPLE[0]["xm"]], [PEOPLE[1]["gmsfhm"], "李四"], [citizen_id(800), "王五"],
            ["不是号码", "赵六"]]  # fmt: skip
    clerk.go("/window")
    clerk.click("批量核验", within="main")
    clerk.hand_in("工作簿", "名单.txt", "不是工作簿".encode())
    clerk.choose("核验的数据集", "常住居民信息（示例市公安局）")
    clerk.choose("使用用途", "数据校核")
    clerk.write("办件编号", "BJ-2026-000777")
    clerk.click("核验", within="main form")
    clerk.sees("BATCH_FILE")
    clerk.hand_in("工作簿", "名单.xlsx", as_workbook("名单", ["公民身份号码", "姓名"], rows))
    clerk.choose("核验的数据集", "常住居民信息（示例市公安局）")
    clerk.choose("使用用途", "数据校核")
    clerk.write("办件编号", "BJ-2026-000777")
    clerk.click("核验", within="main form")
    clerk.sees("已核验", "一致 1", "不一致 1", "未查到 1", "号码无效 1", "常住居民信息")
    with clerk.page.expect_download() as begun:
        clerk.page.get_by_role("link", name="下载结果").first.click()
    sheet = load_workbook(io.BytesIO(begun.value.path().read_bytes())).active
    found = [list(each) for each in sheet.iter_rows(values_only=True)]
    assert found[0] == ["公民身份号码", "姓名", "核验结果", "不一致的数据项"]
    assert [each[2] for each in found[1:5]] == ["一致", "不一致", "未查到", "号码无效"]
    assert found[2][3] == "姓名" and [each[:2] for each in found[1:5]] == rows
    assert clerk.troubles == []


def pages_of(somebody):
    """Lists an address of each kind of page of sharing that the person can reach."""
    waiting, shapes = ["/"], {"/"}
    while waiting:
        address = waiting.pop(0)
        somebody.go(address)
        for path in links_of(somebody, address):
            if shape_of(path) not in shapes and (NEW.match(path) or address == "/"):
                shapes.add(shape_of(path))
                waiting.append(path)
        if NEW.match(address):
            yield address


def test_no_page_of_sharing_is_hard_to_read(town, axe_script):
    """Each page of sharing, for each role, passes axe-core, fits a phone, and its scripts run without an error."""
    faults, known, seen = [], set(), 0
    for role, department in DESKS.items():
        somebody = town.sit_down(role, login=f"looks_{role}", department=department)
        for address in pages_of(somebody):
            seen += 1
            faults += [f"{role} {each}" for each in faults_of(somebody, address, axe_script, known)]
    assert not faults, "\n".join(faults)
    assert seen >= 80, seen
