"""One Airflow DAG for each attached directory entry of `var/directory/dags.json`: when a dataset syncs, not how.

Must not touch a database, pandas or Great Expectations at parse time. Tasks call exchange and hand over a run id.
"""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from os import environ  # noqa: TID251 - Airflow hands a DAG file nothing but its environment
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable, Param, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException
from hub_step import HubStep

log = logging.getLogger(__name__)

ENTRIES = Path(environ.get("SHUQIAO_VAR") or Path(__file__).resolve().parent.parent / "var") / "directory" / "dags.json"
PREFIX = "sync_"
ZONE = "Asia/Shanghai"
MODES = [None, "snapshot", "watermark", "change_flag"]
RETRIES = {
    "retries": 5,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}


class SyncStep(HubStep):
    """Runs one step of a sync: extract begins the run and returns its id, the later steps take it from XCom."""

    def __init__(self, *, dataset: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dataset = dataset

    def _step(self, context: Any) -> str:
        from exchange import sync  # noqa: PLC0415 - parsing must stay cheap
        from exchange.access import local_administrator  # noqa: PLC0415
        from exchange.hub import open_hub  # noqa: PLC0415

        actor = local_administrator("scheduler")
        with open_hub() as hub:
            if self.task_id == "extract":
                trigger = f"{context['dag'].dag_id}/{context['run_id']}"
                mode = context["params"].get("mode")
                run_id = sync.begin(hub, actor, self.dataset, mode=mode, trigger=trigger)
            else:
                run_id = str(context["ti"].xcom_pull(task_ids="extract"))
            done = getattr(sync, self.task_id)(hub, actor, run_id)
        log.info("%s of run %s: state %s", self.task_id, run_id, done.state)
        return run_id

    def _words(self, error: Exception) -> str:
        from schemas.errors import Held, SchemaDrift  # noqa: PLC0415 - parsing must stay cheap

        return f"暂缓发布：{error}" if isinstance(error, Held | SchemaDrift) else str(error)


class BrokenEntry(BaseOperator):
    """Fails with what is wrong with a line of the list, so that the line is seen and no other suffers."""

    def __init__(self, *, says: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.says = says

    def execute(self, context: Any) -> None:
        """Says what is wrong."""
        raise AirflowFailException(self.says)


def build(entry: dict[str, Any]) -> DAG:
    """Builds the DAG of an attached entry; raises when the line cannot be used."""
    dataset, title, pool = str(entry["dataset"]), str(entry["title"]), str(entry["pool"])
    revoked = entry["state"] != "published"
    cron = None if revoked else entry["schedule"]
    dag = DAG(
        dag_id=PREFIX + dataset,
        dag_display_name=f"{title} {dataset}",
        description=f"{title}（{entry['department']}）",
        # Without a start date and with no grace, the first run is the next of the schedule, not one missed before.
        schedule=CronTriggerTimetable(cron, timezone=ZONE, run_immediately=timedelta(0)) if cron else None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=revoked,
        params={"mode": Param(None, type=["null", "string"], enum=MODES, title="同步方式")},
        tags={str(entry["department"]), "目录条目已撤销" if revoked else "已发布"},
        default_args=RETRIES,
    )
    extract = SyncStep(task_id="extract", dataset=dataset, pool=pool, dag=dag)
    validate = SyncStep(task_id="validate", dataset=dataset, dag=dag)
    publish = SyncStep(
        task_id="publish", dataset=dataset, outlets=[Asset(dataset, uri=f"shuqiao://dataset/{dataset}")], dag=dag
    )
    extract >> validate >> publish
    dag.validate()
    return dag


def build_broken(number: int, entry: Any, says: str) -> DAG:
    """Builds the flagged DAG that stands for a line that cannot be used."""
    dag = DAG(
        dag_id=f"broken_entry_{number}",
        dag_display_name=f"目录条目有误 第{number}条",
        description=says,
        schedule=None,
        tags={"目录条目有误"},
    )
    BrokenEntry(task_id="explain", says=says, dag=dag)
    return dag


def lines(text: str) -> Iterator[Any]:
    """Yields the entries of the list; of a damaged list each that can still be read, and None for each that cannot."""
    try:
        found = json.loads(text)["entries"]
    except (ValueError, KeyError, TypeError):
        found = None
    if isinstance(found, list):
        yield from found
        return
    decoder = json.JSONDecoder()
    place = text.find("[") + 1
    while (place := text.find("{", place)) >= 0:
        try:
            entry, place = decoder.raw_decode(text, place)
            yield entry
        except ValueError:
            yield None
            # The next entry begins where a brace opens a line.
            following = text.find("\n", place)
            place = len(text) if following < 0 else following


def wanted(entry: Any, dag_id: str | None) -> bool:
    """Says whether the entry's DAG is needed: a task needs its own only."""
    return dag_id is None or not isinstance(entry, dict) or dag_id == f"{PREFIX}{entry.get('dataset')}"


def dags(text: str, dag_id: str | None = None) -> Iterator[DAG]:
    """Builds the DAGs of a list, or the one called `dag_id`; a line that cannot be used gives a flagged one."""
    seen: set[str] = set()
    for number, entry in enumerate(lines(text), 1):
        if not wanted(entry, dag_id):
            continue
        try:
            dag = build(entry)
            if dag.dag_id in seen:
                raise ValueError("duplicate dataset")
            seen.add(dag.dag_id)
            yield dag
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one line must not stop the others
            dataset = entry.get("dataset") if isinstance(entry, dict) else None
            says = f"调度清单第{number}条（{dataset}）无法使用：{type(error).__name__} {error}。请重新发布该目录条目"
            log.warning("entry %s of %s is not usable: %s", number, ENTRIES, type(error).__name__)
            yield build_broken(number, entry, says)


if ENTRIES.exists():
    for found in dags(ENTRIES.read_text(encoding="utf-8"), get_parsing_context().dag_id):
        globals()[found.dag_id] = found
