"""Use-cases of an entry's schedule (同步计划): look, run now, pause, go on, backfill. Airflow does the work."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter
from sqlalchemy import Connection

from catalog.stores import day as store
from catalog.stores import departments, entries
from catalog.stores.runs import Run
from connectors.window import inside
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.beginning import attachment_of, published_entry
from exchange.contracts import entry_from
from exchange.extraction import OUTSIDE_WINDOW
from exchange.hub import Hub
from exchange.records import read_record
from exchange.scheduler import DagState, scheduler_of
from exchange.scope import require_entry
from exchange.upload_files import is_upload
from schemas.entry import Entry
from schemas.errors import HubError, InputError, StateError
from schemas.glossary import word

SHANGHAI = ZoneInfo("Asia/Shanghai")
_HISTORY = 30
_NEXT = 3
#: A backfill of more planned runs than this is a mistake: each reads the source once.
MOST_BACKFILLED = 62
_FIRST_YEAR = 2000
_ENGLISH = {
    "Monday": "星期一", "Tuesday": "星期二", "Wednesday": "星期三", "Thursday": "星期四", "Friday": "星期五",
    "Saturday": "星期六", "Sunday": "星期日", "January": "一月", "February": "二月", "March": "三月", "April": "四月",
    "May": "五月", "June": "六月", "July": "七月", "August": "八月", "September": "九月", "October": "十月",
    "November": "十一月", "December": "十二月",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Past:
    """A run in the history of a dataset."""

    run_id: str
    state: str
    state_name: str
    created_at: datetime
    extracted: int
    quarantined: int
    rows_after: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule: what is planned, what Airflow says, what has been."""

    dataset: str
    title: str
    department_name: str
    cron: str | None
    meaning: str
    next_runs: tuple[datetime, ...]
    window: str | None
    window_open: bool
    uploads: bool
    mode: str
    modes: tuple[tuple[str, str], ...]
    airflow: DagState | None
    airflow_says: str
    airflow_page: str | None
    history: tuple[Past, ...]


def update_cycles(hub: Hub, connection: Connection) -> dict[str, str]:
    """Returns the update cycle of every attached entry, from the list that is written with each publication.

    Reading a thousand contracts takes half a minute.
    """
    listed = read_record(hub.settings.directory / "dags.json").get("cycles")
    if isinstance(listed, dict):
        return {str(dataset): str(cycle) for dataset, cycle in listed.items()}
    read = (entry_from(version.contract, stored.dataset) for stored, version in entries.published(connection))
    return {entry.dataset: entry.update_cycle for entry in read if entry.attachment}


@lru_cache(maxsize=4096)
def cron_meaning(cron: str | None) -> str:
    """Says a cron line in Chinese."""
    from cron_descriptor import ExpressionDescriptor, Options  # noqa: PLC0415 - only where a schedule is shown
    from cron_descriptor.Exception import FormatError  # noqa: PLC0415

    if not cron:
        return "没有定时计划，需要时立即同步"
    options = Options()
    options.locale_code, options.use_24hour_time_format = "zh_CN", True
    try:
        says = str(ExpressionDescriptor(cron, options).get_description())
    except (FormatError, ValueError, IndexError):
        return "计划写法无法识别"
    for english, chinese in _ENGLISH.items():
        says = says.replace(english, chinese)
    says = says.replace(", ", "，").replace("在 ", "", 1) if says.startswith("在 ") else says.replace(", ", "，")
    daily = croniter.is_valid(cron) and cron.split()[2:] == ["*", "*", "*"] and cron.split()[1].isdigit()
    return f"每天 {says}" if daily else says


def planned(cron: str | None, after: datetime, before: datetime | None = None, most: int = _NEXT) -> list[datetime]:
    """Lists the planned moments after one, in Beijing time."""
    if not cron or not croniter.is_valid(cron):
        return []
    moments = croniter(cron, after.astimezone(SHANGHAI))
    found: list[datetime] = []
    while len(found) < most:
        moment = moments.get_next(datetime)
        if before is not None and moment >= before:
            break
        found.append(moment)
    return found


@use_case("schedule.show")
def show_schedule(hub: Hub, actor: Actor, dataset: str) -> ScheduleView:
    """Shows an entry's schedule, its next runs, its reading window and its history."""
    require_entry(hub, actor, "schedule.show", dataset)
    record_read(hub, actor, "schedule.show", dataset)
    with hub.transaction() as connection:
        _, entry = published_entry(connection, dataset)
        attachment = attachment_of(entry)
        past = store.last_runs(connection, dataset, _HISTORY)
        names = {each.code: each.name for each in departments.list_all(connection)}
    now = hub.clock.now()
    # What a department hands in has no DAG: there is nothing to fetch.
    uploads = is_upload(attachment, dataset)
    state, says = (None, "") if uploads else _airflow(hub, dataset)
    window = attachment.reading_window
    return ScheduleView(
        dataset=dataset,
        title=entry.title,
        department_name=names.get(entry.provider_code, entry.provider_name),
        cron=entry.schedule,
        meaning=cron_meaning(entry.schedule),
        next_runs=tuple(planned(entry.schedule, now)),
        window="—".join(window) if window else None,
        window_open=inside(window, now),
        uploads=uploads,
        mode=attachment.mode,
        modes=tuple((mode, word(mode)) for mode in dict.fromkeys((attachment.mode, "snapshot"))),
        airflow=state,
        airflow_says=says,
        airflow_page=None if uploads else scheduler_of(hub.settings).page_of(dataset),
        history=tuple(_past(run) for run in past),
    )


