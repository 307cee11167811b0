"""Named fault points: what crash tests trip after a durable step. Without the setting `fault` they do nothing.

`POINTS` lists those of a sync, `DELIVERY_POINTS`
those of a delivery, `KEY_POINTS` those of a re-encryption.
"""

import errno
import os
import signal
from dataclasses import dataclass

from connectors import sink_points
from lake import points
from schemas.errors import SetupError

ACTIONS = ("kill", "enospc", "raise")

#: Every point, in the order in which a sync passes them.
POINTS: tuple[str, ...] = (
    "begin.recorded",
    "extract.started",
    "extract.landed",
    "extract.recorded",
    "validate.started",
    "validate.parts",
    points.STAGING_SETTLED,
    "validate.quarantined",
    "validate.staged",
    points.CHANGESET_WRITTEN,
    "validate.recorded",
    "publish.started",
    points.LAKE_FILES_WRITTEN,
    points.LAKE_COMMITTED,
    points.CHANGES_FILES_WRITTEN,
    points.CHANGES_COMMITTED,
    points.SERVING_PREPARED,
    "publish.applied",
    "publish.committed",
)

#: Every point that a delivery passes, in order.
DELIVERY_POINTS: tuple[str, ...] = (
    "delivery.staged",
    "delivery.prepared",
    "delivery.sending",
    *sink_points.ALL,
    "delivery.recorded",
    "delivery.closed",
)

#: Every point that a re-encryption or a retirement of keys passes, in order.
KEY_POINTS: tuple[str, ...] = (
    "keys.column",
    "keys.serving",
    "keys.lake",
    "keys.settled",
    "keys.frames",
    "keys.files",
    "keys.retiring",
)


class FaultError(RuntimeError):
    """A fault point was reached that a test had set to raise."""


@dataclass
class SetFaults:
    """Trips one point at its nth reach: `kill` ends the process at once, `enospc` is a full disk."""

    point: str
    action: str
    nth: int = 1
    _reached: int = 0

    def reach(self, point: str) -> None:
        """Marks that the durable step before `point` is done."""
        if point != self.point:
            return
        self._reached += 1
        if self._reached != self.nth:
            return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "enospc":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise FaultError(point)


class NoFaults:
    """The fault points of a hub at work: none."""

    def reach(self, point: str) -> None:
        """Does nothing."""


def read_faults(setting: str | None) -> SetFaults | NoFaults:
    """Reads the setting `fault`; raises SetupError when it is not of its form or names no point."""
    if not setting:
        return NoFaults()
    point, _, rest = setting.partition(":")
    action, _, nth = rest.partition(":")
    if action not in ACTIONS or not (nth or "1").isdigit() or point not in (*POINTS, *DELIVERY_POINTS, *KEY_POINTS):
        raise SetupError(
            "SHUQIAO_FAULT 的写法不对", "写法为 point:kill|enospc|raise[:nth]", "请去掉该环境变量", code="SETTING"
        )
    return SetFaults(point, action, int(nth or "1"))
