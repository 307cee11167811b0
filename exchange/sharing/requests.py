"""Use-cases of the department that asks: draft, edit, submit, own review, send, supplement, withdraw, attach.

Which command is possible from which stage, by whom, says exchange/sharing/table.py. Every step is chained in the
request's history and audited in the same transaction.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from catalog.stores import entries as entry_store
from catalog.stores import share_requests as store
from catalog.stores.share_requests import StoredRequest
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.entries import seen_entry
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.checking import findings, type_of
from exchange.sharing.granting import grant
from exchange.sharing.grounds import InForce, entry_in_force, ground_of, provider_stage, refuse_findings, way_of
from exchange.sharing.parties import OF_AUTHOR, refuse_participants, require_request
from exchange.sharing.steps import Case, Facts, MovedRequest, move, note, open_case, recorded
from exchange.sharing.table import STAGE_NAMES, Command, Stage
from schemas.errors import Denied, StateError
from schemas.sharing import Content, FieldFinding, content_json, read_content, read_terms, widened


@use_case("share.check")
def check(hub: Hub, actor: Actor, content: Content) -> list[FieldFinding]:
    """Lists what keeps a request from being submitted, field by field; changes nothing."""
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, content.dataset)
        in_force = entry_in_force(connection, stored.dataset)
        record(connection, hub, actor, "share.check", stored.dataset)
        return findings(content, ground_of(connection, hub, in_force.entry, department_of(actor)))


@use_case("share.draft")
def draft(hub: Hub, actor: Actor, content: Content) -> MovedRequest:
    """Records a new request in the name of the actor's department; it may still be incomplete."""
    department = department_of(actor)
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, content.dataset)
        in_force = entry_in_force(connection, stored.dataset)
        now = hub.clock.now()
        serial = entry_store.next_code_number(connection, "share_request")
        number = f"SQ{clock.day_of(now):%Y%m%d}{serial:06d}"
        content = replace(content, dataset=stored.dataset)
        values = _content_values(in_force, content) | {
            "number": number, "dataset": stored.dataset, "consumer": department, "provider": stored.provider_code,
            "stage": Stage.DRAFT.value, "created_by": actor.name, "created_at": now, "updated_at": now,
        }  # fmt: skip
        store.add(connection, values)
        request = store.find_locked(connection, number)
        assert request is not None  # noqa: S101 - recorded above
        begun = Command("draft", "编制", "consumer", frozenset({Stage.DRAFT}), ())
        note(connection, hub, actor, Case(request, begun, ""), Stage.DRAFT, Facts())
        record(
            connection, hub, actor, "share.draft", number, entry_code=stored.code, detail={"dataset": stored.dataset}
        )
    return MovedRequest(number, Stage.DRAFT, STAGE_NAMES[Stage.DRAFT])


def department_of(actor: Actor) -> str:
    """Returns the department in whose name the actor asks; raises Denied when it has none."""
    if actor.department is None:
        raise Denied("共享申请以部门名义提出", "申请人须有所属部门", "请用本部门的账号办理", code="DEPARTMENT")
    return actor.department


def _content_values(in_force: InForce, content: Content) -> dict[str, Any]:
    names = (item.name for item in content.terms.items)
    return {
        "content": content_json(content),
        "entry_version": in_force.version,
        "share_type": type_of(in_force.entry, names),
    }


@use_case("share.edit")
def edit(hub: Hub, actor: Actor, number: str, content: Content) -> MovedRequest:
    """Replaces the content of a draft, or of a request that was returned for supplement."""
    require_request(hub, actor, "share.edit", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "edit", number)
        in_force = entry_in_force(connection, case.request.dataset)
        content = replace(content, dataset=case.request.dataset)
        values = _content_values(in_force, content)
        if case.stage == Stage.RETURNED and values["share_type"] != case.request.share_type:
            raise StateError(
                "补正后的共享类型与原申请不同",
                "补正不改变共享类型",
                "请去掉新增的数据项，另行申请",
                code="REQUEST_TYPE_CHANGED",
            )
        moved = move(connection, hub, actor, case, case.stage, Facts(values=values))
        return recorded(connection, hub, actor, case, moved)


