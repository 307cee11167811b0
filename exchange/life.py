"""An entry as its page shows it: official words, stage, what the person may do now, history, versions, lineage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import attachments, departments, entry_events
from catalog.stores import entries as store
from catalog.stores import tasks as task_store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.attachment_states import STATE_NAMES as ATTACHMENT_NAMES
from exchange.audit import record, use_case
from exchange.entries import STATE_NAMES, EntryView, seen_entry, view_of
from exchange.entry_events import BESIDE, broken_at
from exchange.entry_publication import check_submission
from exchange.entry_words import Fact, ItemWords, changes_in_words, facts_of, items_of
from exchange.hub import Hub
from exchange.lifecycle_steps import stage_of
from exchange.lifecycle_table import COMMANDS, OF_ENTRY, STAGE_NAMES, Command, Stage, permitted
from exchange.lineage import Lineage, lineage_of, notice_until
from exchange.reviews import KIND_NAMES, ReviewView, reviews_of
from exchange.scope import reach_of, require_entry
from exchange.tasks import TaskView
from exchange.tasks import view_of as task_view
from schemas import contract
from schemas.contract.lint import LintResult
from schemas.errors import HubError


@dataclass(frozen=True, slots=True)
class Offer:
    """A command that the person may give now."""

    command: str
    title: str
    reason: bool
    danger: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the history, in words."""

    at: datetime
    version: int
    title: str
    from_name: str
    to_name: str
    actor: str
    department_name: str
    opinion: str | None


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of the entry."""

    number: int
    contract_version: str
    state_name: str
    created_by: str
    created_at: datetime
    published_at: datetime | None
    in_force: bool
    breaking: int
    changes: int


@dataclass(frozen=True, slots=True)
class Attached:
    """The entry's attachment in short."""

    state_name: str
    schedule: str | None
    paused: bool
    tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """Everything about one entry. History, reviews, checks and tasks are for its department and the authority."""

    entry: EntryView
    facts: Sequence[Fact]
    items: Sequence[ItemWords]
    stage: str
    stage_name: str
    inside: bool
    offers: Sequence[Offer]
    changes: Sequence[dict[str, Any]]
    notice_until: date | None
    checks: Sequence[LintResult]
    reviews: Sequence[ReviewView]
    missing_reviews: Sequence[str]
    history: Sequence[Step]
    chain_holds: bool
    versions: Sequence[VersionView]
    tasks: Sequence[TaskView]
    attached: Attached | None
    lineage: Lineage


@use_case("entry.life")
def show_life(hub: Hub, actor: Actor, dataset: str) -> Life:
    """Shows an entry with its life; raises NotFound, also for what the actor may not see."""
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, dataset)
        record(connection, hub, actor, "entry.life", stored.dataset, entry_code=stored.code)
        return _life(connection, hub, actor, stored)


def _life(connection: Connection, hub: Hub, actor: Actor, stored: StoredEntry) -> Life:
    reach = reach_of(connection, actor)
    inside = reach.covers(stored.provider_code)
    view = view_of(connection, stored, reach, whole=True)
    version = store.find_version(connection, stored.dataset, view.version)
    assert version is not None  # noqa: S101 - the one that is shown
    loaded = contract.load(version.contract, stored.dataset)
    stage = stage_of(connection, stored, version)
    names = {each.code: each.name for each in departments.list_all(connection)}
    history = entry_events.history(connection, stored.dataset) if inside else []
    reviews = reviews_of(connection, version) if inside else []
    notice = notice_until(connection, version) if inside else None
    passed = {each.kind for each in reviews if each.current and each.passed and not each.stale}
    open_tasks = task_store.about(connection, stored.dataset) if inside else []
    return Life(
        entry=view,
        facts=facts_of(loaded.entry, inside=inside),
        items=items_of(loaded.entry, inside=inside),
        stage=stage.value,
        stage_name=STAGE_NAMES[stage],
        inside=inside,
        offers=_offers(actor, stored, stage) if inside else (),
        changes=changes_in_words(version.changes) if inside else (),
        notice_until=notice.date if notice else None,
        checks=_checks(connection, loaded, stage) if inside else (),
        reviews=reviews,
        missing_reviews=[name for kind, name in KIND_NAMES.items() if inside and kind not in passed],
        history=[_step(event, names) for event in reversed(history)],
        chain_holds=not history or (broken_at(history) is None and _ends_as_it_stands(connection, stored, history[-1])),
        versions=_versions(connection, stored) if inside else (),
        tasks=[task_view(hub, task, names) for task in open_tasks],
        attached=_attached(connection, stored.dataset) if inside else None,
        lineage=lineage_of(connection, stored, reach),
    )


