"""Actions of the main job: entries, connections, syncs, datasets."""

from exchange.actions.roles import ADMINISTRATOR, ANYONE, BUSINESS, DATA_ADMIN, EDITOR, OFFICE, Action

ACTIONS: dict[str, Action] = {
    "entry.apply": Action(EDITOR, "CONFIG", "登记目录条目"),
    "entry.publish": Action(ADMINISTRATOR, "PUBLISH", "发布目录条目"),
    "entry.revoke": Action(ADMINISTRATOR, "REVOKE", "撤销目录条目"),
    "entry.list": Action(ANYONE, "QUERY", "查看目录"),
    "entry.show": Action(ANYONE, "QUERY", "查看目录条目"),
    "connection.set": Action(EDITOR, "CONFIG", "登记连接"),
    "connection.list": Action(OFFICE, "QUERY", "查看连接"),
    "connection.test": Action(OFFICE, "CONFIG", "测试连接"),
    "sync.begin": Action(ADMINISTRATOR, "DAG_RUN", "开始同步"),
    "sync.extract": Action(ADMINISTRATOR, "DAG_RUN", "读取数据"),
    "sync.validate": Action(ADMINISTRATOR, "DAG_RUN", "校验数据"),
    "sync.publish": Action(ADMINISTRATOR, "PUBLISH", "发布数据"),
    "sync.run": Action(DATA_ADMIN, "DAG_RUN", "同步"),
    "sync.list": Action(ADMINISTRATOR, "QUERY", "查看同步批次"),
    "sync.show": Action(ADMINISTRATOR, "QUERY", "查看同步批次"),
    "sync.release": Action(DATA_ADMIN, "APPROVE", "放行"),
    "sync.discard": Action(DATA_ADMIN, "REJECT", "作废"),
    "sync.revalidate": Action(DATA_ADMIN, "DAG_RUN", "重新校验"),
    "quarantine.show": Action(ADMINISTRATOR, "EXPORT", "查看问题数据"),
    "dataset.list": Action(BUSINESS, "QUERY", "查看共享数据集"),
    "dataset.show": Action(BUSINESS, "QUERY", "查看共享数据集"),
    "dataset.versions": Action(BUSINESS, "QUERY", "查看数据版本"),
    "dataset.rollback": Action(DATA_ADMIN, "PUBLISH", "回退数据版本"),
    "retention.apply": Action(ADMINISTRATOR, "CONFIG", "清除到期数据"),
    "retention.short": Action(ADMINISTRATOR, "CONFIG", "清除短期保留的结果"),
    "directory.write": Action(ADMINISTRATOR, "CONFIG", "生成调度清单"),
}
