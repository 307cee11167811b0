"""When an interface is suspended and when it is tried again (接口暂停). Pure but for the texts; knows no network.

Failures in a row open the circuit; after a pause one call at a time is let through as a probe; its success closes the
circuit, its failure doubles the pause. A drift, an address that now leads to a forbidden place, or its provider's
own wish suspend it until someone has put it right: those have no time of the next try.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from catalog.stores.interfaces import StoredInterface
from schemas.errors import HubError, SourceDown

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=30)
#: What waiting does not mend.
LASTING = frozenset({"INTERFACE_DRIFT", "INTERFACE_ADDRESS_REFUSED", "INTERFACE_STOPPED"})
#: Errors that say that the interface is unwell. A call that it refuses as wrong (4xx) says nothing of the kind.
_UNWELL_PREFIX = "INTERFACE_"
_WELL = frozenset({"INTERFACE_STATUS", "INTERFACE_ROWS", "INTERFACE_MAPPING", "INTERFACE_KEY", "INTERFACE_NOT_FOUND"})


@dataclass(frozen=True, slots=True)
class Opening:
    """What changes when a call has failed; `opened` says that the interface is suspended by it."""

    values: dict[str, Any]
    opened: bool


def suspended(interface: StoredInterface, now: datetime) -> SourceDown | None:
    """Returns the answer while an interface is suspended; None when a call (or one probe) may go through."""
    if interface.suspended_at is None:
        return None
    waits = interface.retry_at is None or now < interface.retry_at
    probing = interface.probe_until is not None and now < interface.probe_until
    return refusal(interface) if waits or probing else None


def refusal(interface: StoredInterface) -> SourceDown:
    """Says that an interface is suspended: why, since when, when it is tried again."""
    since = f"自 {_moment(interface.suspended_at)} 起"
    again = f"{_moment(interface.retry_at)} 后再试" if interface.retry_at else "提供部门处理并测试通过后恢复"
    return SourceDown(
        f"接口暂停：{interface.suspended_says}，{since}，{again}",
        "暂停期间不调用提供部门的系统",
        "提供部门已收到待办；急需的请联系提供部门",
        code="INTERFACE_SUSPENDED",
    )


def _moment(value: datetime | None) -> str:
    return value.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if value else "—"


def is_unwell(error: HubError) -> bool:
    """Says whether a failure counts against the interface."""
    return error.code.startswith(_UNWELL_PREFIX) and error.code not in _WELL


def failed(interface: StoredInterface, error: HubError, now: datetime, most: int, wait: int | None = None) -> Opening:
    """Returns what changes with a failure; `wait` are the seconds that the provider asked to be left alone."""
    failures = interface.failures + 1
    was_open = interface.suspended_at is not None
    if interface.suspended_code in LASTING:  # a failing call lifts nothing that only a test lifts
        return Opening({"failures": failures, "probe_until": None}, False)
    lasting = error.code in LASTING
    if not (was_open or lasting or failures >= most):
        return Opening({"failures": failures, "probe_until": None}, False)
    pause = min(_FIRST_PAUSE * 2 ** min(interface.trips, 10), _LONGEST_PAUSE)
    pause = max(pause, timedelta(seconds=wait or 0))
    values = {
        "failures": failures,
        "trips": interface.trips + 1,
        "suspended_code": error.code,
        "suspended_says": error.got,
        "suspended_at": interface.suspended_at or now,
        "retry_at": None if lasting else now + pause,
        "probe_until": None,
    }
    return Opening(values, True)


def stopped(says: str, now: datetime) -> dict[str, Any]:
    """Returns what changes when the provider suspends it."""
    return {"suspended_code": "INTERFACE_STOPPED", "suspended_says": says, "suspended_at": now, "retry_at": None,
            "probe_until": None}  # fmt: skip


def mended() -> dict[str, Any]:
    """Returns what changes when a call has succeeded."""
    none = dict.fromkeys(("suspended_code", "suspended_says", "suspended_at", "retry_at", "probe_until"))
    return {"failures": 0, "trips": 0, **none}
