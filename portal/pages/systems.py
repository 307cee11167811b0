"""The pages of the survey of information systems: list, import with faults, template, systems without entries."""

from typing import Annotated, Any

from fastapi import File, UploadFile

from exchange import survey
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from portal.tables import WORKBOOK
from schemas.errors import HubError

pages = Pages()
router = pages.router


@pages.get("/systems", action="system.list", title="信息系统", template="systems.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the information systems."""
    return _page(desk)


def _page(desk: Desk, **facts: Any) -> dict[str, Any]:
    found = survey.list_systems(desk.hub, desk.actor)
    return {"survey": found, "systems": found.systems, "error": None, "faults": (), "rows": 0, **facts}


@pages.get("/systems/template", action="system.template", title="普查模板", template="systems.html")
def template(desk: Desk) -> Download:
    """Hands out the survey template."""
    made = survey.survey_template(desk.hub, desk.actor)
    return Download(made.name, made.content, WORKBOOK)


@pages.get("/systems/report", action="system.report", title="未编目信息系统", template="systems.html")
def report(desk: Desk) -> Any:
    """Hands out the systems that no entry comes from."""
    made = survey.systems_without_entries(desk.hub, desk.actor)
    return Download(made.name, made.content, WORKBOOK)


@pages.post("/systems/import", action="system.import")
def imported(desk: Desk, file: Annotated[UploadFile, File()]) -> Any:
    """Imports a survey sheet; its faults are shown, and then nothing was taken in."""
    shown = {"template": "systems.html", "title": "信息系统"}
    try:
        done = survey.import_systems(desk.hub, desk.actor, file.file.read())
    except HubError as error:
        return _page(desk, error=error) | shown
    if done.faults:
        return _page(desk, faults=done.faults, rows=done.rows) | shown
    return Go("/systems", f"已导入 {done.rows} 个信息系统，新增 {done.added} 个，更新 {done.changed} 个")
