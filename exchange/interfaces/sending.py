"""One call of an opened interface: parameters from key items, the answer's status read, everything else an error.

Holds tokens of OAuth2 in memory until they end. No parameter, secret or value is in an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.rest.authentication import Tokens
from connectors.rest.client import Incoming, Outgoing, fill_path, send
from connectors.rest.strict_json import read_json
from exchange.interfaces.opened import Opened
from schemas.errors import HubError, InputError, SourceDown, SourceRefused, SourceUnreadable
from schemas.openapi.operations import REPEATABLE, Parameter

_TOKENS = Tokens()
_UNAUTHORISED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_MANY = 429
_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: a payload (None: nothing there), or why not. `wait`: seconds asked for by 429, 503."""

    payload: Any = field(default=None, repr=False)
    error: HubError | None = None
    wait: int | None = None


def ask(opened: Opened, keys: Mapping[str, str]) -> Outcome:
    """Calls the interface with the texts of its key items; whatever the network does is in the outcome."""
    wait = None
    try:
        outgoing = _outgoing(opened, keys)
        answer = _authenticated(opened, outgoing)
        wait = answer.retry_after
        return Outcome(_payload(opened, answer))
    except HubError as error:
        return Outcome(None, error, wait)


def _outgoing(opened: Opened, keys: Mapping[str, str]) -> Outgoing:
    shape = opened.shape
    known = {(each.place, each.name): each for each in shape.operation.parameters}
    filled: dict[str, dict[str, str]] = {"query": {}, "path": {}, "header": {}, "body": {}}
    for each in shape.mapped.parameters:
        text = keys[each.item] if each.item is not None else each.constant or ""
        filled[each.place][each.name] = text
    headers = {}
    for name, text in filled["header"].items():
        if not (text.isascii() and text.isprintable()):
            raise InputError("参数中有请求头不能携带的字符", "可见的 ASCII 字符", "请改正后重试", code="INTERFACE_KEY")
        headers[name] = text
    body = None
    if shape.operation.method == "post":
        values = {name: _typed(known["body", name], text) for name, text in filled["body"].items()}
        body = json.dumps(values, ensure_ascii=False).encode()
        headers["Content-Type"] = "application/json"
    path = fill_path(shape.operation.path, filled["path"])
    repeatable = shape.operation.method in REPEATABLE
    return Outgoing(shape.operation.method, path, tuple(filled["query"].items()), headers, body, repeatable)


def _typed(parameter: Parameter, text: str) -> Any:
    """Gives a body's field the type that the description wants."""
    if "string" not in parameter.types:
        if "integer" in parameter.types and re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        if "boolean" in parameter.types and text in {"true", "false"}:
            return text == "true"
    return text


def _authenticated(opened: Opened, outgoing: Outgoing) -> Incoming:
    """Sends a call with the secret's headers; a token that is refused is fetched anew, once."""
    for _ in range(2):
        headers = _TOKENS.headers(opened.holder, opened.secret, opened.address, opened.limits)
        sent = replace(outgoing, headers={**outgoing.headers, **headers})
        answer = send(opened.address, sent, opened.limits)
        if answer.status != _UNAUTHORISED or not _TOKENS.forget(opened.holder):
            break
    return answer


def _payload(opened: Opened, answer: Incoming) -> Any:
    status = answer.status
    documented = str(status) in opened.shape.operation.statuses
    if status == _NO_CONTENT or (status == _NOT_FOUND and documented):
        return None
    if status in {_UNAUTHORISED, _FORBIDDEN}:
        raise SourceRefused(
            f"接口拒绝了数桥的密钥（{status}）", "密钥应有效并有权限", "请提供部门核对后更换接口密钥",
            code="INTERFACE_LOGIN",
        )  # fmt: skip
    if status == _TOO_MANY:
        raise SourceDown("接口答复调用过多（429）", "", "请稍后再试", code="INTERFACE_BUSY")
    if status >= 500:
        raise SourceDown(
            f"接口答复出错（{status}）", "", "请稍后再试；持续出错请提供部门检查", code="INTERFACE_FAILING"
        )
    if not 200 <= status < 300:
        code = "INTERFACE_NOT_FOUND" if status == _NOT_FOUND else "INTERFACE_STATUS"
        raise SourceUnreadable(
            f"接口不接受这次调用（{status}）", "参数应合接口的要求", "请核对所填；仍然如此请联系提供部门", code=code
        )
    return read_json(answer.content, answer.content_type) if answer.content.strip() else None
