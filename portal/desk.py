"""What stands behind one request: the hub, who is signed in, and the tokens of the session. Decides nothing."""

from dataclasses import dataclass
from typing import cast

from fastapi import Request

from exchange.access import Actor, allowed
from exchange.hub import Hub
from exchange.sessions import Session, resume

COOKIE = "shuqiao_session"


@dataclass(frozen=True, slots=True)
class Desk:
    """The hub and the person at work on it."""

    hub: Hub
    session: Session

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.session.actor

    def may(self, action: str) -> bool:
        """Says whether the person has a role of the action; for what a page offers, never instead of the check."""
        return allowed(self.actor, action)


def hub_of(request: Request) -> Hub:
    """Returns the hub that the application was made for."""
    return cast(Hub, request.app.state.hub)


def token_of(request: Request) -> str | None:
    """Returns the session token: of the cookie, or as a bearer token for programs."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    return request.cookies.get(COOKIE)


def session_of(request: Request) -> Session | None:
    """Returns the session of a request; asked for once a request."""
    if not hasattr(request.state, "session"):
        token = token_of(request)
        request.state.session = resume(hub_of(request), token) if token else None
    return cast("Session | None", request.state.session)
