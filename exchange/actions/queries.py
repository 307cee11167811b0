"""Actions of analysts' queries: what may be asked, running, results, saved statements, exports and their approval."""

from exchange.actions.roles import Action, Role

#: A data administrator reads under a confirmed emergency opening alone.
_ASKERS: frozenset[Role] = frozenset({"analyst", "data_admin"})
_REVIEWERS: frozenset[Role] = frozenset({"dept_reviewer"})

ACTIONS: dict[str, Action] = {
    "query.tables": Action(_ASKERS, "QUERY", "查看可查询的数据集"),
    "query.run": Action(_ASKERS, "QUERY", "在线查询"),
    "query.show": Action(_ASKERS, "QUERY", "查看查询"),
    "query.page": Action(_ASKERS, "QUERY", "查看查询结果"),
    "query.cancel": Action(_ASKERS, "CONFIG", "取消查询"),
    "query.history": Action(_ASKERS, "QUERY", "查看查询记录"),
    "query.saved": Action(_ASKERS, "QUERY", "查看常用查询"),
    "query.save": Action(_ASKERS, "CONFIG", "保存常用查询"),
    "query.forget": Action(_ASKERS, "CONFIG", "删除常用查询"),
    "query.export": Action(_ASKERS, "EXPORT", "导出查询结果"),
    "query.fetch": Action(_ASKERS, "EXPORT", "领取导出文件"),
    "query.exports": Action(_ASKERS | _REVIEWERS, "QUERY", "查看导出申请"),
    "query.preview": Action(_ASKERS | _REVIEWERS, "QUERY", "查看导出申请"),
    "query.agree": Action(_REVIEWERS, "APPROVE", "同意导出"),
    "query.refuse": Action(_REVIEWERS, "REJECT", "不同意导出"),
}
