"""Use-cases of an entry's life up to publication: submit, review twice, publish, return, reject, change, delete.

Which command is possible from which stage, by whom, says exchange/lifecycle_table.py. Every step is chained in the
entry's history and audited in the same transaction. What is in force stays so until its change is published.
"""

from sqlalchemy import Connection

from exchange.access import Actor
from exchange.attachment_guard import withhold
from exchange.audit import record, use_case
from exchange.directory import write_dags_file
from exchange.entry_publication import check_submission, put_in_force, refuse_lint
from exchange.hub import Hub
from exchange.lifecycle_steps import (
    ALL_KINDS,
    REVIEWS,
    Case,
    Moved,
    ask_for,
    facts_of,
    move,
    noted,
    open_case,
    refuse_own,
)
from exchange.lineage import refuse_before_notice
from exchange.reviews import refuse_unreviewed
from exchange.scope import require_entry
from exchange.tasks import close_tasks
from quality.plan import compile_plan
from schemas import contract


@use_case("entry.submit")
def submit(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Submits a draft for review: lint and sharing rules pass, the reviews of R-23 are there."""
    require_entry(hub, actor, "entry.submit", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "submit", dataset, opinion)
        loaded = contract.load(case.version.contract, dataset)
        refuse_lint(loaded.entry, check_submission(connection, loaded), "提交")
        refuse_unreviewed(connection, case.version)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind="entry_revise", dataset=dataset)
        ask_for(connection, hub, case, "entry_registration")
        record(connection, hub, actor, "entry.submit", dataset, **facts_of(case))
    return moved


@use_case("entry.withdraw")
def withdraw(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Takes an entry back from review, to be mended."""
    require_entry(hub, actor, "entry.withdraw", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "withdraw", dataset, opinion)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind=REVIEWS, dataset=dataset)
        record(connection, hub, actor, "entry.withdraw", dataset, **facts_of(case))
    return moved


@use_case("entry.endorse")
def endorse(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Passes the department's review (注册审核); the reviewer is not the author."""
    require_entry(hub, actor, "entry.endorse", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "endorse", dataset, opinion)
        refuse_own(connection, actor, case, ("draft", "edit", "submit"))
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind=REVIEWS, dataset=dataset)
        ask_for(connection, hub, case, "entry_publication")
        record(connection, hub, actor, "entry.endorse", dataset, **facts_of(case))
    return moved


@use_case("entry.return")
def return_to_editor(hub: Hub, actor: Actor, dataset: str, opinion: str) -> Moved:
    """Returns an entry to its editor from the department's review, with the reason."""
    require_entry(hub, actor, "entry.return", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "return", dataset, opinion)
        refuse_own(connection, actor, case, ("draft", "edit", "submit"))
        moved = _back(connection, hub, actor, case)
        record(connection, hub, actor, "entry.return", dataset, **facts_of(case))
    return moved


@use_case("entry.send_back")
def send_back(hub: Hub, actor: Actor, dataset: str, opinion: str) -> Moved:
    """Returns an entry to its editor from the authority's review, with the reason."""
    require_entry(hub, actor, "entry.send_back", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "send_back", dataset, opinion)
        refuse_own(connection, actor, case, ("draft", "edit", "submit", "endorse"))
        moved = _back(connection, hub, actor, case)
        record(connection, hub, actor, "entry.send_back", dataset, **facts_of(case))
    return moved


@use_case("entry.reject")
def reject(hub: Hub, actor: Actor, dataset: str, opinion: str) -> Moved:
    """Rejects an entry (发布已驳回) with the reason; its editor may mend it and submit again."""
    require_entry(hub, actor, "entry.reject", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "reject", dataset, opinion)
        refuse_own(connection, actor, case, ("draft", "edit", "submit", "endorse"))
        moved = _back(connection, hub, actor, case)
        record(connection, hub, actor, "entry.reject", dataset, **facts_of(case))
    return moved


def _back(connection: Connection, hub: Hub, actor: Actor, case: Case) -> Moved:
    moved = move(connection, hub, actor, case)
    close_tasks(connection, hub, actor, kind=REVIEWS, dataset=case.stored.dataset)
    ask_for(connection, hub, case, "entry_revise")
    return moved


@use_case("entry.approve")
def approve(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Passes the authority's review (发布审核) and puts the version in force, with a code issued by the hub."""
    require_entry(hub, actor, "entry.approve", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "approve", dataset, opinion)
        refuse_own(connection, actor, case, ("draft", "edit", "submit", "endorse"))
        refuse_before_notice(connection, hub, case.version)
        loaded = contract.load(case.version.contract, dataset)
        refuse_lint(loaded.entry, check_submission(connection, loaded), "发布")
        withhold(hub, connection, case.stored, loaded.entry, case.version.created_by)
        put_in_force(hub, connection, case.stored, loaded, case.version, compile_plan(loaded.entry))
        moved = noted(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind=ALL_KINDS, dataset=dataset)
        facts = facts_of(case) | {"entry_code": moved.code}
        record(connection, hub, actor, "entry.approve", dataset, **facts)
    write_dags_file(hub)
    return moved


@use_case("entry.abandon")
def abandon(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Gives up a change of a published entry; what is in force stays."""
    require_entry(hub, actor, "entry.abandon", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "abandon", dataset, opinion)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind="entry_revise", dataset=dataset)
        record(connection, hub, actor, "entry.abandon", dataset, **facts_of(case))
    return moved


@use_case("entry.delete")
def delete(hub: Hub, actor: Actor, dataset: str, opinion: str = "") -> Moved:
    """Deletes an entry that was never published."""
    require_entry(hub, actor, "entry.delete", dataset)
    with hub.transaction() as connection:
        case = open_case(connection, actor, "delete", dataset, opinion)
        moved = move(connection, hub, actor, case)
        close_tasks(connection, hub, actor, kind=None, dataset=dataset)
        record(connection, hub, actor, "entry.delete", dataset, **facts_of(case))
    return moved
