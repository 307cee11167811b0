"""Changes of law, organ or duty (R-03, R-21): registered as events, they make one dated task a concerned entry.

The deadline runs in working days from the day the change takes effect; it can be put off once, with the authority's
consent, before it has passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import duty_events as store
from catalog.stores import entries as entry_store
from catalog.stores import tasks as task_store
from catalog.stores.duty_events import DutyEvent
from catalog.stores.entries import State, StoredEntry
from catalog.stores.tasks import Task
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import Reach, reach_of, require_department
from exchange.tasks import TaskView, due_in, open_task, today, view_of
from schemas import workdays
from schemas.errors import InputError, NotFound, StateError
from schemas.rules.book import book

Kind = Literal["law", "organ", "duty"]
KIND_NAMES: dict[str, str] = {"law": "法律法规立改废", "organ": "机构调整", "duty": "职能调整"}
#: 《政务数据共享条例》 in force; before it the deadline of 2016 counts.
_IN_FORCE = date(2025, 8, 1)
_CONCERNED = (State.PUBLISHED, State.REVOKE_PENDING, State.REVOKE_REJECTED)
_LONGEST = 200
#: Years before and after today in which a change may take effect; another year is mistyped.
_YEARS = 10


@dataclass(frozen=True, slots=True)
class NewDuty:
    """An event to register: about single entries, or about all published ones of a department."""

    kind: Kind
    title: str
    effective_on: date
    document_no: str = ""
    note: str = ""
    department: str = ""
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DutyView:
    """An event with its tasks, as far as the actor's reach goes."""

    id: int
    kind: str
    kind_name: str
    title: str
    document_no: str | None
    effective_on: date
    note: str | None
    recorded_by: str
    recorded_at: datetime
    tasks: Sequence[TaskView]
    open: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A published entry that an event may be about."""

    dataset: str
    title: str
    provider_code: str
    provider_name: str


def choices_for(actor: Actor, hub: Hub) -> list[Choice]:
    """Lists the published entries within the actor's reach, for a form; their names are public."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        names = {each.code: each.name for each in departments.list_all(connection)}
        return [
            Choice(each.dataset, each.title, each.provider_code, names.get(each.provider_code, ""))
            for each in entry_store.list_all(connection)
            if each.state in _CONCERNED and reach.covers(each.provider_code)
        ]


