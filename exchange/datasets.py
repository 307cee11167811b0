"""Use-cases of shared datasets: list, show, versions, roll back, look up by subject key, query."""

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
from exchange.answers import LookupAnswer, lake_rows, opened_rows, served_rows
from exchange.audit import record, record_read, request_digest, use_case
from exchange.beginning import new_run_id
from exchange.contracts import entry_from
from exchange.entries import moment_of
from exchange.hub import Hub
from exchange.publication import publish_run
from exchange.runs import RunView, failing, require_run, view, working_on
from exchange.scope import unknown_entry
from exchange.subjects import candidates
from lake.layout import Layout
from lake.query import Result, View, parse
from lake.rows import RowCoder
from lake.serving import Serving
from lake.table import LakeTable
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


@use_case("dataset.lookup")
def lookup(hub: Hub, actor: Actor, dataset: str, key: str, as_of: str | int | datetime | None = None) -> LookupAnswer:
    """Returns the rows that name the subject; raises IdentifierError for an invalid key, NotFound."""
    with hub.transaction() as connection:
        held = _require_published(connection, dataset)
        version = _version_as_of(connection, held, as_of)
        entry = _entry(connection, dataset)
        layout = _layout(hub, connection, dataset, None if as_of is None else version)
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    asked = candidates(layout, coder, key)
    hashes = [candidate.key_hash.hex() for candidate in asked]
    facts = {"subject_key_hashes": hashes, "items": [item.name for item in entry.items]}
    record_read(hub, actor, "dataset.lookup", dataset, **facts, detail={"version": version.version})
    number = version.version
    if as_of is None:
        found, number, layout = served_rows(hub, dataset, asked)
    else:
        found = lake_rows(LakeTable(hub.settings.lake_root, dataset, version.delta_version), asked)
    rows = opened_rows(found, coder.decode(found, layout), entry, asked)
    return LookupAnswer(dataset, number, version.data_time, rows)


def _layout(hub: Hub, connection: Connection, dataset: str, version: Version | None) -> Layout:
    """Returns the layout of what is read: the serving table's, or that of a version in the lake."""
    if version is None:
        state = Serving(hub.database_url).state(connection, dataset)
        layout = state.layout if state else None
    else:
        layout = LakeTable(hub.settings.lake_root, dataset, version.delta_version).layout
    if layout is None:
        raise _unpublished(dataset)
    return layout


def _version_as_of(connection: Connection, held: Dataset, as_of: str | int | datetime | None) -> Version:
    """Returns the version asked for: a number, a moment, or (None) the present one."""
    found = None
    if as_of is None or isinstance(as_of, int) or (isinstance(as_of, str) and as_of.isdecimal()):
        number = held.current_version if as_of is None else int(as_of)
        found = _version(connection, held.dataset, number)
    else:
        found = store.version_at(connection, held.dataset, _moment(as_of))
    if found is None:
        raise NotFound(
            "该时间或版本号没有已发布的版本", "可用 dataset versions 查看", "请核对 --as-of", code="VERSION_UNKNOWN"
        )
    return found


def _version(connection: Connection, dataset: str, number: int) -> Version | None:
    return store.find_version(connection, dataset, number) if abs(number) < _MOST_VERSIONS else None


def _moment(as_of: str | int | datetime) -> datetime:
    if isinstance(as_of, datetime):
        return as_of
    try:
        return moment_of(str(as_of))
    except ValueError:
        raise InputError(
            "--as-of 的写法不对", "版本号（如 3）或时间（如 2026-11-22T08:00）", "请改正后重试", code="AS_OF"
        ) from None


@use_case("dataset.query")
def query(hub: Hub, actor: Actor, sql: str, as_of: str | int | datetime | None = None) -> Result:
    """Runs one SELECT over datasets and streams it: use the result in `with`. Raises QueryError, NotFound."""
    with hub.transaction() as connection:
        known = {each.dataset: each for each in store.list_all(connection) if each.current_version}
        parsed = parse(sql, known)
        if isinstance(as_of, int | str) and str(as_of).isdecimal() and len(parsed.datasets) > 1:
            raise InputError("多个数据集不能用同一个版本号", "请用时间作 --as-of", "", code="AS_OF")
        views = {}
        for name in parsed.datasets:
            version = _version_as_of(connection, known[name], as_of)
            coder = RowCoder(_entry(connection, name), hub.crypto.keys(), hub.crypto.seal())
            views[name] = View(LakeTable(hub.settings.lake_root, name, version.delta_version), coder)
    # The statement may name persons: the log has its keyed digest, so that a known statement can be recognised.
    digest = request_digest(hub, "dataset.query", sql)
    detail = {"datasets": list(parsed.datasets)}
    record_read(hub, actor, "dataset.query", ",".join(parsed.datasets) or None, request_sm3=digest, detail=detail)
    return Result(parsed, views, memory_mb=hub.settings.memory_mb, seconds=hub.settings.query_seconds)
