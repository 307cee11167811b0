"""Use-cases of a sync (同步): begin, extract, validate, publish; release, discard, revalidate; list and show.

    created → extracted → validated → publishing → published
                        ↘ held → validated (released) | discarded | superseded | validated again (revalidate)
    any → failed (its next attempt goes on from the last durable step)

Each step is safe to repeat and does nothing when it is done. A held run raises Held from its step; `run` returns it.
"""

from contextlib import suppress

from catalog.stores import runs as store
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.beginning import begin_handed_in, begin_run, clear_closed_staging, published_entry, reset, too_old
from exchange.extraction import extract_run, held_error, landing_folder, quarantine_folder, staging_of
from exchange.hub import Hub
from exchange.publication import publish_run
from exchange.runs import Progress, RunDetail, RunView, detail, failing, require_run, view, working_on
from exchange.validation import validate_run
from schemas.entry import Mode
from schemas.errors import Held, InputError, StateError
from schemas.source import Source

__all__ = [
    "RunDetail",
    "RunView",
    "begin",
    "discard",
    "extract",
    "list_runs",
    "publish",
    "release",
    "revalidate",
    "run",
    "run_handed_in",
    "show_run",
    "validate",
]


@use_case("sync.begin")
def begin(hub: Hub, actor: Actor, dataset: str, *, mode: str | None = None, trigger: str | None = None) -> str:
    """Begins a sync, or finds the one to go on with, and returns its run id; the same trigger gives the same run."""
    with working_on(hub, dataset):
        return _begin(hub, actor, dataset, mode, trigger).run_id


@use_case("sync.extract")
def extract(hub: Hub, actor: Actor, run_id: str, progress: Progress | None = None) -> RunView:
    """Reads the source into landing; raises SourceError, Held (drift)."""
    with working_on(hub, require_run(hub, run_id).dataset):
        _extract(hub, actor, run_id, progress)
    return view(require_run(hub, run_id))


@use_case("sync.validate")
def validate(hub: Hub, actor: Actor, run_id: str, progress: Progress | None = None) -> RunView:
    """Checks the landed records; raises Held when the batch must wait for a person."""
    with working_on(hub, require_run(hub, run_id).dataset):
        _validate(hub, actor, run_id, progress)
    return view(require_run(hub, run_id))


@use_case("sync.publish")
def publish(hub: Hub, actor: Actor, run_id: str, progress: Progress | None = None) -> RunView:
    """Publishes a validated run; raises Held when it waits for a person."""
    with working_on(hub, require_run(hub, run_id).dataset):
        _publish(hub, actor, run_id, progress)
    return view(require_run(hub, run_id))


def run_handed_in(hub: Hub, actor: Actor, dataset: str, mode: Mode, trigger: str, source: Source) -> RunView:
    """Does a whole sync of rows that a department hands in, once for each trigger; a use-case has checked its right.

    In mode `snapshot` they are the whole table; in `watermark` they are inserted and updated by row key, and keys that
    are absent stay (lake.changeset.derive). What an earlier file left unfinished gives way to them.
    """
    with working_on(hub, dataset):
        for found in _unfinished(hub, dataset):
            if found.step == "publishing":
                _publish(hub, actor, found.run_id, None)
        clear_closed_staging(hub, dataset)
        with hub.transaction() as connection:
            begun = begin_handed_in(hub, connection, dataset, mode, trigger)
            detail = {"dataset": dataset, "mode": mode}
            record(connection, hub, actor, "sync.begin", begun.run_id, detail=detail)
        with suppress(Held):
            _extract(hub, actor, begun.run_id, None, source)
            _validate(hub, actor, begun.run_id, None)
            _publish(hub, actor, begun.run_id, None)
    return view(require_run(hub, begun.run_id))


@use_case("sync.run")
def run(hub: Hub, actor: Actor, dataset: str, *, mode: str | None = None, progress: Progress | None = None) -> RunView:
    """Does a whole sync in this process; a held run is returned with its reasons, other failures are raised."""
    with working_on(hub, dataset):
        run_id = _begin(hub, actor, dataset, mode, None).run_id
        with suppress(Held):
            _extract(hub, actor, run_id, progress)
            _validate(hub, actor, run_id, progress)
            _publish(hub, actor, run_id, progress)
    return view(require_run(hub, run_id))


