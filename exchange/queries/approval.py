"""Use-cases of agreeing to exports: the own department's reviewer, then each provider that a grant gives the say.

Reviewers see the statement's columns, the numbers and twenty rows whose values are masked; never a value.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import queries as store
from catalog.stores.queries import StoredExport
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.lifecycle_steps import same_person
from exchange.queries import results
from exchange.queries.views import QueryDataset, open_text, view_of
from exchange.sharing import clock
from exchange.tasks import due_in, open_task
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.grants import PURPOSES
from schemas.rules.book import book

STATES = {
    "own_review": "待本部门审核", "provider_review": "待提供部门审核", "approved": "待领取", "fetched": "已领取",
    "refused": "不同意", "ended": "已终止",
}  # fmt: skip
PREVIEW_ROWS = 20
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export as its asker and its reviewers see it; `preview` holds masked values alone."""

    number: str
    query: str
    login: str
    department_code: str
    department_name: str
    format: str
    reason: str
    state: str
    state_name: str
    waits_for: Sequence[str]
    causes: Sequence[str]
    purpose_name: str
    rows: int
    datasets: Sequence[QueryDataset]
    columns: Sequence[str]
    preview: Sequence[Sequence[Any]]
    steps: Sequence[Mapping[str, Any]]
    manifest: Mapping[str, Any] | None
    asked_at: datetime
    fetch_until: datetime | None
    own: bool


def number_of(hub: Hub) -> str:
    """Makes the number of an export: the day, and what nobody can guess."""
    return f"DC{clock.day_of(hub.clock.now()):%Y%m%d}{secrets.token_hex(6)}"


def preview_text(hub: Hub, query_id: str) -> str:
    """Writes the first rows of a result with every value masked, whatever it is."""
    page = results.page_of(hub, query_id, 0, PREVIEW_ROWS)
    return json.dumps([[masked(value) for value in row] for row in page.rows], ensure_ascii=False)


def masked(value: Any) -> Any:
    """Masks any value of a preview: its first character and its length at most are left of it."""
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:1] + "*" * min(len(text) - 1, 8) if len(text) > 1 else "*"


def own_export(connection: Connection, actor: Actor, number: str, *, locked: bool = False) -> StoredExport:
    """Returns an export of the actor's own; any other is as one that is not there."""
    found = store.find_export(connection, number, locked=locked)
    if found is None or found.login != actor.name:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("没有该导出", "本人的导出和待本部门审核的导出", "请从导出列表中选择", code="EXPORT_UNKNOWN")


def waits_for(found: StoredExport) -> list[str]:
    """Names the departments that have to agree now."""
    if found.state == "own_review":
        return [found.department_code]
    agreed = {step["department"] for step in found.steps if step["as"] == "provider"}
    return [code for code in found.providers if code not in agreed] if found.state == "provider_review" else []


def _sees(found: StoredExport, actor: Actor) -> bool:
    if found.login == actor.name:
        return True
    if "dept_reviewer" not in actor.roles or not found.causes:
        return False
    # A provider sees it once the own department has agreed.
    involved = {found.department_code} | (set(found.providers) if found.steps else set())
    return actor.department in involved


@use_case("query.exports")
def exports(hub: Hub, actor: Actor) -> list[ExportView]:
    """Lists one's own exports and those that one's department decides on, newest first; without previews."""
    codes = [actor.department] if actor.department and "dept_reviewer" in actor.roles else []
    with hub.transaction() as connection:
        found = [e for e in store.exports(connection, login=actor.name, departments=codes) if _sees(e, actor)]
        record(connection, hub, actor, "query.exports", None, row_count=len(found))
    return [view(hub, actor, each, preview=False) for each in found]


@use_case("query.preview")
def show_export(hub: Hub, actor: Actor, number: str) -> ExportView:
    """Shows an export with its masked preview to its asker and its reviewers."""
    with hub.transaction() as connection:
        found = store.find_export(connection, number)
        seen = found is not None and _sees(found, actor)
        facts: dict[str, Any] = {} if seen else {"result": "denied", "error_code": "EXPORT_UNKNOWN"}
        record(connection, hub, actor, "query.preview", number[:40], **facts)
    if found is None or not seen:
        raise _unknown()
    return view(hub, actor, found)


@use_case("query.agree")
def agree(hub: Hub, actor: Actor, number: str, opinion: str = "") -> ExportView:
    """Agrees to an export for one's department; the last to agree makes it fetchable."""
    return _decided(hub, actor, number, opinion.strip(), "query.agree")


