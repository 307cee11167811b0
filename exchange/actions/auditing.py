"""Actions of the audit log. Reading it is the auditors' alone (三权分立): no other administrator sees who did what.

The machine's own user verifies, seals, anchors, exports and archives: each is recorded and none changes a record.
"""

from exchange.actions.roles import ADMINISTRATOR, Action, Role

_AUDITORS: frozenset[Role] = frozenset({"audit_admin"})
_KEEPERS: frozenset[Role] = ADMINISTRATOR | _AUDITORS
_SECURITY: frozenset[Role] = frozenset({"security_admin"})

ACTIONS: dict[str, Action] = {
    "audit.list": Action(_AUDITORS, "QUERY", "查看操作日志"),
    "audit.show": Action(_AUDITORS, "QUERY", "查看操作日志"),
    "audit.person": Action(_AUDITORS, "QUERY", "按主体查询操作日志"),
    "audit.statement": Action(_AUDITORS, "EXPORT", "出具查询记录证明"),
    "audit.statements": Action(_AUDITORS, "QUERY", "查看已出具的证明"),
    "audit.status": Action(_KEEPERS | _SECURITY, "QUERY", "查看日志封存情况"),
    "audit.verify": Action(_KEEPERS, "QUERY", "核验操作日志"),
    "audit.seal": Action(_KEEPERS, "CONFIG", "封存操作日志"),
    "audit.anchor": Action(ADMINISTRATOR | _SECURITY, "KEY_USE", "签署日志锚点"),
    "audit.nightly": Action(ADMINISTRATOR, "CONFIG", "封存操作日志并签署当日锚点"),
    "audit.export": Action(_KEEPERS, "EXPORT", "导出操作日志"),
    "audit.archive": Action(_KEEPERS, "EXPORT", "归档操作日志"),
    "audit.protect": Action(ADMINISTRATOR, "CONFIG", "分离操作日志的数据库权限"),
    "alert.list": Action(_AUDITORS | _SECURITY, "QUERY", "查看告警"),
    "alert.handle": Action(_AUDITORS | _SECURITY, "CONFIG", "处置告警"),
    "alert.find": Action(_KEEPERS | _SECURITY, "CONFIG", "检查告警"),
}
