"""Pages of quality: scores of all entries, one entry with its trend, a run's result, the conformance report."""

from typing import Annotated, Any

from fastapi import Query

from exchange import conformance, quality_scores
from portal.charts import Point, lines
from portal.desk import Desk
from portal.routes import Download, Pages
from portal.tables import WORKBOOK

pages = Pages()
router = pages.router
_GOOD, _FAIR = 90, 60


def grade(points: float | None) -> str:
    """Returns the tag of a score: good from 90, warn from 60, bad below."""
    if points is None:
        return ""
    return "good" if points >= _GOOD else "warn" if points >= _FAIR else "bad"


@pages.get("/quality", action="quality.show", title="质量", template="quality.html")
def scores(desk: Desk) -> dict[str, Any]:
    """Lists the entries by score."""
    found = quality_scores.list_scores(desk.hub, desk.actor)
    departments = sorted({(each.department_code, each.department_name) for each in found})
    return {"scores": found, "departments": departments}


@pages.get("/quality/report.xlsx", action="quality.report", title="合规报告", template="quality.html")
def report(
    desk: Desk,
    department: Annotated[str, Query(max_length=18)] = "",
    run: Annotated[str, Query(max_length=60)] = "",
) -> Download:
    """Hands out the conformance report of a department or a batch."""
    found = conformance.report(desk.hub, desk.actor, department, run)
    return Download(found.name, conformance.as_workbook(found), WORKBOOK)


@pages.get("/quality/{dataset}", action="quality.entry", title="质量", template="quality_entry.html")
def entry(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows an entry's dimensions and their trend."""
    found = quality_scores.entry_quality(desk.hub, desk.actor, dataset)
    points = [
        Point(f"{each.at:%m-%d}" if each.at else "", each.total, f"{each.run_id}：{each.total}", grade(each.total))
        for each in found.trend
        if each.total is not None
    ]
    chart = lines("trend", "各批次的质量总分", points, "分")
    return {"title": f"质量：{found.score.title}", "found": found, "chart": chart}


@pages.get("/runs/{run_id}/result", action="sync.result", title="校验结果", template="quality_result.html")
def result(desk: Desk, run_id: str) -> dict[str, Any]:
    """Shows the validation result of a run."""
    found = quality_scores.run_result(desk.hub, desk.actor, run_id)
    return {"title": f"校验结果：{found.title}", "found": found}
