"""Use-cases of people (人员): accounts are opened, given roles, unlocked, closed. Signing in is exchange/sessions.py.

Department administrators look after their department's people and those of the townships under it, the system
administrator after department administrators, the security administrator after roles of authority.
"""

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from catalog.stores import accounts, departments
from catalog.stores.accounts import Account
from exchange.access import ROLE_NAMES, Actor, Role, allowed
from exchange.audit import record, use_case
from exchange.credentials import first_password, hash_first_password
from exchange.hub import Hub
from exchange.keeping import (
    closed_account,
    find_account,
    keeping_refusal,
    kept,
    may_give,
    no_such_person,
    not_given,
    out_of_reach,
    reaches,
)
from exchange.role_rules import DEPARTMENT_ROLES, ROLES, gives, read_roles, require_compatible
from exchange.scope import reach_of
from schemas.errors import Denied, InputError, StateError

_OPENERS: frozenset[Role] = frozenset({"dept_admin", "system_admin", "administrator"})
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{2,31}")


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person with an account."""

    login: str
    name: str
    department_code: str
    department_name: str
    region_code: str | None
    roles: tuple[str, ...]
    role_names: tuple[str, ...]
    state: str
    must_change: bool
    has_code: bool
    single_sign_on: bool
    last_login: datetime | None
    created_by: str
    created_at: datetime
    left_at: datetime | None
    open_tasks: int = 0
    colleagues: tuple[tuple[str, str], ...] = ()
    may: tuple[str, ...] = ()
    may_give: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What an account is opened with; no password is made for one that signs in over single sign-on only."""

    login: str
    name: str
    department_code: str
    roles: tuple[str, ...] = ()
    single_sign_on: bool = False


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A first password; shown once and kept nowhere in clear."""

    login: str
    name: str
    department_name: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """An account that was closed, and how many tasks went to whom."""

    login: str
    tasks: int
    successor: str | None


@use_case("person.list")
def list_people(hub: Hub, actor: Actor) -> list[PersonView]:
    """Lists the people within reach."""
    with hub.transaction() as connection:
        found = [view_of(hub, each) for each in accounts.list_of(connection, reach_of(connection, actor).codes)]
        record(connection, hub, actor, "person.list", None, row_count=len(found))
    return found


@use_case("person.show")
def show_person(hub: Hub, actor: Actor, login: str) -> PersonView:
    """Shows a person, what the reader may do for it, and the colleagues who could take over its tasks."""
    with hub.transaction() as connection:
        account = find_account(connection, login)
        if not reach_of(connection, actor).covers(account.department_code):
            raise no_such_person()
        record(connection, hub, actor, "person.show", account.login)
        same = accounts.list_of(connection, [account.department_code])
        return replace(
            view_of(hub, account),
            open_tasks=accounts.open_tasks(connection, account.id),
            colleagues=tuple((each.login, each.name) for each in same if each.active and each.id != account.id),
            may=_acts(connection, actor, account),
            may_give=may_give(connection, actor, account),
        )


def _acts(connection: Connection, actor: Actor, account: Account) -> tuple[str, ...]:
    """Lists what the actor may do for an account."""
    if not account.active:
        return ()
    return tuple(
        act
        for act in ("change", "close", "unlock", "password", "code")
        if allowed(actor, f"person.{act}")
        and keeping_refusal(connection, actor, account, urgent=act in _URGENT) is None
    )


_URGENT = frozenset({"close", "unlock"})


def view_of(hub: Hub, account: Account) -> PersonView:
    """Makes the view of an account."""
    locked = account.locked_until is not None and account.locked_until > hub.clock.now()
    state = "已关闭" if not account.active else "已锁定" if locked else "启用" if account.roles else "待授权"
    roles = tuple(role for role in ROLES if role in account.roles)
    return PersonView(
        login=account.login,
        name=account.name,
        department_code=account.department_code,
        department_name=account.department_name,
        region_code=account.region_code,
        roles=roles,
        role_names=tuple(ROLE_NAMES[role] for role in roles),
        state=state,
        must_change=account.must_change,
        has_code=account.totp_sealed is not None,
        single_sign_on=account.password_hash is None,
        last_login=account.last_login,
        created_by=account.created_by,
        created_at=account.created_at,
        left_at=account.left_at,
    )


@use_case("person.open")
def open_account(hub: Hub, actor: Actor, person: NewPerson) -> FirstPassword:
    """Opens an account with a first password, which is told once; roles of authority come from the security admin."""
    person = cleaned(person)
    with hub.transaction() as connection:
        refused = opening_refusal(connection, actor, person)
        if refused is not None:
            record(connection, hub, actor, "person.open", None, result="denied", error_code=refused.code)
        else:
            opened = add_account(hub, connection, actor.name, person)
            detail = {"department": person.department_code, "roles": list(person.roles)}
            record(connection, hub, actor, "person.open", person.login, detail=detail)
    if refused is not None:
        raise refused
    return opened


def cleaned(person: NewPerson) -> NewPerson:
    """Returns what an account is opened with, blanks removed and roles by their code; raises InputError."""
    login, name, code = person.login.strip(), person.name.strip(), person.department_code.strip().upper()
    if not _LOGIN.fullmatch(login):
        raise InputError(
            "登录名不可用",
            "以小写字母开头，3至32个小写字母、数字、点、横线；不得使用公民身份号码或手机号码",
            "请改正登录名",
            code="LOGIN_NAME",
        )
    roles = tuple(sorted(read_roles(person.roles)))
    return NewPerson(login, _checked_name(name), code, roles, person.single_sign_on)


def _checked_name(name: str) -> str:
    if not 1 < len(name) <= 50 or not name.isprintable() or any(letter.isdigit() for letter in name):
        raise InputError("姓名不可用", "2至50个字，不含数字", "请填写真实姓名", code="PERSON_NAME")
    return name


def opening_refusal(connection: Connection, actor: Actor, person: NewPerson, *, by_list: bool = False) -> Denied | None:
    """Says why the actor may not open an account: the department is out of reach, or a role is not its to give."""
    openers = actor.roles & _OPENERS
    able = frozenset(role for role in openers if reaches(connection, actor, frozenset({role}), person.department_code))
    if not able:
        return out_of_reach()
    missing = read_roles(person.roles) - gives(able, by_list=by_list)
    if missing:
        return not_given(missing)
    if not person.roles and able == {"dept_admin"}:
        return Denied("没有选择角色", "部门账号至少有一个角色", "请选择角色", code="ROLE_MISSING")
    return None


def add_account(hub: Hub, connection: Connection, by: str, person: NewPerson) -> FirstPassword:
    """Records a checked person's account in the transaction of its act; raises InputError for what cannot be."""
    known = person.department_code.isalnum()
    department = departments.find(connection, person.department_code) if known else None
    if department is None or not department.active:
        raise InputError("没有这个部门，或部门已停用", "", "请先登记部门", code="DEPARTMENT_UNKNOWN")
    require_compatible(read_roles(person.roles), of_authority=department.is_authority)
    password = None if person.single_sign_on else first_password()
    values = {
        "id": uuid.uuid4().hex,
        "login": person.login,
        "name": person.name,
        "department_code": person.department_code,
        "password_hash": hash_first_password(password) if password else None,
        "must_change": password is not None,
        "created_by": by,
        "created_at": hub.clock.now(),
    }
    if not accounts.add(connection, values, person.roles):
        raise InputError(f"登录名 {person.login} 已有人使用", "登录名全平台唯一，关闭后也不再使用", "请换一个登录名",
                         code="LOGIN_TAKEN")  # fmt: skip
    return FirstPassword(person.login, person.name, department.name, password)


