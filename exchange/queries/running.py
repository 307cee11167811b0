"""Use-cases of running a statement: run it, cancel it, read its result in pages. Its rows leave after their event.

A run is watched: every two seconds somebody looks whether it was cancelled and whether its grants still bind.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalog.stores import entries
from catalog.stores import queries as store
from catalog.stores.queries import StoredQuery
from exchange.access import Actor
from exchange.audit import record, request_digest, use_case
from exchange.hub import Hub
from exchange.queries import results
from exchange.queries.grounds import Grounds, grounds_of, still_binds
from exchange.queries.results import ResultPage
from exchange.queries.views import QueryView, causes_of, seal_text, view_of
from exchange.sharing.usage import Use, count_uses
from lake.analysis import Analysis, Limits
from lake.statement import datasets_named
from schemas.errors import Busy, Denied, HubError, InputError, NotFound, StateError
from schemas.grants import PURPOSES
from schemas.rules.book import book

PAGE_ROWS, _MOST_PAGE = 100, 1000
_LOOK_SECONDS = 2.0
_MOST_MISSED = 3
_ALIVE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished query and the first page of its result."""

    query: QueryView
    page: ResultPage


@use_case("query.run")
def run(hub: Hub, actor: Actor, sql: str, purpose: str, as_of: str | None = None) -> Answer:
    """Runs one SELECT over granted datasets for a purpose; raises QueryError, Denied, NotFound, InputError."""
    results.sweep(hub)
    query_id = f"q{secrets.token_hex(12)}"
    grounds = _begin(hub, actor, query_id, (sql, purpose), as_of)
    facts = grounds.facts(hub.clock.now())
    digest = request_digest(hub, "query.run", sql)
    try:
        rows, columns = _spool(hub, actor, query_id, grounds, facts)
        facts["columns"] = columns
        _finish(hub, actor, query_id, facts, (rows, digest, purpose))
    except BaseException as error:
        _failed(hub, actor, query_id, error, (facts, digest, purpose))
        raise
    with hub.transaction() as connection:
        stored = own(connection, actor, query_id)
    return Answer(view_of(hub, stored), results.page_of(hub, query_id, 0, PAGE_ROWS))


def _begin(hub: Hub, actor: Actor, query_id: str, asked: tuple[str, str], as_of: str | None) -> Grounds:
    """Records the run with its sealed text, or its refusal; returns the grounds."""
    sql, purpose = asked
    now = hub.clock.now()
    values = {
        "id": query_id, "login": actor.name, "department_code": actor.department,
        "purpose": purpose if purpose in PURPOSES else "", "started_at": now, "seen_at": now,
        "sealed_sql": seal_text(hub, "query", query_id, sql),
    }  # fmt: skip
    try:
        with hub.transaction() as connection:
            if store.running_of(connection, actor.name, now - _ALIVE) >= book().number("QUERIES_AT_ONCE"):
                raise Busy("同时运行的查询已达上限", "", "请等其中一个结束，或取消后重试", code="QUERIES_AT_ONCE")
            grounds = grounds_of(hub, connection, actor, sql, purpose, as_of)
            store.add(connection, values | {"state": "running", "facts": grounds.facts(now)})
            return grounds
    except HubError as error:
        ended = {"state": "denied", "error_code": error.code, "ended_at": now}
        with hub.transaction() as connection:
            store.add(connection, values | ended)
            record(
                connection, hub, actor, "query.run", _known(connection, sql), result="denied", error_code=error.code,
                purpose_code=values["purpose"] or None, request_sm3=request_digest(hub, "query.run", sql),
                detail={"query": query_id},
            )  # fmt: skip
        raise


def _known(connection: Any, sql: str) -> str | None:
    """Names the datasets of a refused statement, those that there are: any other word in it may be a value."""
    with suppress(HubError):
        names = [name for name in datasets_named(sql) if entries.find(connection, name)]
        return ",".join(names) or None
    return None


def _spool(
    hub: Hub, actor: Actor, query_id: str, grounds: Grounds, facts: Mapping[str, Any]
) -> tuple[int, list[dict[str, str]]]:
    given, most = grounds.rows_a_query, int(book().number("RESULT_ROWS"))
    limits = Limits(
        memory_mb=hub.settings.memory_mb, seconds=hub.settings.query_seconds,
        rows=most if given is None else min(given, most), batch_rows=results.FRAME_ROWS,
    )  # fmt: skip
    analysis = Analysis(grounds.rewritten, grounds.views, limits)
    with watched(hub, actor, query_id, facts, analysis), analysis, results.writer(hub, query_id) as spool:
        for batch in analysis:
            if batch.num_rows:
                spool.append(batch)
        spool.commit({"query": query_id}, analysis.schema)
        columns = [{"name": field.name, "type": str(field.type)} for field in analysis.schema]
        return spool.rows, columns


def _finish(hub: Hub, actor: Actor, query_id: str, facts: Mapping[str, Any], outcome: tuple[int, str, str]) -> None:
    """Commits the events of the read, one a dataset; from here on the result may leave."""
    rows, digest, purpose = outcome
    now = hub.clock.now()
    kept = now + timedelta(minutes=book().number("RESULT_KEPT"))
    with hub.transaction() as connection:
        over = still_binds(connection, hub, actor, facts)
        if over is not None:
            raise over
        done = {"state": "done", "rows": rows, "facts": facts, "ended_at": now, "seen_at": now, "kept_until": kept}
        if not store.finish(connection, query_id, done):
            raise StateError("查询已被结束", "", "请重新提交", code="QUERY_LOST")
        for each in facts["datasets"]:
            record(
                connection, hub, actor, "query.run", each["dataset"], grant_id=each["grant"], purpose_code=purpose,
                items=each["items"], row_count=rows, request_sm3=digest,
                detail={"query": query_id, "version": each["version"]},
            )  # fmt: skip
        count_uses(connection, hub, [Use(e["grant"], "query", rows=rows) for e in facts["datasets"] if e["counted"]])


