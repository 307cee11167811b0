"""Use-cases of uploads (文件填报): template, check, submit, declare no change; list and show.

    checked | faulty → submitted (a run like any other)      declared: nothing has changed in this period

Each fault is told by its place before anything is published. A file whose row faults stay may still be submitted: those
rows go to the problem data, as with any sync.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import datasets, entries, runs, waivers
from catalog.stores import uploads as store
from catalog.stores.uploads import Upload
from exchange.access import Actor
from exchange.attachment_states import found_of, loaded_of
from exchange.audit import record, use_case
from exchange.beginning import attachment_of, published_entry
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.runs import working_on
from exchange.scope import reach_of, require_entry
from exchange.sync import RunView, run_handed_in
from exchange.upload_files import (
    Titled,
    chosen_headings,
    drop,
    is_upload,
    keep,
    kept,
    lent,
    takes_uploads,
    upload_location,
)
from exchange.upload_template import template
from exchange.upload_workbook import Report, Rulebook, check_file, form_of
from lake.rows import RowCoder
from schemas.entry import Entry, Mode
from schemas.errors import InputError, NotFound, StateError

Kind = Literal["full", "increment"]
KIND_NAMES = {"full": "全量", "increment": "增量", "no_change": "本期无更新"}
STATE_NAMES = {"checked": "检查通过", "faulty": "有错误", "submitted": "已提交", "declared": "已申报"}
_MODES: dict[str, Mode] = {"full": "snapshot", "increment": "watermark"}
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_RECENT = 100


@dataclass(frozen=True, slots=True)
class UploadView:
    """One upload as people see it; `faults` name places, `counts` say how often each fault is there."""

    id: str
    dataset: str
    title: str
    kind: str
    kind_name: str
    state: str
    state_name: str
    file_name: str | None
    rows: int
    faulty_rows: int
    period: str | None
    run_id: str | None
    run_state: str | None
    uploaded_by: str
    uploaded_at: datetime
    submitted_at: datetime | None
    waiting: bool
    duplicates: int = 0
    faults: Sequence[Mapping[str, Any]] = ()
    counts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class UploadEntry:
    """An entry whose department hands in files."""

    dataset: str
    title: str
    provider_name: str
    update_cycle: str
    rows: int
    data_time: datetime | None
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class UploadBoard:
    """Everything that can be uploaded within an actor's reach, and what was uploaded last."""

    entries: Sequence[UploadEntry]
    uploads: Sequence[UploadView]


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A data template."""

    name: str
    content: bytes


@use_case("upload.list")
def list_uploads(hub: Hub, actor: Actor) -> UploadBoard:
    """Lists the entries of one's departments whose rows are handed in as files, and their last uploads."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        held = {each.dataset: each for each in datasets.list_all(connection)}
        found = []
        for stored, version in entries.published(connection):
            # Reading a thousand contracts takes half a minute; the few that name the folder are read.
            named = f"{upload_location(stored.dataset).rpartition('/')[0]}/" in version.contract
            if named and reach.covers(stored.provider_code) and stored.state == entries.State.PUBLISHED:
                entry = entry_from(version.contract, stored.dataset)
                if takes_uploads(hub.settings.var, entry):
                    found.append(_offered(entry, held.get(stored.dataset)))
        titles = {each.dataset: each.title for each in found}
        recent = store.list_recent(connection, list(titles), _RECENT)
        views = [_view(connection, upload, titles[upload.dataset], whole=False) for upload in recent]
        record(connection, hub, actor, "upload.list", None, row_count=len(views))
    return UploadBoard(found, views)


def _offered(entry: Entry, held: datasets.Dataset | None) -> UploadEntry:
    names = [item.title for item in entry.items]
    rows, moment = (held.rows, held.data_time) if held else (0, None)
    return UploadEntry(entry.dataset, entry.title, entry.provider_name, entry.update_cycle, rows, moment, names)


@use_case("upload.template")
def data_template(hub: Hub, actor: Actor, dataset: str) -> TemplateFile:
    """Makes the data template of an entry: headings, drop-downs of codes, key columns as text, explanations."""
    require_entry(hub, actor, "upload.template", dataset)
    with hub.transaction() as connection:
        entry = _entry_of_template(hub, connection, dataset)
        record(connection, hub, actor, "upload.template", dataset)
    return TemplateFile(f"{entry.title}_数据填报模板.xlsx", template(entry))


