"""Sign-in and sessions: who stands at the portal's or the API's door. Decides no permission.

A session is a random token; the hub keeps its keyed hash. Five wrong passwords lock an account for half an hour
(GB/T 22239-2019, 身份鉴别), thirty idle minutes end a session.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection

from catalog.stores import accounts
from catalog.stores.accounts import Account, StoredSession
from exchange.access import Actor, Channel, Role
from exchange.audit import record
from exchange.credentials import (
    SecondFactor,
    hash_password,
    hash_recovery,
    open_factor,
    password_fits,
    seal_factor,
    step_of,
)
from exchange.hub import Hub
from schemas.errors import Denied
from schemas.rules.book import book

__all__ = ["SECOND_FACTOR", "Session", "hash_password", "open_session", "resume", "seal_totp", "sign_in", "sign_out"]

#: Roles that need a one-time code beside the password.
SECOND_FACTOR: frozenset[str] = frozenset({"data_admin", "system_admin", "security_admin", "audit_admin"})


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person: what the portal needs of it on each request."""

    actor: Actor
    csrf: str
    must_change: bool
    needs_code: bool
    department_name: str


def sign_in(
    hub: Hub, login: str, password: str, code: str | None, *, channel: Channel, address: str | None
) -> tuple[str, Session]:
    """Opens a session and returns its token; raises Denied with the same words whatever was wrong."""
    now = hub.clock.now()
    _refuse_address(hub, channel, address)
    with hub.transaction() as connection:
        known = login.isprintable()
        account = accounts.find_by_login(connection, login.strip(), locked=True) if known else None
        reason = _refused(hub, connection, account, password, code)
        if reason is None and account is not None:
            factor = account.totp_sealed is not None
            token, session = open_session(hub, connection, account, channel, address, second_factor=factor)
            record(connection, hub, session.actor, "session.sign_in", account.login)
            return token, session
        _count_failure(hub, connection, account, channel, address, reason or "unknown")
    raise _denied(account, now, reason)


def _refuse_address(hub: Hub, channel: Channel, address: str | None) -> None:
    """Raises Denied, after recording it, for an address that many wrong sign-ins came from; checks no password."""
    within = timedelta(minutes=book().number("LOCK_MINUTES"))
    if hub.wrong_sign_ins.stopped(address, hub.clock.now(), int(book().number("ADDRESS_TRIES")), within):
        who = Actor("?", frozenset(), None, channel, address=address)
        with hub.transaction() as connection:
            facts = {"result": "denied", "error_code": "LOCKED", "detail": {"reason": "address"}}
            record(connection, hub, who, "session.sign_in", "?", **facts)
        raise Denied("该网络地址登录失败过多", "同一地址多次登录失败会暂停登录", "请半小时后再试", code="LOCKED")


def _refused(hub: Hub, connection: Connection, account: Account | None, password: str, code: str | None) -> str | None:
    right = password_fits(account.password_hash if account else None, password)
    if account is None or not account.active:
        return "unknown"
    if account.locked_until is not None and account.locked_until > hub.clock.now():
        return "locked"
    if not right:
        return "password"
    if account.totp_sealed is not None and not _code_fits(hub, connection, account, code):
        return "code"
    return None if account.roles else "no_role"


def _code_fits(hub: Hub, connection: Connection, account: Account, code: str | None) -> bool:
    """Takes a one-time code or a recovery code; either is good once. The account is locked by this transaction."""
    factor = open_factor(hub, account)
    step = step_of(factor, code, hub.clock.now(), account.totp_counter)
    if step is not None:
        accounts.change(connection, account.id, totp_counter=step)
        return True
    hashed = hash_recovery(hub, account.id, code or "")
    if hashed not in factor.recovery:
        return False
    left = replace(factor, recovery=tuple(each for each in factor.recovery if each != hashed))
    accounts.change(connection, account.id, totp_sealed=seal_factor(hub, account.id, left))
    return True


def seal_totp(hub: Hub, account_id: str, secret: str) -> bytes:
    """Seals the secret of an account's one-time codes, without recovery codes."""
    return seal_factor(hub, account_id, SecondFactor(secret))


