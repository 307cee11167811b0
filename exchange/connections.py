"""Use-cases of connections to department systems. The URL is sealed before it is stored and never shown or logged."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from catalog.stores import connections as store
from catalog.stores import departments
from catalog.stores import entries as entry_store
from catalog.stores.connections import StoredConnection
from catalog.stores.entries import State
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.scope import reach_of, require_department
from schemas.entry import Entry
from schemas.errors import Denied, HubError, InputError, NotFound
from schemas.source import Step

#: Steps of the connection itself, told once.
_REACHED = ("name", "port", "login")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
#: What an account of the portal may connect to: systems on the network, never this machine's own files or sockets.
_ON_THE_NETWORK = frozenset(
    {"postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "kingbase", "dm"}
    | {"s3", "s3a", "oss", "sftp", "ssh", "ftp", "smb", "http", "https", "hdfs", "webhdfs"}
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?")
_LAST_PORT = 65535
_OPTIONS = frozenset({"charset", "sslmode", "service_name", "endpoint_url"})


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """What may be shown of a connection: never its password."""

    name: str
    kind: str
    host: str | None
    port: int | None
    database: str | None
    username: str | None
    updated_at: str
    department: str | None = None

    @property
    def address(self) -> str:
        """Where the system is, in one word."""
        port = f":{self.port}" if self.port else ""
        return f"{self.host}{port}/{self.database or ''}" if self.host else self.database or ""

    @property
    def user(self) -> str:
        """The account that reads."""
        return self.username or ""

    def as_json(self) -> dict[str, Any]:
        """Returns every fact that may be shown."""
        return asdict(self) | {"address": self.address, "user": self.user}


@use_case("connection.set")
def set_connection(hub: Hub, actor: Actor, name: str, url: str, department: str | None = None) -> ConnectionView:
    """Records a connection or replaces the one of its name; raises InputError. It belongs to the actor's department.

    Only who reaches several departments names one; the local administrator may leave it to the first entry to use it.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            "连接名称不可用",
            "小写字母开头，只含小写字母、数字和下划线，最多50个字符",
            "请换一个名称",
            code="CONNECTION_NAME",
        )
    stored = replace(_stored(hub, actor, name, url), department_code=department or actor.department)
    if "administrator" not in actor.roles:
        _refuse_local(url)
    with hub.transaction() as connection:
        before = store.find(connection, name)
    if before is not None:
        stored = replace(stored, department_code=department or before.department_code or actor.department)
        require_department(hub, actor, "connection.set", before.department_code, name)
    if stored.department_code is not None or "administrator" not in actor.roles:
        require_department(hub, actor, "connection.set", stored.department_code, name)
    with hub.transaction() as connection:
        if stored.department_code not in {None, *(each.code for each in departments.list_all(connection))}:
            raise NotFound("没有这个部门", "已登记的部门的统一社会信用代码", "请先登记部门", code="DEPARTMENT_UNKNOWN")
        store.save(connection, stored)
        record(connection, hub, actor, "connection.set", name, detail={"replaced": before is not None})
    return _view(stored)


def address(facts: Mapping[str, str], password: str) -> str:
    """Writes a connection's URL from its parts: kind, host, port, database, username; raises InputError."""
    port = facts.get("port", "").strip()
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
        raise InputError("端口不可用", f"1 至 {_LAST_PORT}，或留空用默认端口", "请改正", code="CONNECTION_PORT")
    user, host, database = (facts.get(name, "").strip() or None for name in ("username", "host", "database"))
    where = int(port) if port else None
    url = URL.create(facts.get("kind", ""), user, password or None, host, where, database)
    return url.render_as_string(hide_password=False)


def _stored(hub: Hub, actor: Actor, name: str, url: str) -> StoredConnection:
    now = hub.clock.now()
    parts = _parse(url)
    scheme = parts.drivername if parts else "file"
    sealed = hub.crypto.seal("connections").seal([url.encode()], [_bound(name)])[0]
    return StoredConnection(
        name=name,
        kind=scheme.partition("+")[0],
        host=parts.host if parts else None,
        port=parts.port if parts else None,
        database=_place(parts) if parts else url,
        username=parts.username if parts else None,
        sealed_url=sealed,
        updated_by=actor.name,
        created_at=now,
        updated_at=now,
    )


