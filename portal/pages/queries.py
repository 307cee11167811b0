"""Pages of analysts' queries: the editor with what is granted beside it, results, history, exports and their review."""

import math
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from fastapi.responses import Response

from exchange.queries import approval, exports, running, saved
from exchange.queries.formats import FORMATS
from portal.api.queries import streamed
from portal.charts import Point, bars
from portal.desk import Desk
from portal.routes import DECLARED, Go, Pages, _desk
from schemas.errors import HubError
from schemas.grants import PURPOSES

pages = Pages()
router = pages.router
_BARS = 30
TITLE = "在线查询"
_TONES = {"done": "good", "running": "blue", "refused": "bad", "failed": "bad", "denied": "bad", "cancelled": "warn"}
_FORMAT_NAMES = {"csv": "CSV", "json": "JSON", "arrow": "Arrow", "parquet": "Parquet", "xlsx": "Excel（xlsx）"}


@pages.get("/query", action="query.run", title=TITLE, template="query.html")
def editor(desk: Desk, saved_id: Annotated[str, Query(max_length=40)] = "") -> dict[str, Any]:
    """Shows the editor."""
    kept = next((each for each in saved.saved(desk.hub, desk.actor) if each.id == saved_id), None)
    return _model(desk, kept.sql if kept else "", kept.purpose if kept else "")


def _model(desk: Desk, sql: str, purpose: str, **more: Any) -> dict[str, Any]:
    facts = {
        "tables": saved.tables(desk.hub, desk.actor), "history": saved.history(desk.hub, desk.actor, None, 20),
        "kept": saved.saved(desk.hub, desk.actor), "purposes": list(PURPOSES.items()), "formats": FORMATS,
        "sql": sql, "purpose": purpose, "query": None, "page": None, "chart": "", "fault": None,
        "label": "", "value": "", "tones": _TONES, "format_names": _FORMAT_NAMES,
    }  # fmt: skip
    return facts | more


@pages.post("/query", action="query.run")
def run(
    desk: Desk, sql: Annotated[str, Form(max_length=100_000)] = "", purpose: Annotated[str, Form(max_length=20)] = "",
    name: Annotated[str, Form(max_length=100)] = "", act: Annotated[str, Form(max_length=10)] = "run",
) -> Go | dict[str, Any]:  # fmt: skip
    """Runs or keeps a statement; a refusal is shown beside what is allowed."""
    try:
        if act == "save":
            saved.save(desk.hub, desk.actor, name, sql, purpose)
            return Go("/query", "已保存")
        answer = running.run(desk.hub, desk.actor, sql, purpose)
    except HubError as error:
        return _model(desk, sql, purpose, fault=error) | {"template": "query.html", "title": TITLE}
    return Go(f"/query/{answer.query.id}")


@pages.get("/query/{query_id}", action="query.page", title=TITLE, template="query.html", files=False)
def result(
    desk: Desk, query_id: str, after: Annotated[int, Query(ge=0)] = 0,
    label: Annotated[str, Query(max_length=200)] = "", value: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:  # fmt: skip
    """Shows a page of a result, with a chart of two of its columns."""
    query = running.show(desk.hub, desk.actor, query_id)
    try:
        page = running.page(desk.hub, desk.actor, query_id, after) if query.state == "done" else None
    except HubError as error:
        return _model(desk, query.sql, query.purpose, query=query, fault=error, files=False)
    chart = _chart(page, label, value) if page else ""
    shown = {"query": query, "page": page, "chart": chart, "label": label, "value": value, "files": False}
    return _model(desk, query.sql, query.purpose, **shown)


def _chart(page: Any, label: str, value: str) -> Any:
    if label not in page.columns or value not in page.columns:
        return ""
    at, of = page.columns.index(label), page.columns.index(value)
    points = [Point(str(row[at]), _number(row[of])) for row in page.rows[:_BARS]]
    return bars("query", f"{value}，按{label}", points)


def _number(cell: Any) -> float:
    try:
        found = float(cell)
    except (TypeError, ValueError):
        return 0.0
    return found if math.isfinite(found) else 0.0


@pages.post("/query/{query_id}/cancel", action="query.cancel")
def cancel(desk: Desk, query_id: str) -> Go:
    """Asks a running query to stop."""
    running.cancel(desk.hub, desk.actor, query_id)
    return Go("/query", "已请求取消")


@pages.post("/query/saved/{saved_id}/forget", action="query.forget")
def forget(desk: Desk, saved_id: str) -> Go:
    """Removes a kept statement."""
    saved.forget(desk.hub, desk.actor, saved_id)
    return Go("/query", "已删除")


@pages.post("/query/{query_id}/export", action="query.export")
def export(
    desk: Desk, query_id: str, kind: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Go:  # fmt: skip
    """Asks for a result as a file."""
    made = exports.export(desk.hub, desk.actor, query_id, kind, reason)
    return Go(f"/exports/{made.number}", made.state_name)


@pages.get("/exports", action="query.exports", title="查询导出", template="query_exports.html")
def export_list(desk: Desk) -> dict[str, Any]:
    """Lists one's own exports and those to review."""
    return {"exports": approval.exports(desk.hub, desk.actor), "format_names": _FORMAT_NAMES}


@pages.get("/exports/{number}", action="query.preview", title="查询导出", template="query_export.html", files=False)
def export_shown(desk: Desk, number: str) -> dict[str, Any]:
    """Shows an export with its masked preview."""
    found = approval.show_export(desk.hub, desk.actor, number)
    return {"export": found, "files": False, "format_names": _FORMAT_NAMES}


@pages.post("/exports/{number}/agree", action="query.agree")
def agree(desk: Desk, number: str, opinion: Annotated[str, Form(max_length=500)] = "") -> Go:
    """Agrees to an export."""
    approval.agree(desk.hub, desk.actor, number, opinion)
    return Go(f"/exports/{number}", "已同意")


@pages.post("/exports/{number}/refuse", action="query.refuse")
def refuse(desk: Desk, number: str, opinion: Annotated[str, Form(max_length=500)] = "") -> Go:
    """Refuses an export."""
    approval.refuse(desk.hub, desk.actor, number, opinion)
    return Go(f"/exports/{number}", "已退回")


DECLARED["POST", "/exports/{number}/file"] = "query.fetch"


@router.post("/exports/{number}/file")
def fetch(request: Request, desk: Annotated[Desk, Depends(_desk("query.fetch", csrf=True))], number: str) -> Response:
    """Hands an approved export out, once."""
    return streamed(exports.fetch(desk.hub, desk.actor, number))
