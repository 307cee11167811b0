"""The reading window of a source system, a daily span of Asia/Shanghai time. Waits for nothing."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from schemas.errors import InputError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def inside(window: tuple[str, str] | None, now: datetime) -> bool:
    """Says whether `now` lies in the window; a window may pass midnight, its end is not inside, None is always open."""
    if window is None:
        return True
    start, end = (_time_of_day(text) for text in window)
    moment = now.astimezone(SHANGHAI).time()
    if start == end:
        return True
    if start < end:
        return start <= moment < end
    return moment >= start or moment < end


def _time_of_day(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"读取时段“{text}”不是时刻", "应写作“22:00-06:00”", "请修改挂接中的readingWindow") from None
