"""The clock of a request's step: working days that run, stand still while it is returned, and may be extended once."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from catalog.stores.share_requests import StoredRequest
from exchange.sharing.table import CLOCKS, PROVIDER_REVIEWS, Stage
from schemas import workdays
from schemas.rules.book import book

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Countdown:
    """A step's clock as pages show it; `working_days_left` is negative when it is overdue, None when none runs."""

    due_on: date | None
    provisional: bool
    working_days_left: int | None
    overdue: bool
    stopped: bool
    says: str


def started(stage: Stage, today: date) -> dict[str, Any]:
    """Returns the clock of a stage that is entered today; no clock for a stage that has none."""
    rule = CLOCKS.get(stage)
    if rule is None:
        return cleared()
    days = int(book().number(rule))
    due = workdays.due(today, days)
    found = {"clock_from": today, "clock_days": days, "due_on": due.date, "provisional": due.provisional}
    return found | {"left_days": None}


def cleared() -> dict[str, Any]:
    """Returns no clock."""
    return {"clock_from": None, "clock_days": None, "due_on": None, "provisional": False, "left_days": None}


def entered(request: StoredRequest, stage: Stage, today: date) -> dict[str, Any]:
    """Returns the clock of the next stage: it stops, goes on where it stood, or begins."""
    now = Stage(request.stage)
    if stage == Stage.RETURNED:
        return stopped(request, today)
    if now == Stage.RETURNED and stage == request.returned_from:
        return resumed(request, today)
    if {now, stage} <= PROVIDER_REVIEWS:
        return {}  # both steps of the provider's review share its days
    return started(stage, today)


def stopped(request: StoredRequest, today: date) -> dict[str, Any]:
    """Returns the clock standing still, with the working days that are left."""
    left = days_left(request.due_on, today) if request.due_on else None
    return {"due_on": None, "provisional": False, "left_days": left}


def resumed(request: StoredRequest, today: date) -> dict[str, Any]:
    """Returns the clock going on with the working days that were left; what was overdue is due today."""
    due = workdays.due(today, max(request.left_days or 0, 0))
    return {"due_on": due.date, "provisional": due.provisional, "left_days": None}


def extended(request: StoredRequest, days: int) -> dict[str, Any]:
    """Returns the clock with more working days; they follow the day on which it would have ended."""
    assert request.due_on is not None  # noqa: S101 - only a running clock is extended
    due = workdays.due(request.due_on, days)
    return {
        "due_on": due.date,
        "provisional": due.provisional or request.provisional,
        "clock_days": (request.clock_days or 0) + days,
    }


def days_left(due_on: date, today: date) -> int:
    """Counts the working days from tomorrow to the due day; negative: those since it has passed."""
    first, last, sign = (today, due_on, 1) if due_on >= today else (due_on, today, -1)
    counted, day = 0, first
    while day < last:
        day += _DAY
        counted += workdays.is_workday(day)
    return sign * counted


def countdown(request: StoredRequest, today: date) -> Countdown:
    """Shows the clock of a request."""
    if request.stage == Stage.RETURNED:
        left = request.left_days
        says = "已停止计时" + (f"，补正后还有{max(left, 0)}个工作日" if left is not None else "")
        return Countdown(None, provisional=False, working_days_left=left, overdue=False, stopped=True, says=says)
    if request.due_on is None:
        return Countdown(None, provisional=False, working_days_left=None, overdue=False, stopped=False, says="不计时")
    left, overdue = days_left(request.due_on, today), today > request.due_on
    says = f"逾期{max(-left, 0)}个工作日" if overdue else f"还有{left}个工作日" if left else "今天到期"
    return Countdown(request.due_on, request.provisional, left, overdue, stopped=False, says=says)


def moment(day: date) -> datetime:
    """Returns the first moment of a day in Beijing."""
    return datetime.combine(day, time(), tzinfo=_SHANGHAI)


def day_of(at: datetime) -> date:
    """Returns the date of a moment in Beijing."""
    return at.astimezone(_SHANGHAI).date()