def _refuse_local(url: str) -> None:
    """Refuses what would read this machine's own files or sockets, or let an option name one."""
    parts = _parse(url)
    scheme = parts.drivername.partition("+")[0] if parts else "file"
    # libpq decodes a host: %2Ftmp is a folder of sockets there.
    inside = parts is None or not _HOST.fullmatch(parts.host or "") or scheme not in _ON_THE_NETWORK
    if inside or set(parts.query if parts else ()) - _OPTIONS:
        raise Denied(
            "连接须指向网络上的系统",
            "本机的文件夹、SQLite 文件、套接字和附加选项只由本机管理员登记",
            "请填写主机和端口；确需本机文件夹的，请联系本机管理员",
            code="CONNECTION_LOCAL",
        )


def _parse(url: str) -> URL | None:
    """Reads a URL; a plain path is a folder of files."""
    if not url.strip() or "\n" in url or "\0" in url:
        raise _bad_url()
    if "://" not in url:
        return None
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise _bad_url() from None


def _place(parts: URL) -> str | None:
    """Returns the database, or the folder: a file URL's path is absolute."""
    if parts.drivername in {"file", "local"} and not parts.host:
        return f"/{parts.database or ''}"
    return parts.database


def _bad_url() -> InputError:
    # The URL itself is not repeated: it may hold a password.
    return InputError(
        "连接地址无法识别",
        "写法如 postgresql://用户:密码@主机:5432/库名、mysql+pymysql://…，或文件目录的路径",
        "请改正后重试；密码中的特殊字符要用百分号编码",
        code="CONNECTION_URL",
    )


def _bound(name: str) -> bytes:
    return f"connection:{name}".encode()


def _view(stored: StoredConnection) -> ConnectionView:
    return ConnectionView(
        stored.name,
        stored.kind,
        stored.host,
        stored.port,
        stored.database,
        stored.username,
        stored.updated_at.isoformat(timespec="seconds"),
        stored.department_code,
    )