def _begin(hub: Hub, actor: Actor, dataset: str, mode: str | None, trigger: str | None) -> Run:
    _roll_forward_rollback(hub, actor, dataset)
    clear_closed_staging(hub, dataset)
    with hub.transaction() as connection:
        begun = begin_run(hub, connection, dataset, mode, trigger)
        record(connection, hub, actor, "sync.begin", begun.run_id, detail={"dataset": dataset, "mode": begun.mode})
    with failing(hub, actor, begun.run_id, "sync.begin"):
        hub.faults.reach("begin.recorded")
    return begun


def _roll_forward_rollback(hub: Hub, actor: Actor, dataset: str) -> None:
    """Ends a rollback that was interrupted while publishing, so that the sync starts from what it made."""
    for run in _unfinished(hub, dataset):
        if run.rollback_to is not None and run.step == "publishing":
            _publish(hub, actor, run.run_id, None)


def _unfinished(hub: Hub, dataset: str) -> list[Run]:
    with hub.transaction() as connection:
        return store.find_in_states(connection, dataset, store.UNFINISHED)


def _extract(hub: Hub, actor: Actor, run_id: str, progress: Progress | None, handed_in: Source | None = None) -> None:
    run = require_run(hub, run_id)
    _refuse_held(run)
    if run.state in {"published", "discarded", "superseded"} or run.step == "publishing":
        return
    if run.step in {"extracted", "validated"}:
        if run.released or not too_old(hub, run):
            return
        with hub.transaction() as connection:
            run = reset(connection, run, run.entry_version)
    with failing(hub, actor, run_id, "sync.extract"):
        staging_of(hub, run).remove()
        extract_run(hub, actor, run, progress, handed_in)


def _validate(hub: Hub, actor: Actor, run_id: str, progress: Progress | None) -> None:
    run = require_run(hub, run_id)
    _refuse_held(run)
    if run.step in {"validated", "publishing", "published"} or run.state in {"discarded", "superseded"}:
        return
    if run.step != "extracted":
        raise StateError(f"批次 {run_id} 尚未读取数据", "校验在读取之后", "请先读取，或用 shuqiao sync run 重新同步")
    with failing(hub, actor, run_id, "sync.validate"):
        validate_run(hub, actor, run, progress)


def _publish(hub: Hub, actor: Actor, run_id: str, progress: Progress | None) -> None:
    run = require_run(hub, run_id)
    _refuse_held(run)
    if run.state in {"published", "discarded", "superseded"}:
        return
    if run.step not in {"validated", "publishing"}:
        raise StateError(f"批次 {run_id} 尚未通过校验", "发布在校验之后", "请先校验，或用 shuqiao sync run 重新同步")
    with failing(hub, actor, run_id, "sync.publish"):
        publish_run(hub, actor, run, progress)


def _refuse_held(run: Run) -> None:
    if run.state == "held":
        raise held_error(run.run_id, list(run.hold_reasons))  # type: ignore[arg-type]


@use_case("sync.list")
def list_runs(hub: Hub, actor: Actor, dataset: str | None = None, limit: int = 50) -> list[RunView]:
    """Lists runs, newest first."""
    with hub.transaction() as connection:
        found = store.list_recent(connection, dataset, limit)
        record(connection, hub, actor, "sync.list", None, row_count=len(found))
    return [view(each) for each in found]


@use_case("sync.show")
def show_run(hub: Hub, actor: Actor, run_id: str) -> RunDetail:
    """Shows a run with its counts, findings and reasons; raises NotFound."""
    found = require_run(hub, run_id)
    with hub.transaction() as connection:
        record(connection, hub, actor, "sync.show", run_id)
    return detail(found)


