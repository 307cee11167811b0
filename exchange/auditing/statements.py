"""查询记录证明: who looked at one person's or company's data, made on that person's request, for printing.

Names departments and posts, not the staff; the number looked for is masked. Each statement is an event with its number
and a code by which the hub confirms it; its content is not kept, and can be made again from the log.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from catalog.stores import audit_search, departments, entries
from catalog.stores.audit import Recorded
from exchange.access import ROLE_NAMES, Actor
from exchange.audit import record, request_digest, use_case
from exchange.auditing.events import ACTION_NAMES, RESULT_NAMES, Search, filter_of
from exchange.auditing.subject_keys import hashes_of, masked
from exchange.hub import Hub
from schemas.errors import InputError
from schemas.grants import PURPOSES

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_REFERENCE = re.compile(r"[\w\-〔〕()（）\[\]【】/.]{2,60}")
_NUMBER_LIKE = re.compile(r"[0-9A-Za-z]{14,}")
#: Lines of one statement at most; a longer one is made for a shorter span of time.
MOST = 5_000
LISTED = 200


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One access, as the person may know it."""

    at: datetime
    department: str
    post: str
    dataset: str
    action: str
    items: int
    purpose: str
    case_no: str
    result: str
    event: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its number, whom and which days it is about, on which request, the accesses, and its code."""

    number: str
    code: str
    subject: str
    reference: str
    since: date | None
    until: date | None
    made_at: datetime
    made_by: str
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """A statement that was made: what confirms it."""

    number: str
    code: str
    reference: str
    lines: int
    made_at: datetime
    made_by: str


@use_case("audit.statement")
def make_statement(
    hub: Hub, actor: Actor, key: str, reference: str, since: date | None = None, until: date | None = None
) -> Statement:
    """Makes a statement of who looked at the data of a number's holder; raises IdentifierError, InputError."""
    wanted = reference.strip()
    if not _REFERENCE.fullmatch(wanted) or _NUMBER_LIKE.search(wanted):
        raise InputError(
            "申请编号不可用", "2至60个字的申请编号，不含证件号码", "请填写登记的申请编号", code="REFERENCE"
        )
    subjects = hashes_of(hub, key)
    chosen = filter_of(Search(since=since, until=until), subjects)
    now = hub.clock.now()
    number = f"CXZM-{now.astimezone(_SHANGHAI):%Y%m%d}-{secrets.token_hex(4).upper()}"
    with hub.transaction() as connection:
        found = audit_search.find(connection, chosen, limit=MOST + 1)
        offices = {each.code: each.name for each in departments.list_all(connection)}
        titles = {each.dataset: each.title for each in entries.list_all(connection)}
        shown = [each for each in found if each.event.object_type != "audit"]
        lines = tuple(_line(each, offices, titles) for each in reversed(shown))
        code = request_digest(hub, number, subjects[0], *(f"{each.event}" for each in lines))[:16]
        facts = {"reference": wanted, "code": code, "lines": len(lines)}
        long = len(found) > MOST
        record(
            connection, hub, actor, "audit.statement", number, subject_key_hashes=subjects, row_count=len(lines),
            detail=facts, result="failure" if long else "success", error_code="STATEMENT_LONG" if long else None,
        )  # fmt: skip
    if long:
        raise InputError(
            f"记录超过 {MOST} 条", f"一份证明最多 {MOST} 条", "请缩短日期范围分次出具", code="STATEMENT_LONG"
        )
    return Statement(number, code, masked(key), wanted, since, until, now, actor.title or actor.name, lines)


def _line(recorded: Recorded, offices: dict[str, str], titles: dict[str, str]) -> StatementLine:
    event = recorded.event
    roles: dict[str, str] = dict(ROLE_NAMES.items())
    office = offices.get(event.dept_code or "", "") or "平台管理单位"
    return StatementLine(
        at=event.ts,
        department=office,
        post="、".join(roles.get(role, role) for role in event.role.split(",") if role),
        dataset=titles.get(event.object_id or "", event.object_id or ""),
        action=ACTION_NAMES.get(event.action, event.action),
        items=len(event.items),
        purpose=dict(PURPOSES).get(event.purpose_code or "", event.purpose_code or ""),  # type: ignore[call-overload]
        case_no=event.case_no or "",
        result=RESULT_NAMES[event.result],
        event=recorded.seq,
    )


@use_case("audit.statements")
def list_statements(hub: Hub, actor: Actor, number: str = "") -> list[Issued]:
    """Lists the statements made, newest first, or the one of a number: what confirms a paper that somebody shows."""
    with hub.transaction() as connection:
        chosen = audit_search.Filter(use_case="audit.statement", result="success", dataset=number.strip()[:60])
        found = audit_search.find(connection, chosen, limit=LISTED)
        record(connection, hub, actor, "audit.statements", None, row_count=len(found))
    return [
        Issued(
            each.event.object_id or "", str(each.event.detail.get("code", "")),
            str(each.event.detail.get("reference", "")), int(each.event.detail.get("lines", 0)), each.event.ts,
            each.event.actor_name,
        )
        for each in found
    ]  # fmt: skip
