"""Where an interface is: the one registered host and port, and the addresses that it may resolve to.

Government networks are private, so private ranges are allowed; this machine itself, link-local and metadata addresses
are not, unless the administrator of this machine has registered the interface as local (SSRF guard).
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import Denied, InputError, SourceDown

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535
#: Where clouds answer for the machine itself (AWS, Alibaba, Azure), beside the link-local ranges.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Address:
    """A registered address; `prefix` stands before every path. `ca` is a certificate authority of the provider's own
    (PEM), beside the system's."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    local: bool = False
    ca: str | None = None

    @property
    def shown(self) -> str:
        """The address in words."""
        return f"{self.scheme}://{self.host}:{self.port}{self.prefix}"


def parse_address(url: str, *, local: bool = False, plain: bool = False, ca: str | None = None) -> Address:
    """Reads a base URL; `plain` allows http. Raises InputError."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise _unreadable() from None
    host = parts.hostname or ""
    literal = _literal(host) is not None
    if parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc:
        raise _unreadable()
    if parts.scheme not in PORTS or not (literal or _HOST.fullmatch(host)) or not _PATH.fullmatch(parts.path):
        raise _unreadable()
    if port is not None and not 0 < port <= _LAST_PORT:
        raise _unreadable()
    if parts.scheme == "http" and not plain:
        raise InputError(
            "接口地址不是 https",
            "接口以 https 提供；确需 http 的，由本机管理员登记许可",
            "请改用 https，或联系本机管理员",
            code="INTERFACE_PLAIN",
        )
    prefix = parts.path.rstrip("/")
    if any(part in {".", ".."} for part in prefix.lower().replace("%2e", ".").split("/")):
        raise _unreadable()
    return Address(parts.scheme, host, port or PORTS[parts.scheme], prefix, local, ca)


def _unreadable() -> InputError:
    # The address is not repeated: it may hold a password.
    return InputError(
        "接口地址无法识别",
        "写法如 https://主机:端口/前缀，不含账号、问号和井号",
        "请改正后重试；账号和密钥请填写在接口密钥中",
        code="INTERFACE_ADDRESS",
    )


def _literal(host: str) -> _IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def resolve(address: Address) -> list[str]:
    """Returns the addresses of the host, every one of which may be called; raises SourceDown, Denied."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceDown(
            f"找不到接口的主机 {address.host}", "主机名应能解析", "请核对地址，或检查域名解析", code="INTERFACE_DOWN"
        ) from None
    numbers = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not numbers or not all(callable_address(number, local=address.local) for number in numbers):
        raise Denied(
            "接口地址指向本机、链路本地或云平台元数据地址",
            "只调用登记的主机；内网地址可用，本机和链路本地地址不可用",
            "请改用提供部门系统的地址；确需本机地址的，由本机管理员登记许可",
            code="INTERFACE_ADDRESS_REFUSED",
        )
    return numbers


def callable_address(number: str, *, local: bool = False) -> bool:
    """Says whether an IP address may be called; one inside another (mapped, 6to4, NAT64) counts as itself."""
    address = ipaddress.ip_address(number.partition("%")[0])
    for inner in _inside(address):
        forbidden = inner.is_multicast or inner.is_unspecified or (inner.is_reserved and inner not in _NAT64)
        if forbidden or inner in _METADATA:
            return False
        if isinstance(inner, ipaddress.IPv4Address) and inner == ipaddress.IPv4Address("255.255.255.255"):
            return False
        if not local and (inner.is_loopback or inner.is_link_local):
            return False
        if isinstance(inner, ipaddress.IPv4Address) and inner in ipaddress.ip_network("0.0.0.0/8"):
            return False
    return True


def _inside(address: _IP) -> list[_IP]:
    found: list[_IP] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        found += [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
        low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        compatible = int(address) >> 32 == 0 and int(address) > 1
        if address in _NAT64 or compatible:
            found.append(low)
    return found
