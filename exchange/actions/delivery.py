"""Actions of delivery: subscriptions, batches, receipts."""

from exchange.actions.roles import ADMINISTRATOR, ANYONE, DATA_ADMIN, OFFICE, Action, Role

_MANAGERS: frozenset[Role] = DATA_ADMIN | {"dept_admin"}

ACTIONS: dict[str, Action] = {
    "delivery.subscribe": Action(_MANAGERS, "CONFIG", "登记订阅"),
    "delivery.list": Action(OFFICE | {"inspector"}, "QUERY", "查看订阅"),
    "delivery.show": Action(OFFICE | {"inspector"}, "QUERY", "查看订阅"),
    "delivery.place": Action(_MANAGERS, "CONFIG", "更改送达地址"),
    "delivery.pause": Action(_MANAGERS, "CONFIG", "暂停订阅"),
    "delivery.resume": Action(_MANAGERS, "CONFIG", "恢复订阅"),
    "delivery.close": Action(_MANAGERS, "CONFIG", "终止订阅"),
    "delivery.resend": Action(_MANAGERS, "CONFIG", "申请全量重送"),
    "delivery.receipt": Action(_MANAGERS, "CONFIG", "提交回执"),
    "delivery.keys": Action(ANYONE, "QUERY", "查看签名公钥"),
    "delivery.prepare": Action(ADMINISTRATOR, "DAG_RUN", "准备批次"),
    "delivery.send": Action(ADMINISTRATOR, "EXPORT", "送达批次"),
    "delivery.confirm": Action(ADMINISTRATOR, "DAG_RUN", "核对回执"),
    "delivery.run": Action(DATA_ADMIN, "DAG_RUN", "立即送达"),
}
