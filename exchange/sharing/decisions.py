"""Use-cases of those who decide: authority's checks, provider's review, refusal, supplement, extension, supply."""

from sqlalchemy import Connection

from catalog.stores import share_requests as store
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.granting import agreed_terms, grant
from exchange.sharing.grounds import provider_stage
from exchange.sharing.parties import OF_CONSUMER, refuse_participants, require_request
from exchange.sharing.steps import (
    TASK_KINDS,
    Case,
    Facts,
    MovedRequest,
    move,
    open_case,
    page_of,
    recorded,
    tell_author,
    title_of,
)
from exchange.sharing.table import COMMANDS, Stage
from exchange.tasks import open_task
from schemas.errors import Denied, InputError, StateError
from schemas.rules.book import book
from schemas.sharing import REFUSALS, Terms


@use_case("share.confirm")
def confirm(hub: Hub, actor: Actor, number: str, opinion: str = "", terms: Terms | None = None) -> MovedRequest:
    """Passes the check of necessity for type 1 and grants it, narrowed where terms say so; the provider is told."""
    return _granted(hub, actor, "confirm", number, opinion, terms)


@use_case("share.approve")
def approve(hub: Hub, actor: Actor, number: str, opinion: str = "", terms: Terms | None = None) -> MovedRequest:
    """Agrees to share, narrowed where terms say so, and grants it in the same transaction."""
    return _granted(hub, actor, "approve", number, opinion, terms)


def _granted(hub: Hub, actor: Actor, name: str, number: str, opinion: str, terms: Terms | None) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER | {"recommend", "pass_on"})
        moved, granted = grant(connection, hub, actor, case, terms)
        found = recorded(connection, hub, actor, case, moved)
        return MovedRequest(found.number, found.stage, found.stage_name, found.due_on, granted)


@use_case("share.pass_on")
def pass_on(hub: Hub, actor: Actor, number: str, opinion: str = "", terms: Terms | None = None) -> MovedRequest:
    """Passes the authority's check and hands the request to the provider, whose working days begin."""
    require_request(hub, actor, "share.pass_on", number, "authority")
    with hub.transaction() as connection:
        case = open_case(connection, "pass_on", number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER)
        target = provider_stage(connection, case.request.provider)
        facts = Facts(terms=agreed_terms(connection, hub, case.request, terms))
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, target, facts))


@use_case("share.recommend")
def recommend(hub: Hub, actor: Actor, number: str, opinion: str = "", terms: Terms | None = None) -> MovedRequest:
    """Passes the first of the provider's two steps of review."""
    require_request(hub, actor, "share.recommend", number, "provider")
    with hub.transaction() as connection:
        case = open_case(connection, "recommend", number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER | {"pass_on"})
        facts = Facts(terms=agreed_terms(connection, hub, case.request, terms))
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.PROVIDER_FINAL, facts))


@use_case("share.return_by_authority")
def return_by_authority(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Returns a request for supplement from the authority's check; the clock stands still until it comes back."""
    return _returned(hub, actor, "return_by_authority", number, opinion)


@use_case("share.return_by_provider")
def return_by_provider(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Returns a request for supplement from the provider's review; the clock stands still until it comes back."""
    return _returned(hub, actor, "return_by_provider", number, opinion)


def _returned(hub: Hub, actor: Actor, name: str, number: str, opinion: str) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER)
        # What was asked of a clock that now stands still lapses; it may be asked again when the clock runs.
        lapsed = {"extension_state": None, "extension_days": None} if case.request.extension_state == "asked" else {}
        moved = move(connection, hub, actor, case, Stage.RETURNED, Facts(values=lapsed))
        return recorded(connection, hub, actor, case, moved)


@use_case("share.refuse_by_authority")
def refuse_by_authority(hub: Hub, actor: Actor, number: str, reason_code: str, opinion: str) -> MovedRequest:
    """Refuses a request at the authority's check, with a reason code and the reason."""
    return _refused(hub, actor, "refuse_by_authority", number, reason_code, opinion)


@use_case("share.refuse")
def refuse(hub: Hub, actor: Actor, number: str, reason_code: str, opinion: str) -> MovedRequest:
    """Refuses a request for its provider, with a reason code and the reason (R-31)."""
    return _refused(hub, actor, "refuse", number, reason_code, opinion)


def _refused(hub: Hub, actor: Actor, name: str, number: str, reason_code: str, opinion: str) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER)
        _refuse_reason(reason_code, case.opinion)
        facts = Facts(reason_code=reason_code, values={"decided_at": hub.clock.now()})
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.REFUSED, facts))


