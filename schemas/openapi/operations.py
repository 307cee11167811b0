"""The operations of a description: parameters, fields of a JSON body, the schema of the answer. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.openapi.document import target
from schemas.openapi.shapes import ANY, Types, fields, required, types_of

Place = Literal["query", "path", "header", "cookie", "body"]
#: Operations that read: anything else would change what the provider holds.
METHODS = ("get", "post")
#: A call of these may be repeated.
REPEATABLE = frozenset({"get"})
_JSON = ("application/json", "text/json", "*/*")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, or one field of the JSON body."""

    name: str
    place: Place
    required: bool
    title: str = ""
    types: Types = ANY


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `answer` is the schema of its JSON answer, None where the description gives none."""

    method: str
    path: str
    title: str
    parameters: tuple[Parameter, ...]
    answer: Any = field(repr=False, compare=False)
    statuses: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Names it, as in `GET /people`."""
        return f"{self.method.upper()} {self.path}"


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Lists the operations that read, in the document's order."""
    found = []
    for path, given in document.get("paths", {}).items():
        item = _resolved(document, given)
        there = [method for method in METHODS if isinstance(item.get(method), Mapping)]
        found += [_operation(document, str(path), method, item) for method in there]
    return found


def operation_of(document: Mapping[str, Any], name: str) -> Operation | None:
    """Finds an operation by its name."""
    return next((each for each in operations(document) if each.name == name), None)


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Operation:
    operation: Mapping[str, Any] = item[method]
    known: dict[tuple[str, str], Parameter] = {}
    for given in (*item.get("parameters", ()), *operation.get("parameters", ())):
        each = _resolved(document, given)
        where = str(each.get("in"))
        needed = bool(each.get("required")) or where == "path"
        place: Any = where
        known[where, str(each.get("name"))] = Parameter(
            str(each.get("name")), place, needed, str(each.get("description") or "")[:100]
        )
    body = tuple(_body_fields(document, operation))
    statuses = frozenset(map(str, operation["responses"]))
    title = str(operation.get("summary") or operation.get("operationId") or "")[:100]
    return Operation(method, path, title, (*known.values(), *body), _answer(document, operation), statuses)


def _resolved(document: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    for _ in range(10):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str):
            break
        node = target(document, reference)
    return node if isinstance(node, Mapping) else {}


def _json_schema(document: Mapping[str, Any], holder: Any) -> Any:
    content = _resolved(document, holder).get("content") or {}
    for kind, each in content.items():
        plain = str(kind).partition(";")[0].strip().lower()
        if plain in _JSON or plain.endswith("+json"):
            return _resolved(document, each).get("schema")
    return None


def _body_fields(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Parameter]:
    schema = _json_schema(document, operation.get("requestBody"))
    if schema is None:
        return
    for name, each in fields(document, schema).items():
        title = str(each.get("description") or "")[:100] if isinstance(each, Mapping) else ""
        yield Parameter(name, "body", required(document, schema, name), title, types_of(document, each))


def _answer(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Any:
    responses = operation["responses"]
    for status in ("200", "2XX", *(each for each in responses if str(each).startswith("2")), "default"):
        if status in responses and (schema := _json_schema(document, responses[status])) is not None:
            return schema
    return None
