"""接口回调: a batch as one POST to the consumer's HTTP interface; the answer is the receipt.

The body is `multipart/form-data`: part `manifest` (signed), then each file. Headers repeat batch number, key id and
signature. The receiver is idempotent on the batch number; 202 means that the receipt comes later, by the hub's API.
"""

import secrets
from collections.abc import Iterator, Mapping

import httpx

from connectors import sink_points as points
from connectors.sinks.folder import read_receipt
from schemas.delivery import MANIFEST_NAME, Gate, Receipt, Shipment
from schemas.errors import HubError, InputError, SourceDown, SourceRefused, SourceUnreadable, StateError
from schemas.ports import Faults

CHUNK_BYTES = 1 << 18
#: Seconds to connect, and to wait for the answer to a batch.
_SECONDS = (10.0, 300.0)
_MOST_ANSWER_BYTES = 1 << 20
_TYPES = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}
_OUT_OF_ORDER = 425  # Too Early (RFC 8470): an earlier batch is missing


class CallbackSink:
    """An interface of the consumer's: `url` may hold user and password; `token` in `facts` is sent as bearer."""

    def __init__(self, url: str, facts: Mapping[str, str]) -> None:
        try:
            parsed = httpx.URL(url)
            good = parsed.scheme in {"http", "https"} and bool(parsed.host)
        except (httpx.InvalidURL, ValueError):  # a host's letters are looked at when it is asked for
            good = False
        if not good:
            raise InputError("回调地址无法识别", "https://主机/路径", "请改正地址", code="PLACE_URL") from None
        self._url, self._token = parsed, facts.get("token")

    def deliver(self, shipment: Shipment, gate: Gate, faults: Faults) -> Receipt | None:
        """Sends the batch; a repeat sends the same bytes under the same number. No redirect is followed."""
        boundary = f"shuqiao-{secrets.token_hex(12)}"
        manifest = shipment.manifest
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Shuqiao-Batch": manifest.batch_no,
            "Shuqiao-Sequence": str(manifest.sequence),
            "Shuqiao-Key-Id": manifest.key_id,
            "Shuqiao-Signature": shipment.signature,
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            timeout = httpx.Timeout(_SECONDS[1], connect=_SECONDS[0])
            with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
                body = _body(shipment, boundary, gate, faults)
                with client.stream("POST", self._url, headers=headers, content=body) as answer:
                    content = _read(answer)
            faults.reach(points.AFTER_COMMIT)
        except httpx.HTTPError as error:
            failure: HubError = SourceDown(
                f"回调接口没有应答（{type(error).__name__}）", "接口应在线且可访问", "稍后会以同一批次号自动重试"
            )
        else:
            return _receipt(answer.status_code, content, manifest.batch_no)
        raise failure

    def receipt(self, batch_no: str) -> Receipt | None:
        """Knows none: a receipt that comes later comes by the hub's API."""
        assert batch_no  # noqa: S101 - part of the port
        return None


def _body(shipment: Shipment, boundary: str, gate: Gate, faults: Faults) -> Iterator[bytes]:
    gate()
    yield _head(boundary, "manifest", MANIFEST_NAME, "application/json") + shipment.signed_manifest
    for part in shipment.manifest.files:
        content = shipment.read(part)
        yield b"\r\n" + _head(boundary, "file", part.name, _TYPES[shipment.format])
        for start in range(0, len(content), CHUNK_BYTES):
            gate()
            yield content[start : start + CHUNK_BYTES]
        faults.reach(points.PART_WRITTEN)
    gate()
    faults.reach(points.BEFORE_COMMIT)
    yield f"\r\n--{boundary}--\r\n".encode()


def _head(boundary: str, field: str, name: str, kind: str) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    ).encode()


def _read(answer: httpx.Response) -> bytes:
    content = b""
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > _MOST_ANSWER_BYTES:
            raise SourceUnreadable("回调接口的应答过大", "回执不超过1 MiB", "请使用部门核对接口", code="RECEIPT")
    return content


def _receipt(status: int, content: bytes, batch_no: str) -> Receipt | None:
    if status == httpx.codes.ACCEPTED:
        return None
    if httpx.codes.is_success(status):
        return read_receipt(content, batch_no)
    if status == _OUT_OF_ORDER:
        error = StateError("使用部门尚缺先前的批次", "增量批次须逐批送达", "稍后自动重试", code="DELIVERY_ORDER")
        error.transient = True
        raise error
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise SourceRefused(f"回调接口拒绝了请求（HTTP {status}）", "凭据应有效", "请更新订阅的送达地址和凭据")
    if status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT} or httpx.codes.is_server_error(status):
        raise SourceDown(f"回调接口暂不可用（HTTP {status}）", "", "稍后会以同一批次号自动重试")
    raise SourceUnreadable(f"回调接口没有接受批次（HTTP {status}）", "接口应返回回执", "请使用部门核对接口")


SINK = CallbackSink
