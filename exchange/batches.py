"""Use-cases of batches (同步批次) as people handle them: list, look into, release, confirm, discard, revalidate.

A batch that shrank is released only after its provider has confirmed: the first release asks the provider's reviewer,
a second one after the confirmation lets the batch go. Counts only; no row is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import datasets as dataset_store
from catalog.stores import day as store
from catalog.stores import tasks as task_store
from catalog.stores.day import DayRun, Question
from catalog.tables import RUN_STATES
from exchange import sync
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.balance import Balance, FindingLine, Measure, balances, finding_lines, measures
from exchange.hub import Hub
from exchange.runs import RunDetail, detail, entry_of, require_run
from exchange.scheduler import scheduler_of
from exchange.scope import reach_of, require_entry
from exchange.tasks import open_task
from exchange.upload_files import is_upload
from schemas.errors import InputError, StateError
from schemas.glossary import word

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Reasons of holding that mean: the batch brought fewer rows than there were.
SHRUNK = frozenset({"volume", "minimum_rows"})
CONFIRMATION = "release_confirmation"
_SHORTEST_REASON = 4
_PAGE = 50
_STEPS = {"extract": "读取", "validate": "校验", "publish": "发布"}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list."""

    run_id: str
    number: int
    dataset: str
    title: str
    department_name: str
    state: str
    state_name: str
    mode_name: str
    extracted: int
    accepted: int
    quarantined: int
    changed: int
    rows_after: int
    seconds: float
    says: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs, newest first; `next` is the number before which the next page begins."""

    items: tuple[RunLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the provider was asked and has answered about a batch that shrank."""

    state: Literal["none", "asked", "agreed", "refused"]
    asked_by: str = ""
    asked_at: datetime | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    opinion: str = ""


@dataclass(frozen=True, slots=True)
class RunSheet:
    """Everything that a run's page shows."""

    line: RunLine
    run: RunDetail
    balances: tuple[Balance, ...]
    findings: tuple[FindingLine, ...]
    measures: tuple[Measure, ...]
    confirmation: Confirmation | None
    scheduler_page: str | None
    logs: Mapping[str, str]
    error_says: str


@dataclass(frozen=True, slots=True)
class Released:
    """What a release has come to: the batch's state, and whether its provider must confirm first."""

    run_id: str
    state: str
    awaits_provider: bool


def line_of(found: DayRun) -> RunLine:
    """Turns a stored run into a line of a list."""
    run = found.run
    reasons = "；".join(str(reason["says"]) for reason in run.hold_reasons) if run.state == "held" else ""
    return RunLine(
        run_id=run.run_id,
        number=found.number,
        dataset=run.dataset,
        title=found.title,
        department_name=found.department_name,
        state=run.state,
        state_name=word(run.state),
        mode_name="回退" if run.rollback_to is not None else word(run.mode),
        extracted=run.extracted,
        accepted=run.accepted,
        quarantined=run.quarantined,
        changed=run.inserted + run.updated + run.deleted,
        rows_after=run.rows_after,
        seconds=round(run.seconds_extract + run.seconds_validate + run.seconds_publish, 1),
        says=reasons or (str((run.error or {}).get("says", "")) if run.state == "failed" else ""),
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


@use_case("run.list")
def list_page(
    hub: Hub,
    actor: Actor,
    dataset: str | None = None,
    state: str | None = None,
    day: date | None = None,
    before: int | None = None,
) -> RunPage:
    """Lists runs within reach, newest first, a page at a time."""
    if state is not None and state not in RUN_STATES:
        raise InputError("没有这种批次状态", "、".join(RUN_STATES), "请从中选择", code="RUN_STATE")
    size = _PAGE
    begun = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) if day else None
    ends = begun + timedelta(days=1) if begun and begun.year < date.max.year else None
    wanted = store.Wanted(dataset, state, begun, ends, _known(before), size + 1)
    with hub.transaction() as connection:
        found = store.page(connection, reach_of(connection, actor).codes, wanted)
        record(connection, hub, actor, "run.list", None, row_count=min(len(found), size))
    lines = tuple(line_of(each) for each in found[:size])
    return RunPage(lines, lines[-1].number if len(found) > size else None)


def _known(before: int | None) -> int | None:
    # A number larger than any run's asks for the first page.
    return None if before is None or not 0 <= before < 2**63 else before


@use_case("run.show")
def show_sheet(hub: Hub, actor: Actor, run_id: str) -> RunSheet:
    """Shows a run: balance of counts, findings with their names, timings, comparison, what can be done."""
    require_entry(hub, actor, "run.show", require_run(hub, run_id).dataset)
    record_read(hub, actor, "run.show", run_id)
    with hub.transaction() as connection:
        found = store.find(connection, run_id)
        known = dataset_store.find(connection, found.run.dataset) if found else None
        asked = store.question(connection, CONFIRMATION, run_id)
    assert found is not None  # noqa: S101 - required above; runs are never removed
    run, scheduler = found.run, scheduler_of(hub.settings)
    entry = entry_of(hub, run)[0]
    logs = {title: log for task, title in _STEPS.items() if (log := scheduler.log_of(run.trigger, task))}
    shrunk = bool(_shrunk(run))
    return RunSheet(
        line=line_of(found),
        run=detail(run),
        balances=balances(run),
        findings=finding_lines(run),
        measures=measures(run, known, entry),
        confirmation=_confirmation(asked) if shrunk or asked else None,
        scheduler_page=None if is_upload(entry.attachment, run.dataset) else scheduler.page_of(run.dataset),
        logs=logs,
        error_says=str((run.error or {}).get("says", "")),
    )


