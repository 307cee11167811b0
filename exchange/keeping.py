"""Whether an account is the actor's to look after: finds it, or says why not. Changes nothing; a denial is recorded."""

from dataclasses import replace

from sqlalchemy import Connection

from catalog.stores import accounts
from catalog.stores.accounts import Account
from exchange.access import ROLE_NAMES, Actor, Role
from exchange.audit import record
from exchange.hub import Hub
from exchange.role_rules import ROLES, gives, keepers
from exchange.scope import reach_of
from schemas.errors import Denied, NotFound, StateError


def find_account(connection: Connection, login: str, *, locked: bool = False) -> Account:
    """Finds an account by login name; raises NotFound."""
    account = accounts.find_by_login(connection, login, locked=locked) if login.isprintable() else None
    if account is None:
        raise no_such_person()
    return account


def kept(hub: Hub, by: Actor, action: str, login: str, *, urgent: bool = False) -> Account:
    """Returns an open account that is the actor's to look after; raises Denied, after recording it."""
    with hub.transaction() as connection:
        account = find_account(connection, login)
        refused = keeping_refusal(connection, by, account, urgent=urgent)
        if refused is not None:
            record(connection, hub, by, action, account.login, result="denied", error_code=refused.code)
    if refused is not None:
        raise refused
    if not account.active:
        raise closed_account()
    return account


def keeping_refusal(connection: Connection, actor: Actor, account: Account, *, urgent: bool = False) -> Denied | None:
    """Says why an account is not the actor's to look after; None when it is."""
    if account.id == actor.account:
        return Denied("不能办理本人的账号", "本人可以在“我的账号”修改口令", "请由他人办理", code="SELF")
    able = actor.roles & keepers(account.roles, urgent=urgent)
    if not able:
        names = "、".join(ROLE_NAMES[role] for role in ROLES if role in keepers(account.roles, urgent=urgent))
        return Denied("该账号不归您管理", f"由{names}办理", "请联系其办理", code="KEEPER")
    return None if reaches(connection, actor, able, account.department_code) else out_of_reach()


def reaches(connection: Connection, actor: Actor, roles: frozenset[Role], department: str) -> bool:
    """Says whether some of the actor's roles reach a department, whatever its other roles reach."""
    return reach_of(connection, replace(actor, roles=roles)).covers(department)


def may_give(connection: Connection, actor: Actor, account: Account) -> tuple[Role, ...]:
    """Lists the roles that the actor may give to or take from an account: each by a role of its own that reaches it."""
    if account.id == actor.account or not account.active:
        return ()
    found: set[Role] = set()
    for role in actor.roles:
        if gives({role}) and reaches(connection, actor, frozenset({role}), account.department_code):
            found |= gives({role})
    return tuple(role for role in ROLES if role in found)


def no_such_person() -> NotFound:
    """Says that there is no such account within reach; what was typed may be personal and is not repeated."""
    return NotFound("没有这个人员", "只能查看本部门（及所辖乡镇街道）的人员", "请核对登录名", code="PERSON_UNKNOWN")


def closed_account() -> StateError:
    """Says that an account was closed."""
    return StateError("该账号已关闭", "关闭后的账号不再使用", "请为本人另开账号", code="ACCOUNT_CLOSED")


def out_of_reach() -> Denied:
    """Says that a department is another's."""
    return Denied(
        "该部门不在您的管理范围内", "只能办理本部门（及所辖乡镇街道）的人员", "请联系该部门的部门管理员", code="SCOPE"
    )


def not_given(missing: frozenset[Role]) -> Denied:
    """Says which roles the actor may not give."""
    names = "、".join(ROLE_NAMES[role] for role in ROLES if role in missing)
    return Denied(
        f"您不能授予或收回{names}",
        "部门角色由部门管理员授予，部门管理员由系统管理员授予，主管部门和三员角色由安全管理员授予",
        "请联系相应的管理员",
        code="ROLE_NOT_GIVEN",
    )
