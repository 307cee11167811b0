"""Use-case of every day: grants past their time are noted as expired, reminders go out, overdue ones escalate."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from catalog.stores import entries
from catalog.stores import grants as grant_store
from catalog.stores import share_requests as store
from catalog.stores.entries import State
from catalog.stores.share_requests import StoredRequest
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.granting import end, end_of_entry
from exchange.sharing.steps import Case, page_of, title_of, waiting_seat
from exchange.sharing.table import COMMANDS, IN_USE, STAGE_NAMES, Stage
from exchange.tasks import open_task, today
from schemas.rules.book import book


@dataclass(frozen=True, slots=True)
class Done:
    """What a day's run has done; a second run on the same day does nothing."""

    expired: int
    reminded: int
    escalated: int


@use_case("share.daily")
def run_daily(hub: Hub, actor: Actor) -> Done:
    """Notes expired grants and opens reminders and escalations, each once for a due date."""
    with hub.transaction() as connection:
        expired = _expire(connection, hub, actor)
        ahead = int(book().number("REQUEST_REMINDER"))
        reminded = escalated = 0
        for request in store.due_by(connection, today(hub) + timedelta(days=ahead * 5)):
            shown = clock.countdown(request, today(hub))
            if shown.overdue:
                escalated += _escalate(connection, hub, request, shown.says)
            elif shown.working_days_left is not None and shown.working_days_left <= ahead:
                reminded += _remind(connection, hub, request, shown.says)
        counts = {"expired": expired, "reminded": reminded, "escalated": escalated}
        record(connection, hub, actor, "share.daily", None, detail=counts)
    return Done(expired, reminded, escalated)


def _expire(connection: Connection, hub: Hub, actor: Actor) -> int:
    ended = sum(end_of_entry(connection, hub, actor, each) for each in _revoked(connection))
    for grant in grant_store.ended_by_time(connection, hub.clock.now()):
        request = store.find_locked(connection, grant.request)
        if request is not None and Stage(request.stage) in IN_USE:
            end(connection, hub, actor, Case(request, COMMANDS["expire"], ""), Stage.EXPIRED)
            ended += 1
    return ended


def _revoked(connection: Connection) -> list[str]:
    """Names the datasets with active grants whose entry was revoked on the machine itself."""
    found = {each.dataset for each in grant_store.list_of(connection, None, state="active")}
    stored = (entries.find(connection, dataset) for dataset in sorted(found))
    return [each.dataset for each in stored if each is not None and each.state == State.REVOKED]


def _remind(connection: Connection, hub: Hub, request: StoredRequest, says: str) -> bool:
    link, seat = page_of(request.number), waiting_seat(request)
    if seat is None or store.has_task(connection, link, "share_reminder", request.due_on):
        return False
    title = f"{STAGE_NAMES[Stage(request.stage)]}{says}：{title_of(connection, request)}"
    open_task(connection, hub, kind="share_reminder", title=title, link=link, role=seat[0], department=seat[1],
              due_on=request.due_on)  # fmt: skip
    return True


def _escalate(connection: Connection, hub: Hub, request: StoredRequest, says: str) -> bool:
    link = page_of(request.number)
    if store.has_task(connection, link, "share_overdue", request.due_on):
        return False
    title = f"{STAGE_NAMES[Stage(request.stage)]}已{says}：{title_of(connection, request)}"
    open_task(connection, hub, kind="share_overdue", title=title, link=link, role="data_admin",
              department=request.provider, due_on=request.due_on)  # fmt: skip
    return True
