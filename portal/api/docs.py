"""The API's own page of documentation, rendered here from its OpenAPI: no script, no outside address.

Also completes the OpenAPI: the one shape of all errors, and how a program signs in.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response

from portal.desk import Desk, hub_of, session_of
from portal.render import render
from portal.routes import DECLARED, OPEN
from portal.service import PREFIX

router = APIRouter(prefix=PREFIX, include_in_schema=False)
DECLARED["GET", f"{PREFIX}/docs"] = OPEN
_NONE: Mapping[str, Any] = {}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "got", "allowed", "next"],
            "properties": {
                "code": {"type": "string", "description": "稳定的错误代码"},
                "got": {"type": "string", "description": "收到了什么"},
                "allowed": {"type": "string", "description": "要求是什么"},
                "next": {"type": "string", "description": "下一步怎么做"},
            },
        }
    },
}
_EXAMPLES: Mapping[str, Any] = {
    "string": "文本",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    place: str
    kind: str
    required: bool
    says: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    says: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]
    example: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one subject."""

    tag: str
    operations: tuple[Operation, ...]


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Returns the OpenAPI of the application, made once."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes, summary="政务数据共享交换平台接口")
        components = found.setdefault("components", {})
        components.setdefault("schemas", {})["Error"] = _ERROR
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"bearer": []}]
        app.openapi_schema = found
    return app.openapi_schema


@router.get("/docs")
def documentation(request: Request) -> Response:
    """Shows every operation by subject: parameters, answers, an example to paste."""
    session = session_of(request)
    desk = Desk(hub_of(request), session) if session else None
    facts = {"title": "接口说明", "groups": groups(openapi_of(cast(FastAPI, request.app)))}
    return render(request, "api_docs.html", desk, facts)


def groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """Groups the operations of an OpenAPI document by their first tag."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["其他"])[0]
            found.setdefault(tag, []).append(_operation(document, path, method, operation))
    return tuple(Group(tag, tuple(operations)) for tag, operations in found.items())


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    given = tuple(_parameters(document, operation))
    body = tuple(_body(document, operation))
    answers = tuple((code, str(answer.get("description", ""))) for code, answer in operation["responses"].items())
    says = str(operation.get("summary") or operation.get("description") or "")
    whole = (*given, *(field for field, _ in body))
    example = _example(method, path, given, {field.name: value for field, value in body})
    return Operation(operation["operationId"], method.upper(), path, says, whole, answers, example)


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Field]:
    places = {"path": "路径", "query": "查询", "header": "头", "cookie": "Cookie"}
    for each in operation.get("parameters", ()):
        schema = _resolved(document, each.get("schema", _NONE))
        says = str(each.get("description") or schema.get("description") or "")
        yield Field(each["name"], places[each["in"]], _kind(document, schema), bool(each.get("required")), says)


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[Field, Any]]:
    """Yields the fields of the body, each with an example value."""
    for content in operation.get("requestBody", _NONE).get("content", _NONE).values():
        schema = _resolved(document, content.get("schema", _NONE))
        required = schema.get("required", ())
        for name, raw in schema.get("properties", _NONE).items():
            own = _resolved(document, raw)
            field = Field(name, "正文", _kind(document, own), name in required, str(own.get("description", "")))
            yield field, own.get("default", _EXAMPLES.get(_plain_kind(document, own)))


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return cast("Mapping[str, Any]", document["components"]["schemas"][reference.rpartition("/")[2]])


def _choices(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Lists the schemas of which one holds; null apart."""
    several = schema.get("anyOf") or schema.get("oneOf") or [schema]
    resolved = [_resolved(document, each) for each in several]
    return [each for each in resolved if each.get("type") != "null"] or resolved


def _plain_kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    return str(_choices(document, schema)[0].get("type", ""))


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    names = {"string": "文本", "integer": "整数", "number": "数", "boolean": "是否", "array": "列表", "object": "对象"}
    formats = {"date": "日期", "date-time": "时刻", "binary": "文件"}
    chosen = _choices(document, schema)[0]
    if "enum" in chosen:
        return "、".join(str(each) for each in chosen["enum"])
    return formats.get(str(chosen.get("format")), names.get(str(chosen.get("type")), "任意"))


def _example(method: str, path: str, given: tuple[Field, ...], body: Mapping[str, Any]) -> str:
    asked = "&".join(f"{field.name}=…" for field in given if field.place == "查询" and field.required)
    lines = [f"curl -H 'Authorization: Bearer 令牌' '{path}{'?' + asked if asked else ''}'"]
    if method != "get":
        lines[0] = lines[0].replace("curl ", f"curl -X {method.upper()} ")
    if body:
        lines[0] += " -H 'Content-Type: application/json' \\"
        lines.append(f"  -d '{json.dumps(body, ensure_ascii=False)}'")
    return "\n".join(lines)
