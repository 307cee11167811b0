"""Use-cases of revoking an entry: ask, agree, refuse, go on. Nobody stops a service on their own (R-37)."""

from catalog.stores import attachments
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.directory import write_dags_file
from exchange.hub import Hub
from exchange.lifecycle_steps import Moved, ask_for, facts_of, move, open_case, refuse_own
from exchange.lineage import consumers_of, refuse_without_notice
from exchange.scope import require_entry
from exchange.sharing.granting import end_of_entry
from exchange.tasks import close_tasks


@use_case("entry.request_revoke")
def request_revoke(hub: Hub, actor: Actor, dataset: str, opinion: str, notice: str = "") -> Moved:
    """Asks the authority to revoke an entry; `notice` says what was agreed with the departments that use the data."""
    require_entry(hub, actor, "entry.request_revoke", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "request_revoke", dataset, _with_notice(opinion, notice))
        using = consumers_of(connection, dataset)
        refuse_without_notice(using, notice)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind="entry_kept", dataset=dataset)
        ask_for(connection, hub, case, "entry_revocation")
        facts = facts_of(case)
        facts["detail"] |= {"consumers": len(using)}
        record(connection, hub, actor, "entry.request_revoke", dataset, **facts)
    return moved


def _with_notice(opinion: str, notice: str) -> str:
    words = opinion.strip()
    return f"{words}（与需求部门协商情况：{notice.strip()}）" if words and notice.strip() else words


@use_case("entry.approve_revoke")
def approve_revoke(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Revokes an entry: its syncs stop, its attachment is detached, its code is never used again; its data stays."""
    require_entry(hub, actor, "entry.approve_revoke", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "approve_revoke", dataset, opinion)
        refuse_own(connection, actor, case, ("request_revoke",))
        moved = move(connection, hub, actor, case)
        attachments.change(connection, dataset, state="revoked")
        end_of_entry(connection, hub, actor, dataset)
        close_tasks(connection, hub, actor, kind=None, dataset=dataset)
        record(connection, hub, actor, "entry.approve_revoke", dataset, **facts_of(case))
    write_dags_file(hub)
    return moved


@use_case("entry.reject_revoke")
def reject_revoke(hub: Hub, actor: Actor, dataset: str, opinion: str) -> Moved:
    """Refuses to revoke an entry, with the reason; it stays in force."""
    require_entry(hub, actor, "entry.reject_revoke", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "reject_revoke", dataset, opinion)
        refuse_own(connection, actor, case, ("request_revoke",))
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind="entry_revocation", dataset=dataset)
        ask_for(connection, hub, case, "entry_kept")
        record(connection, hub, actor, "entry.reject_revoke", dataset, **facts_of(case))
    return moved


@use_case("entry.resume")
def resume(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Confirms, after a revocation was refused, that the entry goes on."""
    require_entry(hub, actor, "entry.resume", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "resume", dataset, opinion)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind="entry_kept", dataset=dataset)
        record(connection, hub, actor, "entry.resume", dataset, **facts_of(case))
    return moved
