"""Ways in and out by file: the directory's workbook, contract files, the printable directory."""

from typing import Annotated, Any

from fastapi import File, Form, UploadFile

from exchange import directory_workbook, entry_odcs
from exchange.directory_workbook import FileView
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from schemas.errors import InputError

pages = Pages()
router = pages.router
_WHAT = {"new": "新条目", "changed": "有改动", "unchanged": "没有改动"}


@pages.get("/entries/import", action="directory.import", title="导入导出", template="entry_import.html")
def ask(desk: Desk) -> dict[str, Any]:
    """Shows what may be uploaded and taken away."""
    return _model(desk)


@pages.post("/entries/import", action="directory.import")
def upload(
    desk: Desk,
    file: Annotated[UploadFile, File()],
    do: Annotated[str, Form()] = "import",
) -> Any:
    """Imports a workbook or a contract file, or only checks a workbook; faults are listed on the same page."""
    name, content = file.filename or "文件", file.file.read()
    if name.lower().endswith((".yaml", ".yml")):
        return _contract(desk, name, content)
    try:
        result = directory_workbook.import_workbook(desk.hub, desk.actor, name, content, check_only=do == "check")
    except InputError as error:
        return _again(desk, {"error": error})
    return _again(desk, {"result": result})


def _contract(desk: Desk, name: str, content: bytes) -> Any:
    try:
        view = entry_odcs.import_contract(desk.hub, desk.actor, name, entry_odcs.decoded(content, name))
    except InputError as error:
        return _again(desk, {"error": error})
    return Go(f"/entries/{view.dataset}", f"{view.title}：{_WHAT[view.what]}，第 {view.version} 版")


def _again(desk: Desk, facts: dict[str, Any]) -> dict[str, Any]:
    return {"template": "entry_import.html", "title": "导入导出", **_model(desk), **facts}


def _model(desk: Desk) -> dict[str, Any]:
    return {"result": None, "error": None, "what": _WHAT, "own": desk.actor.department}


@pages.get("/entries/template", action="directory.import", title="目录模板", template="entry_import.html")
def template(desk: Desk) -> Download:
    """Hands out the empty template."""
    return _download(directory_workbook.template())


@pages.get("/directory/export", action="directory.export", title="导出目录", template="entry_import.html")
def export(desk: Desk, kind: str = "full", department: str = "") -> Download:
    """Hands out the full or the sharing directory, of one department or of all."""
    wanted = department or None
    return _download(directory_workbook.export_directory(desk.hub, desk.actor, wanted, sharing=kind == "sharing"))


@pages.get("/directory/print", action="directory.print", title="政务数据目录", template="directory_print.html")
def print_all(desk: Desk, department: str = "") -> dict[str, Any]:
    """Shows the directory for printing."""
    return {"printed": directory_workbook.print_directory(desk.hub, desk.actor, department or None)}


@pages.get("/entries/{dataset}/print", action="directory.print", title="目录条目", template="directory_print.html")
def print_one(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows one entry for printing."""
    return {"printed": directory_workbook.print_directory(desk.hub, desk.actor, None, dataset)}


@pages.get("/entries/{dataset}/odcs", action="entry.export", title="导出条目", template="entry_import.html")
def odcs(desk: Desk, dataset: str) -> Download:
    """Hands out an entry as ODCS file."""
    return _download(entry_odcs.export_contract(desk.hub, desk.actor, dataset))


def _download(view: FileView) -> Download:
    return Download(view.name, view.content, view.media_type)
