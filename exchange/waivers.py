"""Use-cases of waivers (豁免): the provider proposes that one row need not meet one rule until a date, the data
administrator decides. A granted waiver holds in later runs (exchange/workers.py) and ends by itself at its date."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from catalog.stores import departments, entries, problem_orders, problems
from catalog.stores import waivers as store
from catalog.stores.problems import Problem
from catalog.stores.waivers import Waiver
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.problem_rows import title_of, titles_of
from exchange.problems import entry_of_version
from exchange.scope import reach_of, require_entry
from exchange.tasks import open_task, today
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of
from schemas.rules.book import book

STATE_NAMES = {"proposed": "待审定", "granted": "已同意", "refused": "不同意", "ended": "已到期"}
#: Without these a row cannot be told from others or read at all; no decision mends that.
NEVER_WAIVED = frozenset({"KEY_MISSING", "KEY_CONFLICT", "OPERATION_UNKNOWN", "CHANGE_TIME_UNKNOWN"})
_SHORTEST, _LONGEST = 4, 500
_PERSONAL = re.compile(r"\d{15}|1\d{10}|\d{6}[\s*]+\d{4}")


@dataclass(frozen=True, slots=True)
class WaiverView:
    """A waiver; `row_mark` tells rows apart without naming them."""

    id: int
    dataset: str
    title: str
    department_name: str
    row_mark: str
    code: str
    item: str
    says: str
    state: str
    state_name: str
    reason: str
    until: date
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    opinion: str | None
    mine: bool

    @property
    def rule(self) -> str:
        """Names the rule and item as a filter."""
        return f"{self.code}:{self.item}"


def words_of(text: str, what: str, longest: int = _LONGEST) -> str:
    """Returns a text that a person wrote, trimmed; raises InputError when it is empty, too long, or names somebody."""
    words = text.replace("\0", "").strip()
    if not _SHORTEST <= len(words) <= longest:
        raise InputError(f"{what}不可用", f"{_SHORTEST} 至 {longest} 个字", f"请写明{what}", code="WORDS")
    refuse_personal(words, what)
    return words


def refuse_personal(words: str, what: str) -> None:
    """Raises InputError when a text holds what looks like a number of a person: such texts are kept and shown."""
    if _PERSONAL.search(words):
        raise InputError(
            f"{what}中有疑似公民身份号码或手机号码的数字",
            f"{what}不得写入个人信息",
            "请删去号码，用行号或业务编号说明",
            code="PERSONAL_IN_TEXT",
        )


def require_provider(action: str, hub: Hub, actor: Actor, code: str | None, object_id: str) -> None:
    """Raises Denied, after recording it, unless the actor speaks for the department; a wide reach does not suffice."""
    if actor.department == code or "administrator" in actor.roles:
        return
    with hub.transaction() as connection:
        record(connection, hub, actor, action, object_id, result="denied", error_code="SCOPE")
    raise Denied("该内容属于其他部门", "只能由提供部门办理", "请联系该部门", code="SCOPE")


@use_case("waiver.list")
def list_waivers(hub: Hub, actor: Actor, state: str | None = None) -> list[WaiverView]:
    """Lists the waivers within reach, those that wait first."""
    with hub.transaction() as connection:
        store.end_due(connection, today(hub))
        found = store.list_of(connection, reach_of(connection, actor).codes)
        shown = _views(connection, [each for each in found if state in {None, "", each.state}], actor)
        record(connection, hub, actor, "waiver.list", None, row_count=len(shown))
    return shown


@use_case("waiver.propose")
def propose(hub: Hub, actor: Actor, problem_id: int, reason: str, until: date) -> WaiverView:
    """Proposes that the row of an open problem need not meet its rule until a day; raises InputError, StateError."""
    problem = _open_problem(hub, problem_id)
    with hub.transaction() as connection:
        owner = entries.find(connection, problem.dataset)
    require_provider("waiver.propose", hub, actor, owner.provider_code if owner else None, problem.dataset)
    words = words_of(reason, "豁免理由")
    _refuse_day(hub, until)
    if problem.code in NEVER_WAIVED or problem.code.startswith("ROW_"):
        raise StateError(
            f"规则 {problem.code} 不能豁免", "主键缺失、冲突和无法读取的行不能豁免", "请在来源更正", code="WAIVER_RULE"
        )
    with hub.transaction() as connection:
        stored = entries.find_locked(connection, problem.dataset)
        held = store.of_keys(connection, problem.dataset, [problem.key_hash])
        if any((each.code, each.item) == (problem.code, problem.item) and each.until >= today(hub) for each in held):
            raise StateError("该行的这条规则已提出豁免", "同一行同一规则只能有一份", "请查看豁免", code="WAIVER_EXISTS")
        facts = {name: getattr(problem, name) for name in ("dataset", "key_hash", "code", "item")}
        facts |= {"state": "proposed", "reason": words, "until": until, "proposed_by": actor.name}
        waiver_id = store.add(connection, facts | {"proposed_at": hub.clock.now()})
        open_task(
            connection, hub, kind="waiver", title=f"豁免待审定：{stored.title if stored else problem.dataset}",
            link=_link(waiver_id), role="data_admin", department=stored.provider_code if stored else None,
            dataset=problem.dataset,
        )  # fmt: skip
        hashes = [problem.key_hash.hex()]
        detail = {"code": problem.code, "item": problem.item, "until": until.isoformat(), "dataset": problem.dataset}
        record(connection, hub, actor, "waiver.propose", str(waiver_id), subject_key_hashes=hashes, detail=detail)
        waiver = store.find_locked(connection, waiver_id)
        return _views(connection, [waiver] if waiver else [], actor)[0]


def _open_problem(hub: Hub, problem_id: int) -> Problem:
    with hub.transaction() as connection:
        problem = problems.find(connection, problem_id)
    if problem is None or problem.closed_at is not None:
        raise NotFound("没有这个未决问题", "只能豁免仍未解决的问题", "请从问题数据页提出豁免", code="PROBLEM_UNKNOWN")
    return problem


def _refuse_day(hub: Hub, until: date) -> None:
    last = today(hub) + timedelta(days=int(book().number("WAIVER_DAYS")))
    if not today(hub) <= until <= last:
        raise InputError(f"豁免期限 {until} 不可用", f"今天至 {last}", "请改期限", code="WAIVER_UNTIL")


@use_case("waiver.decide")
def decide(hub: Hub, actor: Actor, waiver_id: int, opinion: str, *, grant: bool) -> WaiverView:
    """Grants or refuses a proposed waiver; raises NotFound, Denied (own proposal), StateError."""
    words = words_of(opinion, "审定意见")
    with hub.transaction() as connection:
        found = store.find_locked(connection, waiver_id)
    if found is None:
        raise NotFound("没有这份豁免", "", "请从豁免列表中选择", code="WAIVER_UNKNOWN")
    require_entry(hub, actor, "waiver.decide", found.dataset)
    _refuse_own(hub, actor, found)
    with hub.transaction() as connection:
        store.end_due(connection, today(hub))
        found = store.find_locked(connection, waiver_id) or found
        if found.state != "proposed" or (grant and found.until < today(hub)):
            raise StateError(
                "该豁免已审定或已过期", "只能审定待审定且未过期的豁免", "请刷新列表", code="WAIVER_DECIDED"
            )
        now, state = hub.clock.now(), "granted" if grant else "refused"
        store.change(connection, waiver_id, state=state, decided_by=actor.name, decided_at=now, opinion=words)
        problem_orders.close_tasks_at(connection, _link(waiver_id), actor.name, now)
        hashes, detail = [found.key_hash.hex()], {"granted": grant, "dataset": found.dataset, "code": found.code}
        record(connection, hub, actor, "waiver.decide", str(waiver_id), subject_key_hashes=hashes, detail=detail)
        decided = store.find_locked(connection, waiver_id) or found
        return _views(connection, [decided], actor)[0]


def _refuse_own(hub: Hub, actor: Actor, waiver: Waiver) -> None:
    if waiver.proposed_by != actor.name:
        return
    with hub.transaction() as connection:
        record(connection, hub, actor, "waiver.decide", str(waiver.id), result="denied", error_code="OWN_PROPOSAL")
    raise Denied("不能审定自己提出的豁免", "提出人与审定人须是两人", "请由另一位数据管理员审定", code="OWN_PROPOSAL")


def _link(waiver_id: int) -> str:
    return f"/waivers#w{waiver_id}"


def _views(connection: Connection, found: list[Waiver], actor: Actor) -> list[WaiverView]:
    names = {each.code: each.name for each in departments.list_all(connection)}
    known = {name: entries.find(connection, name) for name in {each.dataset for each in found}}
    read = {name: entry_of_version(connection, stored) if stored else None for name, stored in known.items()}
    shown = []
    for waiver in found:
        stored, entry = known[waiver.dataset], read[waiver.dataset]
        title = title_of(waiver.item, titles_of(entry) if entry else {})
        says = kind_of(waiver.code).says.replace("{item}", title) if waiver.code in known_codes() else waiver.code
        facts = {name: getattr(waiver, name) for name in Waiver.__slots__ if name != "key_hash"}
        shown.append(
            WaiverView(
                **facts,
                title=stored.title if stored else waiver.dataset,
                department_name=names.get(stored.provider_code, "") if stored else "",
                row_mark=waiver.key_hash.hex()[:8],
                says=says,
                state_name=STATE_NAMES[waiver.state],
                mine=waiver.proposed_by == actor.name,
            )
        )
    return shown
