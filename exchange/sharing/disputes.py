"""Use-cases of a dispute over a refusal (R-11, R-39): 协商 between departments, 协调 by the authority, then 决定."""

from exchange.access import Actor
from exchange.audit import use_case
from exchange.hub import Hub
from exchange.sharing.granting import grant
from exchange.sharing.parties import OF_CONSUMER, refuse_participants, require_request
from exchange.sharing.steps import MovedRequest, move, open_case, recorded
from exchange.sharing.table import COMMANDS, Stage
from schemas.sharing import Terms


@use_case("share.dispute")
def dispute(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Disputes a refusal, also of type 3 that is needed for duty; the departments negotiate first."""
    return _step(hub, actor, "dispute", number, opinion)


@use_case("share.ask_coordination")
def ask_coordination(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Asks the authority to coordinate where negotiation has failed."""
    return _step(hub, actor, "ask_coordination", number, opinion)


@use_case("share.ask_decision")
def ask_decision(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Asks for a decision of the government or the common superior where coordination has failed."""
    return _step(hub, actor, "ask_decision", number, opinion)


@use_case("share.drop_dispute")
def drop_dispute(hub: Hub, actor: Actor, number: str, opinion: str = "") -> MovedRequest:
    """Drops a dispute; the refusal stands."""
    return _step(hub, actor, "drop_dispute", number, opinion)


@use_case("share.decide_refuse")
def decide_refuse(hub: Hub, actor: Actor, number: str, opinion: str) -> MovedRequest:
    """Records the decision that the data is not shared, with its document number as reason."""
    return _step(hub, actor, "decide_refuse", number, opinion)


def _step(hub: Hub, actor: Actor, name: str, number: str, opinion: str) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        if command.side == "authority":
            refuse_participants(connection, actor, case.request, OF_CONSUMER)
        moved = move(connection, hub, actor, case, Stage(command.targets[0]))
        return recorded(connection, hub, actor, case, moved)


@use_case("share.agree")
def agree(hub: Hub, actor: Actor, number: str, opinion: str = "", terms: Terms | None = None) -> MovedRequest:
    """Agrees, after negotiation, to share, narrowed where terms say so; the grant is made in the same transaction."""
    return _settled(hub, actor, "agree", number, opinion, terms)


@use_case("share.coordinate")
def coordinate(hub: Hub, actor: Actor, number: str, opinion: str, terms: Terms | None = None) -> MovedRequest:
    """Records that coordination ended with sharing; the grant is made in the same transaction."""
    return _settled(hub, actor, "coordinate", number, opinion, terms)


@use_case("share.decide_share")
def decide_share(hub: Hub, actor: Actor, number: str, opinion: str, terms: Terms | None = None) -> MovedRequest:
    """Records the decision that the data is shared, with its document number; the grant is made with it."""
    return _settled(hub, actor, "decide_share", number, opinion, terms)


def _settled(hub: Hub, actor: Actor, name: str, number: str, opinion: str, terms: Terms | None) -> MovedRequest:
    command = COMMANDS[name]
    require_request(hub, actor, command.action, number, command.side)
    with hub.transaction() as connection:
        case = open_case(connection, name, number, opinion)
        refuse_participants(connection, actor, case.request, OF_CONSUMER)
        moved, granted = grant(connection, hub, actor, case, terms)
        found = recorded(connection, hub, actor, case, moved)
        return MovedRequest(found.number, found.stage, found.stage_name, found.due_on, granted)
