"""Actions of people, departments and sessions."""

from exchange.actions.roles import ADMINISTRATOR, ANYONE, SEPARATED, Action, Role

_OFFICES: frozenset[Role] = ADMINISTRATOR | {"system_admin"}
_OPENERS: frozenset[Role] = ADMINISTRATOR | {"dept_admin", "system_admin"}
_HEADS: frozenset[Role] = _OPENERS | {"security_admin"}
_SEEING: frozenset[Role] = _HEADS | SEPARATED | {"data_admin"}
_READING: frozenset[Role] = _SEEING | {"inspector"}

ACTIONS: dict[str, Action] = {
    "session.sign_in": Action(ANYONE, "LOGIN", "登录"),
    "me.show": Action(ANYONE, "QUERY", "查看本人账号"),
    "me.password": Action(ANYONE, "CONFIG", "修改口令"),
    "me.offer": Action(ANYONE, "QUERY", "查看动态码二维码"),
    "me.code": Action(ANYONE, "CONFIG", "启用动态码"),
    "person.list": Action(_SEEING, "QUERY", "查看人员"),
    "person.show": Action(_SEEING, "QUERY", "查看人员"),
    "person.open": Action(_OPENERS, "GRANT", "开通账号"),
    "person.change": Action(_HEADS, "CONFIG", "修改人员信息"),
    "person.roles": Action(_HEADS, "GRANT", "授予角色"),
    "person.close": Action(_HEADS, "REVOKE", "关闭账号"),
    "person.unlock": Action(_HEADS, "CONFIG", "解锁账号"),
    "person.password": Action(_HEADS, "CONFIG", "重置口令"),
    "person.code": Action(_HEADS, "CONFIG", "重置动态码"),
    "person.import": Action(_OPENERS, "GRANT", "导入部门与人员"),
    "department.list": Action(_READING, "QUERY", "查看部门"),
    "department.show": Action(_READING, "QUERY", "查看部门"),
    "department.open": Action(_OFFICES, "CONFIG", "登记部门"),
    "department.change": Action(_OFFICES, "CONFIG", "修改部门"),
    "department.close": Action(_OFFICES, "REVOKE", "停用部门"),
    "region.list": Action(_READING, "QUERY", "查看行政区划"),
    "region.set": Action(_OFFICES, "CONFIG", "登记行政区划"),
}
