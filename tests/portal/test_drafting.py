"""From a table to a draft in the browser: proposed, looked through, made; what was written stays after a fault."""

import html
import re
from html.parser import HTMLParser

import pytest

from catalog.stores import departments
from exchange import connections
from tests.exchange.small_city import PROVIDER, people
from tests.portal.test_connections import csrf_of


@pytest.fixture
def city(hub, clock, police):
    """The police's connection, registered by the local administrator, with forty people."""
    from exchange.access import local_administrator  # noqa: PLC0415

    police.put(people(40))
    with hub.transaction() as connection:
        departments.save(connection, PROVIDER, "示例市公安局", clock.now())
    connections.set_connection(hub, local_administrator(), "police", police.url, PROVIDER)
    return police


class Form(HTMLParser):
    """Reads the fields of a page's forms as a browser would send them."""

    def __init__(self):
        super().__init__()
        self.data, self.select, self.area = {}, None, None

    def handle_starttag(self, tag, attrs):
        """Takes a field, or opens a list or a text."""
        facts = dict(attrs)
        if tag == "input" and "name" in facts and (facts.get("type") != "checkbox" or "checked" in facts):
            self.data.setdefault(facts["name"], []).append(facts.get("value") or "")
        elif tag == "select":
            self.select = facts["name"]
            self.data.setdefault(self.select, []).append(None)
        elif tag == "option" and self.select and ("selected" in facts or self.data[self.select][-1] is None):
            self.data[self.select][-1] = facts["value"]
        elif tag == "textarea":
            self.area = facts["name"]
            self.data.setdefault(self.area, []).append("")

    def handle_endtag(self, tag):
        """Ends a list or a text."""
        self.select = None if tag == "select" else self.select
        self.area = None if tag == "textarea" else self.area

    def handle_data(self, data):
        """Takes the text of a field."""
        if self.area:
            self.data[self.area][-1] += data


def form_of(page):
    """Returns what a browser would send of a page's forms when nothing is changed."""
    form = Form()
    form.feed(page.text)
    return form.data


def test_from_table_to_draft(sign, city):
    """List, choose, look through, make: four clicks and no text typed; a written fault gives the page back."""
    client = sign("editor")
    tables = client.get("/connections/police/tables")
    assert "t_person" in tables.text and "写权限" in tables.text
    link = html.unescape(re.search(r'href="(/connections/police/draft\?table=t_person[^"]*)"', tables.text)[1])
    page = client.get(link)
    assert page.status_code == 200 and "公民身份号码" in page.text and page.text.count("<h1>") == 1
    form = form_of(page)
    assert form["item_title"][:4] == ["公民身份号码", "姓名", "性别代码", "出生日期"] and form["key"] == ["gmsfhm"]
    wrong = form | {"item_title": ["甲", "甲", *form["item_title"][2:]]}
    again = client.post("/connections/police/draft", data=wrong)
    assert again.status_code == 200 and "名称重复" in again.text and form_of(again)["item_title"][:2] == ["甲", "甲"]
    made = client.post("/connections/police/draft", data=form)
    assert made.headers["location"] == "/entries/t_person"
    assert client.get("/api/v1/entries/t_person").json()["state"] == 0
    used = client.get("/connections/police/tables.json").json()["tables"]
    assert [table["used_by"] for table in used if table["name"] == "t_person"] == [["t_person"]]


def test_a_draft_needs_the_role_and_the_department(sign, city):
    """Another department's editor, a reviewer and an analyst get nothing of the table."""
    other = sign("editor", department="11620400XX00C0014G")
    for client, status in ((other, 404), (sign("dept_reviewer"), 403), (sign("analyst"), 403)):
        assert client.get("/connections/police/draft?table=t_person&schema=public").status_code == status
        assert client.get("/api/v1/connections/police/tables").status_code == status
    editor = sign("editor")
    missing = editor.get("/connections/police/draft?table=nope&schema=public")
    assert missing.status_code == 502 and "没有表" in missing.text
    token = csrf_of(editor.get("/connections/new"))
    assert editor.post("/connections/police/draft", data={"csrf": token}).status_code == 422