def _failed(
    hub: Hub, actor: Actor, query_id: str, error: BaseException, asked: tuple[Mapping[str, Any], str, str]
) -> None:
    facts, digest, purpose = asked
    code = error.code if isinstance(error, HubError) else type(error).__name__
    cancelled = code in {"QUERY_CANCELLED", "KeyboardInterrupt"}
    refused = isinstance(error, Denied | NotFound)
    state = "cancelled" if cancelled else "denied" if refused else "failed"
    hub.frames.remove(results.folder_of(query_id))
    with hub.transaction() as connection:
        ended = {"state": state, "error_code": code, "ended_at": hub.clock.now()}
        store.finish(connection, query_id, ended)
        for each in facts["datasets"]:
            record(
                connection, hub, actor, "query.run", each["dataset"], grant_id=each["grant"], purpose_code=purpose,
                items=each["items"], request_sm3=digest, result="denied" if refused else "failure", error_code=code,
                detail={"query": query_id, "version": each["version"]},
            )  # fmt: skip


@contextmanager
def watched(hub: Hub, actor: Actor, query_id: str, facts: Mapping[str, Any], analysis: Analysis) -> Iterator[None]:
    """Stops the analysis as soon as it is cancelled or a grant of it no longer binds."""
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(hub, actor, query_id, facts, (analysis, over)), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(
    hub: Hub, actor: Actor, query_id: str, facts: Mapping[str, Any], running: tuple[Analysis, threading.Event]
) -> None:
    analysis, over = running
    missed = 0
    while not over.wait(_LOOK_SECONDS):
        try:
            with hub.transaction() as connection:
                cancelled = store.seen(connection, query_id, hub.clock.now())
                ended = still_binds(connection, hub, actor, facts)
            missed = 0
        except HubError as error:
            # Who cannot ask whether the grants still bind must not go on reading.
            missed += 1
            cancelled, ended = False, error if missed >= _MOST_MISSED else None
        if cancelled or ended:
            analysis.cancel(ended)
            return


def own(connection: Any, actor: Actor, query_id: str) -> StoredQuery:
    """Returns a run of the actor's own account; any other is as one that is not there."""
    found = store.find(connection, query_id)
    if found is None or found.login != actor.name:
        raise NotFound("没有该查询", "本人的查询", "请从查询记录中选择", code="QUERY_UNKNOWN")
    return found


def readable(hub: Hub, connection: Any, actor: Actor, query_id: str) -> StoredQuery:
    """Returns a run of the actor's own whose result may be read now; raises NotFound, StateError, Denied."""
    found = own(connection, actor, query_id)
    if found.state != "done" or found.kept_until is None or found.kept_until <= hub.clock.now():
        raise StateError("该查询没有可读的结果", "结果只保留一小段时间", "请重新运行", code="RESULT_GONE")
    over = still_binds(connection, hub, actor, found.facts)
    if over is not None:
        raise over
    return found


@use_case("query.cancel")
def cancel(hub: Hub, actor: Actor, query_id: str) -> None:
    """Asks whoever runs a query of one's own to stop, in whichever process."""
    with hub.transaction() as connection:
        own(connection, actor, query_id)
        if not store.ask_cancel(connection, query_id):
            raise StateError("该查询已经结束", "", "请刷新页面", code="QUERY_ENDED")
        record(connection, hub, actor, "query.cancel", query_id)


@use_case("query.page")
def page(hub: Hub, actor: Actor, query_id: str, after: int = 0, limit: int = PAGE_ROWS) -> ResultPage:
    """Reads the rows of a result that follow row `after`; what needs approval to export is shown in part."""
    if after < 0 or not 1 <= limit <= _MOST_PAGE:
        raise InputError("页码不可用", f"after 不小于0，limit 为1至{_MOST_PAGE}", "请改正", code="PAGE")
    stored = readable_recorded(hub, actor, query_id, "query.page")
    most = int(book().number("RESULT_SHOWN"))
    with hub.transaction() as connection:
        refused = bool(causes_of(stored)) and after + limit > most and stored.rows > most
        rows = 0 if refused else max(min(limit, stored.rows - after), 0)
        for each in stored.facts["datasets"]:
            record(
                connection, hub, actor, "query.page", query_id, grant_id=each["grant"], purpose_code=stored.purpose,
                items=each["items"], row_count=rows, result="denied" if refused else "success",
                error_code="EXPORT_APPROVAL" if refused else None,
            )  # fmt: skip
    if refused:
        raise Denied(
            f"屏幕上最多查看 {most} 行", "该结果的导出须经审核", "请缩小查询，或申请导出", code="EXPORT_APPROVAL"
        )
    return results.page_of(hub, query_id, after, limit)


def readable_recorded(hub: Hub, actor: Actor, query_id: str, action: str) -> StoredQuery:
    """Returns a readable run, or records the denial and raises."""
    try:
        with hub.transaction() as connection:
            return readable(hub, connection, actor, query_id)
    except HubError as error:
        with hub.transaction() as connection:
            record(connection, hub, actor, action, None, result="denied", error_code=error.code)
        raise


@use_case("query.show")
def show(hub: Hub, actor: Actor, query_id: str) -> QueryView:
    """Shows a run of one's own."""
    with hub.transaction() as connection:
        found = own(connection, actor, query_id)
        record(connection, hub, actor, "query.show", query_id)
    return view_of(hub, found)
