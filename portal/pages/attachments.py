"""The page of an entry's attachment (挂接): choose, map, preview, try, submit, review, revoke."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from pydantic import BaseModel, Field

from exchange import attachments, connections, drafting, preview
from exchange.preview import Proposal
from exchange.schedules import cron_meaning
from exchange.upload_files import upload_attachment
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.entry import Attachment
from schemas.errors import ContractError, HubError, InputError, SourceError, StateError

pages = Pages()
router = pages.router
MODES = {"snapshot": "全量", "watermark": "增量(时间戳)", "change_flag": "增量(标志位)"}
_TONES = {"published": "good", "publish_rejected": "bad", "revoked": "bad", "closed": "", "created": "blue"}
Words = Annotated[str, Form(max_length=500)]


@pages.get("/attachments", action="attachment.list", title="挂接", template="attachments.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the attachments within reach, those that wait for review first."""
    found = attachments.list_attachments(desk.hub, desk.actor)
    waiting = {"publish_pending", "revoke_pending"}
    return {"attachments": sorted(found, key=lambda each: (each.state not in waiting, each.dataset)), "tones": _TONES}


@pages.get("/entries/{dataset}/attach", action="attachment.show", title="挂接", template="attach.html")
def shown(desk: Desk, dataset: str, connection: str = "", table: str = "", schema: str = "") -> dict[str, Any]:
    """Shows an entry's attachment; with a connection its tables, with a table the proposed mapping."""
    return _page(desk, dataset, (connection, schema, table))


def _page(
    desk: Desk, dataset: str, chosen: tuple[str, str, str] = ("", "", ""), error: HubError | None = None
) -> dict[str, Any]:
    view = attachments.show(desk.hub, desk.actor, dataset)
    may_save = "save" in view.commands and desk.may("attachment.save")
    name, schema, table = chosen
    data: dict[str, Any] = {
        "title": f"挂接：{view.title}",
        "view": view,
        "tone": _TONES.get(view.state, "warn"),
        "modes": MODES,
        "meaning": cron_meaning(view.schedule) if view.schedule else "",
        "error": error,
        "connections": connections.list_connections(desk.hub, desk.actor) if may_save else [],
        "tables": [],
        "proposal": None,
        "chosen": {"connection": name, "schema": schema, "table": table},
        "readings": [],
        "may_save": may_save,
    }
    if may_save and name and table:
        proposal = preview.propose_attachment(desk.hub, desk.actor, dataset, name, table, schema or None)
        same = (view.connection, view.table) == (name, table) and view.state != "none"
        data |= {
            "proposal": proposal,
            "readings": _readings(proposal),
            "mapping": view.mapping if same else proposal.mapping,
        }
        data["schedule"] = view.schedule if same and view.schedule else proposal.schedule
        data["reading"] = _reading(proposal.attachment)
    elif may_save and name:
        data["tables"] = drafting.list_tables(desk.hub, desk.actor, name)
    return data


def _reading(attachment: Attachment) -> str:
    column = attachment.watermark_column
    return f"watermark:{column}" if attachment.mode == "watermark" else attachment.mode


def _readings(proposal: Proposal) -> list[tuple[str, str]]:
    """Lists the ways to read the table: whole, by each column of time, by change flags where they were found."""
    ways = [("snapshot", "全量")]
    if proposal.attachment.connector != "file":
        times = [column.name for column in proposal.columns if column.type.startswith(("timestamp", "date"))]
        ways += [(f"watermark:{name}", f"增量(时间戳)：按 {name}") for name in times]
    if proposal.attachment.mode == "change_flag":
        ways.append(("change_flag", "增量(标志位)"))
    known = _reading(proposal.attachment)
    return ways if known in dict(ways) else [*ways, (known, known)]


class AttachForm(BaseModel):
    """The form of an attachment: the table, how it is read, and one column for each item."""

    connection: str = Field(max_length=64)
    table: str = Field(max_length=255)
    db_schema: str = Field("", max_length=128)
    reading: str = Field(max_length=200)
    schedule: str = Field(max_length=100)
    window: str = Field("", max_length=11)
    item: list[str]
    source: list[str]

    def attachment(self, proposed: Attachment) -> Attachment:
        """Returns the attachment as the form says it is read."""
        mode, _, column = self.reading.partition(":")
        if mode not in MODES:
            raise InputError("读取方式不可用", "、".join(MODES.values()), "请改选", code="MODE")
        window = self.window.strip().split("-") if self.window.strip() else None
        times = (window[0], window[-1]) if window else None
        return replace(proposed, mode=mode, watermark_column=column or None, reading_window=times)  # type: ignore[arg-type]


