"""Every table of every page is a file too: Excel with codes as text, CSV that runs no formula, the same to see."""

import csv
import io
import re
from html import unescape
from urllib.parse import unquote

import openpyxl
import pytest

from exchange import connections, entries, sync
from exchange.access import local_administrator
from exchange.spreadsheets import MARK
from portal.tables import as_file, tables_of, with_downloads
from tests.exchange.small_city import citizen_id, contract, people, person, table_server
from tests.portal.conftest import OTHER
from tests.portal.page_rules import crawl

_NAME = "卡那瑞"
PAGE = """<table id="t"><caption>名单，共 <b>2</b> 行</caption>
<thead><tr><th scope="col">代码</th><th scope="col" class="n">行数</th><th scope="col">说明</th></tr></thead><tbody>
<tr><td>001620402199001010018</td><td class="n">12,345</td><td>=1+1<form><button>办理</button></form></td></tr>
<tr><td>0712</td><td class="n">—</td><td>甲<br><span class="quiet">乙</span></td></tr></tbody></table>
<table class="fields"><caption>表单</caption><tbody><tr><td>x</td></tr></tbody></table>"""


@pytest.fixture
def busy_hub(hub, police):
    """A hub with a published dataset that has problem rows."""
    admin = local_administrator()
    connections.set_connection(hub, admin, "police", police.url)
    entries.apply(hub, admin, contract(server=table_server()), "person.yaml", publish=True)
    police.put([person(0) | {"xb": "7", "xm": _NAME}, *people(60, start=1)])
    sync.run(hub, admin, "person")
    return hub


def sheet_of(content):
    """Reads a workbook: the values and the cells of its only sheet."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [[cell.value for cell in row] for row in book.active.iter_rows()], book.active


def csv_of(content):
    """Reads a CSV file of ours."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_workbook_keeps_codes_as_text_and_counts_as_numbers():
    """A long code keeps its digits and zeros, a count is a number, a formula is plain text, a form is left out."""
    name, content, _ = as_file(PAGE, "目录", 1, "xlsx")
    rows, sheet = sheet_of(content)
    assert name == "目录_名单.xlsx"
    assert rows == [["代码", "行数", "说明"], ["001620402199001010018", 12345, "=1+1"], ["0712", "—", "甲 乙"]]
    assert [cell.data_type for cell in sheet[2]] == ["s", "n", "s"] and sheet["A2"].number_format == "@"


def test_csv_has_a_mark_and_no_cell_that_starts_a_formula():
    """The file begins with the UTF-8 mark; what a table program would run gets a quote before it."""
    name, content, media_type = as_file(PAGE, "目录", 1, "csv")
    assert (name, media_type) == ("目录_名单.csv", "text/csv; charset=utf-8")
    assert content.decode().startswith(MARK)
    assert csv_of(content)[1] == ["001620402199001010018", "12345", "'=1+1"]


def test_tables_of_forms_get_no_file():
    """A table of the class `fields` is a part of a form; the others are counted without it."""
    assert [table.caption for table in tables_of(PAGE)] == ["名单，共 2 行"]
    shown = with_downloads(PAGE, "/x", [("a", "1"), ("table", "9")])
    assert re.findall(r'href="([^"]+)"', shown) == ["/x.xlsx?a=1&amp;table=1", "/x.csv?a=1&amp;table=1"]


def test_every_table_of_every_page_is_a_file(busy_hub, sign):
    """Each table's own links give a workbook and a CSV with as many rows and columns as the page shows."""
    client, seen = sign("data_admin"), set()
    for address, _, page in crawl(client):
        place = address.partition("?")[0]
        if page is None or place in seen:
            continue
        seen.add(place)
        text = client.get(address).text
        shown = tables_of(text)
        links = [unescape(link) for link in re.findall(r'href="([^"]+[.](?:xlsx|csv)[?][^"]+)" download', text)]
        assert len(links) == 2 * len(shown), address
        for number, link in enumerate(links):
            answer, table = client.get(link), shown[number // 2]
            assert answer.status_code == 200, link
            rows = csv_of(answer.content) if ".csv?" in link else sheet_of(answer.content)[0]
            assert len(rows) == 1 + len(table.rows) and len(rows[0]) == len(table.headings), link
    assert len(seen) > 20


def test_a_file_holds_what_the_page_shows_to_that_person(busy_hub, sign):
    """The provider's list has the row in clear, the data administrator's is masked, others get none."""
    for role, clear in (("editor", True), ("data_admin", False)):
        client = sign(role)
        for kind in ("xlsx", "csv"):
            answer = client.get(f"/problems/person/rows?kind={kind}")
            assert answer.status_code == 200, answer.text
            rows = csv_of(answer.content) if kind == "csv" else sheet_of(answer.content)[0]
            held = repr(rows)
            assert len(rows) == 2 and rows[1][rows[0].index("性别代码")] == "7" and "性别代码" in rows[1][3]
            assert (citizen_id(0) in held) is clear and (_NAME in held) is clear
    for role in ("analyst", "inspector", "system_admin", "security_admin", "audit_admin"):
        client = sign(role)
        ways = ("person.xlsx", "person.csv", "person.json", "person/rows", "person/rows?kind=csv", "person")
        assert [client.get(f"/problems/{way}").status_code for way in ways] == [403] * 6
        assert client.get("/api/v1/problems/person/rows").status_code == 403
    assert sign("editor", department=OTHER).get("/problems/person/rows").status_code == 403


def test_a_table_that_is_not_there(sign):
    """A number beyond the page's tables is told, not guessed."""
    answer = sign("data_admin").get("/departments.csv?table=7")
    assert answer.status_code == 404 and "没有第 7 个表格" in answer.text
    name = sign("data_admin").get("/departments.csv").headers["content-disposition"]
    assert unquote(name).endswith(".csv")
