"""The state × role × command table of a request: written down a second time here, and tried in every cell."""

import re
from pathlib import Path

import pytest

from catalog.stores import share_requests as store
from exchange.access import ROLE_NAMES, Actor
from exchange.audit import USE_CASES
from exchange.sharing import decisions, disputes, grants, requests
from exchange.sharing.table import COMMANDS, STAGE_NAMES, Stage, permitted
from schemas.errors import Denied, HubError, StateError
from tests.exchange.small_city import PROVIDER
from tests.sharing.conftest import AUTHORITY, CONSUMER, NOTICE, REASON, content, granted, sent

ROOT = Path(__file__).resolve().parents[2]
ASKERS, REVIEWERS, CHIEFS = {"analyst", "editor"}, {"dept_reviewer"}, {"data_admin"}
PROVIDERS = {"editor", "dept_reviewer"}
DISPUTED = ("negotiation", "coordination", "decision")
#: command → (side, roles, from stage → to stage)
EXPECTED = {
    "edit": ("consumer", ASKERS, {"draft": "draft", "returned": "returned"}),
    "submit": ("consumer", ASKERS, {"draft": "own_review"}),
    "take_back": ("consumer", ASKERS, {"own_review": "draft"}),
    "hand_back": ("consumer", REVIEWERS, {"own_review": "draft"}),
    "send": ("consumer", REVIEWERS, {"own_review": "compliance"}),
    "withdraw": ("consumer", ASKERS | REVIEWERS, dict.fromkeys(
        ("draft", "necessity", "compliance", "provider_first", "provider_final", "returned"), "withdrawn")),
    "resubmit": ("consumer", REVIEWERS, {"returned": "compliance"}),
    "confirm": ("authority", CHIEFS, {"necessity": "supply"}),
    "pass_on": ("authority", CHIEFS, {"compliance": "provider_final"}),
    "return_by_authority": ("authority", CHIEFS, dict.fromkeys(("necessity", "compliance"), "returned")),
    "refuse_by_authority": ("authority", CHIEFS, dict.fromkeys(("necessity", "compliance"), "refused")),
    "recommend": ("provider", {"editor"}, {"provider_first": "provider_final"}),
    "approve": ("provider", REVIEWERS, {"provider_final": "supply"}),
    "return_by_provider": ("provider", PROVIDERS, dict.fromkeys(("provider_first", "provider_final"), "returned")),
    "refuse": ("provider", REVIEWERS, {"provider_final": "refused"}),
    "ask_extension": ("provider", PROVIDERS, {"provider_first": "provider_first", "provider_final": "provider_final"}),
    "allow_extension": ("authority", CHIEFS, {}),
    "deny_extension": ("authority", CHIEFS, {}),
    "supply": ("provider", PROVIDERS, {"supply": "active"}),
    "dispute": ("consumer", REVIEWERS, {"refused": "negotiation"}),
    "agree": ("provider", REVIEWERS, {"negotiation": "supply"}),
    "ask_coordination": ("consumer", REVIEWERS, {"negotiation": "coordination"}),
    "coordinate": ("authority", CHIEFS, {"coordination": "supply"}),
    "ask_decision": ("consumer", REVIEWERS, {"coordination": "decision"}),
    "decide_share": ("authority", CHIEFS, {"decision": "supply"}),
    "decide_refuse": ("authority", CHIEFS, {"decision": "closed"}),
    "drop_dispute": ("consumer", REVIEWERS, dict.fromkeys(DISPUTED, "closed")),
    "give_back": ("consumer", REVIEWERS, {"supply": "revoked", "active": "revoked"}),
    "revoke": ("provider", REVIEWERS, {"supply": "revoked", "active": "revoked"}),
    "revoke_by_authority": ("authority", CHIEFS, {"supply": "revoked", "active": "revoked"}),
}  # fmt: skip
DEPARTMENTS = {"consumer": CONSUMER, "provider": PROVIDER, "authority": AUTHORITY}
MORE = {
    "edit": {"content": content("wage")},
    "refuse": {"reason_code": "outside_duty", "opinion": REASON},
    "refuse_by_authority": {"reason_code": "outside_duty", "opinion": REASON},
    "ask_extension": {"days": 5, "opinion": REASON},
    "revoke": {"opinion": REASON, "notice": NOTICE},
}
FUNCTIONS = {**vars(requests), **vars(decisions), **vars(disputes), **vars(grants)}


