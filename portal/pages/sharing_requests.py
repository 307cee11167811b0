"""Pages of requests: lists, inbox, overdue, the form, one request with its story and the commands of its life."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Form, Query, UploadFile

from exchange.scans import MOST_BYTES
from exchange.sharing import decisions, disputes, files, form, grants, requests, views
from exchange.sharing.table import COMMANDS, STAGE_NAMES
from exchange.tasks import today
from portal.desk import Desk
from portal.pages.sharing_forms import CommandForm, RequestForm, choices
from portal.routes import Download, Go, Pages
from schemas.errors import HubError, InputError, StateError
from schemas.grants import Quota, RowFilter
from schemas.sharing import Content, FieldFinding, Terms

pages = Pages()
router = pages.router
_A_YEAR = timedelta(days=365)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: vars(module)[name]
    for module in (requests, decisions, disputes, grants)
    for name, row in COMMANDS.items()
    if row.side != "hub" and name in vars(module) and getattr(vars(module)[name], "action", "") == row.action
}


@pages.get("/sharing/requests", action="share.list", title="共享申请", template="sharing_requests.html")
def listed(desk: Desk, stage: Annotated[str, Query(max_length=30)] = "") -> dict[str, Any]:
    """Lists the requests of one's department and those within reach."""
    found = views.list_requests(desk.hub, desk.actor, stage or None)
    return {
        "requests": found,
        "stage": stage,
        "stages": {s.value: name for s, name in STAGE_NAMES.items()},
        "kind": "all",
    }


@pages.get("/sharing/inbox", action="share.inbox", title="待办理的共享申请", template="sharing_requests.html")
def inbox(desk: Desk) -> dict[str, Any]:
    """Lists what waits for the person, soonest due first."""
    return {"requests": views.inbox(desk.hub, desk.actor), "stage": "", "stages": {}, "kind": "inbox"}


@pages.get("/sharing/overdue", action="share.overdue", title="逾期的共享申请", template="sharing_requests.html")
def overdue(desk: Desk) -> dict[str, Any]:
    """Lists what is past its day."""
    return {"requests": views.overdue(desk.hub, desk.actor), "stage": "", "stages": {}, "kind": "overdue"}


@pages.get("/sharing/new/{dataset}", action="share.form", title="共享申请", template="sharing_form.html")
def ask(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows an empty form for an entry, with the own region and a year filled in."""
    entry = form.form_of(desk.hub, desk.actor, dataset)
    regional = next((item.name for item in entry.items if item.regional), None)
    rows = RowFilter(regional, (entry.region,)) if regional and entry.region else RowFilter()
    ends = today(desk.hub) + _A_YEAR
    blank = Terms((), rows, (), (), ends, None, Quota(keys_a_day=1000))
    return _form(entry, Content(entry.dataset, blank), f"/sharing/new/{entry.dataset}")


def _form(
    entry: form.RequestForm,
    content: Content,
    to: str,
    fault: HubError | None = None,
    found: list[FieldFinding] | None = None,
) -> dict[str, Any]:
    title = f"申请使用：{entry.title}"
    shown = {"title": title, "entry": entry, "content": content, "to": to, "fault": fault, "findings": found or []}
    return shown | choices()


@pages.post("/sharing/new/{dataset}", action="share.draft")
def draft(desk: Desk, dataset: str, form_: Annotated[RequestForm, Form()]) -> Go | dict[str, Any]:
    """Records a draft; what is still wrong is shown on its page."""
    try:
        made = requests.draft(desk.hub, desk.actor, form_.content(dataset))
    except (InputError, StateError) as error:
        return _again(desk, dataset, form_, f"/sharing/new/{dataset}", error)
    return Go(f"/sharing/requests/{made.number}", "已保存草稿")


def _again(desk: Desk, dataset: str, form_: RequestForm, to: str, fault: HubError) -> dict[str, Any]:
    """Shows the form again as it was typed, but for what could not be read."""
    entry = form.form_of(desk.hub, desk.actor, dataset)
    readable = form_.model_copy(
        update={"starts": "", "ends": "", "keys_a_day": "", "rows_an_export": "", "rows_a_query": "",
                "minimum_rows": "", "frequency": "on_demand"}
    )  # fmt: skip
    return {"template": "sharing_form.html", **_form(entry, readable.content(dataset), to, fault)}


@pages.get("/sharing/requests/{number}/edit", action="share.edit", title="修改共享申请", template="sharing_form.html")
def change(desk: Desk, number: str) -> dict[str, Any]:
    """Shows the form of a draft or of a returned request."""
    found = views.show_request(desk.hub, desk.actor, number)
    entry = form.form_of(desk.hub, desk.actor, found.request.dataset)
    return _form(entry, found.content, f"/sharing/requests/{number}/edit", None, list(found.findings))


@pages.post("/sharing/requests/{number}/edit", action="share.edit")
def edit(desk: Desk, number: str, form_: Annotated[RequestForm, Form()]) -> Go | dict[str, Any]:
    """Replaces a request's content."""
    dataset = views.show_request(desk.hub, desk.actor, number).request.dataset
    try:
        requests.edit(desk.hub, desk.actor, number, form_.content(dataset))
    except (InputError, StateError) as error:
        return _again(desk, dataset, form_, f"/sharing/requests/{number}/edit", error)
    return Go(f"/sharing/requests/{number}", "已保存")


@pages.get("/sharing/requests/{number}", action="share.show", title="共享申请", template="sharing_request.html")
def shown(desk: Desk, number: str) -> dict[str, Any]:
    """Shows a request, its story and what the person may do."""
    return _model(desk, number)


def _model(desk: Desk, number: str) -> dict[str, Any]:
    found = views.show_request(desk.hub, desk.actor, number)
    title = f"共享申请 {number}"
    return {"title": title, "found": found, "fault": None, "opinion": "", **choices()}


@pages.post("/sharing/requests/{number}/files", action="share.attach")
def attach(desk: Desk, number: str, file: UploadFile) -> Go | dict[str, Any]:
    """Adds an attachment."""
    try:
        files.attach(desk.hub, desk.actor, number, file.filename or "", file.file.read(MOST_BYTES + 1))
    except (InputError, StateError) as error:
        return _model(desk, number) | {"template": "sharing_request.html", "fault": error}
    return Go(f"/sharing/requests/{number}", "已上传附件")


@pages.get("/sharing/requests/{number}/files/{file_id}", action="share.file", title="附件", template="error.html")
def file(desk: Desk, number: str, file_id: int) -> Download:
    """Hands out an attachment."""
    found = files.show_file(desk.hub, desk.actor, number, file_id)
    return Download(found.name, found.content, found.media_type)


def _declare(name: str, use_case: Callable[..., Any]) -> None:
    """Declares the route of one command: done, or the request's page again with what is wrong."""
    row = COMMANDS[name]

    def give(desk: Desk, number: str, form_: Annotated[CommandForm, Form()]) -> Go | dict[str, Any]:
        try:
            moved = use_case(desk.hub, desk.actor, number, **form_.facts(name, narrows=row.narrows))
        except (InputError, StateError) as error:
            again = {"template": "sharing_request.html", "fault": error, "opinion": form_.opinion}
            return _model(desk, number) | again
        said = f"已{row.title}，现为“{moved.stage_name}”" + (f"，授权 {moved.grant}" if moved.grant else "")
        return Go(f"/sharing/requests/{number}", said)

    pages.post(f"/sharing/requests/{{number}}/{name}", action=row.action)(give)


for _name, _use_case in _FUNCTIONS.items():
    if _name != "edit":
        _declare(_name, _use_case)
