"""Roles, groups of roles, and what an action is. Which actions there are say the modules beside it."""

from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "administrator",
    "dept_admin",
    "editor",
    "dept_reviewer",
    "data_admin",
    "analyst",
    "window",
    "inspector",
    "system_admin",
    "security_admin",
    "audit_admin",
]

ROLE_NAMES: dict[Role, str] = {
    "administrator": "本机管理员",
    "dept_admin": "部门管理员",
    "editor": "目录编制员",
    "dept_reviewer": "部门审核员",
    "data_admin": "数据管理员",
    "analyst": "分析人员",
    "window": "窗口人员",
    "inspector": "督查员",
    "system_admin": "系统管理员",
    "security_admin": "安全管理员",
    "audit_admin": "审计管理员",
}
#: The three separated administrators (三员): no account holds two of them, or one and a business role.
SEPARATED: frozenset[Role] = frozenset({"system_admin", "security_admin", "audit_admin"})


@dataclass(frozen=True, slots=True)
class Action:
    """An action: who may do it, its word in the audit log, its name for messages."""

    roles: frozenset[Role]
    event: str
    title: str


ADMINISTRATOR: frozenset[Role] = frozenset({"administrator"})
DATA_ADMIN: frozenset[Role] = ADMINISTRATOR | {"data_admin"}
EDITOR: frozenset[Role] = DATA_ADMIN | {"editor"}
PROVIDER: frozenset[Role] = frozenset({"editor", "dept_reviewer", "dept_admin"})
OFFICE: frozenset[Role] = DATA_ADMIN | PROVIDER
ANYONE: frozenset[Role] = frozenset(ROLE_NAMES)
BUSINESS: frozenset[Role] = ANYONE - SEPARATED
