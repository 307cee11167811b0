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
    descriptor = _open(path)
    try:
        if _locked(descriptor, note):
            return descriptor
    except BaseException:  # Ctrl-C too: a lock that nobody can give back would stop our own end
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int, note: str) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, note.encode())
    return True


@contextmanager
def held(path: Path, *, wait: float, what: str) -> Iterator[None]:
    """Holds the lock inside the block; raises Busy when `wait` seconds pass."""
    deadline = time.monotonic() + wait
    # A file object, not a bare descriptor: it gives the lock back even when Ctrl-C strikes while it is being closed.
    with os.fdopen(_open(path), "wb", buffering=0) as file:
        while not _locked(file.fileno(), str(os.getpid())):
            if time.monotonic() > deadline:
                raise Busy(f"{what}（another process is at work: {holder(path)}）", "", "请稍后再试（try again later）")
            time.sleep(0.05)
        yield


def holder(path: Path) -> str:
    """Returns the note that the holder left."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