def _past(run: Run) -> Past:
    seconds = round(run.seconds_extract + run.seconds_validate + run.seconds_publish, 1)
    counts = (run.extracted, run.quarantined, run.rows_after)
    return Past(run.run_id, run.state, word(run.state), run.created_at, *counts, seconds)


def _airflow(hub: Hub, dataset: str) -> tuple[DagState | None, str]:
    scheduler = scheduler_of(hub.settings)
    health = scheduler.health()
    if not health.answers:  # a page must not wait for an Airflow that hangs
        return None, health.says
    try:
        return scheduler.state(dataset), ""
    except HubError as error:
        return None, "。".join(part for part in (error.got, error.next_step) if part)


@use_case("schedule.run")
def run_now(
    hub: Hub,
    actor: Actor,
    dataset: str,
    mode: str | None = None,
    outside_window: bool = False,
) -> str:
    """Has Airflow sync now; outside the reading window only when that is confirmed. Returns Airflow's run id."""
    entry = _attached(hub, actor, "schedule.run", dataset)
    attachment = attachment_of(entry)
    if mode is not None and mode not in {"snapshot", attachment.mode}:
        raise InputError("该同步方式不可用于此数据集", f"可用：snapshot、{attachment.mode}", "请改选", code="MODE")
    now = hub.clock.now()
    opened = inside(attachment.reading_window, now)
    if not opened and not outside_window:
        start, end = attachment.reading_window or ("", "")
        raise StateError(f"现在不在来源系统的读取时段内（{start}—{end}）", "时段外读取须先确认",
                         "如提供部门同意，请勾选“确认在时段外读取”", code="READING_WINDOW")  # fmt: skip
    scheduler = scheduler_of(hub.settings)
    if scheduler.state(dataset).paused:
        raise StateError("同步计划已暂停", "暂停期间不同步", "请先恢复计划", code="SCHEDULE_PAUSED")
    run_id = f"portal__{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}{'' if opened else OUTSIDE_WINDOW}"
    with hub.transaction() as connection:
        facts = {"mode": mode, "airflow_run": run_id, "outside_window": not opened}
        record(connection, hub, actor, "schedule.run", dataset, detail=facts)
        scheduler.trigger(dataset, run_id, mode)
    return run_id


def _attached(hub: Hub, actor: Actor, action: str, dataset: str) -> Entry:
    """Returns the entry in force that the actor may act on."""
    require_entry(hub, actor, action, dataset)
    with hub.transaction() as connection:
        entry = published_entry(connection, dataset)[1]
    attachment_of(entry)
    return entry


@use_case("schedule.pause")
def pause(hub: Hub, actor: Actor, dataset: str, paused: bool = True) -> DagState:
    """Pauses an entry's schedule (暂停) or lets it go on (恢复)."""
    _attached(hub, actor, "schedule.pause", dataset)
    scheduler = scheduler_of(hub.settings)
    with hub.transaction() as connection:
        record(connection, hub, actor, "schedule.pause", dataset, detail={"paused": paused})
        scheduler.pause(dataset, paused=paused)
    return scheduler.state(dataset)


@use_case("schedule.backfill")
def backfill(hub: Hub, actor: Actor, dataset: str, first: date, last: date) -> int:
    """Has Airflow do the planned runs of a past period that were missed or failed (补跑); returns how many it plans."""
    entry = _attached(hub, actor, "schedule.backfill", dataset)
    now = hub.clock.now()
    # Dates at the ends of the calendar have no neighbours to count with.
    if first.year < _FIRST_YEAR:
        raise InputError("补跑的时段不可用", f"{_FIRST_YEAR} 年以后", "请改正日期", code="PERIOD")
    begins = datetime.combine(first, time(), SHANGHAI)
    ends = min(datetime.combine(min(last, now.astimezone(SHANGHAI).date()), time(), SHANGHAI) + timedelta(days=1), now)
    if begins >= ends:
        raise InputError("补跑的时段不可用", "起日不晚于止日，且已经开始", "请改正日期", code="PERIOD")
    moments = planned(entry.schedule, begins - timedelta(seconds=1), ends, MOST_BACKFILLED + 1)
    if not moments or len(moments) > MOST_BACKFILLED:
        got = f"该时段有 {len(moments)} 个计划时点" if not moments else f"该时段的计划时点多于 {MOST_BACKFILLED} 个"
        raise InputError(got, f"1 至 {MOST_BACKFILLED} 个", "请改选时段", code="PERIOD")
    with hub.transaction() as connection:
        detail = {"first": first.isoformat(), "last": last.isoformat(), "planned": len(moments)}
        record(connection, hub, actor, "schedule.backfill", dataset, detail=detail)
        scheduler_of(hub.settings).backfill(dataset, begins, ends)
    return len(moments)
