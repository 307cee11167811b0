"""Random walks over the table: whatever commands are given in whatever order, what must hold does."""

from contextlib import suppress
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.stores import grants as grant_store
from catalog.stores import share_requests as store
from exchange.access import Actor
from exchange.sharing import decisions, drift, requests
from exchange.sharing.daily import run_daily
from exchange.sharing.steps import chain_holds
from exchange.sharing.table import COMMANDS, IN_USE, Stage
from schemas.errors import HubError
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER
from tests.sharing.conftest import ANALYST, AUTHORITY, CHIEF, CONSUMER, HEAD, content, monday, sent
from tests.sharing.test_table import EXPECTED, give

_DEPARTMENTS = {"consumer": CONSUMER, "provider": PROVIDER, "authority": AUTHORITY}
STEPS = st.lists(
    st.tuples(st.integers(0, 1_000_000), st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=25
)  # which of the commands, how far off the table, days on


#: What would end a walk before it has seen much; tried by the walks that begin with a draft.
_ENDS = frozenset({"withdraw", "refuse", "approve", "return_by_provider"})


def _choose(stage, pick, wild, start):
    """Mostly a command that the table allows now, sometimes any."""
    left_out = _ENDS if start == "provider" else frozenset()
    possible = [name for name in EXPECTED if stage in COMMANDS[name].sources and name not in left_out]
    names = possible if possible and wild else sorted(EXPECTED)
    return names[pick % len(names)]


def _begun(hub, start):
    """Makes a request at the place where a walk begins."""
    if start == "draft":
        return requests.draft(hub, ANALYST, content("wage")).number
    number = sent(hub).number
    decisions.pass_on(hub, CHIEF, number)
    if start == "returned":
        decisions.return_by_provider(hub, HEAD, number, "请补充")
    return number


def _walk(hub, start, steps):
    number = _begun(hub, start)
    _hold(hub, number)
    for pick, wild, days in steps:
        with hub.transaction() as connection:
            before = store.find(connection, number)
        name = _choose(Stage(before.stage), pick, wild, start)
        side, roles, _ = EXPECTED[name]
        role = sorted(roles)[pick % len(roles)]
        actor = Actor(f"{side}_{role}", frozenset({role}), _DEPARTMENTS[side], "portal", region="6204")
        with suppress(HubError):
            give(hub, actor, name, number)
        hub.clock.forward(days=days)
        _hold(hub, number)
    run_daily(hub, ADMIN)
    _hold(hub, number)


def _hold(hub, number):
    with hub.transaction() as connection:
        request = store.find(connection, number)
        history = store.history(connection, number)
        found = grant_store.of_request(connection, number)
    approved = [e for e in history if e.command in COMMANDS and COMMANDS[e.command].grants and e.to_stage == "supply"]
    assert (found is not None) == bool(approved) and len(approved) <= 1
    active = found is not None and found.state == "active"
    assert active == (Stage(request.stage) in IN_USE)
    assert (request.stage == "returned") == (request.left_days is not None)
    assert request.stage not in ("returned", "draft", "active", "refused", "withdrawn") or request.due_on is None
    allowed = sum(event.command == "allow_extension" for event in history)
    assert allowed <= 1 and (allowed == 0 or request.extension_state == "allowed")
    assert chain_holds(history) and history[-1].to_stage == request.stage
    for earlier, later in pairwise(history):
        assert earlier.to_stage == later.from_stage
    assert drift.drift_report(hub, ADMIN).drifts == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(("draft", "provider", "returned")), STEPS)
def test_random_walks_keep_what_must_hold(city, start, steps):
    """No grant without one approval, no clock while returned, one extension, an unbroken history, no drift."""
    city.clock.moment = monday().moment
    with city.engine.connection.begin_nested() as walk:
        _walk(city, start, steps)
        walk.rollback()