@use_case("person.change")
def change_person(hub: Hub, actor: Actor, login: str, name: str) -> PersonView:
    """Changes a person's name."""
    account = kept(hub, actor, "person.change", login)
    with hub.transaction() as connection:
        accounts.change(connection, account.id, name=_checked_name(name.strip()))
        record(connection, hub, actor, "person.change", account.login)
        return view_of(hub, find_account(connection, login))


@use_case("person.roles")
def set_roles(hub: Hub, actor: Actor, login: str, roles: list[str]) -> PersonView:
    """Gives and takes roles that are the actor's to give; ends the person's sessions. Nobody changes the own ones."""
    chosen = read_roles(roles)
    with hub.transaction() as connection:
        account = find_account(connection, login, locked=True)
        refused = _role_refusal(connection, actor, account, chosen)
        if refused is not None:
            record(connection, hub, actor, "person.roles", account.login, result="denied", error_code=refused.code)
        else:
            department = departments.find(connection, account.department_code)
            require_compatible(chosen, of_authority=department is not None and department.is_authority)
            accounts.set_roles(connection, account.id, chosen)
            accounts.end_sessions(connection, account.id)
            detail = {"roles": sorted(chosen), "before": sorted(account.roles)}
            record(connection, hub, actor, "person.roles", account.login, detail=detail)
    if refused is not None:
        raise refused
    with hub.transaction() as connection:
        return view_of(hub, find_account(connection, login))


