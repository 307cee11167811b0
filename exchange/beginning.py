"""How a sync begins: whether an unfinished run goes on, and in which mode a new one reads. Reads no source."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import Connection

from catalog.stores import attachments, datasets, entries, runs
from catalog.stores.datasets import Dataset
from catalog.stores.entries import State, StoredEntry
from catalog.stores.runs import Run
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.runs import CLOSED
from exchange.scope import unknown_entry
from lake.staging import Staging
from schemas import rules
from schemas.entry import Attachment, Entry, Mode
from schemas.errors import InputError, StateError


def published_entry(connection: Connection, dataset: str) -> tuple[StoredEntry, Entry]:
    """Returns the entry that is in force; raises NotFound, StateError."""
    stored = entries.find(connection, dataset)
    if stored is None:
        raise unknown_entry(connection, dataset)
    if stored.state == State.REVOKED:
        raise StateError(f"目录条目 {dataset} 已撤销", "只有已发布的目录条目可以同步", "", code="ENTRY_REVOKED")
    if stored.published_version is None:
        raise StateError(
            f"目录条目 {dataset} 尚未发布",
            "只有已发布的目录条目可以同步",
            "请用 shuqiao entry apply --publish 发布",
            code="ENTRY_NOT_PUBLISHED",
        )
    version = entries.find_version(connection, dataset, stored.published_version)
    assert version is not None  # noqa: S101 - held by a foreign key in spirit: versions are never removed
    return stored, entry_from(version.contract, f"{dataset} v{version.number}")


def attachment_of(entry: Entry) -> Attachment:
    """Returns the entry's attachment; raises StateError when nothing is attached."""
    if entry.attachment is None:
        raise StateError(
            f"目录条目 {entry.dataset} 没有挂接数据资源",
            "同步需要挂接（servers）",
            "请在条目中写明挂接",
            code="NOT_ATTACHED",
        )
    return entry.attachment


def begin_run(hub: Hub, connection: Connection, dataset: str, mode: str | None, trigger: str | None) -> Run:
    """Finds the run of the trigger, goes on with an unfinished one, or records a new one."""
    stored, entry = published_entry(connection, dataset)
    if dataset in attachments.waiting(connection):
        raise StateError(
            f"目录条目 {dataset} 的挂接没有生效",
            "挂接经主管部门审核发布后才能同步",
            "请在挂接页面试加载并提交审核",
            code="NOT_ATTACHED",
        )
    chosen = _checked_mode(attachment_of(entry), mode)
    now = hub.clock.now()
    datasets.ensure(connection, dataset, now)
    if trigger is not None and (known := runs.find_by_trigger(connection, dataset, trigger)) is not None:
        return known
    held = datasets.find(connection, dataset)
    assert held is not None and stored.published_version is not None  # noqa: S101 - ensured above
    going_on = _unfinished(hub, connection, dataset, stored.published_version, chosen)
    if going_on is not None:
        if trigger is not None:
            runs.change(connection, going_on.run_id, trigger=trigger)
        return replace(going_on, trigger=trigger or going_on.trigger)
    # Rows of an older entry version may lack items or fail rules of the new one: all of them are read once.
    last = runs.find(connection, held.last_run) if held.last_run else None
    if chosen is None and last is not None and last.entry_version != stored.published_version:
        chosen = "snapshot"
    reads, comparison = choose_mode(attachment_of(entry), held, chosen, now)
    run = Run(
        run_id=new_run_id(now),
        dataset=dataset,
        entry_version=stored.published_version,
        mode=reads,
        state="created",
        created_at=now,
        comparison=comparison,
        trigger=trigger,
    )
    runs.insert(connection, run)
    return run


def begin_handed_in(hub: Hub, connection: Connection, dataset: str, mode: Mode, trigger: str) -> Run:
    """Records the run of rows that are handed in; finds the one that this trigger has already brought to an end."""
    stored, _ = published_entry(connection, dataset)
    assert stored.published_version is not None  # noqa: S101 - published
    now = hub.clock.now()
    datasets.ensure(connection, dataset, now)
    known = runs.find_by_trigger(connection, dataset, trigger)
    if known is not None and known.state not in (*runs.UNFINISHED, "superseded"):
        return known
    for older in runs.find_in_states(connection, dataset, runs.UNFINISHED):
        runs.change(connection, older.run_id, state="superseded", finished_at=now)
    if known is not None:
        runs.change(connection, known.run_id, trigger=None)
    number = stored.published_version
    run = Run(new_run_id(now), dataset, number, mode, state="created", created_at=now, trigger=trigger)
    runs.insert(connection, run)
    return run


