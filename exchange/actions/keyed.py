"""Actions of operations by key: machine clients, calls, intake numbers, slips, batches."""

from exchange.actions.roles import ANYONE, Action, Role

_DESK: frozenset[Role] = frozenset({"window"})
_USER: frozenset[Role] = frozenset({"window", "analyst"})
_HEAD: frozenset[Role] = frozenset({"dept_admin"})
_AUTHORITY: frozenset[Role] = frozenset({"data_admin"})
_GUARDS: frozenset[Role] = frozenset({"data_admin", "security_admin"})
_SEEING: frozenset[Role] = _HEAD | _GUARDS | {"audit_admin", "inspector"}

ACTIONS: dict[str, Action] = {
    # The five operations
    # A data administrator reads under a confirmed emergency opening alone.
    "keyed.fetch": Action(_DESK | _AUTHORITY, "API_CALL", "按号码调用"),
    "keyed.reuse": Action(_DESK, "API_CALL", "按号码复用"),
    "keyed.verify": Action(_DESK, "API_CALL", "按号码核对"),
    "keyed.compare": Action(_USER, "API_CALL", "按号码比对"),
    "keyed.subscribe": Action(_USER, "API_CALL", "按号码订阅"),
    "keyed.unsubscribe": Action(_USER, "API_CALL", "取消按号码订阅"),
    "keyed.granted": Action(_USER, "QUERY", "查看可按号码使用的数据"),
    # Intake numbers
    "intake.list": Action(_DESK | _HEAD | _AUTHORITY | {"audit_admin", "inspector"}, "QUERY", "查看预受理号"),
    "intake.bind": Action(_DESK, "CONFIG", "绑定预受理号"),
    # Machine clients
    "client.list": Action(_SEEING, "QUERY", "查看机器客户端"),
    "client.show": Action(_SEEING, "QUERY", "查看机器客户端"),
    "client.open": Action(_HEAD, "CONFIG", "开通机器客户端"),
    "client.change": Action(_HEAD, "CONFIG", "调整机器客户端"),
    "client.consent": Action(_AUTHORITY, "GRANT", "同意机器客户端"),
    "client.refuse": Action(_AUTHORITY, "REJECT", "不同意机器客户端"),
    "client.freeze": Action(_HEAD | _GUARDS, "REVOKE", "冻结机器客户端"),
    "client.unfreeze": Action(_GUARDS, "GRANT", "解除机器客户端的冻结"),
    "client.close": Action(_HEAD | _AUTHORITY, "REVOKE", "注销机器客户端"),
    "client.secret": Action(_HEAD, "KEY_USE", "生成客户端密钥"),
    "client.revoke_secret": Action(_HEAD | _GUARDS, "REVOKE", "作废客户端密钥"),
    "client.token": Action(_DESK, "LOGIN", "取得调用令牌"),
}
ACTIONS |= {
    "batch.run": Action(_USER, "API_CALL", "批量核验"),
    "batch.between": Action(_USER, "API_CALL", "两个数据集间比对"),
    "batch.list": Action(_USER, "QUERY", "查看批量核验"),
    "batch.result": Action(_USER, "QUERY", "下载批量核验结果"),
    "slip.make": Action(_DESK, "EXPORT", "出具核验凭证"),
    "slip.reprint": Action(_DESK, "EXPORT", "重新打印核验凭证"),
    "slip.list": Action(_DESK | _HEAD, "QUERY", "查看核验凭证"),
    "slip.confirm": Action(ANYONE, "QUERY", "验证核验凭证"),
}
