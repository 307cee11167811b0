"""Airflow through its REST API: state of a DAG, run now, pause, backfill, and the addresses of its pages.

Decides nothing. What Airflow does not answer is an error AIRFLOW_DOWN: a page says so and shows what the hub knows.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from exchange.records import read_record
from exchange.settings import Settings
from schemas.errors import NotFound, SetupError, StateError

T = TypeVar("T")
_SECONDS = (2.0, 10.0)
#: How long an answer about Airflow's health is good: the overview asks on each view.
_HEALTH_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class DagState:
    """A DAG as Airflow has it."""

    paused: bool
    next_run: datetime | None
    at_work: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether Airflow's parts work; `says` is for people, `answers` whether it can be asked at all."""

    up: bool
    says: str
    answers: bool = True


def dag_of(dataset: str) -> str:
    """Returns the id of a dataset's DAG, as dags/shuqiao_dags.py builds it."""
    return f"sync_{dataset}"


class Scheduler:
    """One Airflow; signs in when first asked, and again when the token ended."""

    def __init__(self, url: str | None, user: str, password_file: Path) -> None:
        self.url = url
        self._user = user
        self._password_file = password_file
        self._token: str | None = None
        self._lock = Lock()
        self._health: tuple[float, Health] | None = None

    def page_of(self, dataset: str) -> str | None:
        """Returns the address of Airflow's page of a dataset's DAG."""
        return f"{self.url}/dags/{quote(dag_of(dataset))}" if self.url else None

    def log_of(self, trigger: str | None, task: str) -> str | None:
        """Returns the address of a task's log, None for a run that the scheduler did not begin."""
        dag, _, run = (trigger or "").partition("/")
        if not self.url or not run or not dag.startswith("sync_"):
            return None
        return f"{self.url}/dags/{quote(dag)}/runs/{quote(run, safe='')}/tasks/{task}"

    def health(self) -> Health:
        """Says whether Airflow works; asked at most every few seconds."""
        now = time.monotonic()
        if self._health is None or now - self._health[0] > _HEALTH_SECONDS:
            self._health = (now, self._ask_health())
        return self._health[1]

    def _ask_health(self) -> Health:
        if not self.url:
            return Health(False, "Airflow 没有运行：同步计划不会执行，页面显示枢纽自己的记录", answers=False)
        try:
            found = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=1.5, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return Health(False, "Airflow 没有应答：同步计划可能没有执行，页面显示枢纽自己的记录", answers=False)
        names = {"metadatabase": "元数据库", "scheduler": "调度器", "dag_processor": "计划处理器"}
        bad = [name for part, name in names.items() if (found.get(part) or {}).get("status") != "healthy"]
        if bad:
            return Health(False, f"Airflow 的{'、'.join(bad)}不正常：同步计划可能没有执行")
        return Health(True, "Airflow 运行正常")

    def state(self, dataset: str) -> DagState:
        """Returns whether the DAG is paused, when it runs next, how many runs are at work."""
        # The client takes a second to load: here as below only when it is used.
        from airflow_client.client.api.dag_api import DAGApi  # noqa: PLC0415
        from airflow_client.client.api.dag_run_api import DagRunApi  # noqa: PLC0415

        dag_id = dag_of(dataset)
        dag = self._ask(lambda client: DAGApi(client).get_dag(dag_id, _request_timeout=_SECONDS))
        runs = self._ask(
            lambda client: DagRunApi(client).get_dag_runs(
                dag_id, state=["running", "queued"], limit=10, _request_timeout=_SECONDS
            )
        )
        return DagState(bool(dag.is_paused), dag.next_dagrun_run_after, len(runs.dag_runs))

    def trigger(self, dataset: str, run_id: str, mode: str | None) -> None:
        """Triggers a run of the dataset's DAG."""
        from airflow_client.client.api.dag_run_api import DagRunApi  # noqa: PLC0415
        from airflow_client.client.models.trigger_dag_run_post_body import TriggerDAGRunPostBody  # noqa: PLC0415

        body = TriggerDAGRunPostBody(dag_run_id=run_id, logical_date=None, conf={"mode": mode} if mode else {})
        self._ask(lambda client: DagRunApi(client).trigger_dag_run(dag_of(dataset), body, _request_timeout=_SECONDS))

    def pause(self, dataset: str, *, paused: bool) -> None:
        """Pauses the dataset's DAG or lets it go on."""
        from airflow_client.client.api.dag_api import DAGApi  # noqa: PLC0415
        from airflow_client.client.models.dag_patch_body import DAGPatchBody  # noqa: PLC0415

        body = DAGPatchBody(is_paused=paused)
        self._ask(lambda client: DAGApi(client).patch_dag(dag_of(dataset), body, _request_timeout=_SECONDS))

    def backfill(self, dataset: str, first: datetime, last: datetime) -> None:
        """Has Airflow do the planned runs between two moments again where they were missed or failed."""
        from airflow_client.client.api.backfill_api import BackfillApi  # noqa: PLC0415
        from airflow_client.client.models.backfill_post_body import BackfillPostBody  # noqa: PLC0415

        body = BackfillPostBody(
            dag_id=dag_of(dataset), from_date=first, to_date=last, max_active_runs=1, reprocess_behavior="failed"
        )
        self._ask(lambda client: BackfillApi(client).create_backfill(body, _request_timeout=_SECONDS))

    def _ask(self, question: Callable[[Any], T]) -> T:
        """Asks one thing; raises SetupError (AIRFLOW_DOWN), NotFound, StateError."""
        from airflow_client.client import ApiClient, ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        if not self.url:
            raise _down("Airflow 没有运行", "请由运维启动（make up）后再试")
        for again in (True, False):
            try:
                with ApiClient(self._configuration()) as client:
                    return question(client)
            except ApiException as error:
                if error.status == httpx.codes.UNAUTHORIZED and again:
                    self._token = None
                    continue
                raise _refused(error.status) from None
            except (HTTPError, OSError):
                raise _down("Airflow 没有应答", "请稍后再试，或请运维查看 Airflow") from None
            except ValueError:  # its answer is not what its own client expects
                raise _down("Airflow 的应答无法识别", "请运维核对 Airflow 的版本") from None
        raise AssertionError("unreachable")

    def _configuration(self) -> Any:
        from airflow_client.client import Configuration  # noqa: PLC0415

        with self._lock:
            self._token = self._token or self._sign_in()
        made = Configuration(host=self.url, access_token=self._token, retries=0)
        made.proxy = None  # a proxy of the environment must never see what is said to the scheduler
        return made

    def _sign_in(self) -> str:
        body = {"username": self._user, "password": _password(self._password_file, self._user)}
        try:
            answer = httpx.post(f"{self.url}/auth/token", json=body, timeout=_SECONDS[1], trust_env=False)
            if not answer.is_error:
                return str(answer.json()["access_token"])
        except httpx.HTTPError:
            raise _down("Airflow 没有应答", "请稍后再试，或请运维查看 Airflow") from None
        except (ValueError, KeyError):
            pass
        raise SetupError(
            "无法登录 Airflow",
            "",
            "请运维核对 SHUQIAO_AIRFLOW_USER 与 SHUQIAO_AIRFLOW_PASSWORD_FILE",
            code="AIRFLOW_LOGIN",
        )


