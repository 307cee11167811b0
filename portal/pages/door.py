"""Sign-in and sign-out pages."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from exchange.sessions import sign_in, sign_out
from exchange.single_sign_on import offered
from portal.calling import address_of
from portal.desk import COOKIE, hub_of, token_of
from portal.render import render
from portal.routes import DECLARED, OPEN
from schemas.errors import Denied, HubError

router = APIRouter(include_in_schema=False)
DECLARED["GET", "/sign-in"] = DECLARED["POST", "/sign-in"] = DECLARED["POST", "/sign-out"] = OPEN


@router.get("/sign-in")
def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word in the address
    """Shows the sign-in form."""
    return sign_in_page(request, next)


def sign_in_page(request: Request, to: str, error: HubError | None = None, login: str = "") -> Response:
    """Renders the sign-in form, after a refusal with its words."""
    facts = {"title": "登录", "next": local(to), "error": error, "login": login}
    facts["single_sign_on"] = offered(hub_of(request))
    return render(request, "sign_in.html", None, facts, 401 if error else 200)


@router.post("/sign-in")
def enter(
    request: Request,
    login: Annotated[str, Form(max_length=100)],
    password: Annotated[str, Form(max_length=200)],
    code: Annotated[str, Form(max_length=20)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002 - the word in the form
) -> Response:
    """Signs in and goes where the reader wanted to."""
    address = address_of(request)
    try:
        token, session = sign_in(hub_of(request), login, password, code, channel="portal", address=address)
    except Denied as error:
        return sign_in_page(request, next, error, login)
    to = "/me/password" if session.must_change else "/me/code" if session.needs_code else local(next)
    return signed_in(request, token, to)


def signed_in(request: Request, token: str, to: str) -> Response:
    """Goes on with the session's cookie."""
    response = RedirectResponse(to, status_code=303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return response


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """Ends the session."""
    token = token_of(request)
    if token:
        sign_out(hub_of(request), token)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


def local(address: str) -> str:
    """Keeps a reader within this portal."""
    if not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    return quote(address, safe="/?=&%.:-_~")