@use_case("query.refuse")
def refuse(hub: Hub, actor: Actor, number: str, opinion: str) -> ExportView:
    """Refuses an export for one's department, with the reason."""
    if len(opinion.strip()) < _SHORTEST:
        raise InputError("没有写明不同意的理由", f"不少于{_SHORTEST}字", "请写明理由", code="REASON")
    return _decided(hub, actor, number, opinion.strip(), "query.refuse")


def _decided(hub: Hub, actor: Actor, number: str, opinion: str, action: str) -> ExportView:
    with hub.transaction() as connection:
        found = store.find_export(connection, number, locked=True)
        refused = _refusal(connection, actor, found)
        if refused is not None:
            record(connection, hub, actor, action, number[:40], result="denied", error_code=refused.code)
        else:
            assert found is not None  # noqa: S101 - else refused
            _step(connection, hub, actor, found, (action, opinion))
            found = store.find_export(connection, number)
    if refused is not None:
        raise refused
    assert found is not None  # noqa: S101 - it was there
    return view(hub, actor, found)


def _refusal(connection: Connection, actor: Actor, found: StoredExport | None) -> Denied | NotFound | StateError | None:
    if found is None or not _sees(found, actor):
        return _unknown()
    if found.state not in ("own_review", "provider_review"):
        return StateError(f"该导出{STATES[found.state]}", "待审核的导出", "请刷新页面", code="EXPORT_STATE")
    if actor.department not in waits_for(found):
        return Denied("该导出现在不由本部门审核", "待本部门审核的导出", "请等待", code="EXPORT_SIDE")
    before = {found.login, *(step["by"] for step in found.steps)}
    if actor.name in before or same_person(connection, actor, before):
        return Denied("不能审核自己的导出", "申请与各步审核由不同的人办理", "请由他人审核", code="SAME_PERSON")
    return None


def _step(connection: Connection, hub: Hub, actor: Actor, found: StoredExport, said: tuple[str, str]) -> None:
    action, opinion = said
    now = hub.clock.now()
    side = "own" if found.state == "own_review" else "provider"
    step = {"as": side, "department": actor.department, "by": actor.name, "at": now.isoformat(),
            "decision": action.partition(".")[2], "opinion": opinion}  # fmt: skip
    steps = [*found.steps, step]
    values: dict[str, Any] = {"steps": steps}
    if action == "query.refuse":
        values["state"] = "refused"
    else:
        agreed = {each["department"] for each in steps if each["as"] == "provider"}
        left = [code for code in found.providers if code not in agreed]
        values["state"] = "provider_review" if left else "approved"
        if not left:
            values["fetch_until"] = now + timedelta(hours=book().number("EXPORT_FETCH"))
        for code in left if side == "own" else ():
            open_task(connection, hub, kind="query_export", title=f"审核查询结果导出 {found.number}",
                      link=f"/exports/{found.number}", department=code, role="dept_reviewer",
                      due_on=due_in(hub, "EXPORT_REVIEW"))  # fmt: skip
    store.change_export(connection, found.number, **values)
    store.close_export_task(connection, found.number, actor.department or "", actor.name, now)
    detail = {"query": found.query, "as": side, "state": values["state"]}
    record(connection, hub, actor, action, found.number, detail=detail)


def view(hub: Hub, actor: Actor, found: StoredExport, *, preview: bool = True) -> ExportView:
    """Shows an export; the statement is its asker's alone."""
    with hub.transaction() as connection:
        stored = store.find(connection, found.query)
        names = {each.code: each.name for each in departments.list_all(connection)}
    assert stored is not None  # noqa: S101 - a foreign key
    run = view_of(hub, stored)
    rows = json.loads(open_text(hub, "query-export", found.number, found.sealed_preview)) if preview else []
    return ExportView(
        number=found.number, query=found.query, login=found.login, department_code=found.department_code,
        department_name=names.get(found.department_code, found.department_code), format=found.format,
        reason=found.reason, state=found.state, state_name=STATES[found.state],
        waits_for=[names.get(code, code) for code in waits_for(found)], causes=found.causes,
        purpose_name=PURPOSES.get(run.purpose, ""), rows=run.rows, datasets=run.datasets,  # type: ignore[call-overload]
        columns=[each["name"] for each in run.columns], preview=rows, steps=found.steps, manifest=found.manifest,
        asked_at=found.asked_at, fetch_until=found.fetch_until, own=found.login == actor.name,
    )  # fmt: skip
