"""Pages of quality: list, entry, result, report."""

from io import BytesIO

import openpyxl

from exchange import sync
from tests.portal.conftest import OTHER, PROVIDER
from tests.portal.test_problems import ADMIN, city, well_made  # noqa: F401 - the fixture


def run_of(hub):
    """The id of the only run."""
    return sync.list_runs(hub, ADMIN)[0].run_id


def test_scores_lead_to_dimensions_and_trend(sign, city):
    """Everybody in business finds the score, its basis and the trend as a chart."""
    client = sign("analyst", department=OTHER)
    assert "/quality/person" in well_made(client.get("/quality"))
    page = well_made(client.get("/quality/person"))
    for words in ("规范性", "可访问性", "不符合", '<svg class="chart"', "GB/T 36344"):
        assert words in page
    assert client.get("/quality.json").json()["scores"][0]["dataset"] == "person"
    assert client.get("/api/v1/quality").json()["items"][0]["dimensions"]
    assert client.get("/quality/nobody").status_code == 404
    assert "/quality/report.xlsx" not in page


def test_the_result_page(sign, hub, city):
    """Each rule stands with counts and row numbers, for the provider and the inspector; others are refused."""
    path = f"/runs/{run_of(hub)}/result"
    page = well_made(sign("editor").get(path))
    assert "kind.sex_code" in page and "不符合" in page and "41" in page
    for client in (sign("editor", login="bie", department=OTHER), sign("analyst", login="fen")):
        assert client.get(path).status_code == 403 and client.get(f"/api/v1{path}").status_code == 403
    assert sign("editor", login="wen").get("/runs/none/result").status_code == 404


def test_the_report_is_a_workbook(sign, hub, city):
    """The provider downloads its report as xlsx; another department's is refused, none is asked for by name."""
    client = sign("dept_reviewer")
    answer = client.get(f"/quality/report.xlsx?department={PROVIDER}")
    assert answer.status_code == 200 and "filename*" in answer.headers["content-disposition"]
    rows = list(openpyxl.load_workbook(BytesIO(answer.content)).active.values)
    assert rows[0][0] == "提供部门代码" and rows[1][0] == PROVIDER
    assert client.get(f"/quality/report.xlsx?department={OTHER}").status_code == 403
    assert client.get("/quality/report.xlsx").status_code == 422
    assert client.get(f"/api/v1/conformance?run={run_of(hub)}").json()["lines"]


def test_without_entries_the_page_leads_on(sign):
    """An empty hub says where entries come from."""
    assert "还没有已发布的目录条目" in well_made(sign("editor").get("/quality"))


def test_the_separated_administrators_are_refused(sign):
    """Quality is business: the audit administrator is told so."""
    assert sign("audit_admin").get("/quality").status_code == 403