def _entry_of_template(hub: Hub, connection: Connection, dataset: str) -> Entry:
    """Returns the entry with its attachment by upload: one that is still to be tried has a template to try it with."""
    found = found_of(connection, dataset)
    if found.attachment is not None and is_upload(found.attachment.facts, dataset):
        return loaded_of(found).entry
    return _uploaded_entry(hub, connection, dataset)


@use_case("upload.check")
def check(hub: Hub, actor: Actor, dataset: str, file_name: str, content: bytes, kind: str = "full") -> UploadView:
    """Checks a file as a sync would and records its faults by place; publishes nothing. Raises InputError."""
    require_entry(hub, actor, "upload.check", dataset)
    _require_kind(kind)
    with hub.transaction() as connection:
        rules = _rulebook(hub, connection, dataset)
    upload_id = f"{hub.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"
    form = form_of(file_name, content)
    report = check_file(rules, attachment_of(rules.entry), content, form, upload_id)
    upload = Upload(
        id=upload_id,
        dataset=dataset,
        kind=kind,
        state="faulty" if report.faulty_rows else "checked",
        uploaded_by=actor.name,
        uploaded_at=hub.clock.now(),
        file_name=file_name.replace("\\", "/").rpartition("/")[2][-120:],
        rows=report.rows,
        faulty_rows=report.faulty_rows,
        report=_as_json(report),
    )
    keep(hub, dataset, upload_id, content)
    with hub.transaction() as connection:
        store.add(connection, upload)
        detail = {"dataset": dataset, "faulty_rows": report.faulty_rows}
        record(connection, hub, actor, "upload.check", upload_id, row_count=report.rows, detail=detail)
        return _view(connection, upload, rules.entry.title)


def _require_kind(kind: str) -> None:
    if kind not in get_args(Kind):
        raise InputError("填报方式不可用", "full（全量）或 increment（增量）", "请选择其中之一", code="UPLOAD_KIND")


def _rulebook(hub: Hub, connection: Connection, dataset: str) -> Rulebook:
    entry = _uploaded_entry(hub, connection, dataset)
    stored, _ = published_entry(connection, dataset)
    version = entries.find_version(connection, dataset, stored.published_version or 0)
    assert version is not None and version.plan is not None  # noqa: S101 - published with its plan
    now = hub.clock.now()
    today = now.astimezone(_SHANGHAI).date()
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    return Rulebook(entry, version.plan, coder, now, today, waivers.valid_on(connection, dataset, today))


def _uploaded_entry(hub: Hub, connection: Connection, dataset: str) -> Entry:
    _, entry = published_entry(connection, dataset)
    if not takes_uploads(hub.settings.var, entry):
        raise StateError(
            f"目录条目 {dataset} 不是文件填报",
            "只有以文件填报方式挂接的条目可以上传",
            "请在挂接中选择“文件填报”，或由来源系统同步",
            code="NOT_UPLOADED",
        )
    return entry


def _as_json(report: Report) -> dict[str, Any]:
    faults = [{name: getattr(fault, name) for name in fault.__slots__} for fault in report.faults]
    counts = [{"code": code, "column": column, "times": times} for (code, column), times in report.counts.items()]
    return {"form": report.form, "duplicates": report.duplicates, "faults": faults, "counts": counts}


@use_case("upload.submit")
def submit(hub: Hub, actor: Actor, upload_id: str) -> UploadView:
    """Submits a checked file: one sync run, full or increment; the same upload again makes no second run."""
    with hub.transaction() as connection:
        upload = _require(connection, upload_id)
    require_entry(hub, actor, "upload.submit", upload.dataset)
    if upload.state not in {"checked", "faulty"}:
        raise StateError("该文件已经提交", "每个文件提交一次", "有新的数据请重新上传", code="UPLOAD_SUBMITTED")
    content = kept(hub, upload.dataset, upload_id)
    if content is None:
        raise StateError("文件已不在待提交区", "检查后一天内提交", "请重新上传该文件", code="UPLOAD_GONE")
    with hub.transaction() as connection:
        entry = _uploaded_entry(hub, connection, upload.dataset)
        mode = _mode(connection, upload)
    run = _run(hub, actor, upload, entry, (mode, content))
    now = hub.clock.now()
    with hub.transaction() as connection:
        store.change(connection, upload_id, state="submitted", run_id=run.run_id, submitted_at=now)
        detail = {"dataset": upload.dataset, "run": run.run_id, "state": run.state}
        record(connection, hub, actor, "upload.submit", upload_id, row_count=run.extracted, detail=detail)
        drop(hub, upload.dataset, upload_id)
        return _view(connection, _require(connection, upload_id), entry.title)


