"""Who may do what: actors, their roles and the roles of each action. Records nothing (exchange/audit.py does).

The local administrator is the machine's own user, on its command line or in its scheduler; everyone else has an account
with roles (exchange/people.py). Which department's or region's things an actor may touch is exchange/scope.py's.
"""

import os
import pwd
from dataclasses import dataclass
from typing import Literal

from exchange.actions import ACTIONS
from exchange.actions.roles import ROLE_NAMES, SEPARATED, Action, Role

__all__ = ["ACTIONS", "ROLE_NAMES", "SEPARATED", "Action", "Actor", "Channel", "Role", "allowed", "local_administrator"]

Channel = Literal["cli", "scheduler", "portal", "api"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, with which roles, for which department (USCC) and region prefix, over which channel.

    `name` is the login name; `title` what people call the person. An empty region reaches everything.
    """

    name: str
    roles: frozenset[Role]
    department: str | None = None
    channel: Channel = "cli"
    title: str = ""
    region: str = ""
    account: str | None = None
    session: str | None = None
    address: str | None = None


def local_administrator(channel: Channel = "cli") -> Actor:
    """Returns the user of this process as administrator of the hub on this machine."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = f"uid-{os.geteuid()}"
    return Actor(name, frozenset({"administrator"}), None, channel)


def allowed(actor: Actor, action: str) -> bool:
    """Says whether the actor has a role of the action."""
    return action in ACTIONS and bool(actor.roles & ACTIONS[action].roles)