def _password(path: Path, user: str) -> str:
    """Reads the password: of a file that holds nothing else, or of the embedded stack's JSON by user."""
    found = read_record(path)
    if user in found:
        return str(found[user])
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    raise SetupError(f"没有 Airflow 的口令文件 {path.name}", "", "请运维设置 SHUQIAO_AIRFLOW_PASSWORD_FILE",
                     code="AIRFLOW_LOGIN")  # fmt: skip


def _refused(status: int | None) -> StateError | NotFound | SetupError:
    if status == httpx.codes.NOT_FOUND:
        return NotFound(
            "Airflow 中还没有该数据集的同步计划", "", "条目发布后约十秒出现，请稍后再试", code="DAG_UNKNOWN"
        )
    if status in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.BAD_REQUEST}:
        return StateError("Airflow 没有接受", "同一时段同时只能有一个补跑", "请查看该计划在 Airflow 中的状态",
                          code="AIRFLOW_REFUSED")  # fmt: skip
    return _down(f"Airflow 拒绝了请求（HTTP {status}）", "请运维查看 Airflow 的日志")


def _down(got: str, next_step: str) -> SetupError:
    return SetupError(got, "", next_step, code="AIRFLOW_DOWN")


def scheduler_of(settings: Settings) -> Scheduler:
    """Returns the Airflow of the settings, or of the embedded stack as it is recorded now."""
    url = settings.airflow_url
    if url is None:
        port = read_record(settings.var / "run" / "airflow.json").get("port")
        url = f"http://127.0.0.1:{port}" if port else None
    password = settings.airflow_password_file or settings.secrets / "airflow-passwords.json"
    return _kept(url.rstrip("/") if url else None, settings.airflow_user, password)


@lru_cache(maxsize=8)
def _kept(url: str | None, user: str, password_file: Path) -> Scheduler:
    return Scheduler(url, user, password_file)