@use_case("duty.list")
def list_duties(hub: Hub, actor: Actor) -> list[DutyView]:
    """Lists the events that concern what the actor reaches, newest first."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        views = [_view(connection, hub, event, reach) for event in store.list_all(connection)]
        found = [view for view in views if view.tasks or reach.codes is None]
        record(connection, hub, actor, "duty.list", None, row_count=len(found))
    return found


@use_case("duty.show")
def show_duty(hub: Hub, actor: Actor, event_id: int) -> DutyView:
    """Shows an event with its tasks; raises NotFound."""
    with hub.transaction() as connection:
        event = store.find(connection, event_id)
        reach = reach_of(connection, actor)
        view = _view(connection, hub, event, reach) if event else None
        record(connection, hub, actor, "duty.show", str(event_id))
    if view is None or not (view.tasks or reach.codes is None):
        raise NotFound(f"没有目录更新事件 {event_id}", "", "请从列表中选择", code="DUTY_UNKNOWN")
    return view


@use_case("duty.register")
def register_duty(hub: Hub, actor: Actor, duty: NewDuty) -> DutyView:
    """Registers a change of law, organ or duty and opens a task for each entry that it concerns."""
    _checked(hub, duty)
    due = _due(duty.effective_on)
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        concerned = _concerned(connection, reach, duty)
        event_id = store.add(
            connection,
            {
                "kind": duty.kind,
                "title": duty.title.strip(),
                "document_no": duty.document_no.strip() or None,
                "effective_on": duty.effective_on,
                "note": duty.note.strip() or None,
                "recorded_by": actor.name,
                "recorded_at": hub.clock.now(),
            },
        )
        for stored in concerned:
            open_task(
                connection, hub, kind="directory_update", title=f"更新目录：{stored.title}（{duty.title.strip()}）",
                link=f"/entries/{stored.dataset}", department=stored.provider_code, role="editor",
                dataset=stored.dataset, due_on=due, event=event_id,
            )  # fmt: skip
        detail = {"kind": duty.kind, "entries": len(concerned)}
        record(connection, hub, actor, "duty.register", str(event_id), detail=detail)
        event = store.find(connection, event_id)
        assert event is not None  # noqa: S101 - added above
        return _view(connection, hub, event, reach)


def _checked(hub: Hub, duty: NewDuty) -> None:
    if duty.kind not in KIND_NAMES:
        allowed = "、".join(KIND_NAMES.values())
        raise InputError("没有这种事件", f"事件的种类：{allowed}", "请选择其中一种", code="DUTY_KIND")
    for words, least, what in ((duty.title, 1, "事件名称"), (duty.document_no, 0, "文号"), (duty.note, 0, "说明")):
        if not least <= len(words.strip()) <= _LONGEST:
            raise InputError(f"{what}没有填写或太长", f"不超过{_LONGEST}个字", f"请改正{what}", code="DUTY_FIELD")
    if abs(duty.effective_on.year - today(hub).year) > _YEARS:
        raise InputError("生效日期不可用", f"前后{_YEARS}年以内", "请核对生效日期", code="DUTY_DATE")


def _due(effective_on: date) -> workdays.Due:
    rule = "DIRECTORY_UPDATE" if effective_on >= _IN_FORCE else "DIRECTORY_UPDATE_2016"
    return workdays.due(effective_on, int(book().number(rule)))


def _concerned(connection: Connection, reach: Reach, duty: NewDuty) -> list[StoredEntry]:
    """Lists the published entries within reach that the event is about; raises InputError."""
    known = {each.dataset: each for each in entry_store.list_all(connection) if each.state in _CONCERNED}
    mine = {name: each for name, each in known.items() if reach.covers(each.provider_code)}
    unknown = [name for name in duty.datasets if name not in mine]
    if unknown:
        raise InputError(
            f"条目 {unknown[0][:60]} 没有发布，或不属于本部门",
            "只能选择职责范围内已发布的目录条目",
            "请改正所选条目",
            code="DUTY_ENTRIES",
        )
    chosen = [mine[name] for name in dict.fromkeys(duty.datasets)]
    if not chosen and duty.department:
        chosen = [each for each in mine.values() if each.provider_code == duty.department]
    if not chosen:
        raise InputError(
            "没有涉及的目录条目", "至少涉及一个已发布的目录条目", "请选择条目，或选择提供部门", code="DUTY_ENTRIES"
        )
    return chosen


def _view(connection: Connection, hub: Hub, event: DutyEvent, reach: Reach) -> DutyView:
    names = {each.code: each.name for each in departments.list_all(connection)}
    seen = [task for task in task_store.of_event(connection, event.id) if _about_update(task, reach)]
    shown = [view_of(hub, task, names) for task in seen]
    return DutyView(
        id=event.id,
        kind=event.kind,
        kind_name=KIND_NAMES[event.kind],
        title=event.title,
        document_no=event.document_no,
        effective_on=event.effective_on,
        note=event.note,
        recorded_by=event.recorded_by,
        recorded_at=event.recorded_at,
        tasks=shown,
        open=sum(task.state == "open" for task in shown),
        overdue=sum(task.overdue for task in shown),
    )


def _about_update(task: Task, reach: Reach) -> bool:
    return task.kind == "directory_update" and reach.covers(task.department_code)


@use_case("duty.extend")
def ask_extension(hub: Hub, actor: Actor, task_id: int, days: int, reason: str) -> None:
    """Asks the authority to put off an update task, once, before its deadline has passed."""
    most = int(book().number("DIRECTORY_UPDATE_EXTENSION"))
    task = _task(hub, actor, "duty.extend", task_id)
    if not 1 <= days <= most:
        raise InputError(f"延期{days}个工作日", f"1至{most}个工作日", "请改正延期天数", code="EXTENSION_DAYS")
    if not reason.strip() or len(reason) > _LONGEST:
        raise InputError("没有写明延期理由或太长", f"1至{_LONGEST}个字", "请写明理由", code="REASON")
    with hub.transaction() as connection:
        locked = task_store.find_locked(connection, task_id) or task
        _refuse_extension(hub, locked)
        asked = {"days": days, "reason": reason.strip(), "by": actor.name, "state": "asked"}
        task_store.change(connection, task_id, detail={**locked.detail, "extension": asked})
        open_task(
            connection, hub, kind="extension_review", title=f"审批延期：{locked.title}", role="data_admin",
            link=f"/duties/{locked.event_id}", department=locked.department_code, dataset=locked.dataset,
            due_on=due_in(hub, "AUTHORITY_CHECK"), event=locked.event_id, detail={"task": task_id},
        )  # fmt: skip
        record(connection, hub, actor, "duty.extend", str(task_id), detail={"days": days})


def _refuse_extension(hub: Hub, task: Task) -> None:
    if task.state != "open":
        raise StateError("该任务已办结", "只能申请未办任务的延期", "请刷新页面", code="TASK_CLOSED")
    if task.detail.get("extension"):
        raise StateError("已经申请过延期", "每件任务只能延期一次", "请按期办理", code="EXTENSION_ONCE")
    if task.due_on is not None and today(hub) > task.due_on:
        step = "请尽快办理，并向主管部门说明"
        raise StateError("期限已过，不能申请延期", "须在期限届满前申请", step, code="EXTENSION_LATE")


@use_case("duty.decide")
def decide_extension(hub: Hub, actor: Actor, task_id: int, granted: bool, opinion: str) -> None:
    """Grants or refuses the extension of an update task; a refusal has its reason."""
    _task(hub, actor, "duty.decide", task_id)
    if (not granted and not opinion.strip()) or len(opinion) > _LONGEST:
        got = "没有写明不同意的理由，或意见太长"
        raise InputError(got, f"不超过{_LONGEST}个字", "请写明意见", code="REASON")
    with hub.transaction() as connection:
        task = task_store.find_locked(connection, task_id)
        asked: dict[str, Any] = dict(task.detail.get("extension") or {}) if task else {}
        if task is None or task.due_on is None or asked.get("state") != "asked" or task.state != "open":
            raise StateError("没有待审批的延期申请", "", "请刷新页面", code="EXTENSION_NONE")
        decided = {"state": "granted" if granted else "refused", "opinion": opinion.strip(), "decided_by": actor.name}
        detail = {**task.detail, "extension": asked | decided | {"from": task.due_on.isoformat()}}
        due = workdays.due(task.due_on, int(asked["days"]) if granted else 0)
        provisional = task.provisional or due.provisional
        task_store.change(connection, task_id, detail=detail, due_on=due.date, provisional=provisional)
        _close_review(connection, hub, actor, task)
        record(connection, hub, actor, "duty.decide", str(task_id), detail={"granted": granted})


def _close_review(connection: Connection, hub: Hub, actor: Actor, task: Task) -> None:
    for other in task_store.about(connection, task.dataset or ""):
        if other.kind == "extension_review" and other.detail.get("task") == task.id:
            now = hub.clock.now()
            task_store.change(connection, other.id, state="done", done_at=now, done_by=actor.name)


def _task(hub: Hub, actor: Actor, action: str, task_id: int) -> Task:
    """Returns an update task within reach; raises NotFound, Denied."""
    with hub.transaction() as connection:
        task = task_store.find_locked(connection, task_id)
    if task is None or task.kind != "directory_update":
        raise NotFound(f"没有目录更新任务 {task_id}", "", "请从目录更新事件中选择", code="TASK_UNKNOWN")
    require_department(hub, actor, action, task.department_code, str(task_id))
    return task
