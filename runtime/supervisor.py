"""Runs the stack of one clone: starts it, syncs the example city through Airflow, watches, ends what it started."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from exchange.access import local_administrator
from exchange.hub import open_hub
from exchange.settings import Settings, environment_for
from runtime import locks, places, processes, stack
from runtime.airflow_api import ENDED, USER, AirflowApi
from runtime.airflow_stack import AirflowStack
from runtime.city import City
from runtime.places import ROOT, Places
from runtime.portal_process import PortalProcess
from runtime.watch import DirectoryWatch, dag_of, pools
from schemas.errors import Busy, HubError, SetupError

_SYNC_SECONDS = 1800
#: How many questions in a row Airflow may leave unanswered.
_UNANSWERED = 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TASKS = {"extract": "读取", "validate": "校验", "publish": "发布"}


class Supervisor:
    """Holds the clone for as long as it lives."""

    def __init__(self, settings: Settings, say: Callable[[str], None], scale: float = 1.0) -> None:
        self._settings = settings
        self._places = Places(settings.var)
        self._say = say
        self._lock: int | None = None
        self._unanswered = 0
        self._ending = False
        self.city = City(settings, scale)
        self.cluster = stack.hub_cluster(settings)
        self.airflow = AirflowStack(settings, self.cluster)
        self.portal = PortalProcess(settings)

    def take(self) -> None:
        """Takes the clone; raises Busy naming the process that has it."""
        self._places.prepare()
        note = json.dumps(processes.record(os.getpid()).as_json())
        self._lock = locks.take(self._places.run / "supervisor.lock", note)
        if self._lock is None:
            holder = places.read_json(self._places.run / "supervisor.lock").get("pid")
            raise Busy(
                f"这份克隆已在运行，进程 {holder}（this clone is already running, process {holder}）",
                "同一份克隆同时只能运行一个（one at a time）",
                "请等它结束，或先执行 make down（wait for it, or run make down）",
                code="ALREADY_RUNNING",
            )

    def start(self) -> list[str]:
        """Heals, starts everything and registers the city; returns its datasets."""
        if left := self.airflow.end_leftovers() + self.portal.stop():
            self._say(f"清理上次未正常结束的进程 {left} 个（ended {left} processes of an interrupted run）")
        self._say("启动内置数据库（starting PostgreSQL）")
        stack.start_database(self._settings)
        with ThreadPoolExecutor(2) as pool:
            self._say("启动 Airflow，同时准备示例城市（starting Airflow; preparing the example city）")
            airflow = pool.submit(self.airflow.start)
            datasets = pool.submit(self._prepare_city).result()
            airflow.result()
        self.portal.start()
        self.airflow.wait_ready()
        self._say(f"Airflow 已就绪（ready）：{self.airflow.url}")
        self.portal.wait_ready()
        self._say(f"门户已就绪（portal ready）：{self.portal.url}")
        return datasets

    def _prepare_city(self) -> list[str]:
        self.city.start()
        with open_hub(self._settings) as hub:
            datasets = self.city.register(hub, local_administrator("scheduler"))
        stack.guard_log(self._settings)
        self._say(f"示例城市已登记：{'、'.join(datasets)}（registered）")
        return datasets

    def sync(self, datasets: list[str]) -> bool:
        """Triggers every dataset's DAG and waits with a line for each change; returns whether all succeeded."""
        api = self.airflow.api()
        try:
            api.wait_for_dags([dag_of(dataset) for dataset in datasets], 60)
            api.set_pools(pools(self._settings))
            for dag_id, run_id in api.unfinished_runs():
                api.fail_run(dag_id, run_id)
            run_id = f"make__{datetime.now(UTC):%Y%m%dT%H%M%S}"
            for dataset in datasets:
                api.pause(dag_of(dataset), paused=False)
                api.trigger(dag_of(dataset), run_id)
            return self._wait(api, datasets, run_id)
        finally:
            api.close()

    def _wait(self, api: AirflowApi, datasets: list[str], run_id: str) -> bool:
        began = time.monotonic()
        shown = dict.fromkeys(datasets, "")
        states = dict.fromkeys(datasets, "")
        while set(states.values()) - ENDED and time.monotonic() - began < _SYNC_SECONDS:
            self.mend()
            for dataset in [each for each in datasets if states[each] not in ENDED]:
                with self._patient():
                    states[dataset] = str(api.run(dag_of(dataset), run_id)["state"])
                    line = _progress(states[dataset], api.tasks(dag_of(dataset), run_id))
                    if line != shown[dataset]:
                        shown[dataset] = line
                        self._say(f"{dataset:<16} {line}")
            time.sleep(0.5)
        return set(states.values()) == {"success"}

    @contextmanager
    def _patient(self) -> Iterator[None]:
        """Lets a question to Airflow fail while a part of it is being mended; raises when that lasts."""
        try:
            yield
        except SetupError:
            self._unanswered += 1
            if self._unanswered > _UNANSWERED:
                raise
        else:
            self._unanswered = 0

    def end(self, _number: int, _frame: object) -> None:
        """Ends the work at hand; also remembered, since a library may swallow the exception."""
        self._ending = True
        raise KeyboardInterrupt

    def mend(self) -> None:
        """Starts again what has died: PostgreSQL, the departments' server, parts of Airflow, the portal."""
        if self._ending:
            raise KeyboardInterrupt
        for cluster in (self.cluster, self.city.cluster):
            if cluster.find() is None:
                self._say("数据库意外退出，重新启动（PostgreSQL died; starting it again）")
                cluster.start()
        for part in self.airflow.keep_alive():
            self._say(f"Airflow 的 {part} 意外退出，重新启动（{part} died; starting it again）")
        if self.portal.keep_alive():
            self._say("门户意外退出，重新启动（the portal died; starting it again）")

    def watch(self) -> None:
        """Stays until a signal comes; keeps pools and pauses in step with what is published."""
        watch = DirectoryWatch(self._settings)
        api = self.airflow.api()
        try:
            while True:
                self.mend()
                with self._patient():
                    watch.step(api)
                time.sleep(0.5)
        finally:
            api.close()

    def stop(self) -> None:
        """Stops everything and gives the clone back."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._say("停止所有服务（stopping）")
        self.portal.stop()
        self.airflow.stop()
        self.city.stop()
        self.cluster.stop()
        if self._lock is not None:
            os.close(self._lock)


def _progress(state: str, tasks: list[dict[str, object]]) -> str:
    """Says in one line how far a run is."""
    if state == "success":
        return "完成"
    found = {str(task["task_id"]): str(task["state"]) for task in tasks}
    if state == "failed":
        failed = [title for name, title in _TASKS.items() if found.get(name) in {"failed", "up_for_retry"}]
        return f"{'、'.join(failed)}未完成"
    for name, title in _TASKS.items():
        if found.get(name) != "success":
            return f"{title}：稍后重试" if found.get(name) == "up_for_retry" else f"{title}中"
    return "收尾"


@contextmanager
def supervised(settings: Settings, scale: float) -> Iterator[Supervisor]:
    """Takes the clone for the block and stops everything after it, however it ends."""
    began = time.monotonic()
    lock = threading.Lock()

    def say(text: str) -> None:
        with lock:
            sys.stdout.write(f"[{time.monotonic() - began:5.1f} s] {text}\n")
            sys.stdout.flush()

    supervisor = Supervisor(settings, say, scale)
    supervisor.take()
    for number in _SIGNALS:
        signal.signal(number, supervisor.end)
    try:
        yield supervisor
    finally:
        supervisor.stop()


def run(settings: Settings, scale: float = 1.0) -> int:
    """Syncs the example city once, shows what came of it, stops everything; 0 when every dataset was published."""
    with supervised(settings, scale) as supervisor:
        datasets = supervisor.start()
        done = supervisor.sync(datasets)
        _report(settings, datasets)
        shared, said = _example(settings, ("examples.sharing",))
        sys.stdout.write(said)
    return 0 if done and shared else 1


def up(settings: Settings, scale: float = 1.0) -> int:
    """Does what `run` does and stays until Ctrl-C."""
    with supervised(settings, scale) as supervisor:
        datasets = supervisor.start()
        supervisor.sync(datasets)
        _report(settings, datasets)
        where = supervisor.airflow
        sys.stdout.write(_example(settings, ("examples.days", "examples.sharing", "examples.accounts"))[1])
        sys.stdout.write(
            f"\n门户（portal）：{supervisor.portal.url}  接口说明（API docs）：{supervisor.portal.url}/api/v1/docs\n"
            f"Airflow：{where.url}  用户（user）{USER}，密码在（password in）{where.password_file}\n"
            "命令（commands）：.venv/bin/shuqiao --help\n按 Ctrl-C 停止（Ctrl-C stops everything）\n"
        )
        sys.stdout.flush()
        try:
            supervisor.watch()
        except KeyboardInterrupt:
            return 0
    return 0


def _example(settings: Settings, modules: tuple[str, ...]) -> tuple[bool, str]:
    """Runs modules of the example city; returns whether all went well, and what they said (nothing without them)."""
    if not (ROOT / "examples" / "accounts.py").exists():
        return True, ""
    environment, said = environment_for(settings), ""
    for module in modules:
        command = [sys.executable, "-m", module]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr or done.stdout).strip()[-300:]
            return False, f"{said}示例没有准备好（the example was not prepared）：{module} {why}\n"
        said += done.stdout
    return True, f"\n{said}"


def _report(settings: Settings, datasets: list[str]) -> None:
    from runtime import report  # noqa: PLC0415 - the query engine loads while Airflow no longer needs the cores

    actor = local_administrator()
    with open_hub(settings) as hub:
        sys.stdout.write("\n同步结果（what was published, and what was kept as 问题数据 and why）\n")
        for dataset in datasets:
            _write(report.describe(hub, actor, dataset))
        sys.stdout.write("\n")


def _write(lines: Iterator[str]) -> None:
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
    except HubError as error:
        sys.stdout.write(f"    {error}\n")
    sys.stdout.flush()


def down(settings: Settings) -> int:
    """Asks a supervisor of this clone to end, then stops whatever still runs."""
    lock = Path(settings.var) / "run" / "supervisor.lock"
    holder = processes.find(places.read_json(lock))
    stopped = False
    if holder is not None and holder.pid != os.getpid():
        processes.end(holder, grace=90)
        stopped = True
    where = Places(settings.var)
    if where.run.exists():
        where.prepare()
        cluster = stack.hub_cluster(settings)
        stopped = PortalProcess(settings).stop() or stopped
        stopped = bool(AirflowStack(settings, cluster).end_leftovers()) or stopped
        stopped = City(settings).stop() or stopped
        stopped = cluster.stop() or stopped
    sys.stdout.write(
        "已全部停止（everything is stopped）\n" if stopped else "没有在运行的服务（nothing was running）\n"
    )
    return 0
