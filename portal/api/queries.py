"""Analysts' queries over the API: run, pages, cancel, history, kept statements, exports; files are streamed."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import Body, Depends
from fastapi.responses import Response, StreamingResponse

from exchange.access import Actor
from exchange.hub import Hub
from exchange.queries import approval, exports, running, saved
from exchange.queries.exports import Fetched
from exchange.queries.results import ResultPage
from exchange.queries.views import QueryView
from portal.desk import Desk
from portal.routes import DECLARED
from portal.service import ERRORS, PREFIX, Api, signed_in

api = Api("在线查询")
router = api.router


def list_history(hub: Hub, actor: Actor, before: datetime | None = None, most: int = 50) -> list[QueryView]:
    """Lists one's own runs, newest first; `before` is the beginning of the last one seen."""
    return saved.history(hub, actor, before, most)


def read_rows(hub: Hub, actor: Actor, query_id: str, seen: int = 0, most: int = running.PAGE_ROWS) -> ResultPage:
    """Reads the rows of a result that follow the row seen last; `next` of the answer is the next `seen`."""
    return running.page(hub, actor, query_id, seen, most)


list_history.action = "query.history"  # type: ignore[attr-defined]
read_rows.action = "query.page"  # type: ignore[attr-defined]

api.get("/query/tables", saved.tables)
api.get("/queries", list_history)
api.post("/queries", running.run)
api.get("/queries/{query_id}", running.show)
api.get("/queries/{query_id}/rows", read_rows)
api.post("/queries/{query_id}/cancel", running.cancel)
api.post("/queries/{query_id}/export", exports.export)
api.get("/query/saved", saved.saved)
api.post("/query/saved", saved.save)
api.post("/query/saved/{saved_id}/forget", saved.forget)
api.get("/query/exports", approval.exports)
api.get("/query/exports/{number}", approval.show_export)
api.post("/query/exports/{number}/agree", approval.agree)
api.post("/query/exports/{number}/refuse", approval.refuse)
DECLARED["POST", f"{PREFIX}/query/exports/{{number}}/file"] = "query.fetch"
DECLARED["POST", f"{PREFIX}/query/download"] = "query.run"


@router.post("/query/exports/{number}/file", tags=[api.tag], responses=ERRORS, operation_id="queries_fetch")
def fetch(desk: Annotated[Desk, Depends(signed_in)], number: str) -> Response:
    """Hands an approved export out, once."""
    return streamed(exports.fetch(desk.hub, desk.actor, number))


@router.post("/query/download", tags=[api.tag], responses=ERRORS, operation_id="queries_download")
def download(
    desk: Annotated[Desk, Depends(signed_in)],
    sql: Annotated[str, Body(embed=True)],
    purpose: Annotated[str, Body(embed=True)],
    format: Annotated[str, Body(embed=True)] = "csv",  # noqa: A002 - the name in the API
) -> Response:
    """Runs a statement and streams its result as a file; refused where the export needs approval."""
    return streamed(exports.download(desk.hub, desk.actor, sql, purpose, format).file)


def streamed(file: Fetched) -> Response:
    """Answers a file piece by piece; its number is in a header, its manifest with the export."""
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}", "X-Export": file.number}
    return StreamingResponse(file.pieces, media_type=file.media_type, headers=headers)
