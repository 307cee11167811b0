"""Actions of the directory's life, ways in and out, survey."""

from exchange.actions.roles import ADMINISTRATOR, ANYONE, DATA_ADMIN, EDITOR, Action, Role

_EDITOR_ALONE: frozenset[Role] = ADMINISTRATOR | {"editor"}
_REVIEWER: frozenset[Role] = ADMINISTRATOR | {"dept_reviewer"}
_BOTH: frozenset[Role] = _EDITOR_ALONE | _REVIEWER
_INVOLVED: frozenset[Role] = DATA_ADMIN | _BOTH | {"dept_admin", "inspector"}

ACTIONS: dict[str, Action] = {
    # The life of an entry (exchange/lifecycle_table.py says from which stage to which), reviews, tasks, duty events
    "entry.life": Action(ANYONE, "QUERY", "查看目录条目办理情况"),
    "entry.lineage": Action(ANYONE, "QUERY", "查看数据来龙去脉"),
    "entry.verify": Action(_INVOLVED | {"audit_admin"}, "QUERY", "核验目录条目办理记录"),
    "entry.submit": Action(_EDITOR_ALONE, "CONFIG", "提交目录条目审核"),
    "entry.withdraw": Action(_EDITOR_ALONE, "CONFIG", "撤回目录条目"),
    "entry.endorse": Action(_REVIEWER, "APPROVE", "部门审核目录条目"),
    "entry.return": Action(_REVIEWER, "REJECT", "部门退回目录条目"),
    "entry.approve": Action(DATA_ADMIN, "PUBLISH", "审核并发布目录条目"),
    "entry.send_back": Action(DATA_ADMIN, "REJECT", "主管部门退回目录条目"),
    "entry.reject": Action(DATA_ADMIN, "REJECT", "驳回目录条目"),
    "entry.abandon": Action(_EDITOR_ALONE, "CONFIG", "放弃目录条目变更"),
    "entry.delete": Action(_EDITOR_ALONE, "CONFIG", "删除目录条目"),
    "entry.request_revoke": Action(_BOTH, "CONFIG", "申请撤销目录条目"),
    "entry.approve_revoke": Action(DATA_ADMIN, "REVOKE", "同意撤销目录条目"),
    "entry.reject_revoke": Action(DATA_ADMIN, "REJECT", "不同意撤销目录条目"),
    "entry.resume": Action(_BOTH, "CONFIG", "继续提供目录条目"),
    "review.record": Action(_BOTH, "APPROVE", "登记报送前审查"),
    "review.scan": Action(_INVOLVED, "EXPORT", "查看签批件"),
    "duty.list": Action(_INVOLVED, "QUERY", "查看目录更新事件"),
    "duty.show": Action(_INVOLVED, "QUERY", "查看目录更新事件"),
    "duty.register": Action(DATA_ADMIN | _BOTH, "CONFIG", "登记目录更新事件"),
    "duty.extend": Action(_BOTH, "CONFIG", "申请目录更新延期"),
    "duty.decide": Action(DATA_ADMIN, "APPROVE", "审批目录更新延期"),
    "task.list": Action(ANYONE, "QUERY", "查看待办"),
    "task.done": Action(ANYONE, "CONFIG", "办结待办"),
}

# Ways in and out of a contract: the form, the directory workbook, ODCS files, the printable directory
ACTIONS |= {
    "entry.form": Action(EDITOR, "QUERY", "打开目录条目表单"),
    "entry.check": Action(EDITOR, "QUERY", "检查目录条目"),
    "entry.draft": Action(EDITOR, "CONFIG", "保存目录条目草稿"),
    "entry.import": Action(EDITOR, "CONFIG", "导入目录条目文件"),
    "entry.export": Action(ANYONE, "EXPORT", "导出目录条目"),
    "directory.import": Action(EDITOR, "CONFIG", "导入目录工作簿"),
    "directory.export": Action(ANYONE, "EXPORT", "导出目录"),
    "directory.print": Action(ANYONE, "EXPORT", "打印目录"),
}
