"""Airflow DAGs of what is due: every night deadlines, retention, the anchor; every hour results and contract tests.

Must not touch a database or pandas at parse time. The tasks wait for one another in nothing: one that fails stops no
other, and each is a use-case that does nothing when it is run again.
"""

import logging
from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable
from hub_step import HubStep

log = logging.getLogger(__name__)

ZONE = "Asia/Shanghai"
#: Half past midnight: expiries and reminders count days in Beijing, and the night's syncs begin later.
AT = "30 0 * * *"
EACH_HOUR = "20 * * * *"
NIGHTLY = ("share_daily", "retention", "audit_anchor")
#: Results are kept for an hour or a day, and interfaces may ask for a test every hour.
HOURLY = ("short_lived", "interface_tests")
#: What is done: task → module of exchange, use-case.
STEPS = {
    "share_daily": ("exchange.sharing.daily", "run_daily"),
    "retention": ("exchange.retention", "apply_retention"),
    "audit_anchor": ("exchange.auditing.sealing", "seal_and_sign"),
    "short_lived": ("exchange.short_lived", "remove_short_lived"),
    "interface_tests": ("exchange.interfaces.testing", "test_due"),
}
RETRIES = {"retries": 5, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True}


class DueStep(HubStep):
    """Runs one use-case, by its task id, as the machine's scheduler."""

    def _step(self, context: Any) -> None:
        from exchange.access import local_administrator  # noqa: PLC0415 - parsing must stay cheap
        from exchange.hub import open_hub  # noqa: PLC0415

        module, name = STEPS[self.task_id]
        with open_hub() as hub:
            getattr(import_module(module), name)(hub, local_administrator("scheduler"))
        log.info("%s is done", self.task_id)


def build(dag_id: str, at: str, steps: tuple[str, ...], title: str, says: str) -> DAG:
    """Builds one DAG."""
    dag = DAG(
        dag_id=dag_id,
        dag_display_name=title,
        description=says,
        schedule=CronTriggerTimetable(at, timezone=ZONE, run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={title},
        default_args=RETRIES,
    )
    for name in steps:
        DueStep(task_id=name, dag=dag)
    dag.validate()
    return dag


nightly = build("nightly", AT, NIGHTLY, "每日办理", "授权到期与提醒、留存期清理、操作日志锚点")
hourly = build("hourly", EACH_HOUR, HOURLY, "每小时办理", "清除短期保留的结果、按计划测试接口")
