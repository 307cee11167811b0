"""The pages and the API of uploads: form, faults by place, submit, declaration, other departments."""

import pytest

from exchange import entries
from exchange.upload_files import upload_location
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, people, unattached
from tests.exchange.test_uploads import workbook
from tests.portal.conftest import OTHER


@pytest.fixture
def person(hub):
    """An entry whose department uploads files."""
    server = {"connector": "file", "location": upload_location("person"), "format": "workbook", "mode": "snapshot"}
    entries.apply(hub, ADMIN, contract(server=server), "person.yaml", publish=True)
    return "person"


def csrf_of(page):
    """Reads the form's token."""
    return page.text.split('name="csrf" value="')[1].split('"')[0]


def send(client, content, kind="full"):
    """Uploads a file through the form."""
    form = client.get("/uploads/new/person")
    assert form.status_code == 200, form.text
    data = {"csrf": csrf_of(form), "kind": kind}
    return client.post("/uploads/new/person", data=data, files={"file": ("人口.xlsx", content)})


def test_upload_with_faults_then_mended(sign, person):
    """Faults are shown by sheet, row and column and nothing is published; the mended file is submitted."""
    client = sign("editor")
    page = client.get("/uploads")
    assert "人口person" in page.text and 'href="/uploads/template/person"' in page.text
    assert client.get("/uploads/template/person").content[:2] == b"PK"
    rows = people(3)
    rows[1] = rows[1] | {"xb": "8"}
    answer = send(client, workbook(rows))
    report = client.get(answer.headers["location"])
    assert answer.status_code == 303 and "CODE_UNKNOWN" in report.text and "<td>C3</td>" in report.text
    assert "改正后重新上传" in report.text and rows[1]["gmsfhm"] not in report.text
    at = send(client, workbook(people(3))).headers["location"]
    report = client.get(at)
    assert "没有错误，可以提交" in report.text
    done = client.post(f"{at}/submit", data={"csrf": csrf_of(report)})
    assert done.status_code == 303
    after = client.get(done.headers["location"])
    assert "已提交并发布" in after.text and "已发布" in after.text
    assert client.get(f"{at}.json").json()["upload"]["run_state"] == "published"


def test_a_file_that_cannot_be_read_is_told_on_the_form(sign, person):
    """The form comes again with what is wrong."""
    answer = send(sign("editor"), b"not a workbook")
    assert answer.status_code == 200 and 'role="alert"' in answer.text and "不是工作簿" in answer.text


def test_declaration(sign, person):
    """A declaration goes back to the list and is in it."""
    client = sign("editor")
    at = send(client, workbook(people(2))).headers["location"]
    client.post(f"{at}/submit", data={"csrf": csrf_of(client.get(at))})
    form = client.get("/uploads/new/person")
    answer = client.post("/uploads/declare/person", data={"csrf": csrf_of(form), "period": "2026年11月"})
    assert answer.headers["location"] == "/uploads"
    assert "本期无更新" in client.get("/uploads").text


def test_other_departments_and_roles(sign, person):
    """Another department sees an empty list and opens nothing; a window may not even look."""
    at = send(sign("editor"), workbook(people(2))).headers["location"]
    other = sign("editor", department=OTHER)
    assert "没有以文件填报的目录条目" in other.get("/uploads").text
    assert other.get("/uploads/new/person").status_code == 404
    assert other.get(at).status_code == 403
    assert other.get("/uploads/template/person").status_code == 403
    assert sign("window").get("/uploads").status_code == 403


def test_api(sign, person):
    """The same over the API: multipart check, faults as JSON, submit."""
    client = sign("editor")
    assert [e["dataset"] for e in client.get("/api/v1/uploads").json()["entries"]] == ["person"]
    assert client.get("/api/v1/uploads/template/person").content[:2] == b"PK"
    token = {"X-CSRF": csrf_of(client.get("/uploads/new/person"))}
    files = {"file": ("人口.xlsx", workbook(people(2)))}
    refused = client.post("/api/v1/uploads/new/person", files=files)
    assert refused.json()["error"]["code"] == "CSRF"
    view = client.post("/api/v1/uploads/new/person", files=files, headers=token).json()
    assert view["state"] == "checked"
    done = client.post(f"/api/v1/uploads/{view['id']}/submit", headers=token).json()
    assert done["run_state"] == "published"
    bad = client.post("/api/v1/uploads/declare/person", json={"period": ""}, headers=token)
    assert bad.status_code == 422 and bad.json()["error"]["code"] == "PERIOD"


def test_a_department_without_a_system_attaches_by_upload(sign, hub):
    """From the attachment's page: register the upload, try it with a file, submit; the authority agrees."""
    entries.apply(hub, ADMIN, unattached("hands"), "hands.yaml", publish=True)
    editor, authority = sign("editor"), sign("data_admin")
    page = editor.get("/entries/hands/attach")
    csrf = {"csrf": csrf_of(page)}
    assert "没有业务系统：文件填报" in page.text
    assert editor.post("/entries/hands/attach/upload", data=csrf).status_code == 303
    page = editor.get("/entries/hands/attach").text
    assert "试填报" in page and "/uploads/template/hands" in page and "试加载</button>" not in page
    wrong = editor.post("/entries/hands/attach/try-file", data=csrf, files={"file": ("a.xlsx", b"no")})
    assert wrong.status_code == 200 and "不是工作簿" in wrong.text
    files = {"file": ("a.xlsx", workbook(people(3)))}
    assert editor.post("/entries/hands/attach/try-file", data=csrf, files=files).status_code == 303
    assert editor.post("/entries/hands/attach/submit", data=csrf).status_code == 303
    token = csrf_of(authority.get("/entries/hands/attach"))
    assert (
        authority.post("/entries/hands/attach/decide", data={"csrf": token, "decision": "approve"}).status_code == 303
    )
    assert "hands" in editor.get("/uploads").text
    assert 'href="/uploads/new/hands"' in editor.get("/entries/hands").text


def test_an_upload_has_no_schedule_to_run(sign, person):
    """The schedule's page says that files are handed in, offers the upload and neither a run nor Airflow."""
    client = sign("editor")
    page = client.get("/entries/person/schedule").text
    assert "由部门文件填报，没有同步计划" in page and 'href="/uploads/new/person"' in page
    assert "立即同步" not in page and "Airflow" not in page
