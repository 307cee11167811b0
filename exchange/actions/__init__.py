"""Every action of the hub: who may do it, its word in the audit log, its name for messages. One module a subject."""

from exchange.actions import (
    attaching,
    auditing,
    day,
    delivery,
    directory,
    keys,
    main_job,
    people,
    problems,
    quality,
    queries,
    sharing,
)
from exchange.actions.roles import Action

ACTIONS: dict[str, Action] = {
    name: action
    for module in (
        main_job,
        people,
        directory,
        attaching,
        day,
        problems,
        quality,
        auditing,
        sharing,
        delivery,
        keys,
        queries,
    )
    for name, action in module.ACTIONS.items()
}