def _refuse_reason(reason_code: str, opinion: str) -> None:
    known = {code: says for code, says in REFUSALS.items() if code != "not_shared"}
    if reason_code not in known:
        allowed = "、".join(f"{code}（{says}）" for code, says in known.items())
        raise InputError("没有选择不同意的理由类别", f"可用：{allowed}", "请选择其中一类", code="REFUSAL_CODE")
    least = int(book().number("REFUSAL_REASON_CHARACTERS"))
    if len(opinion) < least:
        raise InputError(
            f"不同意的理由只有{len(opinion)}字",
            f"须书面说明理由，不少于{least}字",
            "请写明理由和依据",
            code="REFUSAL_REASON",
        )


@use_case("share.ask_extension")
def ask_extension(hub: Hub, actor: Actor, number: str, days: int, opinion: str) -> MovedRequest:
    """Asks the authority for more working days to answer; once for a request, within the rule's limit."""
    require_request(hub, actor, "share.ask_extension", number, "provider")
    most = int(book().number("REPLY_EXTENSION"))
    if not 1 <= days <= most:
        raise InputError(f"延期{days}个工作日", f"1至{most}个工作日", "请改正延期的天数", code="EXTENSION_DAYS")
    with hub.transaction() as connection:
        case = open_case(connection, "ask_extension", number, opinion)
        if case.request.extension_state is not None:
            raise StateError("该申请已经申请过延期", "答复只能延期一次", "请在期限内答复", code="EXTENSION_ONCE")
        values = {"extension_state": "asked", "extension_days": days, "extension_reason": case.opinion}
        moved = move(connection, hub, actor, case, case.stage, Facts(days=days, values=values))
        title = f"答复延期{days}个工作日：{title_of(connection, moved)}"
        open_task(connection, hub, kind="share_extension", title=title, link=page_of(number), role="data_admin",
                  department=moved.provider, due_on=moved.due_on)  # fmt: skip
        return recorded(connection, hub, actor, case, moved)


@use_case("share.allow_extension")
def allow_extension(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Agrees to an extension that was asked for; the clock runs on and the applicant is told."""
    return _extension(hub, actor, "allow_extension", number, opinion)


@use_case("share.deny_extension")
def deny_extension(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Does not agree to an extension that was asked for."""
    return _extension(hub, actor, "deny_extension", number, opinion)


def _extension(hub: Hub, actor: Actor, name: str, number: str, opinion: str) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, "authority")
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        refuse_participants(connection, actor, case.request, frozenset({"ask_extension"}))
        request = case.request
        if request.extension_state != "asked":
            raise StateError("没有待审批的延期", "提供部门申请延期后才能审批", "请刷新页面", code="EXTENSION_NONE")
        days, allowed = request.extension_days or 0, name == "allow_extension"
        values = {"extension_state": "allowed" if allowed else "denied"}
        values |= clock.extended(request, days) if allowed else {}
        moved = move(connection, hub, actor, case, case.stage, Facts(days=days, values=values))
        _end_extension_task(connection, hub, actor, case)
        if allowed:
            tell_author(connection, hub, moved, f"答复延期至{moved.due_on}：{title_of(connection, moved)}")
        return recorded(connection, hub, actor, case, moved)


def _end_extension_task(connection: Connection, hub: Hub, actor: Actor, case: Case) -> None:
    kinds = TASK_KINDS - {"share_step"}
    store.close_tasks_at(connection, page_of(case.request.number), actor.name, hub.clock.now(), kinds)


@use_case("share.supply")
def supply(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Confirms that the data is supplied; the timer of supply ends."""
    require_request(hub, actor, "share.supply", number, "provider")
    with hub.transaction() as connection:
        case = open_case(connection, "supply", number, opinion)
        facts = Facts(values={"supplied_at": hub.clock.now()})
        return recorded(connection, hub, actor, case, move(connection, hub, actor, case, Stage.ACTIVE, facts))


@use_case("share.steps")
def set_review_steps(hub: Hub, actor: Actor, steps: int) -> int:
    """Sets whether the actor's department reviews what is asked of it in one step or two; returns the steps."""
    if steps not in (1, 2):
        raise InputError(f"审核{steps}步", "一步或两步", "请选择1或2", code="REVIEW_STEPS")
    if actor.department is None:
        raise Denied("审核步骤由各部门设置", "须有所属部门", "请用本部门的账号办理", code="DEPARTMENT")
    with hub.transaction() as connection:
        store.set_review_steps(connection, actor.department, steps, actor.name, hub.clock.now())
        record(connection, hub, actor, "share.steps", actor.department, detail={"steps": steps})
    return steps
