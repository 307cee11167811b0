"""Pages of grants: those of both sides, their use, those nobody uses, and the report of drift."""

from typing import Annotated, Any

from fastapi import Form, Query

from exchange.sharing import decisions, drift, grants, usage
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import HubError, InputError

pages = Pages()
router = pages.router


@pages.get("/sharing/grants", action="grant.list", title="授权", template="sharing_grants.html")
def listed(desk: Desk, side: Annotated[str, Query(max_length=20)] = "") -> dict[str, Any]:
    """Lists the grants to and from one's department."""
    return _grants(desk, side, None)


def _grants(desk: Desk, side: str, fault: HubError | None) -> dict[str, Any]:
    found = grants.list_grants(desk.hub, desk.actor, side)
    sides = {"consumer": "本部门使用的", "provider": "本部门提供的"}
    return {"grants": found, "side": side, "sides": sides, "fault": fault}


@pages.post("/sharing/review-steps", action="share.steps")
def steps(desk: Desk, steps: Annotated[int, Form()]) -> Go | dict[str, Any]:
    """Sets in how many steps one's department reviews."""
    try:
        decisions.set_review_steps(desk.hub, desk.actor, steps)
    except InputError as error:
        return _grants(desk, "", error) | {"template": "sharing_grants.html", "title": "授权"}
    return Go("/sharing/grants", f"本部门审核共享申请改为{'两' if steps == 2 else '一'}步")


@pages.get("/sharing/usage", action="grant.usage", title="授权使用情况", template="sharing_usage.html")
def used(desk: Desk, months: Annotated[int, Query(ge=1, le=13)] = 3) -> dict[str, Any]:
    """Shows use by month, and the grants that nobody uses."""
    return {
        "uses": usage.usage(desk.hub, desk.actor, months),
        "unused": usage.unused(desk.hub, desk.actor),
        "months": months,
    }


@pages.get("/sharing/drift", action="grant.drift", title="授权与申请核对", template="sharing_drift.html")
def drifts(desk: Desk) -> dict[str, Any]:
    """Shows where grants and their requests' decisions differ."""
    return {"report": drift.drift_report(desk.hub, desk.actor)}
