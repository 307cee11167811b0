"""Use-case of retention: removes landing, problem data and old versions whose time is over; audits each removal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.stores import datasets, runs
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.extraction import landing_folder, quarantine_folder, staging_of
from exchange.hub import Hub
from exchange.queries.results import sweep
from exchange.runs import working_on
from lake.table import LakeTable
from schemas import rules
from schemas.errors import Busy


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: runs' landing and problem data, files of old versions; datasets that were busy."""

    landing: tuple[str, ...]
    quarantine: tuple[str, ...]
    files: int
    busy: tuple[str, ...]


@use_case("retention.apply")
def apply_retention(hub: Hub, actor: Actor) -> Removed:
    """Removes what the rules say is over; a dataset at work is left for the next time."""
    now = hub.clock.now()
    sweep(hub)
    with hub.transaction() as connection:
        landed = runs.with_landing_before(connection, _before(now, "LANDING_RETENTION"))
        quarantined = runs.with_quarantine_before(connection, _before(now, "QUARANTINE_RETENTION"))
        known = [each.dataset for each in datasets.list_all(connection)]
    for run in landed:
        _remove(hub, actor, run, landing_folder, "landing_removed_at")
        staging_of(hub, run).remove()
    for run in quarantined:
        _remove(hub, actor, run, quarantine_folder, "quarantine_removed_at")
    files, busy = _vacuum(hub, actor, known)
    return Removed(tuple(r.run_id for r in landed), tuple(r.run_id for r in quarantined), files, tuple(busy))


def _before(now: datetime, rule: str) -> datetime:
    return now - timedelta(days=rules.book().number(rule))


def _remove(hub: Hub, actor: Actor, run: Run, folder: Callable[[Run], str], mark: str) -> None:
    # The files go first: an event for what is still there would be false, a missing mark is made good the next time.
    hub.frames.remove(folder(run))
    with hub.transaction() as connection:
        runs.change(connection, run.run_id, **{mark: hub.clock.now()})
        detail = {"removed": folder(run).partition("/")[0], "dataset": run.dataset}
        record(connection, hub, actor, "retention.apply", run.run_id, detail=detail)


def _vacuum(hub: Hub, actor: Actor, known: list[str]) -> tuple[int, list[str]]:
    hours = int(24 * rules.book().number("VERSIONS_KEPT"))
    files, busy = 0, []
    for dataset in known:
        try:
            with working_on(hub, dataset):
                removed = LakeTable(hub.settings.lake_root, dataset).vacuum(hours=hours)
        except Busy:
            busy.append(dataset)
            continue
        if removed:
            files += len(removed)
            with hub.transaction() as connection:
                detail = {"removed": "versions", "files": len(removed)}
                record(connection, hub, actor, "retention.apply", dataset, detail=detail)
    return files, busy
