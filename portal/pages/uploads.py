"""The pages of uploads (文件填报): what can be uploaded, a file's faults by place, submit, declare no change."""

from typing import Annotated, Any

from fastapi import File, Form, UploadFile

from exchange import uploads
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from portal.tables import WORKBOOK
from schemas.errors import HubError, NotFound

pages = Pages()
router = pages.router
_RUN_STATES = {
    "published": "已发布",
    "held": "暂缓发布",
    "failed": "失败",
    "discarded": "已作废",
    "superseded": "已被取代",
}


@pages.get("/uploads", action="upload.list", title="文件填报", template="uploads.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the entries that take files and the last uploads."""
    board = uploads.list_uploads(desk.hub, desk.actor)
    return {"entries": board.entries, "uploads": board.uploads, "run_states": _RUN_STATES}


@pages.get("/uploads/template/{dataset}", action="upload.template", title="数据模板", template="uploads.html")
def template(desk: Desk, dataset: str) -> Download:
    """Hands out the data template."""
    made = uploads.data_template(desk.hub, desk.actor, dataset)
    return Download(made.name, made.content, WORKBOOK)


@pages.get("/uploads/new/{dataset}", action="upload.list", title="上传数据", template="upload_new.html")
def asked(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows the form of an entry's upload."""
    return _form(desk, dataset, None)


def _form(desk: Desk, dataset: str, error: HubError | None, kind: str = "full") -> dict[str, Any]:
    board = uploads.list_uploads(desk.hub, desk.actor)
    entry = next((each for each in board.entries if each.dataset == dataset), None)
    if entry is None:
        raise NotFound(
            "没有这个填报条目", "本部门以文件填报方式挂接的条目", "请从“文件填报”页打开", code="UPLOAD_ENTRY"
        )
    last = [each for each in board.uploads if each.dataset == dataset][:5]
    return {"entry": entry, "error": error, "kind": kind, "last": last, "run_states": _RUN_STATES}


@pages.post("/uploads/new/{dataset}", action="upload.check")
def checked(
    desk: Desk,
    dataset: str,
    file: Annotated[UploadFile, File()],
    kind: Annotated[str, Form(max_length=20)] = "full",
) -> Any:
    """Checks a file; its faults are the next page. A file that cannot be read at all is told on the form."""
    try:
        view = uploads.check(desk.hub, desk.actor, dataset, file.filename or "", file.file.read(), kind)
    except HubError as error:
        model = _form(desk, dataset, error, kind)
        return model | {"template": "upload_new.html", "title": "上传数据"}
    return Go(f"/uploads/{view.id}")


@pages.post("/uploads/declare/{dataset}", action="upload.declare")
def declared(desk: Desk, dataset: str, period: Annotated[str, Form(max_length=100)] = "") -> Go:
    """Declares that nothing has changed in this period."""
    view = uploads.declare(desk.hub, desk.actor, dataset, period)
    return Go("/uploads", f"已申报“{view.title}”{view.period}无更新，计为一次更新")


@pages.get("/uploads/{upload_id}", action="upload.show", title="检查结果", template="upload.html")
def shown(desk: Desk, upload_id: str) -> dict[str, Any]:
    """Shows one upload and its faults by place."""
    return {"upload": uploads.show_upload(desk.hub, desk.actor, upload_id), "run_states": _RUN_STATES}


@pages.post("/uploads/{upload_id}/submit", action="upload.submit")
def submitted(desk: Desk, upload_id: str) -> Go:
    """Submits a checked file."""
    view = uploads.submit(desk.hub, desk.actor, upload_id)
    says = {"published": "已提交并发布", "held": "已提交，批次暂缓发布，等待数据管理员处理"}
    return Go(f"/uploads/{view.id}", says.get(view.run_state or "", "已提交"))
