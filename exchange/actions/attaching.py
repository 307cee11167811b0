"""Actions of attachments, drafts from tables, uploads."""

from exchange.actions.roles import DATA_ADMIN, EDITOR, OFFICE, PROVIDER, Action

ACTIONS: dict[str, Action] = {
    # Uploads (exchange/uploads.py)
    "upload.list": Action(OFFICE | {"inspector"}, "QUERY", "查看文件填报"),
    "upload.show": Action(OFFICE, "QUERY", "查看文件填报"),
    "upload.template": Action(OFFICE, "EXPORT", "下载数据模板"),
    "upload.check": Action(EDITOR, "CONFIG", "检查填报文件"),
    "upload.submit": Action(EDITOR, "DAG_RUN", "提交填报文件"),
    "upload.declare": Action(EDITOR, "CONFIG", "申报本期无更新"),
    # Drafts from tables (exchange/drafting.py), attachments (exchange/attachments.py)
    "connection.tables": Action(EDITOR, "QUERY", "查看连接中的表"),
    "draft.propose": Action(EDITOR, "QUERY", "由表拟定目录条目"),
    "draft.make": Action(EDITOR, "CONFIG", "由表生成目录条目草稿"),
    "attachment.list": Action(OFFICE, "QUERY", "查看挂接"),
    "attachment.show": Action(OFFICE, "QUERY", "查看挂接"),
    "attachment.propose": Action(EDITOR, "QUERY", "拟定挂接"),
    "attachment.save": Action(EDITOR, "CONFIG", "登记挂接"),
    "attachment.preview": Action(EDITOR, "QUERY", "预览挂接的数据"),
    "attachment.try": Action(EDITOR, "DAG_RUN", "试加载"),
    "attachment.try_file": Action(EDITOR, "DAG_RUN", "试填报"),
    "attachment.submit": Action(EDITOR | PROVIDER, "CONFIG", "提交挂接审核"),
    "attachment.decide": Action(DATA_ADMIN, "APPROVE", "挂接审核"),
    "attachment.revoke": Action(EDITOR | PROVIDER, "REVOKE", "申请撤销挂接"),
    "attachment.close": Action(EDITOR, "CONFIG", "关闭挂接"),
}