def _mode(connection: Connection, upload: Upload) -> Mode:
    """Returns how the lake takes the file; refuses an increment on what it does not fit."""
    held = datasets.find(connection, upload.dataset)
    if upload.kind != "increment" or held is None or held.current_version == 0:
        return "snapshot"
    # A newer full file replaces a held one; an increment that waits would be lost with its rows.
    if runs.find_in_states(connection, upload.dataset, ("held",)):
        raise StateError(
            "上一批次暂缓发布，尚未处理",
            "有暂缓发布的批次时不能提交增量",
            "请数据管理员放行或作废后再提交，或改为全量填报",
            code="UPLOAD_HELD_BEFORE",
        )
    stored, _ = published_entry(connection, upload.dataset)
    last = runs.find(connection, held.last_run) if held.last_run else None
    if last is not None and last.entry_version != stored.published_version:
        raise StateError(
            "目录条目已更新版本，已有记录须按新版本重新填报一次",
            "目录更新后的第一次填报须为全量",
            "请以全量方式上传全部记录",
            code="UPLOAD_FULL_FIRST",
        )
    return _MODES[upload.kind]


def _run(hub: Hub, actor: Actor, upload: Upload, entry: Entry, given: tuple[Mode, bytes]) -> RunView:
    mode, content = given
    form = form_of(upload.file_name or "", content)
    with lent(attachment_of(entry), content, form, upload.id) as source:
        headings, _ = chosen_headings(entry, {column.name for column in source.columns()})
        trigger = f"upload-{upload.id}"
        return run_handed_in(hub, actor, upload.dataset, mode, trigger, Titled(source, headings))


@use_case("upload.declare")
def declare(hub: Hub, actor: Actor, dataset: str, period: str) -> UploadView:
    """Declares that nothing has changed in a period (零报告); that counts as an update."""
    require_entry(hub, actor, "upload.declare", dataset)
    if not period.strip() or len(period) > 40:
        raise InputError("没有写明期次", "如 2026年11月，最多40字", "请写明本期", code="PERIOD")
    now = hub.clock.now()
    with working_on(hub, dataset), hub.transaction() as connection:
        entry = _uploaded_entry(hub, connection, dataset)
        held = datasets.find(connection, dataset)
        if held is None or held.current_version == 0:
            raise StateError(
                "该条目还没有填报过数据", "有已发布的数据才能申报本期无更新", "请先上传数据", code="NOTHING_DECLARED"
            )
        upload_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"
        upload = Upload(upload_id, dataset, "no_change", "declared", actor.name, now, period=period.strip())
        upload = replace(upload, submitted_at=now, rows=held.rows)
        store.add(connection, upload)
        datasets.change(connection, dataset, data_time=now, updated_at=now)
        record(connection, hub, actor, "upload.declare", upload_id, detail={"dataset": dataset})
        return _view(connection, upload, entry.title)


@use_case("upload.show")
def show_upload(hub: Hub, actor: Actor, upload_id: str) -> UploadView:
    """Shows an upload with its faults by place; raises NotFound."""
    with hub.transaction() as connection:
        upload = _require(connection, upload_id)
    require_entry(hub, actor, "upload.show", upload.dataset)
    with hub.transaction() as connection:
        stored = entries.find(connection, upload.dataset)
        record(connection, hub, actor, "upload.show", upload_id)
        return _view(connection, upload, stored.title if stored else upload.dataset)


def _require(connection: Connection, upload_id: str) -> Upload:
    upload = store.find(connection, upload_id)
    if upload is None:
        raise NotFound("没有这次填报", "填报记录见“文件填报”页", "请从列表中打开", code="UPLOAD_UNKNOWN")
    return upload


def _view(connection: Connection, upload: Upload, title: str, *, whole: bool = True) -> UploadView:
    run = runs.find(connection, upload.run_id) if upload.run_id else None
    report = upload.report or {}
    return UploadView(
        id=upload.id,
        dataset=upload.dataset,
        title=title,
        kind=upload.kind,
        kind_name=KIND_NAMES[upload.kind],
        state=upload.state,
        state_name=STATE_NAMES[upload.state],
        file_name=upload.file_name,
        rows=upload.rows,
        faulty_rows=upload.faulty_rows,
        period=upload.period,
        run_id=upload.run_id,
        run_state=run.state if run else None,
        uploaded_by=upload.uploaded_by,
        uploaded_at=upload.uploaded_at,
        submitted_at=upload.submitted_at,
        waiting=upload.state in {"checked", "faulty"},
        duplicates=report.get("duplicates", 0),
        faults=report.get("faults", ()) if whole else (),
        counts=report.get("counts", ()) if whole else (),
    )
