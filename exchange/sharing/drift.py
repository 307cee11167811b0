"""Use-case that holds grants against the decisions of their requests: each must equal what was decided, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from catalog.stores import grants as grant_store
from catalog.stores import share_requests as request_store
from catalog.stores.grants import StoredGrant
from catalog.stores.share_requests import RequestEvent, StoredRequest
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.sharing import clock
from exchange.sharing.grants import codes_of
from exchange.sharing.steps import chain_holds
from exchange.sharing.table import COMMANDS, IN_USE, STAGE_NAMES, Stage
from schemas.sharing import Terms, read_terms, widened

_DAY = timedelta(days=1)
#: A grant and the step that makes it read the clock one after the other.
_WHILE = timedelta(minutes=1)
_FIELDS = {
    "items": "数据项", "rows": "行范围", "purposes": "使用用途", "ways": "共享方式", "ends": "使用期限",
    "starts": "开始日期", "quota": "限额", "minimum_rows": "最少主体数",
    "provider_reviews_exports": "导出须提供部门审核",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which a grant and its request's decisions differ."""

    grant: str
    request: str
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was compared and what differs; nothing when all grants are as decided."""

    grants: int
    requests: int
    drifts: Sequence[Drift]


@use_case("grant.drift")
def drift_report(hub: Hub, actor: Actor) -> DriftReport:
    """Compares every active grant with its request, and every request in use with its grant."""
    with hub.transaction() as connection:
        codes = None if "administrator" in actor.roles else codes_of(connection, actor)
        found = grant_store.list_of(connection, codes, state="active")
        using = request_store.in_stages(connection, {stage.value for stage in IN_USE}, codes, codes)
        drifts = [drift for each in found for drift in _drifts(connection, each)]
        with_grant = {each.request for each in found}
        drifts += [
            Drift("", each.number, "GRANT_MISSING", "申请在使用中，没有有效的授权")
            for each in using
            if each.number not in with_grant
        ]
        record(connection, hub, actor, "grant.drift", None, row_count=len(drifts))
    return DriftReport(len(found), len(using), drifts)


def _drifts(connection: Connection, grant: StoredGrant) -> list[Drift]:
    request = request_store.find(connection, grant.request)
    if request is None:
        return [Drift(grant.number, grant.request, "REQUEST_MISSING", "授权没有对应的申请")]
    history = request_store.history(connection, request.number)
    says = [*_of_facts(grant, request), *_of_history(history), *_of_terms(grant, history)]
    return [Drift(grant.number, request.number, code, words) for code, words in says]


def _of_facts(grant: StoredGrant, request: StoredRequest) -> list[tuple[str, str]]:
    found = []
    if Stage(request.stage) not in IN_USE:
        found.append(("STAGE", f"申请现为“{STAGE_NAMES[Stage(request.stage)]}”，授权仍有效"))
    for name, title in (("consumer", "需求部门"), ("provider", "提供部门"), ("dataset", "数据集")):
        if getattr(grant, name) != getattr(request, name):
            found.append((name.upper(), f"授权的{title}与申请不同"))
    return found


def _of_history(history: list[RequestEvent]) -> list[tuple[str, str]]:
    if not chain_holds(history):
        return [("HISTORY", "申请的办理记录被改动，或缺少步骤")]
    return []


def _of_terms(grant: StoredGrant, history: list[RequestEvent]) -> list[tuple[str, str]]:
    """Compares a grant with the terms of the step that made it, and that with the narrowings before it."""
    made = [event for event in history if _makes(event)]
    if len(made) != 1 or made[0].terms is None:
        return [("DECISION", "申请没有作出一次且仅一次同意共享的决定")]
    decided, held = read_terms(made[0].terms), read_terms(grant.terms)
    found = [
        (name.upper(), f"授权的{title}与决定不同")
        for name, title in _FIELDS.items()
        if getattr(decided, name) != getattr(held, name)
    ]
    begins = max(made[0].at, clock.moment(decided.starts)) if decided.starts else made[0].at
    off = abs(grant.valid_from - begins) > _WHILE
    if grant.valid_until != clock.moment(decided.ends + _DAY) or off:
        found.append(("PERIOD", "授权的起止时间与决定不同"))
    if any(widened(before, after) for before, after in _narrowings(history)):
        found.append(("WIDENED", "后一步的决定比前一步更宽"))
    return found


def _makes(event: RequestEvent) -> bool:
    command = COMMANDS.get(event.command)
    return command is not None and command.grants and event.to_stage == Stage.SUPPLY


def _narrowings(history: list[RequestEvent]) -> list[tuple[Terms, Terms]]:
    """Pairs each decision's terms with those before it; what the consumer sends anew begins anew."""
    pairs: list[tuple[Terms, Terms]] = []
    before: Terms | None = None
    for event in history:
        if event.terms is None:
            continue
        after = read_terms(event.terms)
        if before is not None and event.command not in ("send", "resubmit"):
            pairs.append((before, after))
        before = after
    return pairs
