"""Signing in over the API: a token for programs, sent as `Authorization: Bearer …`."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse

from exchange.sessions import sign_in, sign_out
from portal.calling import address_of
from portal.desk import hub_of, session_of, token_of
from portal.routes import DECLARED, OPEN, SignInFirst
from portal.service import PREFIX

router = APIRouter(prefix=PREFIX, tags=["登录"])
DECLARED["POST", PREFIX + "/session"] = DECLARED["DELETE", PREFIX + "/session"] = OPEN


@router.post("/session", operation_id="session_sign_in", summary="Opens a session and returns its token")
def enter(
    request: Request,
    login: Annotated[str, Body(embed=True, max_length=100)],
    password: Annotated[str, Body(embed=True, max_length=200)],
    code: Annotated[str, Body(embed=True, max_length=20)] = "",
) -> Response:
    """Signs a program or a person in; one that must change its password or enrol codes does so on the pages first."""
    address = address_of(request)
    token, session = sign_in(hub_of(request), login, password, code, channel="api", address=address)
    facts = {"must_change": session.must_change, "needs_code": session.needs_code}
    return JSONResponse({"token": token, "login": session.actor.name, "roles": sorted(session.actor.roles), **facts})


@router.delete("/session", operation_id="session_sign_out", status_code=204, summary="Ends the session")
def leave(request: Request) -> Response:
    """Ends the session of the token."""
    token = token_of(request)
    if token is None or session_of(request) is None or "authorization" not in request.headers:
        raise SignInFirst
    sign_out(hub_of(request), token)
    return Response(status_code=204)
