"""One Airflow DAG for each subscription of `var/directory/deliveries.json`: when a batch goes out, not how.

Must not touch a database or pandas at parse time. Tasks call exchange with the subscription's id and hand over nothing.
"""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from os import environ  # noqa: TID251 - Airflow hands a DAG file nothing but its environment
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable, get_parsing_context
from hub_step import HubStep

log = logging.getLogger(__name__)

VAR = Path(environ.get("SHUQIAO_VAR") or Path(__file__).resolve().parent.parent / "var")
SUBSCRIPTIONS = VAR / "directory" / "deliveries.json"
PREFIX = "deliver_"
ZONE = "Asia/Shanghai"
RETRIES = {
    "retries": 8,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}


class DeliveryStep(HubStep):
    """Runs one step of a delivery: prepare, send or confirm, by its task id."""

    def __init__(self, *, subscription: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.subscription = subscription

    def _step(self, context: Any) -> None:
        from exchange.access import local_administrator  # noqa: PLC0415 - parsing must stay cheap
        from exchange.delivery import work  # noqa: PLC0415
        from exchange.hub import open_hub  # noqa: PLC0415

        with open_hub() as hub:
            done = getattr(work, self.task_id)(hub, local_administrator("scheduler"), self.subscription)
        log.info("%s of subscription %s: %s", self.task_id, self.subscription, done)


def build(line: dict[str, Any]) -> DAG:
    """Builds the DAG of a subscription; without a schedule it follows each publication of its dataset."""
    subscription, dataset = str(line["subscription"]), str(line["dataset"])
    paused = line["state"] != "active"
    cron = line.get("schedule")
    schedule: Any = [Asset(dataset, uri=f"shuqiao://dataset/{dataset}")]
    if cron:
        schedule = CronTriggerTimetable(cron, timezone=ZONE, run_immediately=timedelta(0))
    dag = DAG(
        dag_id=PREFIX + subscription,
        dag_display_name=f"订阅推送 {dataset} {subscription}",
        description=f"数据集 {dataset} 推送至部门 {line['consumer']}",
        schedule=None if paused else schedule,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=paused,
        tags={str(line["consumer"]), "订阅推送"},
        default_args=RETRIES,
    )
    steps = [DeliveryStep(task_id=name, subscription=subscription, dag=dag) for name in ("prepare", "send", "confirm")]
    for earlier, later in pairwise(steps):
        earlier >> later
    dag.validate()
    return dag


def dags(text: str, dag_id: str | None = None) -> Iterator[DAG]:
    """Builds the DAGs of a list, or the one called `dag_id`; a line that cannot be used stops no other."""
    try:
        lines = json.loads(text)["subscriptions"]
    except (ValueError, KeyError, TypeError):
        log.warning("%s is not usable", SUBSCRIPTIONS)
        return
    for number, line in enumerate(lines, 1):
        if dag_id is not None and isinstance(line, dict) and dag_id != f"{PREFIX}{line.get('subscription')}":
            continue
        try:
            yield build(line)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one line must not stop the others
            log.warning("subscription %s of %s is not usable: %s", number, SUBSCRIPTIONS, type(error).__name__)


if SUBSCRIPTIONS.exists():
    for found in dags(SUBSCRIPTIONS.read_text(encoding="utf-8"), get_parsing_context().dag_id):
        globals()[found.dag_id] = found
