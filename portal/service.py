"""How a use-case becomes an API route: its own parameters are the route's, its view is the answer.

    api = Api("entries")
    api.get("/entries/{code}", entries.show_entry)

Parameters named in the path come from it, the others from the query (GET) or a JSON body (POST). A list is answered as
`{"items": [...], "next": cursor}` with keyset pages: `after` is the key of the last item that was seen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.encoders import jsonable_encoder

from portal.desk import COOKIE, Desk, hub_of, session_of
from portal.lanes import Lane
from portal.routes import DECLARED, Download, SignInFirst, plain
from portal.short_route import Reading, ShortRoute
from schemas.errors import Denied

PREFIX = "/api/v1"
PAGE = 100
_SAYS = {401: "没有登录", 403: "无权", 404: "没有找到", 409: "当前状态不允许", 422: "输入不可用"}
_SHAPE = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": says, "content": _SHAPE} for status, says in _SAYS.items()
}


def signed_in(request: Request) -> Desk:
    """Returns the desk of a program or a page's script; a cookie alone changes nothing (no cross-site request does)."""
    session = session_of(request)
    if session is None:
        raise SignInFirst
    by_cookie = COOKIE in request.cookies and "authorization" not in request.headers
    if by_cookie and request.method != "GET" and request.headers.get("x-csrf") != session.csrf:
        raise Denied("请求缺少防伪标记", "以 Cookie 登录时须带 X-CSRF 头", "请带上页面给出的标记", code="CSRF")
    if session.must_change or session.needs_code:
        raise Denied("须先修改初始口令或启用动态码", "", "请先在页面上登录并完成设置", code="SIGN_IN_INCOMPLETE")
    return Desk(hub_of(request), session)


def as_json(found: Any) -> Response:
    """Answers views and values as JSON; only what JSON does not know is turned over to the framework's encoder."""
    text = json.dumps(
        plain(found), default=jsonable_encoder, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return Response(text.encode(), media_type="application/json")


@dataclass(slots=True)
class Api:
    """The routes of one subject."""

    tag: str
    router: APIRouter = field(default_factory=lambda: APIRouter(prefix=PREFIX))
    who: Callable[..., Any] = signed_in
    lane: Lane | None = None

    def get(self, path: str, use_case: Callable[..., Any], *, key: str | None = None, **fixed: Any) -> None:
        """Declares a reading; `key` names the field that pages of a list go by."""
        self._add("GET", path, use_case, key, fixed)

    def post(self, path: str, use_case: Callable[..., Any], **fixed: Any) -> None:
        """Declares a change."""
        self._add("POST", path, use_case, None, fixed)

    def _add(
        self, method: str, path: str, use_case: Callable[..., Any], key: str | None, fixed: dict[str, Any]
    ) -> None:
        declared = signature(use_case, eval_str=True).parameters.values()
        own = [p for p in list(declared)[2:] if p.name not in fixed]
        DECLARED[method, PREFIX + path] = getattr(use_case, "action", "?")

        def answer(desk: Desk, **values: Any) -> Response:
            after, limit = values.pop("after", None), values.pop("limit", PAGE)
            found = use_case(desk.hub, desk.actor, **values, **fixed)
            if isinstance(found, Download):
                return found.response()
            return as_json(_page(found, key, after, limit) if key else found)

        endpoint: Any = answer
        more: dict[str, Any] = {}
        if self.lane:
            endpoint = self.lane.endpoint(answer)
            if method == "POST":
                endpoint.reads = Reading(self.who, path, own)
                more["route_class_override"] = ShortRoute
        parameters = [
            Parameter("desk", Parameter.KEYWORD_ONLY, annotation=Annotated[Desk, Depends(self.who)]),
            *(_parameter(p, method, path) for p in own),
            *(_PAGING if key else ()),
        ]
        endpoint.__signature__ = Signature(parameters, return_annotation=Response)
        summary = (use_case.__doc__ or "").partition("\n")[0]
        self.router.add_api_route(
            path, endpoint, methods=[method], tags=[self.tag], summary=summary, responses=ERRORS,
            operation_id=f"{use_case.__module__.rpartition('.')[2]}_{use_case.__name__}", **more,
        )  # fmt: skip


def _parameter(given: Parameter, method: str, path: str) -> Parameter:
    in_path = f"{{{given.name}}}" in path or f"{{{given.name}:path}}" in path
    kind = given.annotation
    if not in_path and method != "GET":
        kind = Annotated[given.annotation, Body(embed=True)]
    return given.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind)


_PAGING = (
    Parameter("after", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, Query(max_length=200)]),
    Parameter("limit", Parameter.KEYWORD_ONLY, default=PAGE, annotation=Annotated[int, Query(ge=1, le=1000)]),
)


def _page(found: Any, key: str, after: str | None, limit: int) -> dict[str, Any]:
    """Cuts a sorted list after the key that was seen last."""
    keyed = sorted(found, key=lambda each: str(getattr(each, key)))
    left = [each for each in keyed if after is None or str(getattr(each, key)) > after]
    page = left[:limit]
    return {"items": page, "next": str(getattr(page[-1], key)) if len(left) > limit else None}
