"""Actions of sharing: requests, grants, freezes, recalls, openings. The machine's administrator decides none."""

from exchange.actions.roles import ADMINISTRATOR, Action, Role

_DRAFTER: frozenset[Role] = frozenset({"analyst", "editor"})
_REVIEWER: frozenset[Role] = frozenset({"dept_reviewer"})
_EDITOR: frozenset[Role] = frozenset({"editor"})
_AUTHORITY: frozenset[Role] = frozenset({"data_admin"})
_INVOLVED: frozenset[Role] = _DRAFTER | _REVIEWER | _AUTHORITY | {"dept_admin", "inspector", "audit_admin"}
_HOLDERS: frozenset[Role] = _INVOLVED | {"window", "security_admin"}
_FREEZERS: frozenset[Role] = frozenset({"data_admin", "security_admin"})

ACTIONS: dict[str, Action] = {
    # The life of a request (exchange/sharing/table.py says from which stage to which)
    "share.list": Action(_INVOLVED, "QUERY", "查看共享申请"),
    "share.show": Action(_INVOLVED, "QUERY", "查看共享申请"),
    "share.inbox": Action(_INVOLVED, "QUERY", "查看待办理的共享申请"),
    "share.overdue": Action(_INVOLVED, "QUERY", "查看逾期的共享申请"),
    "share.file": Action(_INVOLVED, "EXPORT", "查看共享申请的附件"),
    "share.attach": Action(_DRAFTER, "CONFIG", "上传共享申请的附件"),
    "share.form": Action(_DRAFTER, "QUERY", "打开共享申请表单"),
    "share.check": Action(_DRAFTER, "QUERY", "检查共享申请"),
    "share.draft": Action(_DRAFTER, "CONFIG", "编制共享申请"),
    "share.edit": Action(_DRAFTER, "CONFIG", "修改共享申请"),
    "share.submit": Action(_DRAFTER, "CONFIG", "提交共享申请"),
    "share.take_back": Action(_DRAFTER, "CONFIG", "撤回修改共享申请"),
    "share.hand_back": Action(_REVIEWER, "REJECT", "部门退回共享申请"),
    "share.send": Action(_REVIEWER, "CONFIG", "部门审核并发送共享申请"),
    "share.withdraw": Action(_DRAFTER | _REVIEWER, "CONFIG", "撤回共享申请"),
    "share.resubmit": Action(_REVIEWER, "CONFIG", "重新发送共享申请"),
    "share.confirm": Action(_AUTHORITY, "APPROVE", "必要性审核"),
    "share.pass_on": Action(_AUTHORITY, "APPROVE", "合规审核"),
    "share.return_by_authority": Action(_AUTHORITY, "REJECT", "主管部门退回补正"),
    "share.refuse_by_authority": Action(_AUTHORITY, "REJECT", "主管部门不同意共享申请"),
    "share.recommend": Action(_EDITOR, "APPROVE", "初审共享申请"),
    "share.approve": Action(_REVIEWER, "APPROVE", "同意共享申请"),
    "share.return_by_provider": Action(_EDITOR | _REVIEWER, "REJECT", "提供部门退回补正"),
    "share.refuse": Action(_REVIEWER, "REJECT", "不同意共享申请"),
    "share.ask_extension": Action(_EDITOR | _REVIEWER, "CONFIG", "申请答复延期"),
    "share.allow_extension": Action(_AUTHORITY, "APPROVE", "同意答复延期"),
    "share.deny_extension": Action(_AUTHORITY, "REJECT", "不同意答复延期"),
    "share.supply": Action(_EDITOR | _REVIEWER, "CONFIG", "确认已提供数据"),
    "share.dispute": Action(_REVIEWER, "CONFIG", "提出共享争议"),
    "share.agree": Action(_REVIEWER, "APPROVE", "协商同意共享"),
    "share.ask_coordination": Action(_REVIEWER, "CONFIG", "提请协调"),
    "share.coordinate": Action(_AUTHORITY, "APPROVE", "登记协调结果"),
    "share.ask_decision": Action(_REVIEWER, "CONFIG", "提请决定"),
    "share.decide_share": Action(_AUTHORITY, "APPROVE", "登记共享决定"),
    "share.decide_refuse": Action(_AUTHORITY, "REJECT", "登记不共享决定"),
    "share.drop_dispute": Action(_REVIEWER, "CONFIG", "撤回共享争议"),
    "share.give_back": Action(_REVIEWER, "REVOKE", "交回授权"),
    "share.revoke": Action(_REVIEWER, "REVOKE", "收回授权"),
    "share.revoke_by_authority": Action(_AUTHORITY, "REVOKE", "主管部门收回授权"),
    "share.steps": Action(_REVIEWER | {"dept_admin"}, "CONFIG", "设置共享申请的审核步骤"),
    "share.daily": Action(ADMINISTRATOR | _AUTHORITY, "CONFIG", "办理到期授权与提醒"),
    # Grants and what keeps them from binding
    "grant.list": Action(_HOLDERS, "QUERY", "查看授权"),
    "grant.drift": Action(_AUTHORITY | ADMINISTRATOR | {"audit_admin", "inspector"}, "QUERY", "核对授权与申请"),
    "grant.usage": Action(_INVOLVED, "QUERY", "查看授权使用情况"),
    "grant.unused": Action(_INVOLVED, "QUERY", "查看未使用的授权"),
    "freeze.list": Action(_FREEZERS | {"audit_admin", "inspector"}, "QUERY", "查看冻结"),
    "freeze.set": Action(_FREEZERS, "REVOKE", "冻结"),
    "freeze.lift": Action(_FREEZERS, "GRANT", "解除冻结"),
    "recall.list": Action(_HOLDERS, "QUERY", "查看数据召回"),
    "recall.raise": Action(_AUTHORITY | _REVIEWER, "RECALL", "召回数据"),
    "recall.lift": Action(_AUTHORITY, "GRANT", "结束数据召回"),
    "recall.acknowledge": Action(_DRAFTER | _REVIEWER, "RECALL", "确认数据召回"),
    "emergency.list": Action(_FREEZERS | {"audit_admin", "inspector"}, "QUERY", "查看应急查询"),
    "emergency.open": Action(_AUTHORITY, "GRANT", "申请应急查询"),
    "emergency.confirm": Action(frozenset({"security_admin"}), "GRANT", "确认应急查询"),
    "emergency.close": Action(_FREEZERS, "REVOKE", "结束应急查询"),
}
