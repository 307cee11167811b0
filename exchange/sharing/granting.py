"""How a grant is made and ended: by a step of its request, in that step's transaction, and in no other way."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from catalog.stores import datasets, entries
from catalog.stores import grants as store
from catalog.stores import share_requests as request_store
from catalog.stores.share_requests import StoredRequest
from exchange.access import Actor
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.checking import findings
from exchange.sharing.grounds import (
    entry_in_force,
    ground_of,
    refuse_changed_entry,
    refuse_findings,
    refuse_widened,
)
from exchange.sharing.steps import Case, Facts, move, tell, title_of
from exchange.sharing.table import COMMANDS, IN_USE, STAGE_NAMES, Stage
from schemas.errors import StateError
from schemas.sharing import Terms, read_content, read_terms, terms_json

_DAY = timedelta(days=1)


def agreed_terms(connection: Connection, hub: Hub, request: StoredRequest, narrowed: Terms | None) -> Terms:
    """Returns the terms that a decision agrees to; raises InputError where they are wider than those so far."""
    so_far = read_terms(request.terms) if request.terms is not None else read_content(request.content).terms
    if narrowed is None:
        return so_far
    refuse_widened(so_far, narrowed)
    content = replace(read_content(request.content), terms=narrowed)
    in_force = entry_in_force(connection, request.dataset)
    refuse_findings(findings(content, ground_of(connection, hub, in_force.entry, request.consumer)), "批准")
    return narrowed


def grant(
    connection: Connection, hub: Hub, actor: Actor, case: Case, narrowed: Terms | None = None
) -> tuple[StoredRequest, str]:
    """Moves a request to its supply with the grant that it makes; to its use where the data is served already."""
    request = case.request
    terms = agreed_terms(connection, hub, request, narrowed)
    content = replace(read_content(request.content), terms=terms)
    in_force = refuse_changed_entry(connection, hub, request, content)
    now = hub.clock.now()
    begins = max(now, clock.moment(terms.starts)) if terms.starts else now
    number = f"GX{clock.day_of(now):%Y%m%d}{entries.next_code_number(connection, 'grant'):06d}"
    by_rule = "by_rule" if case.command.name == "send" else None
    facts = Facts(terms=terms, reason_code=by_rule, values={"decided_at": now})
    moved = move(connection, hub, actor, case, Stage.SUPPLY, facts)
    store.add(connection, {
        "number": number, "request": request.number, "dataset": request.dataset, "entry_version": in_force.version,
        "consumer": request.consumer, "provider": request.provider, "terms": terms_json(terms), "valid_from": begins,
        "valid_until": clock.moment(terms.ends + _DAY), "state": "active", "created_at": now,
    })  # fmt: skip
    if request.share_type == 1:
        title = f"{title_of(connection, request)}已按无条件共享同意，告知提供部门"
        tell(connection, hub, request, request.provider, title)
    served = datasets.find(connection, request.dataset)
    if served is not None and served.current_version > 0:
        step = Case(moved, COMMANDS["served"], "")
        moved = move(connection, hub, actor, step, Stage.ACTIVE, Facts(values={"supplied_at": now}))
    return moved, number


def end(connection: Connection, hub: Hub, actor: Actor, case: Case, target: Stage) -> StoredRequest:
    """Ends a request's use and its grant in one step."""
    found = store.of_request(connection, case.request.number)
    state = {"expire": "expired", "give_back": "given_back"}.get(case.command.name, "revoked")
    reason = case.opinion or case.command.title
    if found is None or not store.end(connection, found.number, state, actor.name, reason, hub.clock.now()):
        raise StateError("该授权已经终止", "", "请刷新页面", code="GRANT_ENDED")
    moved = move(connection, hub, actor, case, target)
    name, title = STAGE_NAMES[target], title_of(connection, moved)
    tell(connection, hub, moved, moved.provider, f"授权{name}：{title}")
    tell(connection, hub, moved, moved.consumer, f"授权{name}，请处置不再需要的数据并确认：{title}")
    return moved


def supplied(connection: Connection, hub: Hub, actor: Actor, number: str) -> bool:
    """Marks a request as supplied with its first delivery, in the caller's transaction; says if it was new."""
    request = request_store.find_locked(connection, number)
    if request is None or request.stage != Stage.SUPPLY:
        return False
    step = Case(request, COMMANDS["served"], "")
    move(connection, hub, actor, step, Stage.ACTIVE, Facts(values={"supplied_at": hub.clock.now()}))
    return True


def end_of_entry(connection: Connection, hub: Hub, actor: Actor, dataset: str) -> int:
    """Ends every grant of an entry that is revoked, in its transaction; the consumers are told. Returns how many."""
    found = store.list_of(connection, None, state="active", dataset=dataset)
    for each in found:
        request = request_store.find_locked(connection, each.request)
        if request is not None and Stage(request.stage) in IN_USE:
            end(connection, hub, actor, Case(request, COMMANDS["end_with_entry"], ""), Stage.REVOKED)
    return len(found)
