"""Opens the hub: settings, database, keys, lake and clock in one object that every use-case gets. Decides nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from catalog import migrate
from catalog.engine import make_engine
from exchange.address_tries import AddressTries
from exchange.clock import SystemClock
from exchange.crypto import Crypto, suite_works
from exchange.faults import read_faults
from exchange.keyed.state import KeyedState
from exchange.keyfile import KeyRing
from exchange.memory import choose_pool
from exchange.settings import ROOT, Settings, environment_for, read_settings
from lake.frames import FrameStore
from schemas.errors import HubError, InputError, SetupError, StorageError
from schemas.ports import Clock, Faults

_START_SECONDS = 300


@dataclass(frozen=True)
class Hub:
    """What a use-case works with."""

    settings: Settings
    database_url: str = field(repr=False)
    engine: Engine
    #: For single statements: each is a transaction of its own.
    statement_engine: Engine
    crypto: Crypto
    clock: Clock
    faults: Faults
    #: What is done once when the hub is closed, by name.
    closing: dict[str, Callable[[], object]] = field(default_factory=dict, repr=False, compare=False)
    wrong_sign_ins: AddressTries = field(default_factory=AddressTries, repr=False, compare=False)
    keyed: KeyedState = field(default_factory=KeyedState, repr=False, compare=False)

    @property
    def frames(self) -> FrameStore:
        """Returns the store of landing and quarantine."""
        return FrameStore(self.settings.lake_root, self.crypto.frames())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Opens a transaction of the hub database; raises StorageError when the database fails."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise database_failure(error) from None

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """Opens a connection on which each statement is a transaction of its own; raises StorageError.

        Three journeys to the server fewer than `transaction`, for an act that is one statement and may be tried again:
        a connection that the server has dropped meanwhile shows with the statement alone.
        """
        try:
            with self.statement_engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise database_failure(error) from None


@contextmanager
def open_hub(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[Hub]:
    """Opens the hub, with the embedded PostgreSQL found or started when no database is set."""
    chosen = settings or read_settings()
    clock = clock or SystemClock()
    choose_pool()
    if not suite_works(chosen.crypto_suite):
        raise SetupError(
            f"本机的 OpenSSL 不支持密码套件 {chosen.crypto_suite}",
            "gm 需要 SM3 与 SM4",
            "请换用 international，或安装带国密算法的 OpenSSL",
            code="SUITE",
        )
    crypto = Crypto(chosen.crypto_suite, KeyRing(chosen.key_file, clock.now()))
    url = chosen.database_url.get_secret_value() if chosen.database_url else find_database(chosen)
    engine, statement_engine = make_engine(url), make_engine(url, each_alone=True)
    try:
        _migrate(engine, url)
        hub = Hub(chosen, url, engine, statement_engine, crypto, clock, read_faults(chosen.fault))
        try:
            yield hub
        finally:
            for close in hub.closing.values():
                with suppress(HubError):  # what is raised from the block matters more
                    close()
    finally:
        statement_engine.dispose()
        engine.dispose()


def _migrate(engine: Engine, url: str) -> None:
    try:
        with engine.connect() as connection:
            found = migrate.current(connection)
        if found == migrate.head():
            return
        if found is not None and found > migrate.head():
            raise SetupError(
                f"枢纽数据库的结构版本 {found} 比程序新",
                f"本程序使用 {migrate.head()}",
                "请升级程序",
                code="SCHEMA_NEWER",
            )
        migrate.upgrade(url)
    except DBAPIError as error:
        raise database_failure(error) from None


def find_database(settings: Settings) -> str:
    """Returns the URL of the embedded PostgreSQL; starts the server when none answers."""
    record = settings.var / "run" / "postgres.json"
    url = recorded_url(record)
    if url is not None and _answers(url):
        return url
    command = [sys.executable, "-m", "runtime", "database"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no input
            command,
            cwd=ROOT,
            env=environment_for(settings),
            capture_output=True,
            timeout=_START_SECONDS,
            check=False,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise _not_started("启动超时") from None
    url = recorded_url(record)
    if done.returncode != 0 or url is None:
        raise _not_started((done.stderr or done.stdout).strip()[-500:])
    return url


def recorded_url(record: Path) -> str | None:
    """Returns the URL that the embedded server wrote, None when there is none."""
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None


def _answers(url: str) -> bool:
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect():
            return True
    except DBAPIError:
        return False
    finally:
        engine.dispose()


def _not_started(detail: str) -> SetupError:
    return SetupError(
        f"内置数据库没有启动（{detail}）",
        "未设置 SHUQIAO_DATABASE_URL 时使用内置的 PostgreSQL",
        "请运行 shuqiao doctor 查看原因",
        code="DATABASE_NOT_STARTED",
    )


def _refuses_login(error: DBAPIError) -> bool:
    # A refused connection comes without SQLSTATE: only libpq's words tell it from a server that is down.
    said = str(error.orig)
    words = ("authentication failed", "no password supplied", "does not exist", "认证失败", "不存在")
    return isinstance(error, OperationalError) and any(word in said for word in words)


def database_failure(error: DBAPIError) -> InputError | SetupError | StorageError:
    """Turns a failure of the hub database into our error; keeps only class and SQLSTATE."""
    if isinstance(error, DataError):
        return InputError(
            "输入中有数据库不能保存的字符或数值", "可见字符，不过大的数值", "请改正后重试", code="INPUT_VALUE"
        )
    state = getattr(error.orig, "sqlstate", None) or ""
    name = type(error.orig).__name__
    if state in {"28000", "28P01", "3D000"} or (not state and _refuses_login(error)):
        return SetupError(
            f"枢纽数据库拒绝登录（{name} {state}）",
            "",
            "请核对 SHUQIAO_DATABASE_URL 的用户、密码和库名",
            code="DATABASE_LOGIN",
        )
    if state == "42501":
        return SetupError(
            f"枢纽数据库权限不足（{name} {state}）",
            "",
            "请授予建立模式 hub 与 serving 的权限",
            code="DATABASE_PRIVILEGE",
        )
    return StorageError(
        f"枢纽数据库操作失败（{name} {state or '连接中断'}）".replace(" ）", "）"),
        "",
        "请查看数据库是否在运行、磁盘是否已满，然后重试",
        code="DATABASE",
    )
