"""The account of a person whom the single sign-on has proved: found, joined or opened. Reads no token."""

import uuid
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from catalog.stores import accounts, departments
from catalog.stores.accounts import Account
from exchange.access import Actor
from exchange.audit import record
from exchange.hub import Hub
from exchange.people import NewPerson, cleaned
from exchange.role_rules import DEPARTMENT_ROLES
from exchange.sessions import SECOND_FACTOR, Session, open_session
from schemas.errors import Denied, InputError

#: What an issuer may give; roles of authority come from the security administrator alone.
_GIVEN = DEPARTMENT_ROLES | {"dept_admin"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the issuer has proved, with its department and roles."""

    issuer: str
    subject: str
    login: str
    name: str
    department: str
    roles: frozenset[str]
    second_factor: bool


def sign_on(hub: Hub, identity: Identity, address: str | None) -> tuple[str, Session]:
    """Opens a session for a proved identity; raises Denied saying what is missing."""
    with hub.transaction() as connection:
        account, refused = _account(hub, connection, identity)
        if account is not None and refused is None:
            second = identity.second_factor
            token, session = open_session(hub, connection, account, "portal", address, second_factor=second)
            detail = {"way": "oidc", "roles": sorted(account.roles)}
            record(connection, hub, session.actor, "session.sign_in", account.login, detail=detail)
            return token, session
        login = account.login if account else "?"
        who = Actor(login, frozenset(), account.department_code if account else None, "portal", address=address)
        facts = {"result": "denied", "error_code": "LOGIN", "detail": {"way": "oidc"}}
        record(connection, hub, who, "session.sign_in", login, **facts)
    raise refused or _denied("没有对应的账号", "请联系部门管理员开通")


def _account(hub: Hub, connection: Connection, identity: Identity) -> tuple[Account | None, Denied | None]:
    known = accounts.find_by_subject(connection, identity.issuer, identity.subject)
    if known is None:
        known, refused = _joined_or_opened(hub, connection, identity)
        if refused is not None:
            return known, refused
    assert known is not None  # noqa: S101 - found, joined or opened
    if not known.active:
        return known, _denied("账号已关闭", "请联系部门管理员")
    if identity.department and identity.department != known.department_code:
        return known, _denied("统一身份认证中的部门与账号不一致", "请先由原部门办理调离，再由新部门开通账号")
    known = _with_roles(connection, known, identity)
    if not known.roles:
        return known, _denied("账号还没有授予角色", "请联系部门管理员或安全管理员")
    if SECOND_FACTOR & known.roles and not identity.second_factor:
        return known, _denied("该账号须用多因素认证登录", "请在统一身份认证中启用第二因素，或用口令加动态码登录")
    return known, None


def _joined_or_opened(hub: Hub, connection: Connection, identity: Identity) -> tuple[Account | None, Denied | None]:
    """Joins an account that was opened for single sign-on, or opens one for a known department's person."""
    try:
        person = cleaned(NewPerson(identity.login, identity.name, identity.department))
    except InputError:
        return None, _denied("统一身份认证没有给出可用的登录名和姓名", "请联系统一身份认证的管理员")
    taken = accounts.find_by_login(connection, person.login, locked=True)
    if taken is None:
        return _opened(hub, connection, identity, person)
    if taken.password_hash is not None or taken.subject is not None:
        return None, _denied("该登录名已由另一账号使用", "请用口令登录，或联系部门管理员")
    if taken.department_code != person.department_code:
        return None, _denied("统一身份认证中的部门与账号不一致", "请联系部门管理员")
    accounts.change(connection, taken.id, issuer=identity.issuer, subject=identity.subject)
    return accounts.find(connection, taken.id), None


def _opened(
    hub: Hub, connection: Connection, identity: Identity, person: NewPerson
) -> tuple[Account | None, Denied | None]:
    department = departments.find(connection, person.department_code) if person.department_code.isalnum() else None
    if department is None or not department.active:
        return None, _denied("统一身份认证给出的部门没有登记", "请联系系统管理员登记部门")
    if not identity.roles & _GIVEN:
        return None, _denied("账号还没有授予角色", "请联系部门管理员开通")
    values = {
        "id": uuid.uuid4().hex,
        "login": person.login,
        "name": person.name,
        "department_code": department.code,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "created_by": "统一身份认证",
        "created_at": hub.clock.now(),
    }
    accounts.add(connection, values, identity.roles & _GIVEN)
    return accounts.find(connection, str(values["id"])), None


def _with_roles(connection: Connection, account: Account, identity: Identity) -> Account:
    """Takes over the department roles that the issuer names; an issuer that names none leaves them as they are."""
    own = account.roles - _GIVEN
    if not identity.roles or own & {"system_admin", "security_admin", "audit_admin"}:
        return account
    roles = own | (identity.roles & _GIVEN)
    if roles != account.roles:
        accounts.set_roles(connection, account.id, roles)
    return replace(account, roles=roles)


def _denied(got: str, next_step: str) -> Denied:
    return Denied(got, "", next_step, code="LOGIN")
