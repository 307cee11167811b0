"""Every action of the hub: who may do it, its word in the audit log, its name for messages. One module a subject."""

from exchange.actions import (
    attaching,
    auditing,
    day,
    delivery,
    directory,
    interfaces,
    keyed,
    keys,
    main_job,
    people,
    problems,
    quality,
    queries,
    sharing,
)
from exchange.actions.roles import Action

MODULES = (
    main_job, people, directory, attaching, day, problems, quality, auditing, sharing, delivery,
    keys, keyed, interfaces, queries,
)  # fmt: skip
ACTIONS: dict[str, Action] = {name: action for module in MODULES for name, action in module.ACTIONS.items()}
