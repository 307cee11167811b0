"""Pages of what keeps grants from binding, and of what binds without one: freezes, recalls, emergency openings."""

from typing import Annotated, Any, cast

from fastapi import Form

from exchange.sharing import emergency, freezes, recalls
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, InputError, StateError

pages = Pages()
router = pages.router
_Short = Annotated[str, Form(max_length=200)]
_Long = Annotated[str, Form(max_length=2000)]


@pages.get("/sharing/freezes", action="freeze.list", title="冻结", template="sharing_freezes.html")
def frozen(desk: Desk) -> dict[str, Any]:
    """Lists the freezes within reach."""
    return _freezes(desk, None)


def _freezes(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    found = freezes.list_freezes(desk.hub, desk.actor)
    return {"title": "冻结", "freezes": found, "kinds": freezes.KIND_NAMES, "fault": fault}


@pages.post("/sharing/freezes", action="freeze.set")
def freeze(desk: Desk, kind: _Short, target: _Short, reason: _Long) -> Go | dict[str, Any]:
    """Freezes a department, an account or a dataset."""
    try:
        done = freezes.freeze(desk.hub, desk.actor, cast(freezes.Kind, kind), target, reason)
    except (InputError, StateError) as error:
        return _freezes(desk, error) | {"template": "sharing_freezes.html"}
    return Go("/sharing/freezes", f"已冻结{done.kind_name} {done.target_name}")


@pages.post("/sharing/freezes/{freeze_id}/lift", action="freeze.lift")
def lift_freeze(desk: Desk, freeze_id: int, reason: _Long) -> Go | dict[str, Any]:
    """Ends a freeze."""
    try:
        freezes.lift(desk.hub, desk.actor, freeze_id, reason)
    except (InputError, StateError) as error:
        return _freezes(desk, error) | {"template": "sharing_freezes.html"}
    return Go("/sharing/freezes", "已解除冻结")


@pages.get("/sharing/recalls", action="recall.list", title="数据召回", template="sharing_recalls.html")
def recalled(desk: Desk) -> dict[str, Any]:
    """Lists the recalls of one's data, and those that one's department was told of."""
    return _recalls(desk, None)


def _recalls(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    return {"title": "数据召回", "recalls": recalls.list_recalls(desk.hub, desk.actor), "fault": fault}


@pages.post("/sharing/recalls", action="recall.raise")
def recall(desk: Desk, dataset: _Short, version: Annotated[int, Form()], reason: _Long) -> Go | dict[str, Any]:
    """Recalls a version of a dataset."""
    try:
        done = recalls.raise_recall(desk.hub, desk.actor, dataset, version, reason)
    except (InputError, StateError) as error:
        return _recalls(desk, error) | {"template": "sharing_recalls.html"}
    return Go("/sharing/recalls", f"已召回，并通知 {len(done.notices)} 个部门")


@pages.post("/sharing/recalls/{recall_id}/acknowledge", action="recall.acknowledge")
def acknowledge(desk: Desk, recall_id: int, note: _Long = "") -> Go:
    """Records that one's department has stopped using a recalled batch."""
    recalls.acknowledge(desk.hub, desk.actor, recall_id, note)
    return Go("/sharing/recalls", "已确认")


@pages.post("/sharing/recalls/{recall_id}/lift", action="recall.lift")
def lift_recall(desk: Desk, recall_id: int) -> Go:
    """Ends a recall."""
    recalls.lift(desk.hub, desk.actor, recall_id)
    return Go("/sharing/recalls", "已结束召回")


@pages.get("/sharing/emergencies", action="emergency.list", title="应急查询", template="sharing_emergencies.html")
def emergencies(desk: Desk) -> dict[str, Any]:
    """Lists the emergency openings within reach."""
    return _emergencies(desk, None)


def _emergencies(desk: Desk, fault: HubError | None) -> dict[str, Any]:
    return {"title": "应急查询", "openings": emergency.report(desk.hub, desk.actor), "fault": fault}


@pages.post("/sharing/emergencies", action="emergency.open")
def open_emergency(desk: Desk, dataset: _Short, reason: _Long, hours: Annotated[int, Form()]) -> Go | dict[str, Any]:
    """Asks for an emergency opening."""
    try:
        done = emergency.open_emergency(desk.hub, desk.actor, dataset, reason, hours)
    except (InputError, StateError) as error:
        return _emergencies(desk, error) | {"template": "sharing_emergencies.html"}
    return Go("/sharing/emergencies", f"已申请应急查询 {done.number}，待安全管理员确认")


@pages.post("/sharing/emergencies/{number}/confirm", action="emergency.confirm")
def confirm(desk: Desk, number: str) -> Go:
    """Confirms an emergency opening as its second person."""
    emergency.confirm(desk.hub, desk.actor, number)
    return Go("/sharing/emergencies", "已确认，开始计时")


@pages.post("/sharing/emergencies/{number}/close", action="emergency.close")
def close(desk: Desk, number: str) -> Go:
    """Ends an emergency opening."""
    emergency.close(desk.hub, desk.actor, number)
    return Go("/sharing/emergencies", "已结束")
