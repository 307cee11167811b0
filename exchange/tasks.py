"""Tasks (待办): what waits for a person or a seat, by when. Others open and close them inside their own acts.

    open_task(connection, hub, kind="entry_review", title=..., link="/entries/x", department=code, role="dept_reviewer")
    close_tasks(connection, hub, actor, kind="entry_review", dataset="x")

A task waits for an account, or for whoever has a role in a department, or for a role wherever it reaches.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Required, TypedDict, Unpack
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import tasks as store
from catalog.stores.tasks import Task
from exchange.access import ROLE_NAMES, Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import reach_of
from schemas import workdays
from schemas.errors import Denied, InputError, NotFound, StateError
from schemas.rules.book import book

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_WIDE_ROLES = ("data_admin", "inspector", "system_admin", "security_admin", "audit_admin")
#: Kinds that a person ends by saying so; every other kind ends with the act that it asks for.
BY_HAND = frozenset({"directory_update", "handover", "notice"})
_SHORTEST_NOTE = 4


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as its people see it; `days_left` counts calendar days and is negative when it is overdue."""

    id: int
    kind: str
    title: str
    dataset: str | None
    department_code: str | None
    department_name: str
    waits_for: str
    due_on: date | None
    days_left: int | None
    overdue: bool
    provisional: bool
    state: str
    link: str
    by_hand: bool
    detail: dict[str, Any]
    created_at: datetime
    done_at: datetime | None
    done_by: str | None


def today(hub: Hub) -> date:
    """Returns the date in Beijing."""
    return hub.clock.now().astimezone(_SHANGHAI).date()


def due_in(hub: Hub, rule: str) -> workdays.Due:
    """Returns the last day of a deadline of working days that begins today."""
    return workdays.due(today(hub), int(book().number(rule)))


class NewTask(TypedDict, total=False):
    """The facts of a task: what it is, where it is done, for whom, by when. No personal value is among them."""

    kind: Required[str]
    title: Required[str]
    link: Required[str]
    department: str | None
    role: str | None
    account: str | None
    dataset: str | None
    due_on: date | workdays.Due | None
    detail: dict[str, Any] | None
    event: int | None


def open_task(connection: Connection, hub: Hub, **facts: Unpack[NewTask]) -> int:
    """Opens a task in the caller's transaction and returns its number."""
    due = facts.get("due_on")
    provisional = isinstance(due, workdays.Due) and due.provisional
    day = due.date if isinstance(due, workdays.Due) else due
    values: dict[str, Any] = {
        "kind": facts["kind"],
        "title": facts["title"],
        "link": facts["link"],
        "department_code": facts.get("department"),
        "role": facts.get("role"),
        "account_id": facts.get("account"),
        "dataset": facts.get("dataset"),
        "event_id": facts.get("event"),
        "due_on": day,
        "provisional": provisional,
        "detail": facts.get("detail") or {},
    }
    return store.add(connection, {**values, "created_at": hub.clock.now(), "state": "open"})


def close_tasks(
    connection: Connection, hub: Hub, actor: Actor, *, kind: str | Collection[str] | None, dataset: str | None
) -> int:
    """Closes the open tasks of a kind (or kinds, None for all) about a dataset, as done by the actor; how many."""
    kinds = [kind] if isinstance(kind, str) else kind
    return store.close(connection, kinds, dataset, "done", actor.name, hub.clock.now())


@use_case("task.list")
def list_tasks(hub: Hub, actor: Actor) -> list[TaskView]:
    """Lists what waits for the actor, soonest due first, overdue marked."""
    with hub.transaction() as connection:
        found = store.open_for(connection, actor.account, _seats(connection, actor))
        names = {each.code: each.name for each in departments.list_all(connection)}
        record(connection, hub, actor, "task.list", None, row_count=len(found))
    return [view_of(hub, task, names) for task in found]


def _seats(connection: Connection, actor: Actor) -> list[tuple[str, frozenset[str] | None]] | None:
    """Lists the actor's roles with the departments for which each acts; None when all tasks are the actor's."""
    if "administrator" in actor.roles:
        return None
    own = frozenset({actor.department}) if actor.department else frozenset()
    reach = reach_of(connection, actor).codes
    return [(role, reach if role in _WIDE_ROLES or role == "dept_admin" else own) for role in sorted(actor.roles)]


def view_of(hub: Hub, task: Task, names: dict[str, str]) -> TaskView:
    """Shows a task; `names` are the departments' names by code."""
    left = (task.due_on - today(hub)).days if task.due_on else None
    department = names.get(task.department_code or "", "")
    role = ROLE_NAMES.get(task.role or "", "")  # type: ignore[call-overload]
    return TaskView(
        id=task.id,
        kind=task.kind,
        title=task.title,
        dataset=task.dataset,
        department_code=task.department_code,
        department_name=department,
        waits_for="本人" if task.account_id else role or department,
        due_on=task.due_on,
        days_left=left,
        overdue=task.state == "open" and left is not None and left < 0,
        provisional=task.provisional,
        state=task.state,
        link=task.link,
        by_hand=task.kind in BY_HAND,
        detail=dict(task.detail),
        created_at=task.created_at,
        done_at=task.done_at,
        done_by=task.done_by,
    )


@use_case("task.done")
def finish_task(hub: Hub, actor: Actor, task_id: int, note: str) -> None:
    """Ends a task that is done by saying so, with what was done; raises NotFound, Denied, StateError."""
    words = note.strip()
    if len(words) < _SHORTEST_NOTE:
        raise InputError("没有写明办理情况", f"至少{_SHORTEST_NOTE}个字", "请写明办理情况", code="NOTE")
    with hub.transaction() as connection:
        task = store.find_locked(connection, task_id)
        mine = task is not None and _is_mine(connection, actor, task)
        record(connection, hub, actor, "task.done", str(task_id), result="success" if mine else "denied")
        if task is not None and mine:
            _refuse_unfinishable(task)
            detail = {**task.detail, "note": words[:500]}
            now = hub.clock.now()
            store.change(connection, task_id, state="done", done_at=now, done_by=actor.name, detail=detail)
    if task is None:
        raise NotFound(f"没有待办 {task_id}", "", "请从待办列表中选择", code="TASK_UNKNOWN")
    if not mine:
        raise Denied("该待办不由您办理", "只能办理本人、本部门岗位的待办", "请联系该部门", code="SCOPE")


def _is_mine(connection: Connection, actor: Actor, task: Task) -> bool:
    seats = _seats(connection, actor)
    if seats is None or (task.account_id is not None and task.account_id == actor.account):
        return True
    if task.account_id is not None:
        return False
    return any(
        role == task.role and (codes is None or task.department_code is None or task.department_code in codes)
        for role, codes in seats
    )


def _refuse_unfinishable(task: Task) -> None:
    if task.state != "open":
        raise StateError("该待办已办结", "只能办结未办的待办", "请刷新待办列表", code="TASK_CLOSED")
    if task.kind not in BY_HAND:
        step = "请打开该待办办理，办理后自动办结"
        raise StateError("该待办须在相应页面办理", "", step, code="TASK_BY_ACT")
