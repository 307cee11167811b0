"""Use-cases of exports: what is small and masked leaves at once; the rest is agreed to first, on a masked preview.

An approved export is fetched once, within a period, while its grants bind; each step is one transaction with its event.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeVar, cast

from catalog.stores import queries as store
from catalog.stores.queries import StoredExport, StoredQuery
from exchange.access import Actor
from exchange.audit import record, record_read, request_digest, use_case
from exchange.crypto import sm3_state
from exchange.hub import Hub
from exchange.queries import results, running
from exchange.queries.approval import ExportView, number_of, own_export, preview_text
from exchange.queries.approval import view as view_export
from exchange.queries.formats import FORMATS, MEDIA_TYPES, MOST_SHEET_ROWS, Format, Seal, write
from exchange.queries.grounds import still_binds
from exchange.queries.views import causes_of, seal_text
from exchange.sharing.usage import Use, count_uses
from exchange.tasks import due_in, open_task
from schemas.errors import Denied, HubError, InputError, StateError
from schemas.rules.book import book

_LOOK_SECONDS = 3.0
#: A slow reader holds this much at most once its grants are over: Parquet and xlsx come as one piece.
_PIECE_BYTES = 1 << 18
_SHORTEST = 4
T = TypeVar("T")
_SHOWN = ("dataset", "title", "version", "data_time", "late")


@dataclass(frozen=True)
class Fetched:
    """A file on its way: its name, its type, its pieces once. After the last piece the manifest stands."""

    number: str
    name: str
    media_type: str
    pieces: Iterator[bytes]


@use_case("query.export")
def export(hub: Hub, actor: Actor, query_id: str, kind: str, reason: str = "") -> ExportView:
    """Asks for a result as a file: approved at once, or sent to the own department's reviewer."""
    if kind not in FORMATS:
        raise InputError("没有这种导出格式", "、".join(FORMATS), "请改正格式", code="EXPORT_FORMAT")
    stored = running.readable_recorded(hub, actor, query_id, "query.export")
    if kind == "xlsx" and (stored.rows or 0) > MOST_SHEET_ROWS:  # said before anybody agrees to it
        raise InputError(f"xlsx最多{MOST_SHEET_ROWS}行", "", "请改用 CSV 或 Parquet", code="OUTPUT_ROWS")
    causes = causes_of(stored)
    if causes and len(reason.strip()) < _SHORTEST:
        raise InputError("没有写明导出理由", f"不少于{_SHORTEST}字", "；".join(causes), code="REASON")
    preview = preview_text(hub, query_id)
    with hub.transaction() as connection:
        number = _record_export(connection, hub, actor, stored, (kind, reason.strip(), preview))
        found = store.find_export(connection, number)
    assert found is not None  # noqa: S101 - recorded above
    return view_export(hub, actor, found)


def _record_export(connection: Any, hub: Hub, actor: Actor, stored: StoredQuery, asked: tuple[str, str, str]) -> str:
    kind, reason, preview = asked
    causes, now, number = causes_of(stored), hub.clock.now(), number_of(hub)
    providers = sorted({e["provider"] for e in stored.facts["datasets"] if e["provider_reviews"]}) if causes else []
    until = now + timedelta(hours=book().number("EXPORT_FETCH"))
    store.add_export(connection, {
        "number": number, "query": stored.id, "login": actor.name, "department_code": stored.department_code,
        "format": kind, "reason": reason, "state": "own_review" if causes else "approved", "causes": causes,
        "providers": providers, "steps": [], "sealed_preview": seal_text(hub, "query-export", number, preview),
        "asked_at": now, "fetch_until": None if causes else until,
    })  # fmt: skip
    if causes:
        open_task(connection, hub, kind="query_export", title=f"审核查询结果导出 {number}",
                  link=f"/exports/{number}", department=stored.department_code, role="dept_reviewer",
                  due_on=due_in(hub, "EXPORT_REVIEW"))  # fmt: skip
    for each in stored.facts["datasets"]:
        record(connection, hub, actor, "query.export", number, grant_id=each["grant"], purpose_code=stored.purpose,
               items=each["items"], row_count=stored.rows,
               detail={"query": stored.id, "approval": bool(causes)})  # fmt: skip
    return number


@use_case("query.fetch")
def fetch(hub: Hub, actor: Actor, number: str) -> Fetched:
    """Hands an approved export out, once; raises Denied or StateError. Its event is committed before the first byte."""
    try:
        with hub.transaction() as connection:
            found = own_export(connection, actor, number, locked=True)
            stored = _fetchable(connection, hub, actor, found)
            now = hub.clock.now()
            store.change_export(connection, number, state="fetched", fetched_at=now)
            for each in stored.facts["datasets"]:
                record(connection, hub, actor, "query.fetch", number, grant_id=each["grant"],
                       purpose_code=stored.purpose, items=each["items"], row_count=stored.rows,
                       detail={"query": stored.id, "version": each["version"], "format": found.format})  # fmt: skip
            uses = [Use(e["grant"], "query", rows=stored.rows) for e in stored.facts["datasets"] if e["counted"]]
            count_uses(connection, hub, uses)
    except HubError as error:
        record_read(hub, actor, "query.fetch", number[:40], result="denied", error_code=error.code)
        raise
    kind = cast(Format, found.format)
    return Fetched(number, f"{number}.{kind}", MEDIA_TYPES[kind], _pieces(hub, actor, found, stored, now))


