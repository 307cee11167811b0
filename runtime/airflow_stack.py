"""Airflow's processes: started with secrets in their environment, watched, healed, ended. Reads no task's data."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg

from exchange.settings import Settings, environment_for
from runtime import places, processes
from runtime.airflow_api import USER, AirflowApi
from runtime.places import ROOT, Places
from runtime.postgres import Cluster, free_port, is_free
from runtime.restarts import Restarts
from schemas.errors import SetupError

DATABASE = "airflow"
#: Each part, in the order of starting, and its command.
_COMMANDS = {
    "api-server": ("airflow", "api-server"),
    # Its server of task logs would listen on every address; the API server reads the same files.
    "scheduler": ("runtime.scheduler", "--skip-serve-logs"),
    "dag-processor": ("airflow", "dag-processor"),
}
_READY_SECONDS = 180


class AirflowStack:
    """One Airflow of one clone: API server, scheduler with LocalExecutor, DAG processor."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._places = Places(settings.var)
        self._cluster = cluster
        self._record = self._places.run / "airflow.json"
        # No one else works in this folder, so whoever does is a process of this stack.
        self._work = self._places.airflow / "work"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts = Restarts()
        self._environment: dict[str, str] = {}
        self.port = 0

    @property
    def url(self) -> str:
        """Is the address of the API and of its pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def password_file(self) -> Path:
        """Holds the generated password of the user admin."""
        return self._places.secrets / "airflow-passwords.json"

    def api(self) -> AirflowApi:
        """Returns a client; the API may not answer yet."""
        return AirflowApi(self.url, self._password())

    def end_leftovers(self) -> int:
        """Ends what an earlier supervisor left running; returns how many processes that were."""
        recorded = places.read_json(self._record).get("parts", {})
        left = [found for entry in recorded.values() if (found := processes.find(entry)) is not None]
        for process in left:
            processes.end(process, grace=10)
        orphans = self._orphans()
        processes.kill(orphans)
        return len(left) + len(orphans)

    def start(self) -> None:
        """Migrates the metadata database where it must be, then starts every part; does not wait for them."""
        self._work.mkdir(parents=True, exist_ok=True)
        self.port = self._choose_port()
        self._password()
        self._environment = self._make_environment(self._cluster.ensure_database(DATABASE, DATABASE))
        self._migrate()
        for part in _COMMANDS:
            self._spawn(part)

    def wait_ready(self) -> None:
        """Waits until every part says that it is healthy; raises SetupError naming the part that is not."""
        deadline = time.monotonic() + _READY_SECONDS
        api = self.api()
        try:
            while True:
                health = api.health()
                missing = [
                    part for part in ("metadatabase", "scheduler", "dag_processor") if health.get(part) != "healthy"
                ]
                if not missing:
                    return
                self.keep_alive()
                if time.monotonic() > deadline:
                    raise _not_ready("、".join(missing), self._places.log)
                time.sleep(0.3)
        finally:
            api.close()

    def keep_alive(self) -> list[str]:
        """Starts again what has died and returns its names; raises SetupError when that does not help."""
        dead = [part for part, process in self._running.items() if process.poll() is not None]
        for part in dead:
            if not self._restarts.allow(part):
                raise _not_ready(part, self._places.log)
            self._spawn(part)
        return dead

    def stop(self) -> None:
        """Stops every part, the scheduler's tasks too."""
        for process in self._running.values():
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 6  # a task that is cut off goes on from its last durable step
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
        processes.kill(self._orphans())
        self._running.clear()
        self._record.unlink(missing_ok=True)

    def _orphans(self) -> list[psutil.Process]:
        python = Path(sys.executable).resolve()
        found = processes.working_in(self._work.resolve())
        return [process for process in found if _executable(process) == python]

    def _spawn(self, part: str) -> None:
        command = [sys.executable, "-m", *_COMMANDS[part]]
        if part == "api-server":
            command += ["--port", str(self.port)]
        log = self._places.log / f"airflow-{part}.log"
        with log.open("ab") as stream:
            self._running[part] = subprocess.Popen(
                command,
                cwd=self._work,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        parts = {
            name: processes.record(each.pid).as_json() for name, each in self._running.items() if each.poll() is None
        }
        places.write_json(self._record, {**places.read_json(self._record), "port": self.port, "parts": parts})

    def _choose_port(self) -> int:
        ports = places.read_json(self._places.run / "ports.json")
        recorded = ports.get("airflow")
        port = recorded if isinstance(recorded, int) and is_free(recorded) else free_port()
        places.write_json(self._places.run / "ports.json", {**ports, "airflow": port})
        return port

    def _migrate(self) -> None:
        """Runs Airflow's own migration unless this version ran it on this database already; it costs 7 s."""
        marker = self._places.run / "airflow-migrated.json"
        wanted = {"airflow": _airflow_version(), "database": self._revision()}
        if wanted["database"] and places.read_json(marker) == wanted:
            return
        with (self._places.log / "airflow-migrate.log").open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"], cwd=self._work, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if done.returncode:
            raise _not_ready("db migrate", self._places.log)
        places.write_json(marker, {**wanted, "database": self._revision()})

    def _revision(self) -> str | None:
        try:
            with self._cluster.connect(DATABASE) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.Error:
            return None
        return str(found[0]) if found else None

    def _password(self) -> str:
        password = places.secret(self._places.secrets, "airflow-admin")
        if places.read_json(self.password_file).get(USER) != password:
            places.write_private(self.password_file, json.dumps({USER: password}) + "\n")
        return password

    def _make_environment(self, database_url: str) -> dict[str, str]:
        """Returns the environment of every part; secrets go this way, never by file or argument."""
        where, port = self._places, self.port
        ours = {
            "AIRFLOW_HOME": where.airflow,
            "AIRFLOW_CONFIG": ROOT / "airflow.cfg",
            "AIRFLOW__CORE__DAGS_FOLDER": self._settings.dags_file.parent,
            "AIRFLOW__CORE__FERNET_KEY": self._fernet_key(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.password_file,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database_url,
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": places.secret(where.secrets, "airflow-api"),
            "AIRFLOW__API_AUTH__JWT_SECRET": places.secret(where.secrets, "airflow-jwt") * 2,
            "PYTHONPATH": ROOT,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "GX_ANALYTICS_ENABLED": "false",
        }
        inherited = {
            key: text for key, text in environment_for(self._settings).items() if not key.startswith("AIRFLOW")
        }
        return inherited | {key: str(text) for key, text in ours.items()}

    def _fernet_key(self) -> str:
        seed = places.secret(self._places.secrets, "airflow-fernet")
        return base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).decode()


def _airflow_version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - reads the installed package, only when a stack starts

    return version("apache-airflow-core")


def _executable(process: psutil.Process) -> Path | None:
    try:
        return Path(process.exe()).resolve()
    except (psutil.Error, OSError):
        return None


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _not_ready(part: str, log: Path) -> SetupError:
    return SetupError(
        f"Airflow 的 {part} 没有就绪（not ready）", "", f"请查看 {log}（see {log}）", code="AIRFLOW_NOT_READY"
    )
