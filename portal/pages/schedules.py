"""The page of an entry's schedule, and what can be done with it."""

from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form

from exchange import schedules
from exchange.schedules import Past, ScheduleView
from portal.charts import Point, bars, lines
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import InputError

pages = Pages()
router = pages.router
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_KINDS = {"published": "good", "held": "warn", "failed": "bad"}


@pages.get("/entries/{dataset}/schedule", action="schedule.show", title="同步计划", template="schedule.html")
def shown(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows an entry's schedule and its history."""
    view = schedules.show_schedule(desk.hub, desk.actor, dataset)
    return {"title": f"{view.title} 同步计划", "plan": view, "charts": _charts(view)}


def _charts(view: ScheduleView) -> dict[str, Any]:
    read = [_point(past, past.extracted, f"读取 {past.extracted:,} 条") for past in view.history]
    rows = [_point(past, past.rows_after, f"现有 {past.rows_after:,} 行") for past in view.history]
    took = [_point(past, past.seconds, f"用时 {past.seconds:g} 秒") for past in view.history]
    return {
        "read": bars("read", "每次读取的记录数", read),
        "rows": lines("rows", "每次同步后的行数", [point for point in rows if point.value]),
        "took": bars("took", "每次同步用时", took, " 秒"),
    }


def _point(past: Past, value: float, says: str) -> Point:
    moment = past.created_at.astimezone(_SHANGHAI)
    return Point(
        f"{moment:%m-%d}", value, f"{moment:%Y-%m-%d %H:%M} {past.state_name}：{says}", _KINDS.get(past.state, "")
    )


@pages.post("/entries/{dataset}/schedule/run", action="schedule.run")
def run_now(desk: Desk, dataset: str, mode: Annotated[str, Form()] = "", outside: Annotated[str, Form()] = "") -> Go:
    """Has the scheduler sync now."""
    schedules.run_now(desk.hub, desk.actor, dataset, mode or None, outside == "yes")
    return Go(f"/entries/{dataset}/schedule", "已交给调度器，稍后可在同步批次中看到")


@pages.post("/entries/{dataset}/schedule/pause", action="schedule.pause")
def pause(desk: Desk, dataset: str, paused: Annotated[str, Form()] = "yes") -> Go:
    """Pauses the schedule or lets it go on."""
    state = schedules.pause(desk.hub, desk.actor, dataset, paused == "yes")
    return Go(f"/entries/{dataset}/schedule", "同步计划已暂停" if state.paused else "同步计划已恢复")


@pages.post("/entries/{dataset}/schedule/backfill", action="schedule.backfill")
def backfill(desk: Desk, dataset: str, first: Annotated[str, Form()] = "", last: Annotated[str, Form()] = "") -> Go:
    """Has the scheduler do the missed runs of a period."""
    count = schedules.backfill(desk.hub, desk.actor, dataset, _day(first), _day(last))
    return Go(f"/entries/{dataset}/schedule", f"已交给调度器：该时段 {count} 个计划时点，未成功的将依次补跑")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("没有写明日期", "如 2026-01-31", "请填写起止日期", code="DATE") from None
