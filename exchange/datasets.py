"""Use-cases of shared datasets: list, show, versions, roll back. None reads a row: rows leave under a grant alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import datasets as store
from catalog.stores import entries, problems, runs
from catalog.stores.datasets import Dataset, Version
from catalog.stores.runs import Run
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.beginning import new_run_id
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.publication import publish_run
from exchange.runs import RunView, failing, require_run, view, working_on
from exchange.scope import unknown_entry
from lake.serving import Serving
from schemas.entry import Entry
from schemas.errors import InputError, NotFound, StateError

#: A version number is an integer column; PostgreSQL refuses greater ones before it looks.
_MOST_VERSIONS = 2**31


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A shared dataset: what is served now."""

    dataset: str
    title: str
    provider_name: str
    version: int
    rows: int
    published_at: datetime | None
    data_time: datetime | None
    hold_next: str | None
    stale: int | None = None
    items: Sequence[Mapping[str, Any]] = ()
    open_problems: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class VersionView:
    """A published version; `kind` says what made it."""

    version: int
    rows: int
    inserted: int
    updated: int
    deleted: int
    run_id: str
    entry_version: int
    published_at: datetime
    data_time: datetime | None
    kind: str


@use_case("dataset.list")
def list_datasets(hub: Hub, actor: Actor) -> list[DatasetView]:
    """Lists the shared datasets."""
    with hub.transaction() as connection:
        found = [_view(connection, dataset) for dataset in store.list_all(connection)]
        record(connection, hub, actor, "dataset.list", None, row_count=len(found))
    return found


@use_case("dataset.show")
def show_dataset(hub: Hub, actor: Actor, dataset: str) -> DatasetView:
    """Shows a dataset with its items and its open problems; raises NotFound."""
    with hub.transaction() as connection:
        held = _require(connection, dataset)
        record(connection, hub, actor, "dataset.show", dataset)
        return _view(connection, held, hub=hub)


@use_case("dataset.versions")
def versions(hub: Hub, actor: Actor, dataset: str) -> list[VersionView]:
    """Lists the published versions of a dataset, newest first."""
    with hub.transaction() as connection:
        _require(connection, dataset)
        found = store.versions(connection, dataset)
        record(connection, hub, actor, "dataset.versions", dataset, row_count=len(found))
    return [_version_view(version) for version in found]


def _version_view(version: Version) -> VersionView:
    kind = "同步" if version.rollback_of is None else f"回退到版本{version.rollback_of}"
    names = [field.name for field in fields(VersionView) if field.name != "kind"]
    return VersionView(**{name: getattr(version, name) for name in names}, kind=kind)


def _view(connection: Connection, held: Dataset, *, hub: Hub | None = None) -> DatasetView:
    """Builds the view; with the hub, also what takes reading: stale rows, items, open problems."""
    entry = _entry(connection, held.dataset)
    current = store.find_version(connection, held.dataset, held.current_version)
    items: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    stale = None
    if hub is not None:
        stale = Serving(hub.database_url).count(connection, held.dataset)[1] if held.current_version else 0
        items = [
            {"name": i.name, "title": i.title, "type": i.type, "level": f"S{i.level}", "sealed": i.sealed}
            for i in entry.items
        ]
        counts = [asdict(count) for count in problems.counts(connection, held.dataset)]
    return DatasetView(
        dataset=held.dataset,
        title=entry.title,
        provider_name=entry.provider_name,
        version=held.current_version,
        rows=held.rows,
        stale=stale,
        published_at=current.published_at if current else None,
        data_time=held.data_time,
        hold_next=held.hold_next,
        items=items,
        open_problems=counts,
    )


def _entry(connection: Connection, dataset: str) -> Entry:
    """Returns the entry in force: a draft says nothing yet of what is served."""
    stored = entries.find(connection, dataset)
    number = stored.published_version if stored else None
    version = (
        entries.find_version(connection, dataset, number) if number else entries.latest_version(connection, dataset)
    )
    assert version is not None  # noqa: S101 - a dataset belongs to an entry
    return entry_from(version.contract, dataset)


def _require(connection: Connection, dataset: str) -> Dataset:
    held = store.find(connection, dataset)
    if held is None:
        raise unknown_entry(connection, dataset)
    return held


def _require_published(connection: Connection, dataset: str) -> Dataset:
    held = _require(connection, dataset)
    if held.current_version == 0:
        raise _unpublished(dataset)
    return held


def _unpublished(dataset: str) -> NotFound:
    next_step = f"请先 shuqiao sync run {dataset}"
    return NotFound(f"数据集 {dataset} 尚未发布", "只能查询已发布的数据集", next_step, code="DATASET_NOT_PUBLISHED")


@use_case("dataset.rollback")
def rollback(hub: Hub, actor: Actor, dataset: str, to: int, reason: str) -> RunView:
    """Publishes a new version equal to version `to`; the next sync starts from its cursor and waits to be released."""
    if not reason.strip():
        raise InputError("没有写明回退理由", "回退必须写明理由", "请用 --reason 写明理由", code="REASON")
    with working_on(hub, dataset):
        _roll_forward(hub, actor, dataset)
        run_id = _begin_rollback(hub, dataset, to, reason)
        with failing(hub, actor, run_id, "dataset.rollback"):
            publish_run(hub, actor, require_run(hub, run_id), None)
    return view(require_run(hub, run_id))


def _roll_forward(hub: Hub, actor: Actor, dataset: str) -> None:
    with hub.transaction() as connection:
        found = runs.find_in_states(connection, dataset, runs.UNFINISHED)
    for run in found:
        if run.step == "publishing":
            with failing(hub, actor, run.run_id, "sync.publish"):
                publish_run(hub, actor, run, None)


def _begin_rollback(hub: Hub, dataset: str, to: int, reason: str) -> str:
    now = hub.clock.now()
    with hub.transaction() as connection:
        held = _require_published(connection, dataset)
        target = _version(connection, dataset, to)
        if target is None:
            known = "、".join(str(version.version) for version in store.versions(connection, dataset)[:20])
            raise NotFound(f"没有版本 {to}", f"现有版本：{known}", "请核对版本号", code="VERSION_UNKNOWN")
        if to == held.current_version:
            raise StateError(f"版本 {to} 就是当前版本", "可回退到更早的版本", "", code="VERSION_CURRENT")
        run = Run(
            run_id=new_run_id(now),
            dataset=dataset,
            entry_version=target.entry_version,
            mode="snapshot",
            state="validated",
            created_at=now,
            step="validated",
            rollback_to=to,
        )
        runs.insert(connection, run)
        runs.change(connection, run.run_id, closing_reason=reason)
    return run.run_id


def _version(connection: Connection, dataset: str, number: int) -> Version | None:
    return store.find_version(connection, dataset, number) if abs(number) < _MOST_VERSIONS else None