def _shrunk(run: Any) -> list[str]:
    """Lists what says of a held run that it brought fewer rows."""
    if run.state != "held":
        return []
    return [str(reason["says"]) for reason in run.hold_reasons if reason["code"] in SHRUNK]


def _confirmation(asked: Question | None) -> Confirmation:
    if asked is None:
        return Confirmation("none")
    answered = {"open": "asked", "done": "agreed", "cancelled": "refused"}[asked.state]
    return Confirmation(
        answered,  # type: ignore[arg-type]
        str(asked.detail.get("asked_by", "")),
        asked.created_at,
        asked.done_by,
        asked.done_at,
        str(asked.detail.get("opinion", "")),
    )


def _require_reason(reason: str) -> str:
    words = reason.strip()
    if len(words) < _SHORTEST_REASON:
        raise InputError("没有写明理由", f"至少{_SHORTEST_REASON}个字", "请写明理由", code="REASON")
    return words[:500]


@use_case("run.release")
def release(hub: Hub, actor: Actor, run_id: str, reason: str) -> Released:
    """Lets a held batch go (放行); of one that shrank the provider is asked first, and again after a refusal."""
    words = _require_reason(reason)
    run = require_run(hub, run_id)
    require_entry(hub, actor, "run.release", run.dataset)
    if run.state == "held" and _shrunk(run):
        with hub.transaction() as connection:
            asked = store.question(connection, CONFIRMATION, run_id)
            if asked is None or asked.state == "cancelled":
                _ask_provider(hub, connection, actor, run_id, words)
                record(connection, hub, actor, "run.release", run_id, detail={"reason": words, "asked": True})
        if asked is None or asked.state == "cancelled":
            return Released(run_id, run.state, awaits_provider=True)
        if asked.state == "open":
            raise StateError("提供部门尚未确认", "行数减少的批次须提供部门先确认", "请等待提供部门审核员确认后再放行",
                             code="AWAITS_PROVIDER")  # fmt: skip
    done = sync.release(hub, actor, run_id, words)
    with hub.transaction() as connection:
        record(connection, hub, actor, "run.release", run_id, detail={"reason": words})
    return Released(run_id, done.state, awaits_provider=False)


def _ask_provider(hub: Hub, connection: Connection, actor: Actor, run_id: str, words: str) -> None:
    found = store.find(connection, run_id)
    assert found is not None  # noqa: S101 - the caller has it
    open_task(
        connection,
        hub,
        kind=CONFIRMATION,
        title=f"请确认放行：{found.title}本批次行数减少",
        link=f"/runs/{run_id}",
        department=found.department_code,
        role="dept_reviewer",
        dataset=found.run.dataset,
        detail={"run_id": run_id, "asked_by": actor.title or actor.name, "reason": words},
    )


@use_case("run.confirm")
def confirm(hub: Hub, actor: Actor, run_id: str, opinion: str, agrees: bool = True) -> Confirmation:
    """Answers for the provider whether a batch that shrank is right (确认放行)."""
    words = _require_reason(opinion)
    run = require_run(hub, run_id)
    require_entry(hub, actor, "run.confirm", run.dataset)
    with hub.transaction() as connection:
        asked = store.question(connection, CONFIRMATION, run_id)
        locked = task_store.find_locked(connection, asked.id) if asked else None
        if locked is None or locked.state != "open" or run.state != "held":
            raise StateError(
                "没有等待确认的放行申请", "数据管理员申请放行后才需确认", "请刷新页面", code="NOTHING_TO_CONFIRM"
            )
        facts = {"state": "done" if agrees else "cancelled", "done_at": hub.clock.now(), "done_by": actor.name}
        detail_ = {**locked.detail, "opinion": words}
        task_store.change(connection, locked.id, **facts, detail=detail_)
        record(connection, hub, actor, "run.confirm", run_id, detail={"agrees": agrees, "opinion": words})
        answered = store.question(connection, CONFIRMATION, run_id)
    return _confirmation(answered)


@use_case("run.discard")
def discard(hub: Hub, actor: Actor, run_id: str, reason: str) -> RunDetail:
    """Gives up a held or unfinished batch (作废); what is published stays as it is."""
    words = _require_reason(reason)
    require_entry(hub, actor, "run.discard", require_run(hub, run_id).dataset)
    sync.discard(hub, actor, run_id, words)
    with hub.transaction() as connection:
        _take_back(hub, connection, actor, run_id)
        record(connection, hub, actor, "run.discard", run_id, detail={"reason": words})
    return detail(require_run(hub, run_id))


@use_case("run.revalidate")
def revalidate(hub: Hub, actor: Actor, run_id: str, reason: str) -> RunDetail:
    """Validates a held batch again under the newest entry version (重新校验); publishes it if it passes."""
    words = _require_reason(reason)
    require_entry(hub, actor, "run.revalidate", require_run(hub, run_id).dataset)
    sync.revalidate(hub, actor, run_id)
    with hub.transaction() as connection:
        _take_back(hub, connection, actor, run_id)
        record(connection, hub, actor, "run.revalidate", run_id, detail={"reason": words})
    return detail(require_run(hub, run_id))


def _take_back(hub: Hub, connection: Connection, actor: Actor, run_id: str) -> None:
    """Takes back a question to the provider that is moot now."""
    asked = store.question(connection, CONFIRMATION, run_id)
    found = store.find(connection, run_id)
    if asked is not None and asked.state == "open" and found is not None and found.run.state != "held":
        facts = {"state": "cancelled", "done_at": hub.clock.now(), "done_by": actor.name}
        task_store.change(connection, asked.id, **facts)
