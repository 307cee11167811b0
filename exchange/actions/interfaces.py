"""Actions of interface resources. Only the machine's administrator allows plain http or an address of this machine."""

from exchange.actions.roles import ADMINISTRATOR, DATA_ADMIN, EDITOR, OFFICE, PROVIDER, Action, Role

_CALLERS: frozenset[Role] = frozenset({"analyst", "window"})
_KEEPERS: frozenset[Role] = EDITOR | PROVIDER

ACTIONS: dict[str, Action] = {
    "interface.list": Action(OFFICE | {"inspector"}, "QUERY", "查看接口"),
    "interface.show": Action(OFFICE | {"inspector"}, "QUERY", "查看接口"),
    "interface.check": Action(EDITOR, "QUERY", "检查接口描述"),
    "interface.choices": Action(EDITOR, "QUERY", "选择接口操作"),
    "interface.describe": Action(EDITOR, "CONFIG", "登记接口描述"),
    "interface.map": Action(EDITOR, "CONFIG", "登记接口映射"),
    "interface.connect": Action(EDITOR, "CONFIG", "登记接口地址和密钥"),
    "interface.allow": Action(ADMINISTRATOR, "CONFIG", "许可接口的本机地址或 http"),
    "interface.limit": Action(EDITOR, "CONFIG", "设置接口限额"),
    "interface.sample": Action(EDITOR, "CONFIG", "登记接口的测试参数"),
    "interface.test": Action(_KEEPERS, "DAG_RUN", "测试接口"),
    "interface.test_due": Action(DATA_ADMIN, "DAG_RUN", "按计划测试接口"),
    "interface.submit": Action(_KEEPERS, "CONFIG", "提交接口审核"),
    "interface.decide": Action(DATA_ADMIN, "APPROVE", "审核接口"),
    "interface.suspend": Action(_KEEPERS, "REVOKE", "暂停接口"),
    "interface.resume": Action(_KEEPERS, "CONFIG", "恢复接口"),
    "interface.close": Action(EDITOR, "REVOKE", "关闭接口"),
    "interface.call": Action(_CALLERS, "API_CALL", "调用接口"),
}
