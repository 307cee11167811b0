"""Permission first, an event for every act, and a chain that shows any change of the log."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import exchange
from catalog.stores import audit as store
from exchange import connections, datasets, entries, sync
from exchange.access import ACTIONS, Actor, allowed, local_administrator
from exchange.audit import USE_CASES, link
from exchange.queries import running
from exchange.sharing.table import COMMANDS
from schemas.errors import Denied
from tests.exchange.small_city import citizen_id

FOLDER = Path(exchange.__file__).parent
#: What decides who may have which data.
SHARING = {"share", "grant", "freeze", "recall", "emergency", "keyed", "intake", "client", "batch", "slip", "query"}
#: What concerns sharing and opens no data of it.
UNBOUND = {"share.daily", "grant.drift", "slip.confirm"}
STRANGER = Actor("stranger", frozenset({"window"}))


def modules():
    """Imports every module of exchange."""
    names = [path.relative_to(FOLDER.parent).with_suffix("").parts for path in sorted(FOLDER.rglob("*.py"))]
    return [importlib.import_module(".".join(each)) for each in names if each[-1] != "__init__"]


def test_every_use_case_has_an_action_and_every_action_a_use_case():
    """Each public function that takes a hub and an actor is declared with an action; each action is declared once."""
    assert len(modules()) > 20
    # Publishing is part of apply and checked inside it; signing in has no actor yet.
    declared = set(USE_CASES) | {"entry.publish", "session.sign_in", "client.token", "slip.confirm"}
    assert declared == set(ACTIONS)
    for module in modules():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            parameters = list(inspect.signature(function).parameters)[:2]
            steps = {
                "extract_run", "validate_run", "publish_run", "hold", "require", "record_read", "failing",
                "require_department", "require_entry", "require_request", "run_handed_in", "sight_of",
                "prepare_batch", "send_batch", "confirm_batch", "take_receipt", "withdraw",
                "call",
                "opened", "refusing", "prepared", "chosen", "checked", "begun", "anew", "note", "finished", "purge",
                "view", "download", "watched", "readable_recorded", "event_of",
            }  # fmt: skip
            if parameters == ["hub", "actor"] and name not in steps:
                assert f"{module.__name__}.{name}" in USE_CASES.values(), name


def moving(path):
    """Names the use-cases of a module that end in `recorded`, itself or in a function that they call."""
    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    calls = {
        each.name: {getattr(node.func, "id", "") for node in ast.walk(each) if isinstance(node, ast.Call)}
        for each in functions
    }
    for each in functions:
        ends = calls[each.name].union(*(calls.get(name, set()) for name in calls[each.name]))
        for mark in each.decorator_list:
            if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "use_case" and "recorded" in ends:
                yield mark.args[0].value


def test_every_use_case_writes_its_event():
    """The source of exchange records an event under the name of every action.

    A command on a request writes the event of the command that it opened (`recorded` in exchange/sharing/steps.py).
    """
    recorded = set()
    writers = {"record", "record_read", "hold", "_keep_trial", "Asking", "_asking", "_decide", "_decided"}
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in writers:
                recorded |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    commands = {command.action for command in COMMANDS.values()}
    recorded |= {action for path in (FOLDER / "sharing").glob("*.py") for action in moving(path) if action in commands}
    # `sync.run` is begin, extract, validate and publish, each with its own event.
    assert set(ACTIONS) - recorded == {"sync.run"}


@pytest.mark.parametrize(
    "act",
    [
        lambda hub: entries.apply(hub, STRANGER, "text", "name"),
        lambda hub: connections.set_connection(hub, STRANGER, "police", "postgresql://u:secretpass@h/d"),
        lambda hub: sync.run(hub, STRANGER, "person"),
        lambda hub: datasets.rollback(hub, STRANGER, "person", 1, citizen_id(1)),
        lambda hub: running.run(hub, STRANGER, f"select '{citizen_id(1)}' from person", "basis"),
    ],
)
def test_a_denial_is_an_event_and_holds_no_value(hub, act):
    """An actor without the role is refused in plain words; the denial is recorded without what was asked for."""
    with pytest.raises(Denied, match="stranger"):
        act(hub)
    with hub.transaction() as connection:
        [recorded] = store.read(connection)
    assert (recorded.event.result, recorded.event.actor_name) == ("denied", "stranger")
    assert citizen_id(1) not in repr(recorded) and "secretpass" not in repr(recorded)


def test_the_local_administrator_may_do_everything_but_read_the_log_and_share():
    """The user of the process is the administrator of this machine's hub: the log is the auditors' to read, and who
    may have which data is decided by the departments alone."""
    actor = local_administrator("scheduler")
    assert actor.name and actor.channel == "scheduler"
    auditors = {"audit.list", "audit.show", "audit.person", "audit.statement", "audit.statements"}
    shared = {action for action in ACTIONS if action.partition(".")[0] in SHARING} - UNBOUND
    denied = {action for action in ACTIONS if not allowed(actor, action)}
    assert denied == auditors | {"alert.list", "alert.handle", "interface.call"} | shared


def test_chain_vectors():
    """The chain's hash of two published records comes out right."""
    first = link({"action": "QUERY", "actor": "u01", "seq": 1}, store.GENESIS)
    assert first == "84c9573ceeeac8c8698a084557fa53b52e2b4dbf5d7943ef566373a0b18fc8bb"
    second = link({"action": "EXPORT", "actor": "u01", "seq": 2}, first)
    assert second == "968b76730e89c9f4a2dd8ac8c123f9f5440cc7b4a46db598ea0fec2d0ec377f2"
