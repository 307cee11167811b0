"""How the hub proves who it is to an interface: headers of a call, from a secret that exchange hands in opened.

Keeps no secret but a token until it ends, in memory. Nothing here is shown, logged or put in an error.
"""

import base64
import time
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode

from connectors.rest.address import Address, parse_address
from connectors.rest.client import Limits, Outgoing, send
from connectors.rest.strict_json import read_json
from schemas.errors import SourceRefused

Kind = Literal["none", "api_key", "basic", "bearer", "oauth2"]
KINDS: dict[str, str] = {
    "none": "无",
    "api_key": "API Key（请求头）",
    "basic": "账号口令（Basic）",
    "bearer": "令牌（Bearer）",
    "oauth2": "OAuth2 客户端凭据",
}
_TOKEN_BYTES = 64 * 1024
_EARLY_SECONDS = 30
_SHORTEST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Secret:
    """An opened secret. `name` is the header of an API key, the account, or the client identifier."""

    kind: Kind
    name: str = ""
    value: str = field(default="", repr=False)
    token_url: str = ""
    scope: str = ""


@dataclass(slots=True)
class Tokens:
    """Tokens of OAuth2 by interface, until shortly before they end."""

    _held: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def headers(self, holder: str, secret: Secret, address: Address, limits: Limits) -> dict[str, str]:
        """Returns the headers that carry the secret; `holder` changes whenever the secret does."""
        if secret.kind == "api_key":
            return {secret.name: secret.value}
        if secret.kind == "basic":
            pair = base64.b64encode(f"{secret.name}:{secret.value}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if secret.kind == "bearer":
            return {"Authorization": f"Bearer {secret.value}"}
        if secret.kind == "oauth2":
            return {"Authorization": f"Bearer {self._token(holder, secret, address, limits)}"}
        return {}

    def forget(self, holder: str) -> bool:
        """Drops a token that the interface refused; says whether there was one."""
        with self._lock:
            return self._held.pop(holder, None) is not None

    def _token(self, holder: str, secret: Secret, address: Address, limits: Limits) -> str:
        with self._lock:
            held = self._held.get(holder)
        if held is not None and held[1] > time.monotonic():
            return held[0]
        token, seconds = fetch_token(secret, address, limits)
        with self._lock:
            self._held[holder] = (token, time.monotonic() + max(seconds - _EARLY_SECONDS, _EARLY_SECONDS))
        return token


def fetch_token(secret: Secret, address: Address, limits: Limits) -> tuple[str, float]:
    """Asks the token endpoint (RFC 6749, 4.4); returns the token and its seconds. Raises SourceError, Denied."""
    endpoint = parse_address(secret.token_url, local=address.local, plain=address.scheme == "http", ca=address.ca)
    pair = base64.b64encode(f"{quote_plus(secret.name)}:{quote_plus(secret.value)}".encode()).decode()
    form = {"grant_type": "client_credentials"} | ({"scope": secret.scope} if secret.scope else {})
    headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
    bounds = replace(limits, most_bytes=_TOKEN_BYTES, retries=0)
    answer = send(endpoint, Outgoing("POST", "", (), headers, urlencode(form).encode()), bounds)
    body: Any = read_json(answer.content, answer.content_type) if answer.status == 200 else None
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not _fits_header(token):
        raise SourceRefused(
            "接口的令牌地址没有给出令牌",
            "客户端标识和密钥应有效",
            "请提供部门核对后更换接口密钥",
            code="INTERFACE_LOGIN",
        )
    seconds = body.get("expires_in")
    return token, float(seconds) if isinstance(seconds, int) else _SHORTEST_SECONDS


def _fits_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
