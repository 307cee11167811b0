"""A run as its users see it, and what all of its steps share: its lock, its failures, its view. Does no step."""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from catalog.locks import dataset_lock, try_locks
from catalog.stores import entries as entry_store
from catalog.stores import runs as store
from catalog.stores.entries import EntryVersion
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record
from exchange.contracts import entry_from
from exchange.hub import Hub, database_failure
from schemas.entry import Entry
from schemas.errors import Busy, Held, HubError, NotFound, StateError, StorageError

#: Told of long work: the step, what is done of it, and of how much (None: not known).
Progress = Callable[[str, int, int | None], None]

CLOSED = ("published", "discarded", "superseded")


@dataclass(frozen=True)
class RunView:
    """A run for the terminal, the scheduler and programs."""

    run_id: str
    dataset: str
    state: str
    version: int | None
    extracted: int
    duplicates: int
    accepted: int
    quarantined: int
    inserted: int
    updated: int
    deleted: int
    unchanged: int
    seconds: Mapping[str, float]
    mode: str
    comparison: bool
    entry_version: int
    conflicts: int
    kept: int
    rows_before: int
    rows_after: int
    hold_reasons: Sequence[str]
    reasons: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    findings: Mapping[str, int]
    error: Mapping[str, Any] | None
    rollback_to: int | None
    closing_reason: str | None
    trigger: str | None
    created_at: datetime
    data_time: datetime | None
    finished_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `sync run --json` prints."""
        names = ("run_id", "dataset", "state", "version", "extracted", "duplicates", "accepted", "quarantined")
        return {name: getattr(self, name) for name in (*names, "inserted", "updated", "deleted", "unchanged")} | {
            "seconds": dict(self.seconds)
        }


@dataclass(frozen=True)
class RunDetail(RunView):
    """A run with everything that is known of it."""

    def as_json(self) -> dict[str, Any]:
        """Returns every field, for `sync show --json`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def view(run: Run) -> RunView:
    """Turns the stored run into what users see."""
    return RunView(**_facts(run))


def detail(run: Run) -> RunDetail:
    """Turns the stored run into everything that users may see of it."""
    return RunDetail(**_facts(run))


def _facts(run: Run) -> dict[str, Any]:
    made = {"seconds", "findings", "hold_reasons", "reasons"}
    steps = {"extract": run.seconds_extract, "validate": run.seconds_validate, "publish": run.seconds_publish}
    return {field.name: getattr(run, field.name) for field in fields(RunView) if field.name not in made} | {
        "findings": run.findings or {},
        "seconds": {name: round(value, 3) for name, value in steps.items()},
        "hold_reasons": tuple(str(reason["says"]) for reason in run.hold_reasons),
        "reasons": tuple(run.hold_reasons),
    }


def require_run(hub: Hub, run_id: str) -> Run:
    """Returns the run; raises NotFound."""
    with hub.transaction() as connection:
        run = store.find(connection, run_id)
    if run is None:
        raise NotFound(
            f"没有批次 {run_id[:40]}", "批次编号由 shuqiao sync list 列出", "请核对批次编号", code="RUN_UNKNOWN"
        )
    return run


def entry_of(hub: Hub, run: Run) -> tuple[Entry, EntryVersion]:
    """Returns the entry under which the run is validated, and its stored version."""
    with hub.transaction() as connection:
        version = entry_store.find_version(connection, run.dataset, run.entry_version)
    if version is None:
        raise StateError("批次所用的目录版本不存在", "", "请重新同步", code="ENTRY_VERSION_GONE")
    return entry_from(version.contract, f"{run.dataset} v{version.number}"), version


@contextmanager
def working_on(hub: Hub, dataset: str) -> Iterator[None]:
    """Keeps every other work on the dataset out; raises Busy when there is one."""
    try:
        with try_locks(hub.engine, [dataset_lock(dataset)]) as taken:
            if taken is None:
                raise Busy(f"数据集 {dataset} 正在被另一个任务处理", "同一数据集同时只能有一个任务", "请等它结束后再试")
            yield
    except DBAPIError as error:
        raise database_failure(error) from None


@contextmanager
def failing(hub: Hub, actor: Actor, run_id: str, action: str) -> Iterator[None]:
    """Records a failure of a step on its run and raises it as ours, without any value a library put into it."""
    try:
        yield
        return
    except (Held, Busy):
        raise
    except Exception as error:  # noqa: BLE001 - the edge of a step
        failure = as_ours(error)
    facts = {"code": failure.code, "says": str(failure), "step": action.partition(".")[2]}
    try:
        with hub.transaction() as connection:
            store.fail(connection, run_id, facts)
            record(connection, hub, actor, action, run_id, result="failure", error_code=failure.code)
    except HubError:
        pass  # The database is what failed: the run keeps its step, and the next attempt goes on from there.
    raise failure from None


def as_ours(error: Exception) -> HubError:
    """Turns any exception into an error of the hub; a library's text may hold values and is dropped."""
    if isinstance(error, HubError):
        return error
    if isinstance(error, DBAPIError):
        return database_failure(error)
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        code = "STORAGE_FULL" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "STORAGE"
        return StorageError(f"磁盘读写失败（{name}）", "", "请检查磁盘空间和目录权限，然后重试", code=code)
    if isinstance(error, MemoryError):
        return StorageError("内存不足", "", "请调小 SHUQIAO_BATCH_ROWS 或 SHUQIAO_WORKERS 后重试", code="MEMORY")
    kind = type(error)
    place = _place(error)
    return HubError(
        f"程序内部错误（{kind.__module__}.{kind.__qualname__}，{place}）",
        "",
        "请重试；若再次出现，请把这一行报给维护人员",
        code="INTERNAL",
    )


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "?")
        if module.partition(".")[0] in {"exchange", "lake", "quality", "connectors", "catalog", "schemas"}:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
