"""Processes of the stack: recorded with their start time, ended only while they match. Knows no server."""

import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process as it was recorded. `started` tells it from a later one with the same pid."""

    pid: int
    started: str

    def as_json(self) -> dict[str, Any]:
        """Returns the record to write."""
        return asdict(self)


def started(pid: int) -> str:
    """Returns what tells this process from any other that had or gets the pid; raises psutil.NoSuchProcess."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        # Ticks since boot do not move when the clock is set; wall-clock start times do.
        ticks = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{ticks}"
    return f"{psutil.Process(pid).create_time():.2f}"


def record(pid: int) -> Recorded:
    """Records a process that was just started."""
    return Recorded(pid, started(pid))


def find(recorded: Recorded | dict[str, Any]) -> psutil.Process | None:
    """Returns the recorded process if it still runs and is the same one."""
    entry = recorded.as_json() if isinstance(recorded, Recorded) else recorded
    try:
        process = psutil.Process(int(entry["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE or started(process.pid) != entry["started"]:
            return None
    except (psutil.Error, OSError, KeyError, TypeError, ValueError, IndexError):
        return None
    return process


def working_in(folder: Path) -> list[psutil.Process]:
    """Lists the live processes whose working directory is `folder`; PostgreSQL's all work in its data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end(process: psutil.Process, *, ask: signal.Signals = signal.SIGTERM, grace: float = 20) -> None:
    """Ends a process and all that it started: asks, waits `grace` seconds, then kills what is left."""
    family = [process, *_children(process)]
    _send(process.pid, ask)
    _, alive = psutil.wait_procs([process], timeout=grace)
    _, alive = psutil.wait_procs([member for member in family if member.is_running()], timeout=0.2)
    for member in alive:
        _send(member.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=10)


def kill(found: list[psutil.Process]) -> None:
    """Kills processes at once."""
    for process in found:
        _send(process.pid, signal.SIGKILL)
    psutil.wait_procs(found, timeout=10)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_gone(folder: Path, seconds: float) -> bool:
    """Waits until no process works in `folder`; returns whether that came true."""
    deadline = time.monotonic() + seconds
    while working_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
