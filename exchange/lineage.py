"""Where data comes from, who uses it: source → dataset with its versions → consumers, and the notice due to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import datasets, departments, entries, entry_events, grants
from catalog.stores.entries import EntryVersion, StoredEntry
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.contracts import entry_from
from exchange.entries import seen_entry
from exchange.hub import Hub
from exchange.scope import Reach, reach_of
from exchange.tasks import today
from exchange.upload_files import is_upload
from schemas import workdays
from schemas.errors import InputError, StateError
from schemas.rules.book import book

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHOWN = 20
_MODES = {"snapshot": "全量", "watermark": "增量(时间戳)", "change_flag": "增量(标志位)"}
_CONNECTORS = {"postgres": "PostgreSQL 数据库", "sql": "数据库", "file": "文件"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from; connection and place only for those within reach."""

    entry_version: int
    kind: str
    mode: str
    connection: str | None
    place: str | None


@dataclass(frozen=True, slots=True)
class DataVersion:
    """One published version of the dataset, made under a version of the entry."""

    version: int
    entry_version: int
    rows: int
    inserted: int
    updated: int
    deleted: int
    run_id: str
    data_time: datetime | None
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Consumer:
    """A department that uses the dataset under a grant."""

    department_code: str
    department_name: str
    since: date


@dataclass(frozen=True, slots=True)
class Lineage:
    """Source → dataset → consumers."""

    dataset: str
    source: Source | None
    current_version: int
    rows: int
    versions: Sequence[DataVersion]
    consumers: Sequence[Consumer]


@use_case("entry.lineage")
def show_lineage(hub: Hub, actor: Actor, dataset: str) -> Lineage:
    """Shows where a dataset's rows come from and who uses them; raises NotFound."""
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, dataset)
        record(connection, hub, actor, "entry.lineage", stored.dataset)
        return lineage_of(connection, stored, reach_of(connection, actor))


def lineage_of(connection: Connection, stored: StoredEntry, reach: Reach) -> Lineage:
    """Puts together the lineage of an entry."""
    present = datasets.find(connection, stored.dataset)
    found = datasets.versions(connection, stored.dataset)[:_SHOWN]
    names = ("version", "entry_version", "rows", "inserted", "updated", "deleted", "run_id", "data_time")
    return Lineage(
        dataset=stored.dataset,
        source=_source(connection, stored, inside=reach.covers(stored.provider_code)),
        current_version=present.current_version if present else 0,
        rows=present.rows if present else 0,
        versions=tuple(
            DataVersion(**{name: getattr(each, name) for name in names}, published_at=each.published_at)
            for each in found
        ),
        consumers=tuple(consumers_of(connection, stored.dataset)),
    )


def _source(connection: Connection, stored: StoredEntry, *, inside: bool) -> Source | None:
    number = stored.published_version
    version = entries.find_version(connection, stored.dataset, number) if number else None
    version = version or (entries.latest_version(connection, stored.dataset) if inside else None)
    entry = entry_from(version.contract, stored.dataset) if version else None
    if version is None or entry is None or entry.attachment is None:
        return None
    attached = entry.attachment
    table = ".".join(part for part in (attached.schema, attached.table) if part)
    place = table or attached.location
    if is_upload(attached, stored.dataset):
        return Source(version.number, "文件填报", "全量或增量", None, None)
    kind, mode = _CONNECTORS[attached.connector], _MODES[attached.mode]
    shown = (attached.connection, place) if inside else (None, None)
    return Source(version.number, kind, mode, *shown)


def consumers_of(connection: Connection, dataset: str) -> list[Consumer]:
    """Lists the departments that use a dataset under grants that have not ended, with since when."""
    names = {each.code: each.name for each in departments.list_all(connection)}
    since: dict[str, date] = {}
    for grant in grants.list_of(connection, None, state="active", dataset=dataset):
        since[grant.consumer] = grant.valid_from.astimezone(_SHANGHAI).date()  # newest first, so the oldest stays
    return [Consumer(code, names.get(code, code), since[code]) for code in sorted(since)]


def notice_until(connection: Connection, version: EntryVersion) -> workdays.Due | None:
    """Returns the last day of the notice that a submitted breaking change needs; None when it needs none."""
    breaking = [change for change in version.changes if not change.get("compatible")]
    history = entry_events.history(connection, version.dataset)
    submitted = [e for e in history if e.version == version.number and e.command == "submit"]
    if not breaking or not submitted:
        return None
    return workdays.due(submitted[-1].at.astimezone(_SHANGHAI).date(), int(book().number("BREAKING_NOTICE")))


def refuse_before_notice(connection: Connection, hub: Hub, version: EntryVersion) -> None:
    """Raises StateError while those who use the data have not had their notice of a breaking change."""
    until = notice_until(connection, version)
    using = consumers_of(connection, version.dataset) if until else []
    if until is not None and using and today(hub) <= until.date:
        names = "、".join(each.department_name for each in using)
        raise StateError(
            f"不兼容变更须提前通知需求部门：{names}",
            f"通知期到 {until.date.isoformat()} 届满",
            "请在通知期届满后发布，或改为兼容的变更",
            code="NOTICE_PERIOD",
        )


def refuse_without_notice(using: Sequence[Consumer], notice: str) -> None:
    """Raises InputError when data that others use is to be revoked without their having been asked (R-37)."""
    if using and not notice.strip():
        names = "、".join(each.department_name for each in using)
        raise InputError(
            f"仍有需求部门在使用：{names}",
            "撤销前须与需求部门协商，并报主管部门备案",
            "请写明与需求部门协商的情况",
            code="CONSUMERS_NOTICE",
        )
