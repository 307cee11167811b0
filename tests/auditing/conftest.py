"""A hub with a log of its own for each test, an auditor, and what tampers with the log as a database's owner could."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from sqlalchemy import text

from catalog.stores import audit as store
from catalog.stores.audit import Event
from exchange.access import Actor
from tests.exchange.conftest import admin, clock, hub, no_gx, settings  # noqa: F401

AUDITOR = Actor("auditor", frozenset({"audit_admin"}), "11620400XX00A0048G", "portal", "计明")
SECURITY = Actor("security", frozenset({"security_admin"}), "11620400XX00A0048G", "portal")
OFFICE = "11620400XX00A0048G"


@pytest.fixture
def auditor():
    """An auditor."""
    return AUDITOR


def event(at: datetime, number: int = 0, **facts: object) -> Event:
    """Makes an event of the window clerk."""
    given: dict[str, object] = {
        "actor_id": "clerk", "actor_name": "窗口一", "role": "window", "channel": "api", "action": "QUERY",
        "object_type": "dataset", "object_id": "person", "dept_code": OFFICE, "detail": {"n": number},
    }  # fmt: skip
    return Event(ts=at, **(given | facts))


def add(hub, count: int = 1, **facts: object) -> None:
    """Adds events, each in a transaction of its own."""
    for number in range(count):
        with hub.transaction() as connection:
            store.append(connection, event(hub.clock.now(), number, **facts))


@contextmanager
def unguarded(hub) -> Iterator:
    """Opens a transaction in which the guards are off, as a superuser can."""
    with hub.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        yield connection


def tamper(hub, *statements: str) -> None:
    """Changes the log with the guards off."""
    with unguarded(hub) as connection:
        for statement in statements:
            connection.execute(text(statement))
