"""One step of a request's life: lock it, check the table, write stage, clock, event and task in one transaction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date
from typing import Any

from sqlalchemy import Connection

from catalog.stores import accounts, entries
from catalog.stores import share_requests as store
from catalog.stores.audit import GENESIS
from catalog.stores.share_requests import RequestEvent, StoredRequest
from exchange.access import Actor
from exchange.audit import link as chained
from exchange.audit import record
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.parties import unknown_request
from exchange.sharing.table import COMMANDS, STAGE_NAMES, Command, Stage
from exchange.tasks import open_task, today
from schemas.errors import InputError, StateError
from schemas.sharing import Terms, terms_json

_LONGEST_OPINION = 1000
#: Kinds of the tasks that a request opens; they end with the act that they ask for.
TASK_KINDS = frozenset({"share_step", "share_extension", "share_reminder", "share_overdue"})
#: Who has to act in a stage: role, and whose department it is.
_WAITING: dict[Stage, tuple[str, str]] = {
    Stage.OWN_REVIEW: ("dept_reviewer", "consumer"),
    Stage.NECESSITY: ("data_admin", "provider"),
    Stage.COMPLIANCE: ("data_admin", "provider"),
    Stage.PROVIDER_FIRST: ("editor", "provider"),
    Stage.PROVIDER_FINAL: ("dept_reviewer", "provider"),
    Stage.SUPPLY: ("editor", "provider"),
    Stage.NEGOTIATION: ("dept_reviewer", "provider"),
    Stage.COORDINATION: ("data_admin", "provider"),
    Stage.DECISION: ("data_admin", "provider"),
}
_AUTHORS = frozenset({Stage.DRAFT, Stage.RETURNED})


@dataclass(frozen=True, slots=True)
class MovedRequest:
    """Where a request stands after a command; `grant` is the number of the grant that it made."""

    number: str
    stage: str
    stage_name: str
    due_on: date | None = None
    grant: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A request under the hand of a command, locked."""

    request: StoredRequest
    command: Command
    opinion: str

    @property
    def stage(self) -> Stage:
        """Returns where the request stands."""
        return Stage(self.request.stage)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a step records beside its stages."""

    terms: Terms | None = None
    reason_code: str | None = None
    days: int | None = None
    values: Mapping[str, Any] | None = None


def page_of(number: str) -> str:
    """Returns the address of a request's page."""
    return f"/sharing/requests/{number}"


def open_case(connection: Connection, name: str, number: str, opinion: str = "") -> Case:
    """Locks a request and checks that the command is possible now; raises NotFound, StateError, InputError."""
    request = store.find_locked(connection, number)
    if request is None:
        raise unknown_request(number)
    command = COMMANDS[name]
    stage = Stage(request.stage)
    if stage not in command.sources:
        allowed = "、".join(STAGE_NAMES[each] for each in Stage if each in command.sources)
        got = f"申请 {number} 现为“{STAGE_NAMES[stage]}”，不能{command.title}"
        raise StateError(got, f"{command.title}只适用于：{allowed}", "请刷新页面，按现状办理", code="REQUEST_STATE")
    words = opinion.strip()
    if command.reason and not words:
        raise InputError(f"没有写明理由，不能{command.title}", "须写明理由", "请写明理由", code="REASON")
    if len(words) > _LONGEST_OPINION:
        raise InputError(f"意见长{len(words)}字", f"不超过{_LONGEST_OPINION}字", "请缩短", code="OPINION")
    return Case(request, command, words)


def move(
    connection: Connection, hub: Hub, actor: Actor, case: Case, target: Stage, facts: Facts | None = None
) -> StoredRequest:
    """Writes stage, clock and event, ends the tasks of the stage before and opens the next; returns the request."""
    facts = facts or Facts()
    request, now = case.request, hub.clock.now()
    if case.command.targets and target not in case.command.targets:
        raise ValueError(f"{case.command.name} does not lead to {target}")  # a mistake of ours, never of a user's
    values: dict[str, Any] = {"updated_at": now} | dict(facts.values or {})
    if target != case.stage:
        values |= {"stage": target.value} | clock.entered(request, target, today(hub))
        values["returned_from"] = request.stage if target == Stage.RETURNED else None
    if facts.terms is not None:
        values["terms"] = terms_json(facts.terms)
    store.change(connection, request.number, **values)
    note(connection, hub, actor, case, target, facts)
    moved = store.find(connection, request.number)
    assert moved is not None  # noqa: S101 - locked above
    if target != case.stage:
        store.close_tasks_at(connection, page_of(request.number), actor.name, now, TASK_KINDS)
        _ask_for(connection, hub, moved)
    return moved


