"""A consumer's place: its address with secret, sealed at rest, and what may be shown of it. Connects to nothing."""

import ipaddress
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from connectors.sink_registry import open_sink
from exchange.access import Actor
from exchange.hub import Hub
from schemas.delivery import PlaceKind, Sink
from schemas.errors import Denied, InputError

_SCHEMES = {
    "table": frozenset({"postgresql", "postgres", "mysql", "mariadb", "kingbase"}),
    "folder": frozenset({"s3", "s3a", "oss", "sftp", "ssh", "smb"}),
    "callback": frozenset({"https", "http"}),
}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?")
_OPTIONS = frozenset({"charset", "sslmode", "endpoint_url"})
#: Facts beside the address, by kind; `token` is a secret and sealed with it.
_FACTS = {
    "table": frozenset({"table", "schema"}),
    "folder": frozenset({"format", "receipt"}),
    "callback": frozenset({"format", "token"}),
}
_VALUES = {"format": ("parquet", "csv"), "receipt": ("file", "none")}
_LONGEST = 500


@dataclass(frozen=True)
class Place:
    """A place with its secrets; `guid_key` makes the row_guid of this subscription, which no other can relate."""

    url: str = field(repr=False)
    guid_key: bytes = field(repr=False)
    token: str | None = field(default=None, repr=False)


def new_place(url: str, facts: Mapping[str, str]) -> Place:
    """Makes a place with a fresh key."""
    return Place(url, secrets.token_bytes(32), facts.get("token"))


def sealed(hub: Hub, subscription_id: str, place: Place) -> bytes:
    """Seals a place for its subscription alone."""
    text = json.dumps({"url": place.url, "guid_key": place.guid_key.hex(), "token": place.token})
    return hub.crypto.seal("connections").seal([text.encode()], [bound(subscription_id)])[0]


def opened(hub: Hub, subscription_id: str, value: bytes) -> Place:
    """Opens a sealed place; raises SealBroken."""
    body = json.loads(hub.crypto.seal("connections").open([value], [bound(subscription_id)])[0])
    return Place(body["url"], bytes.fromhex(body["guid_key"]), body["token"])


def bound(subscription_id: str) -> bytes:
    """Names what a sealed place belongs to."""
    return f"subscription:{subscription_id}".encode()


def sink_of(place: Place, kind: str, facts: Mapping[str, str]) -> Sink:
    """Returns the sink of a place."""
    return open_sink(kind, place.url, dict(facts) | ({"token": place.token} if place.token else {}))


def shown(kind: str, url: str, facts: Mapping[str, str]) -> str:
    """Writes what may be shown of an address: never an account or a password."""
    if "://" not in url:
        return f"file:{url}"
    parts = make_url(url)
    port = f":{parts.port}" if parts.port else ""
    where = f"{parts.drivername.partition('+')[0]}://{parts.host or ''}{port}/{(parts.database or '').lstrip('/')}"
    return f"{where}#{facts['table']}" if kind == "table" else where


def kind_of(url: str) -> PlaceKind:
    """Names the kind of place that an address is: a database, an interface, else a folder."""
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else "file"
    if scheme in _SCHEMES["table"]:
        return "table"
    return "callback" if scheme in _SCHEMES["callback"] else "folder"


def check(actor: Actor, kind: str, url: str, facts: Mapping[str, str]) -> None:
    """Raises InputError, Denied unless this is a place of its kind to which this actor may send.

    Only the local administrator names a place on this machine: a folder, a loopback address.
    """
    unknown = sorted(set(facts) - _FACTS.get(kind, frozenset()))
    if kind not in _FACTS or unknown or any(len(value) > _LONGEST for value in facts.values()):
        raise _bad_facts(f"不认识的送达参数 {'、'.join(unknown) or kind[:40]}")
    for name, allowed in _VALUES.items():
        if name in facts and facts[name] not in allowed:
            raise _bad_facts(f"送达参数 {name} 只能是 {'、'.join(allowed)}")
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else "file"
    local = scheme == "file" and kind == "folder"
    if not local and scheme not in _SCHEMES[kind]:
        raise _bad_url("、".join(sorted(_SCHEMES[kind])))
    if "administrator" not in actor.roles:
        _refuse_local(kind, url, local=local)
    if local and not PurePosixPath(url.removeprefix("file://")).is_absolute():
        raise _bad_url("文件夹的绝对路径")
    open_sink(kind, url, facts)  # the kind's own rules: table name, host


def _refuse_local(kind: str, url: str, *, local: bool) -> None:
    try:
        parts = None if local else make_url(url)
    except (ArgumentError, ValueError):
        raise _bad_url("地址") from None
    hosts = _hosts(parts)
    options = set(parts.query if parts else ()) - _OPTIONS if kind != "callback" else set()
    insecure = kind == "callback" and parts is not None and parts.drivername != "https"
    if local or options or insecure or any(not _HOST.fullmatch(host) or _own(host) for host in hosts):
        raise Denied(
            "送达地址须是网络上的系统",
            "主机和端口；回调接口须用 https；本机的文件夹和地址只由本机管理员登记",
            "请改正地址；确需本机文件夹的，请联系本机管理员",
            code="PLACE_LOCAL",
        )


def _hosts(parts: URL | None) -> list[str]:
    """Lists the hosts that an address leads to; S3 names another one in `endpoint_url`."""
    if parts is None:
        return []
    other = parts.query.get("endpoint_url", ())
    ends = [other] if isinstance(other, str) else list(other)
    try:
        return [parts.host or "", *(make_url(each).host or "" for each in ends)]
    except (ArgumentError, ValueError):
        raise _bad_url("endpoint_url") from None


def _own(host: str) -> bool:
    """Says whether a host is this machine or a link-local service, such as a cloud's metadata."""
    name = host.strip("[]").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost") or bool(re.fullmatch(r"(0x)?[0-9a-f.]+", name))
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


def _bad_facts(got: str) -> InputError:
    return InputError(
        got,
        "库表：table、schema；文件：format、receipt；回调：format、token",
        "请改正后重试",
        code="PLACE_FACTS",
    )


def _bad_url(allowed: str) -> InputError:
    # The address itself is not repeated: it may hold a password.
    return InputError(
        "送达地址无法识别", f"可用：{allowed}", "请改正后重试；密码中的特殊字符要用百分号编码", code="PLACE_URL"
    )
