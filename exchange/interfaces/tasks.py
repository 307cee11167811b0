"""What waits for people because of an interface: review, return, suspension. Opened and closed inside others' acts."""

from sqlalchemy import Connection

from exchange.access import Actor
from exchange.hub import Hub
from exchange.interfaces.states import Found
from exchange.tasks import close_tasks, due_in, open_task
from schemas.errors import HubError

_REVIEW, _RETURNED, _SUSPENDED = "interface_review", "interface_returned", "interface_suspended"


def link_of(dataset: str) -> str:
    """Returns the page of an entry's interface."""
    return f"/interfaces/{dataset}"


def open_suspension(connection: Connection, hub: Hub, found: Found, error: HubError) -> None:
    """Tells the provider that the interface is suspended."""
    dataset = found.stored.dataset
    open_task(
        connection, hub, kind=_SUSPENDED, title=f"接口暂停：{found.entry.title}", link=link_of(dataset),
        department=found.stored.provider_code, role="editor", dataset=dataset,
        detail={"code": error.code, "says": error.got},
    )  # fmt: skip


def close_suspension(connection: Connection, hub: Hub, actor: Actor, dataset: str) -> None:
    """Closes that task: the interface is well again."""
    close_tasks(connection, hub, actor, kind=_SUSPENDED, dataset=dataset)


def ask_review(connection: Connection, hub: Hub, actor: Actor, found: Found) -> None:
    """Asks the authority to review the interface."""
    dataset = found.stored.dataset
    close_tasks(connection, hub, actor, kind=_RETURNED, dataset=dataset)
    open_task(
        connection, hub, kind=_REVIEW, title=f"接口审核：{found.entry.title}", link=link_of(dataset),
        department=found.stored.provider_code, role="data_admin", dataset=dataset,
        due_on=due_in(hub, "REVIEW_AUTHORITY"),
    )  # fmt: skip


def end_review(connection: Connection, hub: Hub, actor: Actor, found: Found, *, approved: bool) -> None:
    """Closes the review; a returned interface waits for its provider."""
    dataset = found.stored.dataset
    close_tasks(connection, hub, actor, kind=_REVIEW, dataset=dataset)
    if not approved:
        open_task(
            connection, hub, kind=_RETURNED, title=f"接口已退回：{found.entry.title}", link=link_of(dataset),
            department=found.stored.provider_code, role="editor", dataset=dataset,
        )  # fmt: skip


def close_all(connection: Connection, hub: Hub, actor: Actor, dataset: str) -> None:
    """Closes every task about an interface."""
    close_tasks(connection, hub, actor, kind=(_REVIEW, _RETURNED, _SUSPENDED), dataset=dataset)
