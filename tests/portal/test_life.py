"""An entry's life in the browser: draft, reviews, two reviewers, publication, change, revocation; who may see what."""

import re

import pytest
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries, tasks
from exchange.access import Actor
from tests.exchange.small_city import contract, csv_server
from tests.portal.conftest import OTHER, PROVIDER

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
STRANGE = "11620400XX00D00107"
EDITOR = Actor("editor1", frozenset({"editor"}), PROVIDER, "portal")
KINDS = ("secrecy", "personal_information", "leader")


@pytest.fixture
def people(sign, hub):
    """An editor and a reviewer of the police, the authority's administrator, an editor of another department."""
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        for code in (PROVIDER, OTHER, STRANGE):
            departments.save(connection, code, f"部门{code[-2:]}", hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    return {
        "editor": sign("editor", login="editor1"),
        "reviewer": sign("dept_reviewer", login="reviewer1"),
        "authority": sign("data_admin", login="authority1", department=OTHER),
        "other": sign("editor", login="other1", department=STRANGE),
    }


def written(**changes):
    """Writes the police's contract, under the name that the register of departments has, without an attachment."""
    whole = contract(server=csv_server("/nowhere"), provider_name="部门8G", **changes)
    return re.sub(r"servers:\n(- .*\n|  .*\n)+", "", whole)


@pytest.fixture
def draft(hub, people):
    """A draft by the editor."""
    return entries.apply(hub, EDITOR, written(), "person.yaml")


def give(client, command, opinion=""):
    """Gives a command on the entry's page."""
    data = {"csrf": token(client), "opinion": opinion}
    return client.post(f"/entries/person/{command}", data=data)


def token(client):
    """Returns a session's token, wherever a form is."""
    for path in ("/entries/person", "/duties", "/tasks"):
        found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
        if found:
            return found.group(1)
    raise AssertionError("no form on any page")


def review(client, kind, *, scan=PDF, **changes):
    """Records a review on the entry's page."""
    data = {"csrf": token(client), "kind": kind, "person": "王某", "reviewed_on": "2026-11-20", "passed": "yes"}
    files = {"scan": ("../签批 件.exe", scan, "text/html")}
    return client.post("/entries/person/reviews", data=data | {"opinion": "同意报送"} | changes, files=files)


def test_from_draft_to_publication_and_a_change(draft, people, hub):
    """Each does their part; nobody else's button is offered; the code is issued by the hub."""
    editor, reviewer, authority = people["editor"], people["reviewer"], people["authority"]
    page = editor.get("/entries/person").text
    assert "<h1>人口person</h1>" in page and "提交审核" in page and "审核通过并发布" not in page
    refused = give(editor, "submit")
    assert refused.status_code == 200 and "REVIEWS_MISSING" in refused.text
    for kind in KINDS:
        assert review(editor, kind).status_code == 303
    assert give(editor, "submit").headers["location"] == "/entries/person"
    assert "部门审核：人口person" in reviewer.get("/tasks").text
    assert give(reviewer, "endorse", "内容属实").status_code == 303
    assert "发布审核：人口person" not in reviewer.get("/tasks").text
    assert give(authority, "approve", "同意").status_code == 303
    page = editor.get("/entries/person").text
    assert "3070050400/000001" in page and "内容属实" in page and "校验链完整" in page
    other = people["other"].get("/entries/person")
    assert other.status_code == 200 and "内容属实" not in other.text and "王某" not in other.text
    sheet = editor.get("/entries/person/sheet").text
    assert "同意报送" in sheet and "王某" in sheet
    entries.apply(hub, EDITOR, written(share_scope="全市各部门"), "person.yaml")
    assert "变更中" in editor.get("/entries/person").text and "共享范围改变" in editor.get("/entries/person").text
    assert "全市各部门" not in people["other"].get("/entries/person").text
    assert tasks.list_tasks(hub, EDITOR) == []


def test_others_neither_see_nor_touch_a_draft(draft, people):
    """Another department's editor finds no draft in list, page, data, sheet or API, and its commands are refused."""
    other = people["other"]
    assert "人口person" not in other.get("/entries").text
    for path in ("/entries/person", "/entries/person.json", "/entries/person/sheet", "/api/v1/entries/person",
                 "/api/v1/life/person", "/api/v1/lineage/person"):  # fmt: skip
        assert other.get(path).status_code == 404, path
    data = {"csrf": token(other) if "csrf" in other.get("/duties").text else ""}
    for command in ("submit", "delete", "withdraw"):
        assert other.post(f"/entries/person/{command}", data=data).status_code == 403, command


def test_a_scan_is_known_by_its_content(draft, people):
    """A program named pdf is refused, a sheet keeps a harmless name and comes back as it was, only inside."""
    editor = people["editor"]
    for wrong, code in ((b"MZ\x90", "SCAN_TYPE"), (b"", "SCAN_MISSING"), (b"%PDF-" + b"0" * (5 << 20), "SCAN_SIZE")):
        answer = review(editor, "secrecy", scan=wrong)
        assert answer.status_code == 200 and code in answer.text and "同意报送" in answer.text
    assert "REVIEW_DATE" in review(editor, "secrecy", reviewed_on="2026-11-23").text
    assert "REVIEW_FIELD" in review(editor, "secrecy", person=" ").text
    assert review(editor, "secrecy").status_code == 303
    link = re.search(r'"(/entries/person/reviews/\d+/scan)"', editor.get("/entries/person").text).group(1)
    answer = editor.get(link)
    assert answer.content == PDF and answer.headers["content-type"] == "application/pdf"
    assert (
        answer.headers["content-disposition"].startswith("attachment;")
        and "exe" not in answer.headers["content-disposition"]
    )
    assert people["other"].get(link).status_code == 404


def test_the_pages_keep_the_rules_of_the_house(draft, people):
    """One h1, a caption a table, a label an input, unique ids, no inline style or script."""
    for path in ("/entries/person", "/entries/person/sheet", "/duties", "/tasks"):
        page = people["editor"].get(path).text
        assert page.count("<h1>") == 1, path
        assert page.count("<table") == page.count("<caption"), path
        assert len(ids := re.findall(r' id="([^"]+)"', page)) == len(set(ids)), (path, ids)
        for control in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
            if 'type="hidden"' not in control and "aria-label=" not in control:
                name = re.search(r' id="([^"]+)"', control)
                assert name and f'for="{name.group(1)}"' in page, (path, control)
        assert " style=" not in page and "<script>" not in page and "http" not in page.partition("<main")[2], path


def test_the_api_does_the_same(draft, people):
    """A program submits by the API and gets the same refusal in the one error shape."""
    editor = people["editor"]
    headers = {"X-CSRF": token(editor)}
    answer = editor.post("/api/v1/entries/person/submit", json={"opinion": ""}, headers=headers)
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "REVIEWS_MISSING"
    given = {"kind": "leader", "person": "王某", "reviewed_on": "2026-11-20", "passed": True, "opinion": "同意",
             "scan_name": "a.pdf", "scan": "JVBERi0xLjc="}  # fmt: skip
    answer = editor.post("/api/v1/entries/person/reviews", json={"review": given}, headers=headers)
    assert answer.status_code == 200 and answer.json()["kind_name"] == "部门主要负责人同意"
    found = editor.get("/api/v1/life/person").json()
    assert found["stage"] == "draft" and found["missing_reviews"] == ["保密审查", "个人信息保护影响评估"]


def test_one_signed_sheet_records_all_reviews(draft, people):
    """The rows with a signer are recorded with the one scan; a faulty row is shown again, those before it are kept."""
    editor = people["editor"]
    data = {"csrf": token(editor), "kind": list(KINDS), "reviewed_on": ["2026-11-20", "2026-11-20", "someday"]}
    data |= {"person": ["王某", "李某", "赵某"], "passed": ["yes"] * 3, "opinion": ["同意"] * 3}
    files = {"scan": ("sheet.pdf", PDF, "application/pdf")}
    again = editor.post("/entries/person/reviews", data=data, files=files)
    assert again.status_code == 200 and "审查日期的写法不对" in again.text
    assert 'value="赵某"' in again.text and 'value="王某"' not in again.text and "部门主要负责人同意" in again.text
    rest = {"csrf": token(editor), "kind": KINDS[2], "person": "赵某", "reviewed_on": "2026-11-20", "passed": "yes"}
    done = editor.post("/entries/person/reviews", data=rest | {"opinion": "同意"}, files=files)
    assert done.status_code == 303 and give(editor, "submit").status_code == 303
