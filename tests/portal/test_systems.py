"""The page and the API of the survey: import, faults by place, list, other departments."""

from tests.exchange.test_survey import sheet, system
from tests.portal.conftest import OTHER
from tests.portal.test_uploads import csrf_of


def send(client, content):
    """Imports a sheet through the form."""
    form = client.get("/systems")
    assert form.status_code == 200, form.text
    return client.post("/systems/import", data={"csrf": csrf_of(form)}, files={"file": ("普查.xlsx", content)})


def test_import_and_list(sign):
    """Faults are shown and nothing is taken in; the mended sheet is in the list; another department sees nothing."""
    client = sign("editor")
    assert "还没有登记信息系统" in client.get("/systems").text
    assert client.get("/systems/template").content[:2] == b"PK"
    wrong = send(client, sheet(system("人口系统", "留着")))
    assert wrong.status_code == 200 and "<td>J2</td>" in wrong.text and "全部没有导入" in wrong.text
    assert "文件不是工作簿" in send(client, b"nothing").text
    assert send(client, sheet(system("人口系统"), system("旧台账", "清理"))).headers["location"] == "/systems"
    page = client.get("/systems")
    assert "人口系统" in page.text and "未编目" in page.text and "已导入 2 个" in page.text
    assert client.get("/systems/report").content[:2] == b"PK"
    other = sign("editor", department=OTHER)
    assert "人口系统" not in other.get("/systems").text
    assert other.get("/systems.json").json()["systems"] == []
    assert sign("window").get("/systems").status_code == 403


def test_api(sign):
    """The same over the API; faults are answered with 422."""
    client = sign("dept_admin")
    token = {"X-CSRF": csrf_of(client.get("/systems"))}
    files = {"file": ("普查.xlsx", sheet(system("人口系统", "留着")))}
    bad = client.post("/api/v1/systems/import", files=files, headers=token)
    assert bad.status_code == 422 and bad.json()["faults"][0]["cell"] == "J2"
    files = {"file": ("普查.xlsx", sheet(system("人口系统")))}
    assert client.post("/api/v1/systems/import", files=files, headers=token).json()["added"] == 1
    assert client.get("/api/v1/systems").json()["without_entries"] == 1
    assert client.get("/api/v1/systems/template").content[:2] == b"PK"
    assert client.get("/api/v1/systems/report").content[:2] == b"PK"
