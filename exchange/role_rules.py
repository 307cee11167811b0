"""Which roles one account may hold, and who gives them and looks after whom. Reads nothing, records nothing.

Roles are of three kinds: those of a department's own people, the department administrator, and roles of authority.
"""

from collections.abc import Collection, Iterable

from exchange.access import ROLE_NAMES, SEPARATED, Role
from schemas.errors import InputError

DEPARTMENT_ROLES: frozenset[Role] = frozenset({"editor", "dept_reviewer", "analyst", "window"})
AUTHORITY_ROLES: frozenset[Role] = SEPARATED | {"data_admin", "inspector"}
#: In the order in which forms and lists show them.
ROLES: tuple[Role, ...] = tuple(role for role in ROLE_NAMES if role != "administrator")

_GIVES: dict[Role, frozenset[Role]] = {
    "dept_admin": DEPARTMENT_ROLES,
    "system_admin": frozenset({"dept_admin"}),
    "security_admin": AUTHORITY_ROLES,
    "administrator": frozenset(ROLES),
}
#: A list opens the accounts of a whole city before there are department administrators who could.
_GIVES_BY_LIST = _GIVES | {"system_admin": DEPARTMENT_ROLES | {"dept_admin"}}


def gives(roles: Iterable[Role], *, by_list: bool = False) -> frozenset[Role]:
    """Returns the roles that the holder of some roles may give and take."""
    given = _GIVES_BY_LIST if by_list else _GIVES
    return frozenset().union(*(given.get(role, frozenset()) for role in roles))


def keepers(roles: Collection[str], *, urgent: bool = False) -> frozenset[Role]:
    """Returns who looks after an account with some roles; what is urgent the security administrator does for all."""
    if AUTHORITY_ROLES & set(roles):
        found: frozenset[Role] = frozenset({"security_admin"})
    elif "dept_admin" in roles or not roles:
        found = frozenset({"system_admin"})
    else:
        found = frozenset({"dept_admin"})
    return found | ({"administrator", "security_admin"} if urgent else {"administrator"})


def read_roles(names: Iterable[str]) -> frozenset[Role]:
    """Reads roles by their names in Chinese or in code; raises InputError naming those allowed."""
    by_name: dict[str, Role] = {ROLE_NAMES[role]: role for role in ROLES} | {role: role for role in ROLES}
    found = {name: by_name.get(name.strip()) for name in names if name.strip()}
    unknown = sum(role is None for role in found.values())
    if unknown:
        allowed = "、".join(ROLE_NAMES[role] for role in ROLES)
        raise InputError(f"有{unknown}个角色不认识", f"可用的角色：{allowed}", "请改正角色名称", code="ROLE")
    return frozenset(role for role in found.values() if role)


def require_compatible(roles: Collection[Role], *, of_authority: bool) -> None:
    """Raises InputError where one account would hold what must be held apart."""
    held = SEPARATED & set(roles)
    if held and len(set(roles)) > 1:
        names = "、".join(ROLE_NAMES[role] for role in ROLES if role in roles)
        raise InputError(
            f"一个账号不能同时担任{names}",
            "系统管理员、安全管理员、审计管理员相互分开，也不兼任业务角色（三员分立）",
            "请为另一角色另设人员和账号",
            code="ROLES_SEPARATED",
        )
    if "data_admin" in roles and not of_authority:
        raise InputError(
            "该部门不是政务数据共享主管部门",
            "数据管理员只能由政务数据共享主管部门的人员担任",
            "请核对部门，或先由系统管理员将其设为主管部门",
            code="ROLE_AUTHORITY",
        )
