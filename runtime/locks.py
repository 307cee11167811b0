"""File locks that end with their holder, however it dies. Holds no state besides the lock file."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import Busy


def take(path: Path, note: str = "") -> int | None:
    """Takes the lock and returns its descriptor, or None while another process holds it. `note` is left in the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, note.encode())
    return descriptor


@contextmanager
def held(path: Path, *, wait: float, what: str) -> Iterator[None]:
    """Holds the lock inside the block; raises Busy when `wait` seconds pass."""
    deadline = time.monotonic() + wait
    while (descriptor := take(path, str(os.getpid()))) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{what}（another process is at work: {holder(path)}）", "", "请稍后再试（try again later）")
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(descriptor)


def holder(path: Path) -> str:
    """Returns the note that the holder left."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
