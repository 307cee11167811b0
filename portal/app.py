"""The application: routes, errors, security headers. Decides nothing; every answer comes from exchange."""

import importlib
import pkgutil
from functools import partial
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from exchange.hub import Hub
from portal import api, pages
from portal.api.docs import openapi_of
from portal.desk import Desk, hub_of, session_of
from portal.headers import Headers
from portal.limits import BodyLimit
from portal.render import error_page
from portal.routes import SignInFirst
from schemas.errors import Denied, HubError, InputError, NotFound, SourceError, StateError

_FOLDER = Path(__file__).parent
_STATUS: tuple[tuple[type[HubError], int], ...] = (
    (NotFound, 404),
    (InputError, 422),
    (Denied, 403),
    (StateError, 409),
    (SourceError, 502),
    (HubError, 503),
)


def create_app(hub: Hub) -> FastAPI:
    """Makes the application over an open hub."""
    app = FastAPI(title="数桥 API", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.hub = hub
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")
    # A path is compared with one route after the other, hundreds of them: the calls by key come first. The routes are
    # taken as they are: including a router makes each of them anew, which took over a second.
    for package in (api, pages):
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: (each.name != "keyed", each.name)):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            if hasattr(module, "router"):
                app.router.routes.extend(module.router.routes)
    app.add_exception_handler(SignInFirst, _sign_in)
    app.add_exception_handler(HubError, _failed)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(UnicodeEncodeError, _half_character)
    app.add_exception_handler(HTTPException, _misdirected)
    app.add_exception_handler(Exception, _broken)
    app.add_middleware(BodyLimit)
    # Around the whole, so that the answer to an error that nobody foresaw has them as well.
    stack = app.build_middleware_stack
    app.build_middleware_stack = lambda: Headers(stack())  # type: ignore[method-assign]
    app.openapi = partial(openapi_of, app)  # type: ignore[method-assign]
    return app


def status_of(error: HubError) -> int:
    """Returns the HTTP status of an error of the hub."""
    if isinstance(error, Denied) and error.code in {"LOGIN", "LOCKED"}:
        return 401
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def wants_data(request: Request) -> bool:
    """Says whether a program asks."""
    return request.url.path.startswith("/api/") or request.url.path.endswith(".json")


def error_body(error: HubError) -> dict[str, str]:
    """Returns the one shape of all errors of the API."""
    return {"code": error.code, "got": error.got, "allowed": error.allowed, "next": error.next_step}


async def _sign_in(request: Request, _error: Exception) -> Response:
    if wants_data(request):
        error = Denied("没有登录", "须先登录", "请用 POST /api/v1/session 取得令牌", code="SIGN_IN")
        return JSONResponse({"error": error_body(error)}, 401, {"WWW-Authenticate": "Bearer"})
    return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", status_code=303)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)  # noqa: S101 - registered for HubError alone
    if wants_data(request):
        return JSONResponse({"error": error_body(error)}, status_of(error))
    session = session_of(request)
    return error_page(request, Desk(hub_of(request), session) if session else None, error, status_of(error))


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    # Names of fields only: what was typed may be personal.
    wrong_json = any(each["type"] == "json_invalid" for each in error.errors())
    fields = "、".join(sorted({str(each["loc"][-1]) for each in error.errors()}))
    got = "提交的内容不是JSON" if wrong_json else f"{fields} 的值不可用"
    wrong = InputError(got, "见接口说明 /api/v1/docs", "请改正后重试", code="INPUT")
    return await _failed(request, wrong)


async def _half_character(request: Request, _error: Exception) -> Response:
    """Answers half a character (a lone surrogate), which JSON can write and no database can keep."""
    wrong = InputError("输入中有不成字的字符", "可见字符", "请改正后重试", code="INPUT_VALUE")
    return await _failed(request, wrong)


async def _misdirected(request: Request, error: Exception) -> Response:
    """Answers what no route takes, or the framework cannot read, as every other error is answered."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    got, allowed, step, code = _MISDIRECTED.get(error.status_code, _UNREADABLE)
    said = HubError(got, allowed, step, code=code)
    if wants_data(request):
        return JSONResponse({"error": error_body(said)}, error.status_code, error.headers)
    session = session_of(request)
    response = error_page(request, Desk(hub_of(request), session) if session else None, said, error.status_code)
    response.headers.update(error.headers or {})
    return response


_MISDIRECTED = {
    404: ("没有这个页面或接口", "", "请核对地址，或从首页、接口说明 /api/v1/docs 进入", "PATH_UNKNOWN"),
    405: ("该地址不接受这种请求方法", "见接口说明 /api/v1/docs", "请改用允许的方法", "METHOD"),
    413: ("提交的内容过大", "见各页面写明的大小", "请分次提交", "BODY_SIZE"),
}
_UNREADABLE = ("请求不能读取", "见接口说明 /api/v1/docs", "请改正后重试", "REQUEST")


async def _broken(request: Request, _error: Exception) -> Response:
    """Answers what nobody foresaw without saying more than that: an exception's words may hold a value."""
    said = HubError("平台内部出错", "", "请稍后重试；仍然出错的，请告知系统管理员操作的时间", code="INTERNAL")
    if wants_data(request):
        return JSONResponse({"error": error_body(said)}, 500)
    return error_page(request, None, said, 500)
