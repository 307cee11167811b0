"""Actions of running the day: overview, schedules, batches."""

from exchange.actions.roles import ADMINISTRATOR, ANYONE, DATA_ADMIN, EDITOR, OFFICE, Action, Role

_WATCHERS: frozenset[Role] = OFFICE | {"inspector"}

ACTIONS: dict[str, Action] = {
    "overview.show": Action(ANYONE, "QUERY", "查看概览"),
    "run.list": Action(_WATCHERS, "QUERY", "查看同步批次"),
    "run.show": Action(_WATCHERS, "QUERY", "查看同步批次"),
    "run.release": Action(DATA_ADMIN, "APPROVE", "放行"),
    "run.confirm": Action(ADMINISTRATOR | {"dept_reviewer"}, "APPROVE", "确认放行"),
    "run.discard": Action(DATA_ADMIN, "REJECT", "作废"),
    "run.revalidate": Action(DATA_ADMIN, "DAG_RUN", "重新校验"),
    "schedule.show": Action(_WATCHERS, "QUERY", "查看同步计划"),
    "schedule.run": Action(EDITOR, "DAG_RUN", "立即同步"),
    "schedule.pause": Action(DATA_ADMIN, "CONFIG", "暂停或恢复同步计划"),
    "schedule.backfill": Action(DATA_ADMIN, "DAG_RUN", "补跑同步"),
}