def _role_refusal(
    connection: Connection, actor: Actor, account: Account, chosen: frozenset[Role]
) -> Denied | StateError | None:
    if account.id == actor.account:
        return Denied("不能改变本人的角色", "角色由他人授予", "请联系安全管理员", code="SELF")
    if not account.active:
        return closed_account()
    given = frozenset(may_give(connection, actor, account))
    if not given:
        return out_of_reach()
    missing = (chosen ^ cast("frozenset[Role]", account.roles)) - given
    if missing:
        return not_given(missing)
    if not chosen and given == DEPARTMENT_ROLES:
        return Denied("没有选择角色", "部门账号至少有一个角色", "不再使用的账号请关闭", code="ROLE_MISSING")
    return None


@use_case("person.close")
def close_account(hub: Hub, actor: Actor, login: str, reason: str, successor: str = "") -> Closed:
    """Closes the account of a person who leaves (调离): open tasks go to a colleague, sessions end."""
    account = kept(hub, actor, "person.close", login, urgent=True)
    if not reason.strip():
        raise InputError("没有写明原因", "关闭账号须写明原因，如调离、退休", "请写明原因", code="REASON")
    with hub.transaction() as connection:
        account = find_account(connection, login, locked=True)
        moved = _hand_over(connection, account, successor)
        accounts.change(connection, account.id, active=False, left_at=hub.clock.now(), totp_sealed=None)
        accounts.end_sessions(connection, account.id)
        detail = {"reason": reason.strip()[:200], "tasks": moved, "successor": successor or None}
        record(connection, hub, actor, "person.close", account.login, detail=detail)
    return Closed(account.login, moved, successor or None)


def _hand_over(connection: Connection, account: Account, successor: str) -> int:
    waiting = accounts.open_tasks(connection, account.id)
    if not successor:
        if waiting:
            raise StateError(
                f"{account.name}还有{waiting}件待办", "调离人员的待办须移交本部门同事", "请选择接手人", code="HANDOVER"
            )
        return 0
    to = accounts.find_by_login(connection, successor, locked=True) if successor.isprintable() else None
    if to is None or not to.active or to.id == account.id or to.department_code != account.department_code:
        raise InputError("接手人不可用", "接手人须是同一部门的在用账号", "请另选接手人", code="SUCCESSOR")
    return accounts.hand_over(connection, account.id, to.id)


@use_case("person.unlock")
def unlock_account(hub: Hub, actor: Actor, login: str) -> PersonView:
    """Unlocks an account that wrong passwords have locked."""
    account = kept(hub, actor, "person.unlock", login, urgent=True)
    with hub.transaction() as connection:
        accounts.change(connection, account.id, failed_tries=0, locked_until=None)
        record(connection, hub, actor, "person.unlock", account.login)
        return view_of(hub, find_account(connection, login))


@use_case("person.password")
def reset_password(hub: Hub, actor: Actor, login: str) -> FirstPassword:
    """Makes a new first password, told once; the old one and all sessions end."""
    account = kept(hub, actor, "person.password", login)
    if account.password_hash is None:
        raise StateError("该账号由统一身份认证登录，没有本地口令", "", "请在统一身份认证系统办理", code="NO_PASSWORD")
    password = first_password()
    facts = {
        "password_hash": hash_first_password(password),
        "must_change": True,
        "failed_tries": 0,
        "locked_until": None,
    }
    with hub.transaction() as connection:
        accounts.change(connection, account.id, **facts)
        accounts.end_sessions(connection, account.id)
        record(connection, hub, actor, "person.password", account.login)
    return FirstPassword(account.login, account.name, account.department_name, password)


@use_case("person.code")
def reset_code(hub: Hub, actor: Actor, login: str) -> PersonView:
    """Takes away a lost one-time code; the next log-in enrols a new one."""
    account = kept(hub, actor, "person.code", login)
    with hub.transaction() as connection:
        accounts.change(connection, account.id, totp_sealed=None)
        accounts.end_sessions(connection, account.id)
        record(connection, hub, actor, "person.code", account.login)
        return view_of(hub, find_account(connection, login))
