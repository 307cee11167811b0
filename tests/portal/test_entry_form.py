"""The form without scripts: rows by submit buttons, faults at their fields, drafts, other departments."""

import re
from html.parser import HTMLParser

import pytest

from tests.portal.conftest import OTHER, PROVIDER

FIELDS = {
    "resource_type": "table", "title": "教师资格信息", "abstract": "教师资格证的持有人和学科",
    "classification": "307005", "share_type": "1", "share_condition": "无条件", "share_mode_category": "1",
    "share_mode": "1", "format_category": "3", "is_open": "0", "update_cycle": "4", "secret_flag": "0",
    "items-0-was": "", "items-0-title": "姓名",
    "items-1-was": "", "items-1-title": "公民身份号码", "items-1-key": "1",
}  # fmt: skip


class House(HTMLParser):
    """Collects what the house's page rules ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.inputs: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag, attributes):
        """Notes ids, labels and inputs."""
        facts = dict(attributes)
        self.tags.append(tag)
        if "id" in facts:
            self.ids.append(facts["id"])
        if tag == "label":
            self.labels.add(facts.get("for"))
        if tag in ("input", "select", "textarea") and facts.get("type") != "hidden":
            self.inputs.append(facts.get("id"))
        self.outside += [value for name, value in facts.items() if name in ("href", "src") and "//" in (value or "")]


def house_rules(text):
    """One h1, unique ids, a label for every input, a caption for every table, nothing from outside."""
    page = House()
    page.feed(text)
    assert page.tags.count("h1") == 1
    assert len(page.ids) == len(set(page.ids)), sorted({each for each in page.ids if page.ids.count(each) > 1})
    assert set(page.inputs) <= page.labels
    assert page.tags.count("table") == page.tags.count("caption")
    assert not page.outside and " style=" not in text


def csrf(client, path):
    """Reads the form's token."""
    return re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)[1]


def send(client, path, **changes):
    """Sends the form."""
    fields = {**FIELDS, **changes, "csrf": csrf(client, path)}
    return client.post(path, data={name: value for name, value in fields.items() if value is not None})


@pytest.fixture
def editor(sign):
    """A signed-in editor."""
    return sign("editor")


def test_form_keeps_the_house_rules(editor):
    """The empty form of each type is a page of the house, and its data is beside it."""
    for kind in ("table", "document"):
        page = editor.get(f"/entries/new?type={kind}")
        assert page.status_code == 200
        house_rules(page.text)
    assert editor.get("/entries/new.json").json()["view"]["values"]["share_type"] == "1"
    assert editor.get("/entries/new?type=nothing").status_code == 404


def test_rows_by_submit_buttons(editor):
    """Adding, moving and removing rows keeps what was typed, without a script."""
    added = send(editor, "/entries/new", do="add:items")
    assert added.status_code == 200 and 'name="items-2-title"' in added.text
    house_rules(added.text)
    moved = send(editor, "/entries/new", do="up:items:1")
    assert re.search(r'name="items-0-title" value="公民身份号码"', moved.text)
    removed = send(editor, "/entries/new", do="remove:items:0")
    assert "公民身份号码" in removed.text and 'value="姓名"' not in removed.text
    assert 'value="教师资格信息"' in removed.text


def test_check_shows_faults_at_their_fields_and_proposals(editor):
    """A wrong value is marked at its input; the lint's finding too; proposals are filled in."""
    page = send(editor, "/entries/new", do="check", region_code="abc", title="")
    assert re.search(r'id="f-region_code"[^>]*aria-invalid="true"', page.text) and "没有填写" in page.text
    house_rules(page.text)
    page = send(editor, "/entries/new", do="check", share_condition="甲部门可用")
    assert re.search(r'id="f-share_condition"[^>]*aria-invalid="true"', page.text) and "L8" in page.text
    assert 'name="items-1-name" value="gmsfhm"' in page.text


