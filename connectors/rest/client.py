"""One call of an interface: bounded time, bounded size, no redirect, repeated only where repeating is harmless.

Whatever fails becomes an error of ours that names neither a parameter nor a secret.
"""

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlencode

import httpcore

from connectors.rest.address import PORTS, Address
from connectors.rest.transport import Deadline, pool
from schemas.errors import InputError, SourceDown, SourceError, SourceRefused, SourceUnreadable

_CHUNK = 64 * 1024
_PAUSE_SECONDS = 0.2
_AGAIN = frozenset({502, 503, 504})
_LONGEST_WAIT = 3600


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a call: seconds in all, bytes of the answer, repeats of what may be repeated."""

    seconds: float = 10.0
    most_bytes: int = 5 * 1024 * 1024
    retries: int = 1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent; `path` is encoded already. A call of `repeatable` kind may be sent again."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came back."""

    status: int
    content: bytes = field(repr=False)
    content_type: str = ""
    retry_after: int | None = None
    seconds: float = 0.0
    tries: int = 1


def fill_path(template: str, values: Mapping[str, str]) -> str:
    """Puts values into `/people/{id}`, each as one segment whatever it holds; raises InputError."""
    out = template
    for name, value in values.items():
        # A segment of dots leads to another path, encoded or not (RFC 3986, 6.2.2).
        if not value.strip("."):
            raise InputError("查询条件不能只有点", "数据项的值", "请改正后重试", code="INTERFACE_KEY")
        out = out.replace("{" + name + "}", quote(value, safe=""))
    if "{" in out or "}" in out:
        raise SourceUnreadable("接口路径中有参数没有填写", "", "请补全参数对应", code="INTERFACE_MAPPING")
    return out


def send(address: Address, outgoing: Outgoing, limits: Limits) -> Incoming:
    """Sends a call and returns the answer of any status but a redirect; raises SourceError, Denied."""
    deadline = Deadline(limits.seconds)
    begun = time.monotonic()
    tries = 0
    while True:
        tries += 1
        again = outgoing.repeatable and tries <= limits.retries
        answer: Incoming | None = None
        failure: SourceError | None = None
        try:
            answer = _once(address, outgoing, limits, deadline)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ssl.SSLError, OSError) as e:
            failure = _explained(e, limits)
        if answer is not None and not (again and answer.status in _AGAIN):
            return Incoming(
                answer.status, answer.content, answer.content_type, answer.retry_after, time.monotonic() - begun, tries
            )
        if failure is not None and not (again and failure.code == "INTERFACE_DOWN"):
            raise failure
        time.sleep(_PAUSE_SECONDS)


def _once(address: Address, outgoing: Outgoing, limits: Limits, deadline: Deadline) -> Incoming:
    host = address.host if ":" not in address.host else f"[{address.host}]"
    query = f"?{urlencode(outgoing.query)}" if outgoing.query else ""
    url = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=f"{address.prefix}{outgoing.path}{query}".encode() or b"/",
    )
    if address.port != PORTS[address.scheme]:
        host += f":{address.port}"
    headers = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity"}
    headers |= {"User-Agent": "shuqiao", "Connection": "close"} | dict(outgoing.headers)
    if outgoing.body is not None:
        headers["Content-Length"] = str(len(outgoing.body))
    sent = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
    with (
        pool(address, deadline) as connections,
        connections.stream(outgoing.method.upper(), url, headers=sent, content=outgoing.body) as response,
    ):
        found = {name.lower(): value for name, value in response.headers}
        _refuse_early(response.status, found, limits)
        content = bytearray()
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > limits.most_bytes:
                raise _too_large(limits)
        kind = found.get(b"content-type", b"").decode("latin-1")
        return Incoming(response.status, bytes(content), kind, _wait(found.get(b"retry-after", b"")))


def _refuse_early(status: int, headers: Mapping[bytes, bytes], limits: Limits) -> None:
    """Refuses by the head of an answer what need not be read: redirects, packed or announced too large bodies."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise SourceUnreadable(
            f"接口返回了转向（{status}）", "数桥只调用登记的地址，不跟随转向", "请提供部门给出最终地址后重新登记",
            code="INTERFACE_REDIRECT",
        )  # fmt: skip
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise SourceUnreadable(
            "接口返回了压缩的内容", "数桥要求不压缩（Accept-Encoding: identity）", "请提供部门关闭压缩",
            code="INTERFACE_PACKED",
        )  # fmt: skip
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limits.most_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> SourceUnreadable:
    most = f"{limits.most_bytes // 1024:,} KB"
    return SourceUnreadable(
        f"接口返回的内容超过 {most}", f"一次不超过 {most}", "请提供部门缩小返回范围", code="INTERFACE_SIZE"
    )


def _wait(header: bytes) -> int | None:
    return min(int(header), _LONGEST_WAIT) if header.isdigit() and len(header) < 10 else None


def _explained(error: Exception, limits: Limits) -> SourceError:
    """Puts a failure of the network in our words; the library's may hold the address with its parameters."""
    if isinstance(error, httpcore.TimeoutException):
        said = SourceDown(
            f"接口在 {limits.seconds:g} 秒内没有答复", "应在时限内答复", "稍后重试；持续超时请提供部门检查",
            code="INTERFACE_TIMEOUT",
        )  # fmt: skip
        if isinstance(error, httpcore.ConnectTimeout):
            said = _down()
        return said
    if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error).upper():
        return SourceRefused(
            "接口的 TLS 证书不可信", "证书应有效，主机名相符，由受信任的机构签发", "请提供部门更换证书，或登记其根证书",
            code="INTERFACE_TLS",
        )  # fmt: skip
    if isinstance(error, httpcore.ProtocolError):
        return SourceUnreadable("接口的答复不合 HTTP", "", "请提供部门检查接口", code="INTERFACE_PROTOCOL")
    return _down()


def _down() -> SourceDown:
    return SourceDown("无法连接接口", "接口应在线且网络可达", "稍后重试；持续失败请提供部门检查", code="INTERFACE_DOWN")