def _fetchable(connection: Any, hub: Hub, actor: Actor, found: StoredExport) -> StoredQuery:
    if found.state == "fetched":
        raise StateError("该导出已经领取", "每次批准领取一次", "请重新导出", code="EXPORT_FETCHED")
    if found.state != "approved":
        raise Denied("该导出未获批准", "批准后方可领取", "请等待审核结果", code="EXPORT_APPROVAL")
    if found.fetch_until is None or found.fetch_until <= hub.clock.now():
        raise StateError("已过领取期限", "", "请重新导出", code="EXPORT_OVER")
    stored = store.find(connection, found.query)
    assert stored is not None  # noqa: S101 - a foreign key
    over = still_binds(connection, hub, actor, stored.facts)
    if over is not None:
        raise over
    if stored.kept_until is None:
        raise StateError("查询结果已按期限清除", "", "请重新查询并导出", code="RESULT_GONE")
    return stored


def _pieces(hub: Hub, actor: Actor, found: StoredExport, stored: StoredQuery, now: datetime) -> Iterator[bytes]:
    """Yields the file; stops with the grant, and writes the manifest after the last piece."""
    reader = results.reader(hub, stored.id)
    seal = _seal(hub, actor, found, stored, now)
    digest, size = sm3_state(), 0
    binding = _Binding(hub, actor, stored)
    written = write(cast(Format, found.format), reader.schema, map(binding.passed, reader), seal)
    for piece in map(binding.passed, _cut(written)):
        digest.update(piece)
        size += len(piece)
        yield piece
    facts = stored.facts
    manifest = {
        "number": found.number, "format": found.format, "rows": stored.rows, "bytes": size,
        "sm3": digest.digest().hex(), "columns": facts["columns"], "purpose": stored.purpose,
        "grants": [each["grant"] for each in facts["datasets"]], "exported_by": actor.name,
        "department": stored.department_code, "exported_at": now.isoformat(), "watermark": seal.words,
        "datasets": [{name: each[name] for name in _SHOWN} for each in facts["datasets"]],
    }  # fmt: skip
    with hub.transaction() as connection:
        store.change_export(connection, found.number, manifest=manifest)


def _cut(written: Iterator[bytes]) -> Iterator[bytes]:
    for piece in written:
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece[start : start + _PIECE_BYTES]


class _Binding:
    """Lets batches and pieces pass for as long as the grants bind; asks again every few seconds."""

    def __init__(self, hub: Hub, actor: Actor, stored: StoredQuery) -> None:
        self._hub, self._actor, self._stored, self._looked = hub, actor, stored, monotonic()

    def passed(self, one: T) -> T:
        """Returns what it is given; raises Denied once a grant is over."""
        if monotonic() - self._looked > _LOOK_SECONDS:
            with self._hub.transaction() as connection:
                over = still_binds(connection, self._hub, self._actor, self._stored.facts)
            if over is not None:
                record_read(self._hub, self._actor, "query.fetch", self._stored.id, result="denied",
                            error_code=over.code)  # fmt: skip
                raise over
            self._looked = monotonic()
        return one


def _seal(hub: Hub, actor: Actor, found: StoredExport, stored: StoredQuery, now: datetime) -> Seal:
    grants = "、".join(each["grant"] for each in stored.facts["datasets"])
    who = f"{actor.title or actor.name}（{actor.name}，{stored.department_code or ''}）"
    words = f"数桥导出 {found.number}；{who}；{now.isoformat(timespec='seconds')}；授权 {grants}；仅限授权用途使用"
    return Seal(words, mark_for(hub, found.number))


def mark_for(hub: Hub, number: str) -> str:
    """Returns the mark of an export: who finds a file compares it with those of the exports in question."""
    return request_digest(hub, "query.mark", number)[:16]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A query that was run and exported in one step."""

    query_id: str
    export: ExportView
    file: Fetched


def download(hub: Hub, actor: Actor, sql: str, purpose: str, kind: str) -> Downloaded:
    """Runs a statement and hands its result out as a file; raises Denied where the export needs approval."""
    if kind not in FORMATS:
        raise InputError("没有这种导出格式", "、".join(FORMATS), "请改正格式", code="EXPORT_FORMAT")
    answer = running.run(hub, actor, sql, purpose)
    if answer.query.causes:
        with hub.transaction() as connection:
            record(connection, hub, actor, "query.export", None, result="denied", error_code="EXPORT_APPROVAL")
        raise Denied(
            f"导出须经审核：{'；'.join(answer.query.causes)}", "屏幕上可以查看前一部分",
            f"请对查询 {answer.query.id} 申请导出并写明理由", code="EXPORT_APPROVAL",
        )  # fmt: skip
    made = export(hub, actor, answer.query.id, kind)
    return Downloaded(answer.query.id, made, fetch(hub, actor, made.number))