def _attached(connection: Connection, dataset: str) -> Attached | None:
    found = attachments.find(connection, dataset)
    if found is None:
        return None
    return Attached(ATTACHMENT_NAMES[found.state], found.schedule, found.paused, found.tried_at)


def _offers(actor: Actor, stored: StoredEntry, stage: Stage) -> list[Offer]:
    """Lists the commands that the table allows the person now; a change and its entry each have their own."""
    published = stored.published_version is not None
    whole = stage
    if stored.state in (State.PUBLISHED, State.REVOKE_REJECTED):
        whole = Stage.PUBLISHED if stored.state == State.PUBLISHED else Stage.REVOKE_REJECTED
    reviewing = stage in (Stage.REGISTRATION, Stage.PUBLICATION)

    def offered(command: Command) -> bool:
        at = whole if command.name in OF_ENTRY and not reviewing else stage
        return permitted(command, at, actor.roles, published_before=published)

    return [
        Offer(command.name, command.title, command.reason, command.danger)
        for command in COMMANDS.values()
        if offered(command)
    ]


def _checks(connection: Connection, loaded: contract.Contract, stage: Stage) -> list[LintResult]:
    """Lists what a submission would be refused or warned for; nothing once the entry is in force."""
    if stage not in (Stage.DRAFT, Stage.REJECTED, Stage.REGISTRATION, Stage.PUBLICATION):
        return []
    try:
        results = check_submission(connection, loaded)
    except HubError as error:
        return [LintResult(error.code, False, "error", error.got, error.next_step, error.code)]
    return [result for result in results if not result.passed]


def _step(event: entry_events.EntryEvent, names: dict[str, str]) -> Step:
    command = COMMANDS.get(event.command)
    return Step(
        at=event.at,
        version=event.version,
        title=BESIDE.get(event.command) or (command.title if command else event.command),
        from_name=STATE_NAMES[State(event.from_state)],
        to_name=STATE_NAMES[State(event.to_state)],
        actor=event.actor,
        department_name=names.get(event.department_code or "", ""),
        opinion=event.opinion,
    )


def _versions(connection: Connection, stored: StoredEntry) -> list[VersionView]:
    return [_version(each, stored) for each in store.versions(connection, stored.dataset)]


def _version(version: EntryVersion, stored: StoredEntry) -> VersionView:
    abandoned = version.state == State.DELETED
    return VersionView(
        number=version.number,
        contract_version=version.contract_version,
        state_name="已放弃" if abandoned else STATE_NAMES[State(version.state)],
        created_by=version.created_by,
        created_at=version.created_at,
        published_at=version.published_at,
        in_force=version.number == stored.published_version,
        breaking=sum(not change.get("compatible") for change in version.changes),
        changes=len(version.changes),
    )


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether an entry's history is whole; `broken` is the first step that was changed, removed or moved."""

    dataset: str
    holds: bool
    steps: int
    broken: int | None


@use_case("entry.verify")
def verify_history(hub: Hub, actor: Actor, dataset: str) -> Verified:
    """Checks the chain over an entry's history."""
    require_entry(hub, actor, "entry.verify", dataset)
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, dataset)
        history = entry_events.history(connection, stored.dataset)
        record(connection, hub, actor, "entry.verify", stored.dataset, row_count=len(history))
        broken = broken_at(history)
        if broken is None and history and not _ends_as_it_stands(connection, stored, history[-1]):
            broken = len(history) + 1
    return Verified(stored.dataset, broken is None, len(history), broken)


def _ends_as_it_stands(connection: Connection, stored: StoredEntry, last: entry_events.EntryEvent) -> bool:
    """Says whether the newest step led to the present state: a step cut off the end of the chain leaves no gap."""
    if last.command in OF_ENTRY or last.command in ("delete", "revoke", "abandon"):
        return last.to_state == stored.state
    version = store.find_version(connection, stored.dataset, last.version)
    return version is not None and last.to_state == version.state
