"""Shapes in a description: what types a place may have, which fields an object, what a path leads to. Pure.

References and combined schemas (allOf, oneOf, anyOf) are followed as far as a path needs, so that a schema that
contains itself is no trouble.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.openapi.document import target

#: Types as JSON has them; an integer is a number too.
Types = frozenset[str]
ANY: Types = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_DEEPEST = 20
_LONGEST_PATH = 12


def parse_path(text: str) -> tuple[str, ...] | None:
    """Reads `data.rows` or `/data/rows`; None where it is no path. An empty text is the whole."""
    given = text.strip()
    if given in {"", "$", "/"}:
        return ()
    if given.startswith("/"):
        parts = [part.replace("~1", "/").replace("~0", "~") for part in given[1:].split("/")]
    else:
        parts = given.removeprefix("$.").split(".")
    fits = all(part and part.isprintable() for part in parts) and len(parts) <= _LONGEST_PATH
    return tuple(parts) if fits else None


def schemas_of(document: Mapping[str, Any], schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yields the plain schemas that a schema stands for: itself, what it refers to, its parts and alternatives."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        yield from schemas_of(document, target(document, reference), depth + 1)
    yield schema
    for word in ("allOf", "oneOf", "anyOf"):
        for each in schema.get(word) or ():
            yield from schemas_of(document, each, depth + 1)


def types_of(document: Mapping[str, Any], schema: Any) -> Types:
    """Returns the types that a place may have; all where the description doesn't say."""
    found: set[str] = set()
    for each in schemas_of(document, schema):
        given = each.get("type")
        found |= {given} if isinstance(given, str) else set(given or ())
        if given is None and "properties" in each:
            found.add("object")
        if each.get("nullable") is True:
            found.add("null")
    return frozenset(found) if found - {"null"} else ANY


def child(document: Mapping[str, Any], schema: Any, name: str) -> Any:
    """Returns the schema of a field of an object, or of a list's elements under a number; None where there is none."""
    for each in schemas_of(document, schema):
        properties = each.get("properties")
        if isinstance(properties, Mapping) and name in properties:
            return properties[name]
        if name.isascii() and name.isdigit() and "items" in each:
            return each["items"]
    return None


def elements(document: Mapping[str, Any], schema: Any) -> Any:
    """Returns the schema of a list's elements, None where it is no list."""
    return next((each["items"] for each in schemas_of(document, schema) if "items" in each), None)


def required(document: Mapping[str, Any], schema: Any, name: str) -> bool:
    """Says whether an object must have a field, whichever alternative it is."""
    return any(name in (each.get("required") or ()) for each in schemas_of(document, schema))


def fields(document: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """Lists the fields that an object may have."""
    found: dict[str, Any] = {}
    for each in schemas_of(document, schema):
        properties = each.get("properties")
        if isinstance(properties, Mapping):
            found |= {str(name): value for name, value in properties.items() if name not in found}
    return found


def at_path(document: Mapping[str, Any], schema: Any, path: tuple[str, ...]) -> Any:
    """Returns the schema that a path leads to, None where it leads nowhere."""
    for part in path:
        schema = child(document, schema, part)
        if schema is None:
            return None
    return schema


def must_have(document: Mapping[str, Any], schema: Any, path: tuple[str, ...]) -> bool:
    """Says whether every part of a path is required."""
    for part in path:
        if not required(document, schema, part):
            return False
        schema = child(document, schema, part)
    return True