@pages.post("/entries/{dataset}/attach", action="attachment.save")
def saved(desk: Desk, dataset: str, form: Annotated[AttachForm, Form()]) -> Go | dict[str, Any]:
    """Registers the attachment; a fault gives the page back."""
    chosen = (form.connection, form.db_schema, form.table)
    try:
        proposal = preview.propose_attachment(
            desk.hub, desk.actor, dataset, form.connection, form.table, form.db_schema or None
        )
        mapping = dict(zip(form.item, form.source, strict=False))
        there = form.attachment(proposal.attachment)
        attachments.save(desk.hub, desk.actor, dataset, there, mapping, form.schedule)
    except (InputError, StateError, SourceError) as error:
        return {"template": "attach.html", **_page(desk, dataset, chosen, error)}
    return Go(f"/entries/{dataset}/attach", "挂接已登记。请试加载。")


@pages.get(
    "/entries/{dataset}/attach/preview", action="attachment.preview", title="预览", template="attach_preview.html"
)
def previewed(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows twenty masked rows."""
    shown = preview.preview(desk.hub, desk.actor, dataset)
    return {"dataset": dataset, "titles": shown.titles, "rows": shown.rows}


@pages.post("/entries/{dataset}/attach/try", action="attachment.try")
def tried(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Tries the attachment with real rows."""
    try:
        view = attachments.try_attachment(desk.hub, desk.actor, dataset)
    except (ContractError, StateError, SourceError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    trial = view.trial or {}
    return Go(f"/entries/{dataset}/attach", f"试加载完成：读取 {trial.get('rows')} 行，质量分 {trial.get('score'):g}。")


@pages.post("/entries/{dataset}/attach/upload", action="attachment.save")
def by_upload(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Registers that the department hands its rows in as files (文件填报)."""
    view = attachments.show(desk.hub, desk.actor, dataset)
    mapping = {item["name"]: item["source"] for item in view.items}
    try:
        attachments.save(desk.hub, desk.actor, dataset, upload_attachment(dataset), mapping, "")
    except (ContractError, InputError, StateError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    return Go(f"/entries/{dataset}/attach", "已登记为文件填报。请下载数据模板，填写几条真实的记录后试填报。")


@pages.post("/entries/{dataset}/attach/try-file", action="attachment.try_file")
def tried_file(desk: Desk, dataset: str, file: Annotated[UploadFile, File()]) -> Go | dict[str, Any]:
    """Tries an attachment by upload with a filled template."""
    try:
        view = attachments.try_uploaded(desk.hub, desk.actor, dataset, file.filename or "", file.file.read())
    except (ContractError, InputError, StateError, SourceError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    trial = view.trial or {}
    return Go(f"/entries/{dataset}/attach", f"试填报完成：{trial.get('rows')} 条记录，质量分 {trial.get('score'):g}。")


@pages.post("/entries/{dataset}/attach/submit", action="attachment.submit")
def submitted(desk: Desk, dataset: str) -> Go | dict[str, Any]:
    """Submits the attachment for review."""
    try:
        attachments.submit(desk.hub, desk.actor, dataset)
    except (ContractError, StateError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    return Go(f"/entries/{dataset}/attach", "已提交挂接审核。")


@pages.post("/entries/{dataset}/attach/decide", action="attachment.decide")
def decided(
    desk: Desk, dataset: str, decision: Annotated[str, Form(max_length=10)], opinion: Words = ""
) -> Go | dict[str, Any]:
    """Approves or returns what was submitted."""
    try:
        view = attachments.decide(desk.hub, desk.actor, dataset, decision == "approve", opinion)
    except (InputError, StateError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    return Go(f"/entries/{dataset}/attach", f"已办理：挂接{view.state_name}。")


@pages.post("/entries/{dataset}/attach/revoke", action="attachment.revoke")
def revoked(desk: Desk, dataset: str, reason: Words = "") -> Go | dict[str, Any]:
    """Asks that the attachment be revoked."""
    try:
        attachments.revoke(desk.hub, desk.actor, dataset, reason)
    except (InputError, StateError) as error:
        return {"template": "attach.html", **_page(desk, dataset, error=error)}
    return Go(f"/entries/{dataset}/attach", "已申请撤销挂接，待主管部门审核；审核前照常同步。")


@pages.post("/entries/{dataset}/attach/close", action="attachment.close")
def closed(desk: Desk, dataset: str) -> Go:
    """Closes an attachment that is not in force."""
    attachments.close(desk.hub, desk.actor, dataset)
    return Go(f"/entries/{dataset}/attach", "挂接已关闭。")
