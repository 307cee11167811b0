"""Requests as people see them: lists, the inbox with its countdown, what is overdue, and one request with its story."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores import grants as grant_store
from catalog.stores import share_requests as store
from catalog.stores.entries import StoredEntry
from catalog.stores.share_requests import RequestEvent, RequestFile, StoredRequest
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import Reach, reach_of
from exchange.sharing import clock
from exchange.sharing.checking import findings
from exchange.sharing.clock import Countdown
from exchange.sharing.grants import GrantView, codes_of, views_of
from exchange.sharing.grounds import entry_in_force, ground_of
from exchange.sharing.parties import is_on, require_request, sees
from exchange.sharing.steps import chain_holds
from exchange.sharing.table import COMMANDS, STAGE_NAMES, Command, Stage, permitted
from exchange.tasks import today
from schemas.errors import StateError
from schemas.sharing import REFUSALS, Content, FieldFinding, Terms, read_content, read_terms

_EXTENSIONS = {"asked": "待主管部门审批", "allowed": "已同意", "denied": "未同意"}
#: Commands that a person may give and nobody waits for.
_OPTIONAL = frozenset({
    "take_back", "withdraw", "ask_extension", "dispute", "ask_coordination", "ask_decision", "drop_dispute",
    "give_back", "revoke", "revoke_by_authority",
})  # fmt: skip
_BY_RULE = {"by_rule": "按规则即时答复"}


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request in a list."""

    number: str
    dataset: str
    entry_title: str
    entry_code: str | None
    consumer: str
    consumer_name: str
    provider: str
    provider_name: str
    share_type: int
    stage: str
    stage_name: str
    countdown: Countdown
    created_by: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class OfferedCommand:
    """A command that the person may give now."""

    command: str
    title: str
    reason: bool
    narrows: bool
    danger: bool


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the story, in words."""

    at: datetime
    title: str
    from_name: str
    to_name: str
    actor: str
    department_name: str
    opinion: str | None
    reason: str | None
    terms: Terms | None


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """One request with everything about it; `terms` are what is agreed so far."""

    request: RequestView
    content: Content
    terms: Terms
    titles: Mapping[str, str]
    findings: Sequence[FieldFinding]
    offers: Sequence[OfferedCommand]
    history: Sequence[StepView]
    chain_holds: bool
    files: Sequence[RequestFile]
    extension: str | None
    extension_days: int | None
    extension_reason: str | None
    grant: GrantView | None


@use_case("share.list")
def list_requests(hub: Hub, actor: Actor, stage: str | None = None) -> list[RequestView]:
    """Lists the requests of the actor's department and those within reach that were sent, newest first."""
    with hub.transaction() as connection:
        found = _seen(actor, reach_of(connection, actor), store.of_consumers(connection, None))
        shown = _views(connection, hub, [each for each in found if not stage or each.stage == stage])
        record(connection, hub, actor, "share.list", None, row_count=len(shown))
    return shown


@use_case("share.inbox")
def inbox(hub: Hub, actor: Actor) -> list[RequestView]:
    """Lists the requests that wait for a command of the actor's, soonest due first."""
    with hub.transaction() as connection:
        stages = {stage for command in COMMANDS.values() for stage in command.sources if actor.roles & command.roles}
        codes, reach = codes_of(connection, actor), reach_of(connection, actor)
        found = _seen(actor, reach, store.in_stages(connection, stages - {Stage.ACTIVE}, codes, codes))
        waiting = [each for each in found if {o.command for o in _offers(actor, reach, each)} - _OPTIONAL]
        shown = _views(connection, hub, waiting)
        record(connection, hub, actor, "share.inbox", None, row_count=len(shown))
    return shown


@use_case("share.overdue")
def overdue(hub: Hub, actor: Actor) -> list[RequestView]:
    """Lists the requests within reach whose present step is past its day, the longest first."""
    with hub.transaction() as connection:
        late = [each for each in store.due_by(connection, today(hub)) if each.due_on and each.due_on < today(hub)]
        shown = _views(connection, hub, _seen(actor, reach_of(connection, actor), late))
        record(connection, hub, actor, "share.overdue", None, row_count=len(shown))
    return shown


def _seen(actor: Actor, reach: Reach, found: Collection[StoredRequest]) -> list[StoredRequest]:
    return [each for each in found if sees(actor, reach, each)]