@use_case("share.submit")
def submit(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Submits a draft to the department's own review; every field must be right."""
    require_request(hub, actor, "share.submit", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "submit", number, opinion)
        _complete(connection, hub, case.request)
        moved = move(connection, hub, actor, case, Stage.OWN_REVIEW)
        return recorded(connection, hub, actor, case, moved)


def _complete(connection: Connection, hub: Hub, request: StoredRequest) -> tuple[InForce, Content]:
    """Returns the entry in force and the content; raises InputError with what is wrong."""
    in_force, content = entry_in_force(connection, request.dataset), read_content(request.content)
    refuse_findings(findings(content, ground_of(connection, hub, in_force.entry, request.consumer)), "提交")
    return in_force, content


@use_case("share.take_back")
def take_back(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Takes a request back from the department's review, to be mended."""
    require_request(hub, actor, "share.take_back", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "take_back", number, opinion)
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.DRAFT))


@use_case("share.hand_back")
def hand_back(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Hands a request back to its author from the department's review, with the reason."""
    require_request(hub, actor, "share.hand_back", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "hand_back", number, opinion)
        refuse_participants(connection, actor, case.request, OF_AUTHOR)
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.DRAFT))


@use_case("share.send")
def send(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Passes the department's review and sends the request: granted or refused by rule, or to the authority's check."""
    require_request(hub, actor, "share.send", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "send", number, opinion)
        refuse_participants(connection, actor, case.request, OF_AUTHOR)
        in_force, content = _complete(connection, hub, case.request)
        share_type, target = way_of(in_force.entry, content.terms)
        now = hub.clock.now()
        values = {"share_type": share_type, "entry_version": in_force.version, "sent_at": now}
        facts = Facts(terms=content.terms, values=values)
        return _sent(connection, hub, actor, case, target, facts)


def _sent(connection: Connection, hub: Hub, actor: Actor, case: Case, target: Stage, facts: Facts) -> MovedRequest:
    if target == Stage.SUPPLY:
        ready = replace(case.request, share_type=1)
        store.change(connection, ready.number, **dict(facts.values or {}))
        moved, number = grant(connection, hub, actor, replace(case, request=ready))
        return replace(recorded(connection, hub, actor, case, moved), grant=number)
    if target == Stage.REFUSED:
        facts = replace(
            facts, reason_code="not_shared", values=dict(facts.values or {}) | {"decided_at": hub.clock.now()}
        )
    return recorded(connection, hub, actor, case, move(connection, hub, actor, case, target, facts))


@use_case("share.resubmit")
def resubmit(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Sends a supplemented request back to where it was; to the first check when it asks for more than before."""
    require_request(hub, actor, "share.resubmit", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "resubmit", number, opinion)
        refuse_participants(connection, actor, case.request, OF_AUTHOR)
        in_force, content = _complete(connection, hub, case.request)
        before = read_terms(case.request.terms)
        target = Stage(case.request.returned_from or Stage.COMPLIANCE)
        if widened(before, content.terms):
            target = Stage.NECESSITY if case.request.share_type == 1 else Stage.COMPLIANCE
        elif target in (Stage.PROVIDER_FIRST, Stage.PROVIDER_FINAL):
            target = provider_stage(connection, case.request.provider)
        facts = Facts(terms=content.terms, values={"entry_version": in_force.version})
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, target, facts))


@use_case("share.withdraw")
def withdraw(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Withdraws a request before it is decided."""
    require_request(hub, actor, "share.withdraw", number, "consumer")
    with hub.transaction() as connection:
        case = open_case(connection, "withdraw", number, opinion)
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.WITHDRAWN))