def note(connection: Connection, hub: Hub, actor: Actor, case: Case, target: Stage, facts: Facts) -> None:
    """Adds the step to the request's chained history."""
    history = store.history(connection, case.request.number)
    event = RequestEvent(
        request=case.request.number, command=case.command.name, from_stage=case.stage.value, to_stage=target.value,
        actor=actor.name, department_code=actor.department, opinion=case.opinion or None,
        reason_code=facts.reason_code, terms=terms_json(facts.terms) if facts.terms else None, days=facts.days,
        at=hub.clock.now().astimezone(UTC), prev_sm3=history[-1].sm3 if history else GENESIS, sm3="",
    )  # fmt: skip
    store.add_event(connection, RequestEvent(**{**asdict(event), "sm3": hash_of(event)}))


def hash_of(event: RequestEvent) -> str:
    """Returns the hash of a step over the one before."""
    facts = asdict(event)
    del facts["sm3"], facts["prev_sm3"]
    facts["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return chained(facts, event.prev_sm3)


def chain_holds(history: list[RequestEvent]) -> bool:
    """Says whether no step was changed, removed or moved."""
    previous = GENESIS
    for event in history:
        if event.prev_sm3 != previous or hash_of(event) != event.sm3:
            return False
        previous = event.sm3
    return True


def title_of(connection: Connection, request: StoredRequest) -> str:
    """Names a request by its entry."""
    stored = entries.find(connection, request.dataset)
    return f"{stored.title if stored else request.dataset}（{request.number}）"


def waiting_seat(request: StoredRequest) -> tuple[str, str] | None:
    """Returns the role and department that have to act on a request; None while it waits for its author or nobody."""
    if Stage(request.stage) not in _WAITING:
        return None
    role, whose = _WAITING[Stage(request.stage)]
    return role, request.consumer if whose == "consumer" else request.provider


def _ask_for(connection: Connection, hub: Hub, request: StoredRequest) -> None:
    stage, link, seat = Stage(request.stage), page_of(request.number), waiting_seat(request)
    title = f"{STAGE_NAMES[stage]}：{title_of(connection, request)}"
    if seat is not None:
        open_task(connection, hub, kind="share_step", title=title, link=link, role=seat[0], department=seat[1],
                  due_on=request.due_on)  # fmt: skip
    elif stage in _AUTHORS:
        tell_author(connection, hub, request, title, kind="share_step")
    elif stage != Stage.WITHDRAWN:
        tell_author(connection, hub, request, title)


def tell_author(connection: Connection, hub: Hub, request: StoredRequest, title: str, kind: str = "notice") -> None:
    """Opens a task for who made the request; for the department's reviewers when the account is no more."""
    account = accounts.find_by_login(connection, request.created_by)
    known = account is not None and account.active
    open_task(
        connection, hub, kind=kind, title=title, link=page_of(request.number), department=request.consumer,
        account=account.id if account is not None and known else None, role=None if known else "dept_reviewer",
    )  # fmt: skip


def tell(connection: Connection, hub: Hub, request: StoredRequest, code: str, title: str) -> None:
    """Opens a notice for the editors of a department."""
    open_task(connection, hub, kind="notice", title=title, link=page_of(request.number), role="editor", department=code)


def recorded(connection: Connection, hub: Hub, actor: Actor, case: Case, moved: StoredRequest) -> MovedRequest:
    """Writes the audit event of a command and returns where the request stands: ids and stages, never an opinion."""
    from_to = {"from": case.stage.value, "to": moved.stage, "dataset": moved.dataset}
    record(connection, hub, actor, case.command.action, moved.number, detail=from_to)
    return MovedRequest(moved.number, moved.stage, STAGE_NAMES[Stage(moved.stage)], moved.due_on)
