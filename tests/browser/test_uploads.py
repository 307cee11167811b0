"""A file with faults is uploaded, mended and published in a browser; another department sees none of it."""

import pytest

from exchange import entries
from exchange.access import local_administrator
from exchange.upload_files import upload_location
from tests.exchange.small_city import contract, people
from tests.exchange.test_uploads import workbook
from tests.portal.conftest import OTHER

pytestmark = [pytest.mark.slow]


@pytest.fixture
def person(hub):
    """An entry whose department uploads files."""
    server = {"connector": "file", "location": upload_location("person"), "format": "workbook", "mode": "snapshot"}
    entries.apply(hub, local_administrator(), contract(server=server), "person.yaml", publish=True)


def test_a_file_with_faults_is_mended_and_published(person, at_work):
    """Each fault is named by sheet, row and column before anything is published; then full, increment, no change."""
    editor = at_work("editor", login="police_editor")
    rows = people(5)
    faulty = [*rows[:3], rows[3] | {"xb": "7"}, rows[4] | {"csrq": "1960-13-45"}]
    editor.go("/uploads/new/person")
    editor.hand_in("工作簿或 CSV", "照片.xlsx", b"\x89PNG\r\n\x1a\n")
    editor.click("检查文件")
    editor.sees("文件不是工作簿，也不是 CSV", "请下载数据模板")
    editor.hand_in("工作簿或 CSV", "人口.xlsx", workbook(faulty))
    editor.click("检查文件")
    editor.sees("有错误", "2 条记录有错", "C5", "D6", "如何改正")
    editor.click("改正后重新上传")
    editor.hand_in("工作簿或 CSV", "人口.xlsx", workbook(rows))
    editor.click("检查文件")
    editor.sees("没有错误，可以提交")
    editor.click("提交（全量）")
    editor.sees("已提交并发布")
    editor.go("/uploads/new/person")
    editor.sees("5 条")
    editor.write("期次", "2026年11月")
    editor.click("申报本期无更新")
    editor.sees("已申报", "计为一次更新")
    stranger = at_work("editor", login="market_editor", department=OTHER)
    stranger.go("/uploads")
    stranger.sees("没有以文件填报的目录条目")
    stranger.go("/uploads/new/person")
    stranger.sees("没有办成")
    assert editor.troubles == []
