"""Changes of law, organ or duty, the update tasks that they made, and putting a task off once."""

from datetime import date
from typing import Annotated, Any, cast

from fastapi import Form

from exchange import duties
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, InputError, StateError
from schemas.rules.book import book

pages = Pages()
router = pages.router


def _list_model(desk: Desk) -> dict[str, Any]:
    found = duties.list_duties(desk.hub, desk.actor)
    mine = duties.choices_for(desk.actor, desk.hub)
    providers = sorted({(each.provider_code, each.provider_name) for each in mine})
    kinds = list(duties.KIND_NAMES.items())
    return {
        "title": "目录更新事件", "duties": found, "entries": mine, "providers": providers, "kinds": kinds,
        "fault": None, "given": {}, "days": int(book().number("DIRECTORY_UPDATE")),
    }  # fmt: skip


@pages.get("/duties", action="duty.list", title="目录更新事件", template="duties.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the events and offers to register one."""
    return _list_model(desk)


@pages.post("/duties", action="duty.register")
def register(  # noqa: PLR0913, PLR0917 - the fields of the form
    desk: Desk,
    kind: Annotated[str, Form(max_length=20)] = "",
    subject: Annotated[str, Form(max_length=500)] = "",
    document_no: Annotated[str, Form(max_length=500)] = "",
    effective_on: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
    department: Annotated[str, Form(max_length=18)] = "",
    datasets: Annotated[list[str] | None, Form()] = None,
) -> Go | dict[str, Any]:
    """Registers an event; shows the form again with what is wrong."""
    given = {"kind": kind, "subject": subject, "document_no": document_no, "effective_on": effective_on}
    given |= {"note": note, "department": department}
    chosen = [name for name in datasets or [] if name]
    try:
        duty = duties.NewDuty(
            cast(duties.Kind, kind), subject, _day(effective_on), document_no, note, department, tuple(chosen)
        )
        made = duties.register_duty(desk.hub, desk.actor, duty)
    except (InputError, StateError) as error:
        again = _list_model(desk) | {"template": "duties.html", "fault": error}
        return again | {"given": given | {"datasets": chosen}}
    return Go(f"/duties/{made.id}", f"已登记，产生 {len(made.tasks)} 件目录更新任务")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("生效日期的写法不对", "年-月-日，如 2026-01-31", "请改正生效日期", code="DUTY_DATE") from None


def _model(desk: Desk, event_id: int, fault: HubError | None = None) -> dict[str, Any]:
    found = duties.show_duty(desk.hub, desk.actor, event_id)
    most = int(book().number("DIRECTORY_UPDATE_EXTENSION"))
    return {"title": found.title, "duty": found, "fault": fault, "most": most}


@pages.get("/duties/{event_id}", action="duty.show", title="目录更新事件", template="duties_one.html")
def shown(desk: Desk, event_id: int) -> dict[str, Any]:
    """Shows an event with its tasks."""
    return _model(desk, event_id)


@pages.post("/duties/{event_id}/tasks/{task_id}/extension", action="duty.extend")
def extend(
    desk: Desk,
    event_id: int,
    task_id: int,
    days: Annotated[int, Form()] = 0,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Go | dict[str, Any]:
    """Asks to put a task off."""
    try:
        duties.ask_extension(desk.hub, desk.actor, task_id, days, reason)
    except (InputError, StateError) as error:
        return _model(desk, event_id, error) | {"template": "duties_one.html"}
    return Go(f"/duties/{event_id}", "已申请延期，等待主管部门审批")


@pages.post("/duties/{event_id}/tasks/{task_id}/decision", action="duty.decide")
def decide(
    desk: Desk,
    event_id: int,
    task_id: int,
    granted: Annotated[str, Form(max_length=3)] = "",
    opinion: Annotated[str, Form(max_length=1000)] = "",
) -> Go | dict[str, Any]:
    """Grants or refuses to put a task off."""
    try:
        duties.decide_extension(desk.hub, desk.actor, task_id, granted == "yes", opinion)
    except (InputError, StateError) as error:
        return _model(desk, event_id, error) | {"template": "duties_one.html"}
    return Go(f"/duties/{event_id}", "已同意延期" if granted == "yes" else "未同意延期")