def open_session(
    hub: Hub, connection: Connection, account: Account, channel: Channel, address: str | None, *, second_factor: bool
) -> tuple[str, Session]:
    """Opens a session of an account that has proved itself; returns its token."""
    now = hub.clock.now()
    token = secrets.token_urlsafe(32)
    ends = now + timedelta(hours=book().number("SESSION_HOURS"))
    csrf = secrets.token_urlsafe(24)
    hashed = token_hash(hub, token)
    stored = StoredSession(hashed, account.id, csrf, address, channel, second_factor, now, now, ends)
    accounts.add_session(connection, stored)
    accounts.change(connection, account.id, failed_tries=0, locked_until=None, last_login=now)
    return token, _session(account, stored)


def token_hash(hub: Hub, token: str) -> bytes:
    """Returns the keyed hash by which a session is known."""
    hashed = hub.crypto.keys().lookup_hashes([b"session:" + token.encode()])[0]
    return cast(bytes, hashed)


def _session(account: Account, stored: StoredSession) -> Session:
    actor = Actor(
        name=account.login,
        roles=cast("frozenset[Role]", account.roles),
        department=account.department_code,
        channel=cast(Channel, stored.channel),
        title=account.name,
        region=region_prefix(account.region_code),
        account=account.id,
        session=stored.token_hash.hex()[:12],
        address=stored.address,
    )
    proved = account.totp_sealed is not None or stored.second_factor
    needs_code = bool(account.roles & SECOND_FACTOR) and not proved
    return Session(actor, stored.csrf, account.must_change, needs_code, account.department_name)


def region_prefix(region: str | None) -> str:
    """Returns the prefix that all regions below share: 620400 reaches every code that begins with 6204.

    Codes of townships and villages (9 and 12 digits) are their own prefix: 620402100 must not reach 620402110.
    """
    if not region:
        return "-"
    if len(region) > 6:
        return region
    code = region.rstrip("0")
    return code + "0" * (len(code) % 2)


def _count_failure(
    hub: Hub, connection: Connection, account: Account | None, channel: Channel, address: str | None, reason: str
) -> None:
    # What was typed as a login name may be a password or a person's number: it is recorded only where it is an account.
    login = account.login if account else "?"
    who = Actor(login, frozenset(), account.department_code if account else None, channel, address=address)
    hub.wrong_sign_ins.count(address, hub.clock.now())
    if account is not None and reason in {"password", "code"}:
        count_wrong(hub, connection, account)
    facts = {"result": "denied", "error_code": "LOGIN", "detail": {"reason": reason}}
    record(connection, hub, who, "session.sign_in", login, **facts)


def count_wrong(hub: Hub, connection: Connection, account: Account) -> bool:
    """Counts a wrong password or code; says whether the account is locked now."""
    tries = account.failed_tries + 1
    locked = tries >= book().number("LOGIN_TRIES")
    until = hub.clock.now() + timedelta(minutes=book().number("LOCK_MINUTES")) if locked else None
    accounts.change(connection, account.id, failed_tries=0 if locked else tries, locked_until=until)
    return locked


def _denied(account: Account | None, now: datetime, reason: str | None) -> Denied:
    if account is not None and account.locked_until is not None and account.locked_until > now:
        return Denied("账号已锁定", "连续输错口令的账号会暂时锁定", "请稍后再试，或请部门管理员解锁", code="LOCKED")
    if reason == "no_role":
        return Denied("账号还没有授予角色", "授予角色后才能登录", "请联系部门管理员或安全管理员", code="LOGIN")
    return Denied("登录名、口令或动态码不对", "", "请核对后重试；连续输错五次将锁定半小时", code="LOGIN")


def resume(hub: Hub, token: str) -> Session | None:
    """Returns the session of a token, None when it ended, idled out, or its account was closed."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        stored = accounts.find_session(connection, token_hash(hub, token))
        account = accounts.find(connection, stored.account_id) if stored else None
        if stored is None or account is None:
            return None
        idle = timedelta(minutes=book().number("IDLE_MINUTES"))
        if not account.active or stored.ends_at <= now or stored.last_seen + idle <= now:
            accounts.end_session(connection, stored.token_hash)
            return None
        if now - stored.last_seen > timedelta(seconds=30):
            accounts.touch_session(connection, stored.token_hash, now)
    return _session(account, stored)


def sign_out(hub: Hub, token: str) -> None:
    """Ends a session."""
    with hub.transaction() as connection:
        accounts.end_session(connection, token_hash(hub, token))
