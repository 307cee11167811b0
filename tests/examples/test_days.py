"""The week before today: entries in each state, some days of history, problem rows, an order; told once."""

import pytest

from examples.days import Past, person, tell
from exchange import entries, orders, problems, sync, uploads, waivers
from exchange.hub import open_hub
from exchange.sessions import hash_password
from tests.exchange.conftest import ADMIN, clock, no_gx, settings  # noqa: F401

HASHED = hash_password("Yinqiao-2026")


@pytest.fixture
def told(settings, clock, monkeypatch):
    """A hub in which the week was told."""
    monkeypatch.setattr("examples.accounts.hash_password", lambda _password: HASHED)
    past = Past(clock.now())
    with open_hub(settings, past) as hub:
        assert tell(hub, past) is True
        yield hub, past, clock.now()


def test_the_week_before_today(told):
    """Six states of entries, runs on six days of which one waits held, problems in an order, a waiver; never twice."""
    hub, past, now = told
    assert past.now() == now and tell(hub, past) is False
    boss = person("data.admin")
    assert {each.state for each in entries.list_entries(hub, boss)} >= {0, 1, 2, 3, 4}
    runs = [run for name in ("place_name", "penalty", "survey_indicator") for run in sync.list_runs(hub, ADMIN, name)]
    assert len({run.created_at.date() for run in runs}) == 6 and [run.state for run in runs].count("held") == 1
    assert problems.list_problems(hub, boss).problems == 4
    assert [order.state for order in orders.list_orders(hub, boss)] == ["sent"]
    assert [waiver.state for waiver in waivers.list_waivers(hub, boss)] == ["proposed"]
    kinds = {each.kind for each in uploads.list_uploads(hub, boss).uploads}
    assert kinds == {"full", "increment", "no_change"}
