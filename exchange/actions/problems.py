"""Actions of problem data: open problems, orders, waivers."""

from exchange.actions.roles import ADMINISTRATOR, BUSINESS, DATA_ADMIN, OFFICE, Action, Role

#: Who answers for the rows of a department and sees them in clear.
ROW_OWNERS: frozenset[Role] = frozenset({"editor", "dept_reviewer"})

ACTIONS: dict[str, Action] = {
    "problem.list": Action(BUSINESS, "QUERY", "查看问题数据的数量"),
    "problem.rows": Action(DATA_ADMIN | ROW_OWNERS, "QUERY", "查看问题数据"),
    "problem.export": Action(DATA_ADMIN | ROW_OWNERS, "EXPORT", "下载问题数据"),
    "sync.compare": Action(OFFICE | {"inspector"}, "QUERY", "比对暂缓发布的批次"),
    "order.list": Action(OFFICE | {"inspector"}, "QUERY", "查看整改单"),
    "order.show": Action(OFFICE | {"inspector"}, "QUERY", "查看整改单"),
    "order.send": Action(DATA_ADMIN, "CONFIG", "下发整改单"),
    "order.answer": Action(ADMINISTRATOR | ROW_OWNERS, "CONFIG", "答复整改单"),
    "order.close": Action(DATA_ADMIN, "APPROVE", "办结整改单"),
    "waiver.list": Action(OFFICE, "QUERY", "查看豁免"),
    "waiver.propose": Action(ADMINISTRATOR | ROW_OWNERS, "CONFIG", "提出豁免"),
    "waiver.decide": Action(DATA_ADMIN, "APPROVE", "审定豁免"),
}