def give(hub, actor, name, number):
    """Gives a command and returns the stage that it led to."""
    facts = MORE.get(name, {"opinion": REASON})
    return FUNCTIONS[name](hub, actor, number, **facts).stage


def attempt(hub, actor, name, number):
    """Gives a command within a savepoint that is undone; returns the stage or the error."""
    with hub.engine.connection.begin_nested() as once:
        try:
            return give(hub, actor, name, number)
        except HubError as error:
            return error
        finally:
            once.rollback()


def placed(hub, stage):
    """Makes a request and puts it into a stage."""
    number = (granted if stage in ("supply", "active") else sent)(hub).number
    with hub.transaction() as connection:
        values = {"stage": stage, "returned_from": "compliance" if stage == "returned" else None}
        store.change(connection, number, **values)
    return number


@pytest.mark.parametrize("stage", [each.value for each in Stage])
def test_every_stage_role_and_command(city, stage):
    """What the table allows leads where it says; what it does not is refused by role or by stage."""
    number = placed(city, stage)
    for name, (side, roles, ways) in EXPECTED.items():
        # Roles are checked before anything is read: those without one are tried where the command is possible.
        for role in ROLE_NAMES if stage in ways or stage == "draft" else sorted(roles):
            actor = Actor(f"u_{role}", frozenset({role}), DEPARTMENTS[side], "portal", region="6204")
            got, case = attempt(city, actor, name, number), (stage, role, name)
            if role not in roles:
                assert isinstance(got, Denied) and got.code == "DENIED", (case, got)
            elif stage not in ways:
                assert isinstance(got, StateError), (case, got)
            else:
                assert got == ways[stage], (case, got)


@pytest.mark.parametrize("stage", [each.value for each in Stage])
def test_no_command_is_given_from_another_side(city, stage):
    """The right role in the wrong department gives nothing, in no stage."""
    number = placed(city, stage)
    for name, (side, roles, ways) in EXPECTED.items():
        for wrong in set() if stage not in ways else set(DEPARTMENTS) - {side}:
            for role in roles - ({"data_admin"} if side == "authority" else set()):
                actor = Actor(f"u_{role}", frozenset({role}), DEPARTMENTS[wrong], "portal", region="6204")
                got = attempt(city, actor, name, number)
                assert isinstance(got, HubError), (stage, role, name, wrong, got)


def test_the_table_names_every_command_and_use_case():
    """Each row but the hub's own has its action and use-case; the second table of this test knows every row."""
    assert set(EXPECTED) == {name for name, row in COMMANDS.items() if row.side != "hub"}
    for name, (side, roles, ways) in EXPECTED.items():
        row = COMMANDS[name]
        assert (row.side, row.roles) == (side, frozenset(roles)), name
        assert row.action in USE_CASES, name
        assert set(ways) <= {stage.value for stage in row.sources}
        assert {way for way in ways.values() if way not in ways} <= {stage.value for stage in row.targets}
        assert all(permitted(row, Stage(stage), frozenset(roles)) for stage in ways)
    assert all(row.roles == frozenset() for row in COMMANDS.values() if row.side == "hub")
    assert set(STAGE_NAMES) == set(Stage)


def test_the_table_in_the_documents_is_this_one():
    """docs/sharing.md shows every row with its sides, stages and targets."""
    text = (ROOT / "docs" / "sharing.md").read_text("utf-8")
    rows = {found[0]: found for found in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", text, re.M)}
    assert set(rows) == set(COMMANDS)
    for name, row in COMMANDS.items():
        sources = "、".join(stage.value for stage in Stage if stage in row.sources)
        targets = "、".join(stage.value for stage in Stage if stage in row.targets) or "—"
        roles = "、".join(sorted(row.roles)) or "the hub"
        assert rows[name][1:] == (row.title, f"{row.side}: {roles}", sources, targets), name
