"""Ways in and out by file in the browser and over the API."""

import base64
import io

import openpyxl
import pytest

from tests.exchange import directory_books as books
from tests.portal.conftest import OTHER, PROVIDER
from tests.portal.test_entry_form import csrf, house_rules

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def upload(client, name, content, do="import"):
    """Sends a file to the import page."""
    token = csrf(client, "/entries/import")
    return client.post("/entries/import", data={"csrf": token, "do": do}, files={"file": (name, content, EXCEL)})


@pytest.fixture
def editor(sign):
    """A signed-in editor."""
    return sign("editor")


def test_a_workbook_is_imported_and_listed(editor):
    """The page lists what came in; only checking brings in nothing; the second import changes nothing."""
    house_rules(editor.get("/entries/import").text)
    checked = upload(editor, "目录.xlsx", books.simple(), "check")
    assert "还没有导入" in checked.text and editor.get("/entries.json").json()["entries"] == []
    page = upload(editor, "目录.xlsx", books.merged())
    assert "已导入" in page.text and "婚姻登记信息" in page.text
    house_rules(page.text)
    assert len(editor.get("/entries.json").json()["entries"]) == 2
    file = editor.get(f"/directory/export?kind=full&department={PROVIDER}")
    assert file.headers["content-type"] == EXCEL
    again = upload(editor, "目录.xlsx", file.content)
    assert again.text.count("没有改动") >= 2 and "新条目" not in again.text


def test_faults_are_listed_by_place(editor):
    """Wrong cells are listed with sheet, row, column and mend; a broken file is one sentence."""
    wrong = books.book(books.NATIONAL, *books.rows(share=("随便", "", "", "", "", "看情况再说", "", "")))
    page = upload(editor, "目录.xlsx", wrong)
    assert "没有导入任何条目" in page.text and "K（共享类型）" in page.text and "P（更新周期）" in page.text
    house_rules(page.text)
    page = upload(editor, "图.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert page.status_code == 200 and "PNG图片" in page.text
    house_rules(page.text)


def test_contract_file_out_and_in(editor, sign):
    """An entry goes out as ODCS and comes in unchanged; another department neither reads nor overwrites it."""
    upload(editor, "目录.xlsx", books.simple())
    file = editor.get("/entries/jszgxx/odcs")
    assert file.status_code == 200 and b"DataContract" in file.content
    assert upload(editor, "jszgxx.yaml", file.content).status_code == 303
    assert "第" in upload(editor, "坏.yaml", b"apiVersion: v3.1.0\nid: [").text
    other = sign("editor", department=OTHER)
    assert other.get("/entries/jszgxx/odcs").status_code == 404
    assert upload(other, "jszgxx.yaml", file.content).status_code == 403


def test_template_and_print(editor):
    """The empty template has the national columns; the printable page shows sections and items."""
    file = editor.get("/entries/template")
    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).worksheets[0]
    heads = [cell.value for cell in sheet[2]]
    assert heads[:8] == [
        "信息资源分类", "信息资源名称", "信息资源代码", "信息资源提供方", "信息资源提供方代码",
        "信息资源摘要", "信息资源格式", "信息项名称",
    ]  # fmt: skip
    upload(editor, "目录.xlsx", books.simple())
    page = editor.get("/entries/jszgxx/print")
    assert "公民身份号码" in page.text and "每月" in page.text
    house_rules(page.text)
    house_rules(editor.get(f"/directory/print?department={PROVIDER}").text)


def test_over_the_api(editor):
    """Workbook and contract come in and go out over the API."""
    token = {"X-CSRF": csrf(editor, "/entries/import")}
    body = {"name": "目录.xlsx", "content": base64.b64encode(books.simple()).decode()}
    done = editor.post("/api/v1/directory/workbook", json=body, headers=token)
    assert done.status_code == 200 and done.json()["applied"]
    text = editor.get("/api/v1/contracts/jszgxx").text
    answer = editor.post("/api/v1/contracts", json={"name": "a.yaml", "text": text}, headers=token)
    assert answer.json()["what"] == "unchanged"
    assert editor.get(f"/api/v1/directory/workbook?department={PROVIDER}&sharing=true").headers["content-type"] == EXCEL
    assert editor.get("/api/v1/directory/print?dataset=jszgxx").json()[0]["title"] == "教师资格信息"
    body["content"] = base64.b64encode(b"nothing").decode()
    wrong = editor.post("/api/v1/directory/workbook", json=body, headers=token)
    assert wrong.status_code == 422 and wrong.json()["error"]["code"] == "WORKBOOK"


def test_roles(sign):
    """An analyst imports nothing, and exports what is published."""
    analyst = sign("analyst", department=OTHER)
    assert analyst.get("/entries/import").status_code == 403
    assert analyst.get("/directory/export").status_code == 200
    assert "没有可打印的目录条目" in analyst.get("/directory/print").text
