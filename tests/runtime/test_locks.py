"""Locks end with their holder, and an interrupt at any line leaves none behind that the same process would wait for."""

import os
import sys

import pytest

from runtime import locks
from schemas.errors import Busy


def test_one_holder_at_a_time(tmp_path):
    """A lock that is held is taken by nobody else, says who has it, and is free afterwards."""
    path = tmp_path / "a.lock"
    with locks.held(path, wait=1, what="试"):
        assert locks.take(path) is None and locks.holder(path) == str(os.getpid())
        with pytest.raises(Busy), locks.held(path, wait=0, what="试"):
            pass
    descriptor = locks.take(path)
    assert descriptor is not None
    os.close(descriptor)


def interrupting(line):
    """Returns a trace function that raises KeyboardInterrupt at the given line event within the module of locks."""
    seen = 0

    def trace(frame, event, _):
        nonlocal seen
        if frame.f_code.co_filename != locks.__file__:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                raise KeyboardInterrupt
        return trace

    return trace


@pytest.mark.parametrize("line", range(1, 16))
def test_an_interrupt_while_locking_leaves_no_lock(tmp_path, line):
    """Ctrl-C may strike anywhere: the lock can be taken again at once."""
    path, before = tmp_path / "a.lock", sys.gettrace()
    sys.settrace(interrupting(line))
    try:
        with locks.held(path, wait=1, what="试"):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    descriptor = locks.take(path)
    assert descriptor is not None, f"still locked after an interrupt at line event {line}"
    os.close(descriptor)