def clear_closed_staging(hub: Hub, dataset: str) -> None:
    """Removes the staging that runs left which were killed after their last act; caller holds the dataset's lock."""
    with hub.transaction() as connection:
        alive = {run.run_id for run in runs.find_in_states(connection, dataset, ("held", *runs.UNFINISHED))}
    folder = hub.settings.lake_root / "staging" / dataset
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name not in alive:
            Staging(hub.settings.lake_root, dataset, path.name).remove()


def new_run_id(now: datetime) -> str:
    """Makes a run id that sorts by time and is a safe folder name."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def _checked_mode(attachment: Attachment, mode: str | None) -> Mode | None:
    if mode is None:
        return None
    allowed = tuple(dict.fromkeys(("snapshot", attachment.mode)))
    if mode not in get_args(Mode) or mode not in allowed:
        raise InputError(
            f"同步方式 {mode[:20]} 不可用于该数据集", f"可用：{'、'.join(allowed)}", "请改用其中之一", code="MODE"
        )
    return mode


def choose_mode(attachment: Attachment, held: Dataset, asked: Mode | None, now: datetime) -> tuple[Mode, bool]:
    """Returns how to read, and whether that is a full comparison of an entry that otherwise reads increments."""
    if attachment.mode == "snapshot":
        return "snapshot", False
    if asked == "snapshot":
        return "snapshot", True
    if attachment.mode == "change_flag":
        # Without a cursor the connector replays the front-end table from its beginning: that is everything.
        return "change_flag", False
    last = held.last_comparison_at
    due = last is None or now - last >= timedelta(days=attachment.comparison_days)
    if asked is None and (due or held.current_version == 0):
        return "snapshot", True
    return ("snapshot", True) if held.current_version == 0 else ("watermark", False)


def _unfinished(
    hub: Hub, connection: Connection, dataset: str, published_version: int, mode: Mode | None
) -> Run | None:
    """Returns the run to go on with, reset where what it has is too old, of another version or of another mode."""
    found = runs.find_in_states(connection, dataset, runs.UNFINISHED)
    if not found:
        return None
    run = found[0]
    for older in found[1:]:
        runs.change(connection, older.run_id, state="superseded", finished_at=hub.clock.now())
    if run.step == "publishing":
        return run
    if run.rollback_to is not None or (mode is not None and mode != run.mode):
        runs.change(connection, run.run_id, state="superseded", finished_at=hub.clock.now())
        return None
    if run.step == "created":
        runs.change(connection, run.run_id, entry_version=published_version, state="created", error=None)
        return replace(run, entry_version=published_version, state="created", error=None)
    if run.entry_version != published_version or (not run.released and too_old(hub, run)):
        return reset(connection, run, published_version)
    return run


def too_old(hub: Hub, run: Run) -> bool:
    """Says whether what the run has read is older than the rules let a resumed sync use."""
    return run.extracted_at is None or older_than_resume(hub, run.extracted_at)


def older_than_resume(hub: Hub, moment: datetime) -> bool:
    """Says whether `moment` is longer ago than the rules let a sync be resumed."""
    return hub.clock.now() - moment > timedelta(minutes=float(rules.value("RESUME_WITHIN")))


def reset(connection: Connection, run: Run, entry_version: int) -> Run:
    """Takes a run back to its beginning: it reads anew under the same id; what an earlier attempt landed is void."""
    fresh = replace(
        run,
        state="created",
        step="created",
        entry_version=entry_version,
        attempt=run.attempt + 1,
        extracted_at=None,
        error=None,
    )
    names = ("state", "step", "entry_version", "attempt", "extracted_at", "error")
    runs.change(connection, run.run_id, **{name: getattr(fresh, name) for name in names})
    return fresh


def is_closed(run: Run) -> bool:
    """Says whether nothing is left to do for the run."""
    return run.state in CLOSED
