"""Who is who in a request: the department that asks, the one that provides, the authority; who may see it, who may act.

A request that one may not see is as unknown as one that is not there: the words are the same.
"""

from sqlalchemy import Connection

from catalog.stores import share_requests as store
from catalog.stores.share_requests import StoredRequest
from exchange.access import Actor
from exchange.audit import record
from exchange.hub import Hub
from exchange.lifecycle_steps import same_person
from exchange.scope import Reach, reach_of
from exchange.sharing.table import Side
from schemas.errors import Denied, NotFound

#: Commands by which people of the asking department take part.
OF_AUTHOR = frozenset({"draft", "edit", "submit"})
OF_CONSUMER = OF_AUTHOR | {"send", "resubmit", "dispute", "ask_coordination", "ask_decision"}


def sees(actor: Actor, reach: Reach, request: StoredRequest) -> bool:
    """Says whether a request may be seen: by its department always, by provider and authority once it is sent."""
    if actor.department == request.consumer:
        return True
    if request.sent_at is None:
        return False
    return reach.covers(request.provider) or reach.covers(request.consumer)


def is_on(actor: Actor, reach: Reach, request: StoredRequest, side: Side) -> bool:
    """Says whether the actor stands on a side of a request."""
    if side == "consumer":
        return actor.department == request.consumer
    if side == "provider":
        return actor.department == request.provider
    return side == "authority" and "data_admin" in actor.roles and reach.covers(request.provider)


def unknown_request(number: str) -> NotFound:
    """Returns the one error for a request that is not there or not for the actor."""
    return NotFound(f"没有共享申请 {number[:40]}", "", "请从申请列表中选择", code="REQUEST_UNKNOWN")


def require_request(hub: Hub, actor: Actor, action: str, number: str, side: Side | None = None) -> StoredRequest:
    """Returns a request that the actor may see, and act on for a side; else records the denial and raises."""
    with hub.transaction() as connection:
        request = store.find(connection, number)
        reach = reach_of(connection, actor)
        seen = request is not None and sees(actor, reach, request)
        fits = seen and request is not None and (side is None or is_on(actor, reach, request, side))
        if request is not None and not fits:
            record(connection, hub, actor, action, number, result="denied", error_code="SCOPE")
    if request is None or not seen:
        raise unknown_request(number)
    if not fits:
        raise Denied(
            "该申请不由您的部门办理这一步", "各步由申请、提供、主管部门分别办理", "请由相应部门办理", code="SCOPE"
        )
    return request


def refuse_participants(connection: Connection, actor: Actor, request: StoredRequest, commands: frozenset[str]) -> None:
    """Raises Denied when the actor, by this or another account, gave one of these commands."""
    took_part = {event.actor for event in store.history(connection, request.number) if event.command in commands}
    if commands & OF_AUTHOR:
        took_part.add(request.created_by)
    if actor.name in took_part or same_person(connection, actor, took_part):
        raise Denied(
            "不能审核本人编制、提交或已审核过的申请",
            "编制、本部门审核、主管部门审核、提供部门审核须由不同的人办理",
            "请由其他人员办理",
            code="REVIEWER_IS_AUTHOR",
        )
