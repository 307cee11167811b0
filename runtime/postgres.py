"""The embedded PostgreSQL: one cluster from the wheel's binaries. It must not know what the databases hold.

Never the wheel's own `get_server()`: its last handle stops the server under everyone who connected by URL.
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from runtime import locks, places, processes
from runtime.server_user import Footing, demoted, footing, named_uid
from schemas.errors import SetupError

_ADMIN = "shuqiao_admin"
_READY_SECONDS = 180  # crash recovery of a large log takes its time
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # No standby reads this log: a table that is filled in the transaction that makes it needs none.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement or a detail line of the log could hold a personal value.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens and which process it is."""

    pid: int
    port: int
    socket_dir: str


class Cluster:
    """One embedded cluster, kept under `home` and recorded as `<name>.json` in `run_dir`."""

    def __init__(
        self,
        home: Path,
        run_dir: Path,
        secrets_dir: Path,
        *,
        name: str = "postgres",
        settings: dict[str, str] | None = None,
    ) -> None:
        self.home, self.run_dir, self.secrets_dir, self.name = home.resolve(), run_dir, secrets_dir, name
        self._settings = {**_SETTINGS, **(settings or {})}
        self._record = run_dir / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Finds the server or starts it; returns when it answers a query. Raises SetupError or Busy."""
        self.home.mkdir(parents=True, exist_ok=True)
        with locks.held(self.home / "start.lock", wait=_READY_SECONDS, what="数据库正在启动或停止"):
            stand = footing(self.home)
            server = self._running(stand)
            if server is None:
                self._clear(stand)
                self._initialise(stand)
                server = self._launch(stand)
            self._wait_ready(server)
            self._write_record(server)
        return server

    def stop(self) -> bool:
        """Stops the server; returns whether one was running."""
        if not self.home.exists():
            return False
        with locks.held(self.home / "start.lock", wait=_READY_SECONDS, what="数据库正在启动或停止"):
            stand = footing(self.home)
            server = self._running(stand)
            if server is not None:
                self._end(server, stand)
            self._clear(stand)
            self._remove_socket_folder()
            self._record.unlink(missing_ok=True)
        return server is not None

    def find(self) -> Server | None:
        """Returns the running server without starting one."""
        return self._running(footing(self.home)) if self.home.exists() else None

    def url(self, database: str = "postgres", role: str | None = None) -> str:
        """Returns the URL of a database, by default for the administrator; the password is in it."""
        server = self.find()
        if server is None:
            raise SetupError("内置数据库没有运行（the embedded PostgreSQL is not running）", "", "请执行 make up")
        user, password = role or self.admin, quote(self.password(role), safe="")
        where = f"host={quote(server.socket_dir, safe='')}&port={server.port}"
        return f"postgresql+psycopg://{user}:{password}@/{database}?{where}"

    def ensure_database(self, database: str, role: str) -> str:
        """Makes sure that a role without special rights owns a database of its own; returns its URL."""
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                command = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(command.format(sql.Identifier(role), sql.Literal(self.password(role))))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
                connection.execute(command.format(sql.Identifier(database), sql.Identifier(role)))
                command = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
                connection.execute(command.format(sql.Identifier(database)))
        return self.url(database, role)

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        """Connects as administrator, each statement its own transaction."""
        server = self.find()
        if server is None:
            raise SetupError("内置数据库没有运行（the embedded PostgreSQL is not running）", "", "请执行 make up")
        return self._connect(server, database)

    def _connect(self, server: Server, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=server.socket_dir, port=server.port, user=_ADMIN, password=self.password(),
            dbname=database, connect_timeout=5, autocommit=True,
        )  # fmt: skip

    @property
    def admin(self) -> str:
        """Names the administrator."""
        return _ADMIN

    def password(self, role: str | None = None) -> str:
        """Returns a role's generated password, by default the administrator's."""
        return places.secret(self.secrets_dir, f"{self.name}-{role or _ADMIN}")

    def _running(self, stand: Footing) -> Server | None:
        """Reads the server's own pid file; a pid counts only while that process works in the data directory."""
        try:
            lines = (stand.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            server = Server(int(lines[0]), int(lines[3]), lines[4].strip())
        except (OSError, ValueError, IndexError):
            return None
        if not server.socket_dir:  # the server writes this line a moment after the others
            return None
        alive = any(process.pid == server.pid for process in processes.working_in(stand.data))
        return server if alive else None

    def _clear(self, stand: Footing) -> None:
        """Ends what a killed server left behind: its children, then the pid file that would stop the next start."""
        if not processes.wait_until_gone(stand.data, 5):
            processes.kill(processes.working_in(stand.data))
        (stand.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, stand: Footing) -> None:
        """Makes the cluster beside its place and renames it: a cluster killed half-way never looks whole."""
        if (stand.data / "PG_VERSION").exists():
            return
        with tempfile.TemporaryDirectory(dir=stand.base, prefix="new-") as fresh:
            uid = named_uid()
            password = Path(fresh) / "password"
            places.write_private(password, self.password())
            for path in (Path(fresh), password):
                os.chown(path, -1 if uid is None else uid, -1)
            command = [*_initdb(stand.binaries), "--pgdata", f"{fresh}/data", "--pwfile", str(password)]
            if self._settings.get("fsync") == "off":
                command.append("--no-sync")
            done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **demoted(uid))  # type: ignore[call-overload]
            if done.returncode:
                raise SetupError(
                    "内置数据库初始化失败（initdb failed）：" + done.stderr.strip()[-300:], "", _see(stand.base)
                )
            _give(Path(fresh) / "data", stand.uid)
            shutil.rmtree(stand.data, ignore_errors=True)
            (Path(fresh) / "data").rename(stand.data)

    def _launch(self, stand: Footing) -> Server:
        folder = self._socket_folder(stand.uid)
        preferred = places.read_json(self._record).get("port")
        for port in (preferred, None, None):
            server = self._try_launch(stand, folder, port if isinstance(port, int) and is_free(port) else free_port())
            if server is not None:
                return server
        raise SetupError("内置数据库启动失败（PostgreSQL did not start）", "", _see(self._log))

    def _try_launch(self, stand: Footing, folder: Path, port: int) -> Server | None:
        for left in folder.glob(".s.PGSQL.*"):
            left.unlink()
        settings = {**self._settings, "port": str(port), "unix_socket_directories": str(folder)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [str(stand.binaries / "postgres"), "-D", str(stand.data), *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, **demoted(stand.uid),
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while self._process.poll() is None and time.monotonic() < deadline:
            if (server := self._running(stand)) is not None:
                return server
            time.sleep(0.02)
        return None

    @property
    def _log(self) -> Path:
        folder = self.run_dir.parent / "log"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{self.name}.log"

    def _wait_ready(self, server: Server) -> None:
        """Waits for an answer, not for a port: a server in crash recovery listens and refuses."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                with self._connect(server) as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                self._give_up(str(error), late=time.monotonic() > deadline)
            time.sleep(0.05)

    def _give_up(self, says: str, *, late: bool) -> None:
        if "password authentication failed" in says:
            raise SetupError(
                f"内置数据库的密码文件与数据库不符（the password in {self.secrets_dir} is not the database's）",
                "",
                "请从备份恢复 var/secrets（restore var/secrets from a backup）",
                code="DATABASE_PASSWORD",
            ) from None
        if late or (self._process is not None and self._process.poll() is not None):
            raise SetupError("内置数据库没有应答（PostgreSQL does not answer）", "", _see(self._log)) from None

    def _end(self, server: Server, stand: Footing) -> None:
        """Stops without waiting for clients, then without a checkpoint, then by force."""
        for number, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10)):
            os.kill(server.pid, number)
            if self._process is not None and self._process.pid == server.pid:
                _wait(self._process, seconds)
            if processes.wait_until_gone(stand.data, seconds):
                return

    def _socket_folder(self, uid: int | None) -> Path:
        """Returns a private folder with a short path: a socket's path ends at 107 bytes, a clone's may not."""
        recorded = places.read_json(self._record).get("socket_dir")
        folder = Path(recorded) if isinstance(recorded, str) else None
        owner = os.geteuid() if uid is None else uid
        if folder is None or not _is_private(folder, owner):
            folder = Path(tempfile.mkdtemp(prefix="shuqiao-"))
            if len(str(folder)) > 80:
                folder.rmdir()
                folder = Path(tempfile.mkdtemp(prefix="shuqiao-", dir="/tmp"))  # the only short path there is
            os.chown(folder, owner, -1)
            # Recorded before the server starts, so that a start that fails leaves nothing behind.
            places.write_json(self._record, {**places.read_json(self._record), "socket_dir": str(folder)})
        return folder

    def _remove_socket_folder(self) -> None:
        recorded = places.read_json(self._record).get("socket_dir")
        if isinstance(recorded, str) and Path(recorded).name.startswith("shuqiao-"):
            shutil.rmtree(recorded, ignore_errors=True)

    def _write_record(self, server: Server) -> None:
        recorded = processes.record(server.pid).as_json()
        old = places.read_json(self._record)
        places.write_json(self._record, {**old, **recorded, "port": server.port, "socket_dir": server.socket_dir})


def _initdb(binaries: Path) -> list[str]:
    locale = ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--encoding", "UTF8"]
    return [str(binaries / "initdb"), "--username", _ADMIN, "--auth", "scram-sha-256", "--no-instructions", *locale]


def _give(folder: Path, uid: int | None) -> None:
    if uid is not None:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, uid, uid, follow_symlinks=False)


def _is_private(folder: Path, owner: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def is_free(port: int) -> bool:
    """Says whether a server may listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Returns a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _see(path: Path) -> str:
    return f"请查看 {path}（see {path}）"