def _views(connection: Connection, hub: Hub, found: Sequence[StoredRequest]) -> list[RequestView]:
    names = {each.code: each.name for each in departments.list_all(connection)}
    titles = {each.dataset: each for each in entries.list_all(connection)}
    return [_view(hub, each, names, titles[each.dataset]) for each in found]


def _view(hub: Hub, request: StoredRequest, names: Mapping[str, str], stored: StoredEntry) -> RequestView:
    return RequestView(
        number=request.number, dataset=request.dataset, entry_title=stored.title, entry_code=stored.code,
        consumer=request.consumer, consumer_name=names.get(request.consumer, request.consumer),
        provider=request.provider, provider_name=names.get(request.provider, request.provider),
        share_type=request.share_type, stage=request.stage, stage_name=STAGE_NAMES[Stage(request.stage)],
        countdown=clock.countdown(request, today(hub)), created_by=request.created_by,
        created_at=request.created_at, sent_at=request.sent_at,
    )  # fmt: skip


@use_case("share.show")
def show_request(hub: Hub, actor: Actor, number: str) -> RequestDetail:
    """Shows a request with its story, decisions and grant; raises NotFound, also for one that is not the actor's."""
    require_request(hub, actor, "share.show", number)
    with hub.transaction() as connection:
        request = store.find(connection, number)
        assert request is not None  # noqa: S101 - required above, and no request is ever removed
        history = store.history(connection, number)
        granted = grant_store.of_request(connection, number)
        content = read_content(request.content)
        names = {each.code: each.name for each in departments.list_all(connection)}
        found = RequestDetail(
            request=_views(connection, hub, [request])[0],
            content=content,
            terms=read_terms(request.terms) if request.terms is not None else content.terms,
            titles=_titles(connection, request),
            findings=_findings(connection, hub, request, content),
            offers=_offers(actor, reach_of(connection, actor), request),
            history=[_step(event, names) for event in history],
            chain_holds=chain_holds(history),
            files=store.files_of(connection, number),
            extension=_EXTENSIONS.get(request.extension_state or ""),
            extension_days=request.extension_days,
            extension_reason=request.extension_reason,
            grant=views_of(connection, hub, [granted])[0] if granted else None,
        )
        record(connection, hub, actor, "share.show", number, detail={"dataset": request.dataset})
    return found


def _titles(connection: Connection, request: StoredRequest) -> dict[str, str]:
    try:
        return {item.name: item.title for item in entry_in_force(connection, request.dataset).entry.items}
    except StateError:
        return {}


def _findings(connection: Connection, hub: Hub, request: StoredRequest, content: Content) -> list[FieldFinding]:
    """Lists what keeps an open draft from being submitted; nothing later."""
    if Stage(request.stage) not in (Stage.DRAFT, Stage.RETURNED):
        return []
    try:
        entry = entry_in_force(connection, request.dataset).entry
    except StateError as error:
        return [FieldFinding("dataset", error.code, error.got, error.next_step)]
    return findings(content, ground_of(connection, hub, entry, request.consumer))


def _offers(actor: Actor, reach: Reach, request: StoredRequest) -> list[OfferedCommand]:
    stage = Stage(request.stage)
    return [
        OfferedCommand(command.name, command.title, command.reason, command.narrows, command.danger)
        for command in COMMANDS.values()
        if permitted(command, stage, actor.roles)
        and is_on(actor, reach, request, command.side)
        and _extension_fits(command, request)
    ]


def _extension_fits(command: Command, request: StoredRequest) -> bool:
    wanted = {"ask_extension": None, "allow_extension": "asked", "deny_extension": "asked"}
    return command.name not in wanted or request.extension_state == wanted[command.name]


def _step(event: RequestEvent, names: Mapping[str, str]) -> StepView:
    command = COMMANDS.get(event.command)
    code = event.reason_code
    return StepView(
        at=event.at, title=command.title if command else "编制", from_name=STAGE_NAMES[Stage(event.from_stage)],
        to_name=STAGE_NAMES[Stage(event.to_stage)], actor=event.actor,
        department_name=names.get(event.department_code or "", ""), opinion=event.opinion,
        reason=(REFUSALS | _BY_RULE).get(code, code) if code else None,
        terms=read_terms(event.terms) if event.terms else None,
    )  # fmt: skip