@use_case("sync.release")
def release(hub: Hub, actor: Actor, run_id: str, reason: str | None = None) -> RunView:
    """Lets a held batch go (放行) and publishes it; raises StateError when it is not held."""
    held = require_run(hub, run_id)
    with working_on(hub, held.dataset):
        held = _require_held(hub, run_id)
        if held.step == "created":
            raise StateError(
                f"批次 {run_id} 因来源表结构变化而暂缓，没有读取数据，不能放行",
                "可放行的是已校验的批次",
                f"请修改目录条目后 shuqiao sync revalidate {run_id}，或 discard 后重新同步",
                code="NOTHING_TO_RELEASE",
            )
        with hub.transaction() as connection:
            store.change(connection, run_id, state="validated", step="validated", released=True, closing_reason=reason)
            record(connection, hub, actor, "sync.release", run_id, detail={"reason": reason or ""})
        _publish(hub, actor, run_id, None)
    return view(require_run(hub, run_id))


@use_case("sync.discard")
def discard(hub: Hub, actor: Actor, run_id: str, reason: str) -> RunView:
    """Gives up a held or unfinished batch (作废) for a reason; what is published stays as it is."""
    if not reason or not reason.strip():
        raise InputError("没有写明作废理由", "作废必须写明理由", "请用 --reason 写明理由", code="REASON")
    found = require_run(hub, run_id)
    with working_on(hub, found.dataset):
        found = require_run(hub, run_id)
        if found.state in {"published", "discarded", "superseded"} or found.step == "publishing":
            raise StateError(f"批次 {run_id} 的状态是 {found.state}，不能作废", "可作废暂缓发布或未完成的批次", "")
        with hub.transaction() as connection:
            store.change(connection, run_id, state="discarded", closing_reason=reason, finished_at=hub.clock.now())
            record(connection, hub, actor, "sync.discard", run_id, detail={"reason": reason})
        staging_of(hub, found).remove()
    return view(require_run(hub, run_id))


@use_case("sync.revalidate")
def revalidate(hub: Hub, actor: Actor, run_id: str, progress: Progress | None = None) -> RunView:
    """Validates a held batch again, from landing, under the newest published entry version; publishes it if it passes.

    A batch held for a change of the source's columns has nothing in landing; it is read now, under the new version.
    """
    held = require_run(hub, run_id)
    with working_on(hub, held.dataset):
        held = _require_held(hub, run_id)
        _begin_again(hub, actor, held)
        with suppress(Held):
            if held.step == "created":
                _extract(hub, actor, run_id, progress)
            _validate(hub, actor, run_id, progress)
            _publish(hub, actor, run_id, progress)
    return view(require_run(hub, run_id))


def _begin_again(hub: Hub, actor: Actor, held: Run) -> None:
    read = held.step != "created"
    with hub.transaction() as connection:
        stored, entry = published_entry(connection, held.dataset)
        if read:
            _refuse_other_columns(hub, held, entry.source_columns)
        step = "extracted" if read else "created"
        version = stored.published_version
        store.change(connection, held.run_id, state=step, step=step, entry_version=version, hold_reasons=[])
        record(connection, hub, actor, "sync.revalidate", held.run_id)
    staging_of(hub, held).remove()
    hub.frames.remove(quarantine_folder(held))


def _refuse_other_columns(hub: Hub, held: Run, columns: tuple[str, ...]) -> None:
    if held.landing_removed_at is not None or not hub.frames.exists(landing_folder(held)):
        raise StateError("该批次的落地数据已按保存期限清除", "", "请作废后重新同步", code="LANDING_GONE")
    landed = hub.frames.reader(landing_folder(held)).schema
    missing = [name for name in columns if landed is not None and name not in landed.names]
    if missing:
        raise StateError(
            f"该批次没有读取来源列 {'、'.join(missing)}",
            "重新校验只用已落地的列",
            "请作废后重新同步",
            code="LANDING_COLUMNS",
        )


def _require_held(hub: Hub, run_id: str) -> Run:
    found = require_run(hub, run_id)
    if found.state != "held":
        raise StateError(f"批次 {run_id} 的状态是 {found.state}", "只有暂缓发布的批次可以这样处理", "", code="NOT_HELD")
    return found
