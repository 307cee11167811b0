"""A part that dies now and then comes back for ever; one that dies at once each time is given up, alone."""

import time

from runtime.restarts import Restarts


def test_too_many_in_a_short_time_and_each_part_by_itself():
    """Five in the span are allowed, the sixth is not; another part has its own five."""
    restarts = Restarts()
    assert [restarts.allow("scheduler") for _ in range(6)] == [True] * 5 + [False]
    assert restarts.allow("api-server")


def test_old_ones_are_forgotten(monkeypatch):
    """A part that dies once in ten minutes is started again without an end."""
    now = time.monotonic()
    restarts = Restarts()
    for minute in range(0, 1000, 3):
        monkeypatch.setattr(time, "monotonic", lambda minute=minute: now + minute * 60)
        assert restarts.allow("scheduler")
