"""Signing in through the single sign-on: out to the issuer and back."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from exchange.sign_on_accounts import sign_on
from exchange.single_sign_on import begin, returned
from portal.calling import address_of
from portal.desk import hub_of
from portal.pages.door import local, sign_in_page, signed_in
from portal.routes import DECLARED, OPEN
from schemas.errors import Denied, HubError

router = APIRouter(include_in_schema=False)
_TICKET = "shuqiao_sign_on"
_PATH = "/sign-in/single"
DECLARED["GET", _PATH] = DECLARED["GET", _PATH + "/back"] = OPEN


@router.get(_PATH)
def leave_for_issuer(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word in the address
    """Sends the reader to the issuer."""
    try:
        begun = begin(hub_of(request), str(request.url_for("come_back")), local(next))
    except HubError as error:
        return sign_in_page(request, next, error)
    response = RedirectResponse(begun.url, status_code=303)
    secure = request.url.scheme == "https"
    # Lax, not strict: the issuer's redirect back comes from another site.
    response.set_cookie(_TICKET, begun.ticket, max_age=600, path=_PATH, httponly=True, samesite="lax", secure=secure)
    return response


@router.get(_PATH + "/back")
def come_back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Takes what the issuer says and opens the session."""
    hub, address = hub_of(request), address_of(request)
    try:
        if error or not code:
            raise Denied("统一身份认证没有放行", "", "请重新登录，或用口令登录", code="LOGIN")
        found = returned(hub, request.cookies.get(_TICKET), state, code)
        token, session = sign_on(hub, found.identity, address)
    except HubError as refused:
        response = sign_in_page(request, "/", refused)
    else:
        response = signed_in(request, token, "/me/code" if session.needs_code else local(found.to))
    response.delete_cookie(_TICKET, path=_PATH)
    return response
