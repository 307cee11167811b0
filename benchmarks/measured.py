"""Runs a command and measures it: seconds, and the peak resident memory of the largest single process in its tree."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Measured:
    """What a child printed last (one JSON object), how long it took and how much memory its largest process held."""

    printed: dict[str, Any]
    seconds: float
    peak_mib: float


def measured(module: str, *arguments: str, env: dict[str, str] | None = None) -> Measured:
    """Runs `python -m module arguments` and measures it; raises when it fails."""
    begun = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    peak, done = [0.0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(child.pid, peak, done), daemon=True)
    watcher.start()
    out, error = child.communicate()
    done.set()
    watcher.join()
    if child.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {child.returncode}: {error[-2000:]}")
    return Measured(json.loads(out.strip().splitlines()[-1]), time.perf_counter() - begun, peak[0])


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.05):
        try:
            top = psutil.Process(pid)
            family = [top, *top.children(recursive=True)]
        except psutil.Error:
            return
        for process in family:
            try:
                peak[0] = max(peak[0], process.memory_info().rss / 2**20)
            except psutil.Error:
                continue