def test_many_rows_are_sent_whole(editor):
    """A form of 120 items, each of 16 fields, is read whole."""
    rows = {}
    for number in range(120):
        rows |= {
            f"items-{number}-{name}": "" for name in ("name", "source", "type", "length", "kind", "code_set", "level")
        }
        rows |= {f"items-{number}-title": f"数据项{number}", f"items-{number}-was": ""}
    answer = send(editor, "/entries/new", do="save", title="大表", **rows)
    assert answer.status_code == 303
    shown = editor.get("/entries/db/edit.json").json()
    assert len(shown["rows"]["items"]) == 120


def test_saving_opening_and_changing(editor):
    """A draft is saved, opened, changed; a stale form is refused."""
    saved = send(editor, "/entries/new", do="save")
    assert saved.status_code == 303 and saved.headers["location"] == "/entries/jszgxx"
    opened = editor.get("/entries/jszgxx/edit")
    house_rules(opened.text)
    stamp = re.search(r'name="stamp" value="([^"]+)"', opened.text)[1]
    same = {"dataset": "jszgxx", "stamp": stamp, "items-0-was": "xm", "items-1-was": "gmsfhm"}
    same |= {"items-0-name": "xm", "items-1-name": "gmsfhm", "version": "1.0.0"}
    for row, values in enumerate((("C", "50", "name", "S3"), ("C", "18", "citizen_id", "S4"))):
        same |= dict(zip((f"items-{row}-{name}" for name in ("type", "length", "kind", "level")), values, strict=True))
    assert send(editor, "/entries/jszgxx/edit", do="save", abstract="新的摘要", **same).status_code == 303
    assert "新的摘要" in editor.get("/entries/jszgxx/edit").text
    assert send(editor, "/entries/jszgxx/edit", do="save", abstract="又一个", **same).status_code == 409


def test_others_are_kept_out(editor, sign, app):
    """Another department's editor finds nothing; an analyst has no form; without the token nothing is saved."""
    send(editor, "/entries/new", do="save")
    other = sign("editor", department=OTHER)
    assert other.get("/entries/jszgxx/edit").status_code == 404
    assert other.get("/entries/jszgxx/edit.json").status_code == 404
    assert send_to(other, "/entries/jszgxx/edit").status_code == 404
    assert sign("analyst").get("/entries/new").status_code == 403
    assert editor.post("/entries/new", data={**FIELDS, "do": "save"}).status_code == 403


def send_to(client, path):
    """Sends the form with a token of another page."""
    return client.post(path, data={**FIELDS, "do": "save", "csrf": csrf(client, "/entries/new")})


def test_the_form_over_the_api(editor):
    """A program asks for the form, has it checked, and saves it as draft."""
    headers = {"Authorization": f"Bearer {editor.cookies['shuqiao_session']}"}
    opened = editor.get("/api/v1/forms/entry", headers=headers).json()
    assert opened["values"]["provider_code"] == PROVIDER and opened["form"]["sections"]
    values = {name: value for name, value in FIELDS.items() if "-" not in name}
    rows = [{"title": "姓名"}, {"title": "公民身份号码", "key": "1"}]
    sent = {"sent": {"values": {**opened["values"], **values}, "rows": {"items": rows}}}
    checked = editor.post("/api/v1/forms/entry/check", json=sent, headers=headers).json()
    assert checked["values"]["dataset"] == "jszgxx" and not checked["saved"]
    saved = editor.post("/api/v1/forms/entry/draft", json=sent, headers=headers).json()
    assert saved["saved"] and editor.get("/entries/jszgxx").status_code == 200


def test_nothing_of_a_broken_form_is_saved(editor):
    """A form that no contract can hold comes back with its faults."""
    page = send(editor, "/entries/new", do="save", title="")
    assert page.status_code == 200 and "尚未保存" in page.text
    assert editor.get("/entries.json").json()["entries"] == []
