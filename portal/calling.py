"""Who calls an operation by key: a machine client by its API key or token, or a person's session. Decides nothing."""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from exchange.keyed.credentials import allowed_from, calling, known
from exchange.sessions import Session
from portal.desk import Desk, hub_of
from portal.service import signed_in

_MARKS = ("sqk_", "sqt_")


async def caller(request: Request) -> Desk:
    """Returns the desk of whoever calls; raises Denied for a credential that is not good, SignInFirst without one.

    A client that called seconds ago is known here and now; whatever asks the database does so on a thread.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" and token.strip().startswith(_MARKS) else ""
    shown = request.headers.get("x-api-key") or bearer
    if not shown:
        return await run_in_threadpool(signed_in, request)
    hub, address = hub_of(request), address_of(request)
    actor = known(hub, shown, address)
    if actor is None:
        actor = await run_in_threadpool(calling, hub, shown, address)
    return Desk(hub, Session(actor, "", False, False, ""))


def address_of(request: Request) -> str | None:
    """Returns where a call comes from: the peer, or what declared proxies say of it, read from the nearest one."""
    proxies = hub_of(request).settings.trusted_proxies
    address = request.client.host if request.client else None
    said = [each.strip() for each in request.headers.get("x-forwarded-for", "").split(",") if each.strip()]
    while said and allowed_from(proxies, address):
        address = said.pop()
    return address
