"""How a page is declared: path, permission, title and template in one place; the page's data is at `<path>.json` too.

Every route has a permission: the action of exchange/access.py that it needs, or OPEN for the few that need none.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse, Response

from exchange.audit import require
from exchange.sessions import Session
from portal.desk import Desk, hub_of, session_of
from portal.render import page_text, render
from portal.tables import as_file
from schemas.errors import Denied

OPEN = "open"
#: Every declared route: (method, path) → action. A test fails when the application has a route that is not here.
DECLARED: dict[tuple[str, str], str] = {}
Model = Mapping[str, Any]
Answer = Callable[[Request, Desk, Any], Response]


class SignInFirst(Exception):
    """Nobody is signed in; the page sends the reader to the sign-in page and back."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a page hands out."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"

    def response(self) -> Response:
        """Returns it as an attachment whose name survives in every browser."""
        disposition = f"attachment; filename*=UTF-8''{quote(self.name)}"
        return Response(self.content, media_type=self.media_type, headers={"Content-Disposition": disposition})


@dataclass(frozen=True, slots=True)
class Go:
    """After a change: where to go next, and what to say there."""

    to: str
    says: str = ""


@dataclass(slots=True)
class Pages:
    """The routes of one subject."""

    router: APIRouter = field(default_factory=lambda: APIRouter(include_in_schema=False))

    def get(
        self, path: str, *, action: str, title: str, template: str, files: bool = True
    ) -> Callable[[Callable[..., Any]], Any]:
        """Declares a page: the handler takes a Desk and what it names of path and query, and returns the page's data.

        The template finds that data by name, besides `desk`, `title`, `path`. A handler may return a Download or Go.
        `files`: its tables can be had as files; not where files leave by an export alone.
        """

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            beside = path if path != "/" else "/overview"
            ways: dict[str, Answer] = {
                beside + ".json": lambda _request, _desk, data: _json(data),
                beside + ".xlsx": lambda request, desk, data: _table(request, desk, data, title, template),
                beside + ".csv": lambda request, desk, data: _table(request, desk, data, title, template),
                path: lambda request, desk, data: _page(request, desk, data, title, template),
            }
            if not files:
                ways = {path: ways[path]}
            for way, answer in ways.items():
                DECLARED["GET", way] = action
                self.router.add_api_route(way, _endpoint(handler, action, answer), methods=["GET"])
            return handler

        return declare

    def post(self, path: str, *, action: str) -> Callable[[Callable[..., Any]], Any]:
        """Declares a change: the handler takes a Desk and form fields and returns Go, Download, or a page's model."""

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            DECLARED["POST", path] = action
            self.router.add_api_route(path, _endpoint(handler, action, _answer, csrf=True), methods=["POST"])
            return handler

        return declare


def _endpoint(handler: Callable[..., Any], action: str, answer: Answer, *, csrf: bool = False) -> Callable[..., Any]:
    """Wraps a handler for FastAPI: its own parameters stay, Desk and Request are handed in."""
    desk_for = _desk(action, csrf=csrf)
    given = [p for p in signature(handler, eval_str=True).parameters.values() if p.name != "desk"]

    @wraps(handler)
    def endpoint(request: Request, desk: Desk, **values: Any) -> Response:
        return answer(request, desk, handler(desk, **values))

    parameters = [
        Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request),
        Parameter("desk", Parameter.KEYWORD_ONLY, annotation=Annotated[Desk, Depends(desk_for)]),
        *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in given),
    ]
    endpoint.__signature__ = signature(endpoint).replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=Response
    )
    endpoint.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": Response}
    return endpoint


def _desk(action: str, *, csrf: bool) -> Callable[..., Any]:
    async def desk_for(request: Request) -> Desk:
        session = session_of(request)
        if session is None:
            raise SignInFirst
        hub = hub_of(request)
        _finish_signing_in(request, session)
        if action != OPEN:
            require(hub, session.actor, action, None)
        if csrf:
            form = await request.form(max_files=50, max_part_size=64 * 1024 * 1024)
            if not secrets.compare_digest(str(form.get("csrf", "")).encode("utf-8", "replace"), session.csrf.encode()):
                raise Denied("页面已过期", "表单须从本系统的页面提交", "请刷新页面后重试", code="CSRF")
        return Desk(hub, session)

    return desk_for


def _finish_signing_in(request: Request, session: Session) -> None:
    """Leads to the change of a first password, then to the one-time code, before anything else opens."""
    to = "/me/password" if session.must_change else "/me/code" if session.needs_code else None
    if to is None or request.url.path.startswith(to):
        return
    if request.url.path.endswith((".json", ".xlsx", ".csv")):
        raise Denied("须先修改初始口令或启用动态码", "", "请先在页面上登录并完成设置", code="SIGN_IN_INCOMPLETE")
    raise HTTPException(303, headers={"Location": to})


def _page(request: Request, desk: Desk, data: Any, title: str, template: str) -> Response:
    if isinstance(data, Go | Download):
        return _answer(request, desk, data)
    return render(request, template, desk, {"title": title, **data})


def _table(request: Request, desk: Desk, data: Any, title: str, template: str) -> Response:
    """Answers one table of the page as a file; `?table=` counts from 1."""
    if isinstance(data, Go | Download):
        return _answer(request, desk, data)
    number = request.query_params.get("table", "1")
    facts = {"title": title, **data}
    page = page_text(request, template, desk, facts)
    kind = request.url.path.rpartition(".")[2]
    name, content, media_type = as_file(page, facts["title"], int(number) if number.isdecimal() else 0, kind)
    return Download(name, content, media_type).response()


def _json(data: Any) -> Response:
    if isinstance(data, Download):
        return data.response()
    if isinstance(data, Go):
        return JSONResponse({"to": data.to, "says": data.says})
    return JSONResponse(jsonable_encoder({name: plain(value) for name, value in data.items()}))


def plain(value: Any) -> Any:
    """Turns views into dictionaries, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def _answer(request: Request, desk: Desk, data: Any) -> Response:
    if isinstance(data, Download):
        return data.response()
    if isinstance(data, Go):
        response = RedirectResponse(data.to, status_code=303)
        if data.says:
            response.set_cookie("says", quote(data.says), max_age=60, httponly=True, samesite="lax")
        return response
    return render(request, data["template"], desk, data)
