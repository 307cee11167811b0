"""Signing in, and what the page's script adds to tables, in a real browser."""

import csv
import io
import os

import pytest

from tests.browser import conftest
from tests.browser.conftest import Person, sign_in
from tests.portal.conftest import OTHER, add_person

pytestmark = [pytest.mark.slow]
_NAMES = {"甲": "11620400XX00D00107", "乙": "11620400XX00D00115", "丙": "11620400XX00D00123"}


def test_a_missing_browser_is_never_passed_over_on_the_build_server(monkeypatch):
    """Without Chromium these tests skip with the reason; with CI=true they fail."""
    monkeypatch.setattr(os, "environ", {**os.environ, "CI": ""})  # noqa: TID251
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        conftest._need("Chromium", "apt-get install chromium", there=False)
    monkeypatch.setattr(os, "environ", {**os.environ, "CI": "true"})  # noqa: TID251
    with pytest.raises(pytest.fail.Exception, match=r"\.ci/run"):
        conftest._need("Chromium", "apt-get install chromium", there=False)


def test_wrong_log_ins_say_nothing_and_lock_the_account(hub, browser, address):
    """A wrong name and a wrong password get the same words; after five tries the right one is refused too."""
    add_person(hub, "police_editor", "editor")
    context = browser.new_context(locale="zh-CN")
    somebody = Person(context.new_page(), address)
    sign_in(somebody, "nobody", password="wrong-Password-1")
    unknown = somebody.page.get_by_role("alert").inner_text()
    for _ in range(5):
        sign_in(somebody, "police_editor", password="wrong-Password-1")
    assert somebody.page.url.endswith("/sign-in")
    sign_in(somebody, "police_editor")
    assert somebody.page.url.endswith("/sign-in") and "锁定" in somebody.page.get_by_role("alert").inner_text()
    assert "wrong-Password" not in somebody.page.content() and unknown
    somebody.go("/entries")
    assert "/sign-in?next=" in somebody.page.url
    context.close()


def test_the_script_sorts_filters_and_downloads_tables(hub, at_work, clock):
    """A heading sorts up and down, by figures where they are; a box filters; the links download what is shown."""
    from catalog.stores import departments  # noqa: PLC0415

    for name, code in _NAMES.items():
        with hub.transaction() as connection:
            departments.save(connection, code, f"部门{name}", clock.now())
    add_person(hub, "second", "editor", department=OTHER)
    authority = at_work("data_admin", login="authority", department=OTHER)
    page = authority.page
    authority.go("/departments")
    shown = page.locator("#departments tbody tr:visible")
    page.get_by_role("button", name="账号").click()
    counts = [int(each) for each in page.locator("#departments tbody td:nth-child(5)").all_inner_texts()]
    assert counts == sorted(counts) and page.locator("th[aria-sort=ascending]").count() == 1
    page.get_by_role("button", name="账号").click()
    assert [int(e) for e in page.locator("#departments tbody td:nth-child(5)").all_inner_texts()] == counts[::-1]
    page.get_by_label("筛选：部门").fill("部门乙")
    assert shown.count() == 1 and "部门乙" in shown.first.inner_text()
    with page.expect_download() as begun:
        page.get_by_role("link", name="下载第 1 个表格（CSV）").click()
    rows = list(csv.reader(io.StringIO(begun.value.path().read_text("utf-8-sig"))))
    assert rows[0][:2] == ["部门", "统一社会信用代码"] and {row[1] for row in rows[1:]} >= set(_NAMES.values())
    assert authority.troubles == []