@use_case("connection.list")
def list_connections(hub: Hub, actor: Actor) -> list[ConnectionView]:
    """Lists the connections within the actor's reach, without their secrets."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        found = [each for each in store.list_all(connection) if reach.covers(each.department_code)]
        record(connection, hub, actor, "connection.list", None, row_count=len(found))
    return [_view(stored) for stored in found]


@use_case("connection.test")
def test_connection(hub: Hub, actor: Actor, name: str, *, tables: bool = False) -> list[Step]:
    """Tries a connection step by step: name, port, log-in; then privilege and table of every entry attached by it.

    `tables` also looks through all tables that the account can read, and warns when it could write.
    """
    from connectors.registry import test_connection as try_steps  # noqa: PLC0415 - drivers are slow to import

    url = url_within(name, hub, actor, "connection.test")
    record_read(hub, actor, "connection.test", name)
    steps = try_steps(url)
    if not all(step.passed for step in steps):
        return steps
    steps += _whole_account(url) if tables else []
    for entry in _attached(hub, name):
        steps += _table_steps(entry, url)
    return steps


def _whole_account(url: str) -> list[Step]:
    """Counts the tables that the account can read and those that it could write."""
    from connectors.inspect import list_tables  # noqa: PLC0415 - drivers are slow to import

    try:
        found = list_tables(url)
    except HubError as error:
        return [Step("privilege", False, error.got, error.next_step)]
    steps = [
        Step("privilege", bool(found), f"账号可以读取{len(found)}个表或文件", "" if found else "请提供部门授予只读权限")
    ]
    writable = [table.name for table in found if table.writable]
    if writable:
        says = f"账号对{len(writable)}个表有写权限（如 {writable[0]}），数桥不会写入来源系统"
        steps.append(Step("read_only", True, says, "建议提供部门换用只读账号", warning=True))
    return steps


def _attached(hub: Hub, name: str) -> list[Entry]:
    with hub.transaction() as connection:
        found = entry_store.published(connection)
    entries = (
        entry_from(version.contract, stored.dataset) for stored, version in found if stored.state != State.REVOKED
    )
    return [entry for entry in entries if entry.attachment and entry.attachment.connection == name]


def _table_steps(entry: Entry, url: str) -> list[Step]:
    """Tries what one entry reads; which entry stands behind each sentence, since several may read one table."""
    from connectors.registry import open_source  # noqa: PLC0415 - drivers are slow to import

    assert entry.attachment is not None  # noqa: S101 - only attached entries are asked for
    try:
        steps = open_source(entry.attachment, url).test()
    except HubError as error:
        steps = [Step("table", False, error.got, error.next_step)]
    told = [step for step in steps if step.name not in _REACHED or not step.passed]
    return [replace(step, says=f"{step.says}（{entry.dataset}）") for step in told]


def require_source(entry: Entry, hub: Hub, actor: Actor, action: str) -> None:
    """Raises unless the actor may attach what the entry names: a connection within reach, never a path of this machine.

    Only the local administrator may name a file without a connection.
    """
    attachment = entry.attachment
    if attachment is None:
        return
    if attachment.connection is not None:
        connection_within(attachment.connection, hub, actor, action)
        return
    location = attachment.location or ""
    handed_in = location.startswith(f"uploads/{entry.dataset}/") and ".." not in location
    if handed_in or "administrator" in actor.roles:
        return
    with hub.transaction() as connection:
        record(connection, hub, actor, action, entry.dataset, result="denied", error_code="LOCAL_LOCATION")
    raise Denied(
        "目录条目没有写明连接，直接指向了文件位置",
        "只有本机管理员可以直接写文件位置",
        "请先登记连接，再以连接和相对路径挂接；没有系统的部门请用文件填报",
        code="LOCAL_LOCATION",
    )


def adopt_connection(connection: Connection, actor: Actor, entry: Entry) -> None:
    """Gives a connection of the local administrator's to the provider of the first entry that uses it."""
    if entry.attachment is not None and entry.attachment.connection and "administrator" in actor.roles:
        store.adopt(connection, entry.attachment.connection, entry.provider_code)


def connection_within(name: str, hub: Hub, actor: Actor, action: str) -> StoredConnection:
    """Returns a connection within the actor's reach; raises NotFound, also for another department's (recorded)."""
    with hub.transaction() as connection:
        stored = store.find(connection, name)
        reach = reach_of(connection, actor)
        known = [each.name for each in store.list_all(connection) if reach.covers(each.department_code)]
        if stored is not None and not reach.covers(stored.department_code):
            record(connection, hub, actor, action, name, result="denied", error_code="SCOPE")
            stored = None
    if stored is None:
        raise not_registered(name[:64], known)
    return stored


def url_within(name: str, hub: Hub, actor: Actor, action: str) -> str:
    """Returns the unsealed URL of a connection within the actor's reach; raises NotFound, Denied, SealBroken."""
    stored = connection_within(name, hub, actor, action)
    return hub.crypto.seal("connections").open([stored.sealed_url], [_bound(name)])[0].decode()


def url_of(hub: Hub, name: str) -> str:
    """Returns the unsealed URL of a connection for a connector; raises NotFound, SealBroken."""
    with hub.transaction() as connection:
        stored = store.find(connection, name)
        known = [] if stored else [each.name for each in store.list_all(connection)]
    if stored is None:
        raise not_registered(name, known)
    return hub.crypto.seal("connections").open([stored.sealed_url], [_bound(name)])[0].decode()


def not_registered(name: str, known: list[str]) -> NotFound:
    """Returns the error for a connection that is not registered."""
    listed = "、".join(known) or "（尚无）"
    return NotFound(
        f"连接 {name} 没有登记",
        f"已登记的连接：{listed}",
        f"请用 shuqiao connection set {name} URL 登记",
        code="CONNECTION_UNKNOWN",
    )
