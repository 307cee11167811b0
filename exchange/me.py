"""Use-cases of a person's own account: what it is, a new password, one-time codes. Touches nobody else's account."""

import base64
import io
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import pyotp
import segno
from sqlalchemy import Connection

from catalog.stores import accounts
from catalog.stores.accounts import Account
from exchange.access import ROLE_NAMES, Actor
from exchange.audit import record, record_read, use_case
from exchange.credentials import (
    SecondFactor,
    hash_password,
    hash_recovery,
    new_recovery_codes,
    open_factor,
    password_fits,
    seal_factor,
    step_of,
)
from exchange.hub import Hub
from exchange.role_rules import ROLES
from exchange.sessions import SECOND_FACTOR, count_wrong
from schemas.errors import InputError, StateError

_SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's sessions."""

    channel: str
    address: str | None
    created_at: datetime
    last_seen: datetime
    here: bool


@dataclass(frozen=True, slots=True)
class Me:
    """A person's own account."""

    login: str
    name: str
    department_code: str
    department_name: str
    role_names: tuple[str, ...]
    roles: tuple[str, ...]
    single_sign_on: bool
    needs_code: bool
    has_code: bool
    recovery_left: int
    last_login: datetime | None
    password_changed_at: datetime | None
    sessions: tuple[OwnSession, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What an authenticator is set up with: the secret to type, or the same as a QR code (SVG)."""

    secret: str
    svg: bytes


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Recovery codes; shown once, each good for one log-in without the authenticator."""

    codes: tuple[str, ...]


@use_case("me.show")
def show_me(hub: Hub, actor: Actor) -> Me:
    """Shows the actor's own account and its sessions."""
    record_read(hub, actor, "me.show", actor.name)
    with hub.transaction() as connection:
        account = _own(connection, actor)
        sessions = accounts.list_sessions(connection, account.id)
    has_code = account.totp_sealed is not None
    roles = tuple(role for role in ROLES if role in account.roles)
    return Me(
        login=account.login,
        name=account.name,
        department_code=account.department_code,
        department_name=account.department_name,
        role_names=tuple(ROLE_NAMES[role] for role in roles),
        roles=roles,
        single_sign_on=account.password_hash is None,
        needs_code=bool(account.roles & SECOND_FACTOR),
        has_code=has_code,
        recovery_left=len(open_factor(hub, account).recovery) if has_code else 0,
        last_login=account.last_login,
        password_changed_at=account.password_changed_at,
        sessions=tuple(
            OwnSession(each.channel, each.address, each.created_at, each.last_seen,
                       each.token_hash.hex()[:12] == actor.session)
            for each in sessions
        ),
    )  # fmt: skip


def _own(connection: Connection, actor: Actor, *, locked: bool = False) -> Account:
    account = accounts.find_by_login(connection, actor.name, locked=locked) if actor.account else None
    if account is None:
        raise StateError("本机管理员没有账号", "只有登录门户的人员有账号", "请在门户登录", code="NO_ACCOUNT")
    return account


@use_case("me.password")
def change_password(hub: Hub, actor: Actor, old: str, new: str) -> Me:
    """Changes the own password and ends all other sessions; raises InputError when the old one is wrong."""
    with hub.transaction() as connection:
        account = _own(connection, actor, locked=True)
        right = _proves(hub, connection, account, old)
        if right:
            _refuse_password(account, old, new)
            facts = {"password_hash": hash_password(new), "must_change": False}
            accounts.change(connection, account.id, password_changed_at=hub.clock.now(), **facts)
            accounts.end_other_sessions(connection, account.id, actor.session)
        outcome = {} if right else {"result": "denied", "error_code": "PASSWORD_WRONG"}
        record(connection, hub, actor, "me.password", account.login, **outcome)
    if not right:
        raise _wrong_password()
    return show_me(hub, actor)


def _proves(hub: Hub, connection: Connection, account: Account, password: str) -> bool:
    """Checks the own password; wrong ones count as at the door, and the fifth ends every session."""
    if account.password_hash is None:
        raise StateError("该账号由统一身份认证登录，没有本地口令", "", "请在统一身份认证系统修改", code="NO_PASSWORD")
    if password_fits(account.password_hash, password):
        accounts.change(connection, account.id, failed_tries=0)
        return True
    if count_wrong(hub, connection, account):
        accounts.end_sessions(connection, account.id)
    return False


def _wrong_password() -> InputError:
    return InputError("原口令不对", "连续输错五次将锁定半小时", "请核对后重试", code="PASSWORD_WRONG")


def _refuse_password(account: Account, old: str, new: str) -> None:
    if new == old:
        raise InputError("新口令与原口令相同", "须换一个不同的口令", "请换一个口令", code="PASSWORD_SAME")
    if account.login.lower() in new.lower():
        raise InputError("口令中含有登录名", "口令不得含登录名", "请换一个口令", code="PASSWORD_WEAK")


@use_case("me.offer")
def offer_code(hub: Hub, actor: Actor) -> Offer:
    """Offers the secret of one-time codes; it counts only once a code made with it has been typed."""
    record_read(hub, actor, "me.offer", actor.name)
    with hub.transaction() as connection:
        account = _own(connection, actor)
    secret = _offered(hub, actor, account)
    address = pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name="Shuqiao")
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=4, border=4, light="#ffffff", title="QR")
    return Offer(secret, out.getvalue())


def _offered(hub: Hub, actor: Actor, account: Account) -> str:
    """Derives the secret that this session is offered: the page and its picture agree, and nothing is kept."""
    text = f"totp-offer:{account.id}:{actor.session}:{account.totp_counter}".encode()
    hashed = cast(bytes, hub.crypto.keys().lookup_hashes([text])[0])
    return base64.b32encode(hashed[:_SECRET_BYTES]).decode()


@use_case("me.code")
def enrol_code(hub: Hub, actor: Actor, code: str, password: str = "") -> RecoveryCodes:
    """Puts the offered one-time codes in force; replacing codes in use asks for the password. Ends other sessions."""
    recovery = new_recovery_codes()
    with hub.transaction() as connection:
        account = _own(connection, actor, locked=True)
        step = step_of(SecondFactor(_offered(hub, actor, account)), code, hub.clock.now(), account.totp_counter)
        replacing = account.totp_sealed is not None and account.password_hash is not None
        wrong = _wrong_code() if step is None else None
        if wrong is None and replacing and not _proves(hub, connection, account, password):
            wrong = _wrong_password()
        if wrong is None:
            hashed = tuple(hash_recovery(hub, account.id, each) for each in recovery)
            sealed = seal_factor(hub, account.id, SecondFactor(_offered(hub, actor, account), hashed))
            accounts.change(connection, account.id, totp_sealed=sealed, totp_counter=step)
            accounts.end_other_sessions(connection, account.id, actor.session)
        outcome = {"result": "denied", "error_code": wrong.code} if wrong else {}
        record(connection, hub, actor, "me.code", account.login, **outcome)
    if wrong is not None:
        raise wrong
    return RecoveryCodes(tuple(recovery))


def _wrong_code() -> InputError:
    return InputError("动态码不对", "6位数字，每30秒变化", "请核对手机时间，输入当前的动态码", code="CODE_WRONG")
