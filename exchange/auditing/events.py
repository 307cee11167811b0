"""Use-cases of reading the log: list with filters, one event with its place in the chain, what concerned a person.

Only auditors read it, and each reading is itself an event; a search by person has that person's key hash.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import audit_chain, audit_search, departments
from catalog.stores.audit import Event, Recorded
from catalog.stores.audit_search import Filter
from exchange.access import ACTIONS, ROLE_NAMES, Actor
from exchange.audit import record, use_case
from exchange.auditing.subject_keys import hashes_of
from exchange.hub import Hub
from schemas.errors import InputError, NotFound
from schemas.grants import PURPOSES

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_HASH = re.compile(r"[0-9a-f]{64}")
PAGE = 50
_MOST = 1000
RESULT_NAMES = {"success": "成功", "denied": "拒绝", "failure": "失败"}
ACTION_NAMES = {
    "LOGIN": "登录", "QUERY": "查询", "EXPORT": "导出", "API_CALL": "接口调用", "GRANT": "授权", "REVOKE": "撤销",
    "PUBLISH": "发布", "APPROVE": "通过", "REJECT": "退回", "CONFIG": "配置", "KEY_USE": "使用密钥",
    "DAG_RUN": "同步", "OBJECTION": "异议", "RECALL": "召回",
}  # fmt: skip
CHANNEL_NAMES = {"cli": "命令行", "scheduler": "调度", "portal": "门户", "api": "接口"}


@dataclass(frozen=True, slots=True)
class EventView(Event):
    """An event with its number, its words, and its place in the chain (None: unsealed, or not asked for)."""

    seq: int = 0
    title: str = ""
    action_name: str = ""
    result_name: str = ""
    dept_name: str = ""
    role_name: str = ""
    channel_name: str = ""
    purpose_name: str = ""
    link: int | None = None
    batch: int | None = None
    record_sm3: str | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, newest first; `next` is the number before which the next page begins."""

    events: tuple[EventView, ...]
    next: int | None
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """What an auditor looks for; days are of Beijing time and both included."""

    actor: str = ""
    department: str = ""
    dataset: str = ""
    action: str = ""
    result: str = ""
    case_no: str = ""
    since: date | None = None
    until: date | None = None


def filter_of(search: Search, subjects: Sequence[str] = ()) -> Filter:
    """Turns a search into the store's filter; raises InputError when its days are the wrong way round."""
    if search.since and search.until and search.until < search.since:
        raise InputError("结束日期早于开始日期", "结束日期不早于开始日期", "请改正日期", code="AUDIT_DATES")
    given = {name: str(value).strip() for name, value in asdict(search).items() if name not in {"since", "until"}}
    return Filter(
        **given,
        since=_midnight(search.since) if search.since else None,
        until=_midnight(search.until + timedelta(days=1)) if search.until else None,
        subjects=tuple(subjects),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _SHANGHAI)


@use_case("audit.list")
def list_events(
    hub: Hub, actor: Actor, search: Search | None = None, before: int | None = None, limit: int = PAGE
) -> EventPage:
    """Lists the events that a search finds, newest first, a page at a time."""
    wanted = search or Search()
    # Which account and dataset was looked for is no secret; what was typed elsewhere might be.
    detail = {name: str(value) for name, value in asdict(wanted).items() if value and name in {"since", "until"}}
    return _page(hub, actor, ("audit.list", filter_of(wanted)), before, limit, {"detail": detail})


@use_case("audit.person")
def find_person(
    hub: Hub, actor: Actor, key: str = "", subject: str = "", before: int | None = None, limit: int = PAGE
) -> EventPage:
    """Lists who did what with the data of one person or company, by its number or by the hashes of a former search.

    Raises IdentifierError for an invalid number.
    """
    subjects = tuple(subject.split(",")) if subject and not key else hashes_of(hub, key)
    if len(subjects) > 20 or not all(_HASH.fullmatch(each) for each in subjects):
        raise InputError("主体标识不可用", "由本页查询得到的标识", "请重新输入号码查询", code="SUBJECT")
    wanted = Filter(subjects=subjects)
    return _page(hub, actor, ("audit.person", wanted), before, limit, {"subject_key_hashes": subjects})


def _page(
    hub: Hub, actor: Actor, asked: tuple[str, Filter], before: int | None, limit: int, facts: Mapping[str, Any]
) -> EventPage:
    action, wanted = asked
    most = max(1, min(limit, _MOST))
    with hub.transaction() as connection:
        found = audit_search.find(connection, wanted, before=before, limit=most + 1)
        if action == "audit.person":
            record(connection, hub, actor, "audit.person", None, row_count=len(found[:most]), **facts)
        else:
            record(connection, hub, actor, "audit.list", None, row_count=len(found[:most]), **facts)
        offices = office_names(connection)
    page = tuple(view_of(each, offices) for each in found[:most])
    return EventPage(page, page[-1].seq if len(found) > most else None, tuple(wanted.subjects))


@use_case("audit.show")
def show_event(hub: Hub, actor: Actor, seq: int) -> EventView:
    """Shows one event with its place in the chain; raises NotFound."""
    with hub.transaction() as connection:
        found = audit_search.find_one(connection, seq) if abs(seq) < 2**62 else None
        record(connection, hub, actor, "audit.show", str(seq), result="success" if found else "failure")
        linked = audit_chain.find_link(connection, seq) if found else None
        offices = office_names(connection)
    if found is None:
        raise NotFound(f"没有日志记录 {seq}", "", "请从操作日志中选择", code="EVENT_UNKNOWN")
    if linked is None:
        return view_of(found, offices)
    link, batch = linked
    place = {"link": link.number, "batch": batch.number if batch else None, "record_sm3": link.record_sm3}
    return view_of(found, offices, **place)


def office_names(connection: Connection) -> dict[str, str]:
    """Names the departments by their codes."""
    return {each.code: each.name for each in departments.list_all(connection)}


def view_of(recorded: Recorded, offices: Mapping[str, str], **place: Any) -> EventView:
    """Shows an event."""
    event = recorded.event
    values = {f.name: getattr(event, f.name) for f in fields(Event)}
    use = str(event.detail.get("use_case", ""))
    return EventView(
        **values,
        seq=recorded.seq,
        title=ACTIONS[use].title if use in ACTIONS else use,
        action_name=ACTION_NAMES.get(event.action, event.action),
        result_name=RESULT_NAMES.get(event.result, event.result),
        dept_name=offices.get(event.dept_code or "", ""),
        role_name="、".join(ROLE_NAMES.get(each, each) for each in event.role.split(",") if each),  # type: ignore[call-overload]
        channel_name=CHANNEL_NAMES.get(event.channel, event.channel),
        purpose_name=PURPOSES.get(event.purpose_code or "", event.purpose_code or ""),  # type: ignore[call-overload]
        **place,
    )
