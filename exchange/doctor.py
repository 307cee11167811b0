"""What is configured, running and reachable, and what to do where it isn't. Starts nothing and changes nothing."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from catalog import migrate
from catalog.engine import make_engine
from exchange.clock import SystemClock
from exchange.crypto import suite_works
from exchange.hub import Hub, database_failure, recorded_url
from exchange.keyfile import load_or_create
from exchange.settings import Settings, read_settings
from schemas.errors import HubError

_ENOUGH_MB = 2048


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    passed: bool
    says: str
    next_step: str = ""


def examine(subject: Hub | Settings | None = None) -> list[Finding]:
    """Looks at settings, keys, suite, folders, disk, database and schedule; one finding each."""
    try:
        settings = subject.settings if isinstance(subject, Hub) else (subject or read_settings())
    except HubError as error:
        return [Finding("配置", False, error.got, error.next_step)]
    checks: tuple[Callable[[Settings], Finding], ...] = (_settings, _keys, _suite, _folder, _disk, _schedule)
    return [*(check(settings) for check in checks), *_database(settings)]


def _settings(settings: Settings) -> Finding:
    given = sorted(f"SHUQIAO_{name.upper()}" for name in settings.model_fields_set)
    return Finding("配置", True, "已设置：" + "、".join(given) if given else "全部使用默认值")


def _keys(settings: Settings) -> Finding:
    path = settings.key_file
    if not path.exists():
        return Finding("密钥", True, f"密钥文件 {path} 还没有，首次使用时生成")
    try:
        roots = load_or_create(path, SystemClock().now())
    except HubError as error:
        return Finding("密钥", False, error.got, error.next_step)
    return Finding("密钥", True, f"密钥文件 {path}，共{len(roots)}代，使用第{roots[-1].generation}代")


def _suite(settings: Settings) -> Finding:
    works = suite_works(settings.crypto_suite)
    says = f"密码套件 {settings.crypto_suite}" + ("可用" if works else "在本机不可用")
    return Finding("密码套件", works, says, "" if works else "请换用 international，或安装带国密算法的 OpenSSL")


def _folder(settings: Settings) -> Finding:
    folder = _existing(settings.lake_root)
    try:
        probe = folder / ".shuqiao-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("数据目录", False, f"{folder} 不能写（{type(error).__name__}）", "请检查目录的所有者和权限")
    return Finding("数据目录", True, f"湖仓目录 {settings.lake_root} 可写")


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.lake_root)).free // 2**20
    passed = free >= _ENOUGH_MB
    step = "" if passed else "请清理磁盘；数据目录至少应有读取量三倍的空间"
    return Finding("磁盘", passed, f"数据目录所在磁盘剩余 {free} MiB", step)


def _schedule(settings: Settings) -> Finding:
    path = settings.directory / "dags.json"
    if not path.exists():
        return Finding("调度清单", True, "还没有发布过目录条目", "请用 shuqiao entry apply --publish 发布")
    if not settings.dags_file.exists():
        return Finding("调度清单", False, f"没有 DAG 文件 {settings.dags_file}", "请核对 SHUQIAO_DAGS_FILE")
    return Finding("调度清单", True, f"{path} 与 {settings.dags_file.name} 都在")


def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is not None:
        url: str | None = settings.database_url.get_secret_value()
    else:
        url = recorded_url(settings.var / "run" / "postgres.json")
    if url is None:
        return [Finding("数据库", True, "内置 PostgreSQL 没有在运行", "下一条命令会自动启动；也可运行 make up")]
    engine = make_engine(url, pool_size=1)
    try:
        return _ask(engine)
    except DBAPIError as error:
        failure = database_failure(error)
        step = failure.next_step if settings.database_url else "下一条命令会自动启动内置数据库；或运行 make up"
        return [Finding("数据库", False, failure.got, step)]
    finally:
        engine.dispose()


def _ask(engine: Engine) -> list[Finding]:
    with engine.connect() as connection:
        version = connection.execute(text("show server_version")).scalar_one()
        at = migrate.current(connection)
        found = [Finding("数据库", True, f"PostgreSQL {version} 可连接")]
        if at != migrate.head():
            return [*found, Finding("结构版本", True, f"现为 {at or '空库'}，下一条命令升级到 {migrate.head()}")]
        held = connection.execute(text("select count(*) from hub.runs where state = 'held'")).scalar_one()
        failed = connection.execute(text("select count(*) from hub.runs where state = 'failed'")).scalar_one()
    says = f"暂缓发布 {held} 个批次，失败待续 {failed} 个批次"
    step = "请用 shuqiao sync list 查看并处理" if held or failed else ""
    return [*found, Finding("结构版本", True, f"{at}，最新"), Finding("批次", True, says, step)]
