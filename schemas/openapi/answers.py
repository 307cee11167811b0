"""An answer against its description: rows, values of mapped fields, and how it differs. Pure; says no value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from schemas.openapi.document import Finding
from schemas.openapi.mapping import Mapped, row_schema
from schemas.openapi.operations import Operation
from schemas.openapi.shapes import Types, at_path, fields, must_have, parse_path, types_of

_MISSING = object()
_NOTICED = 20


@dataclass(frozen=True, slots=True)
class Shape:
    """What is expected of an answer: where its rows are and each mapped field's path, types and whether it must be."""

    document: Mapping[str, Any]
    operation: Operation
    mapped: Mapped

    @property
    def rows_path(self) -> tuple[str, ...]:
        """The path of the rows."""
        return parse_path(self.mapped.rows) or ()

    @property
    def row(self) -> Any:
        """The schema of one row."""
        return row_schema(self.document, self.operation, self.mapped)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an answer as far as they are mapped: item → JSON value; what is faulty is `None` with a finding."""

    values: tuple[Mapping[str, Any], ...]
    drifts: tuple[Finding, ...] = ()
    notices: tuple[Finding, ...] = ()
    #: (code, item) → places of the rows.
    faults: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)


def value_at(node: Any, path: Sequence[str]) -> Any:
    """Returns what stands at a path, a mark of its own where nothing does (`is_missing`)."""
    for part in path:
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isascii() and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return _MISSING
    return node


def is_missing(value: Any) -> bool:
    """Says whether there is nothing at a path; null is something."""
    return value is _MISSING


def type_of(value: Any) -> str:
    """Names the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def fits(value: Any, types: Types) -> bool:
    """Says whether a value has one of the types; `1.0` is an integer too, as JSON Schema has it."""
    kind = type_of(value)
    whole = isinstance(value, float | Decimal) and value == value // 1 if kind == "number" else False
    return kind in types or (kind == "integer" and "number" in types) or (whole and "integer" in types)


def read_rows(shape: Shape, payload: Any) -> Rows:
    """Reads the mapped fields of every row; drifts are of the shape as a whole, faults of single values.

    A field drifts when every row lacks it although the description promises it, or every row has another type.
    """
    found = value_at(payload, shape.rows_path)
    if found is None:
        return Rows(())
    rows = found if isinstance(found, list) else [found]
    if is_missing(found) or not all(isinstance(row, dict) for row in rows):
        place = shape.mapped.rows or "响应"
        says = f"响应中没有记录所在的位置 {place}，或其中不是对象"
        return Rows((), (Finding("INTERFACE_DRIFT", "error", place, says, "请提供部门核对接口是否改动"),))
    values: list[dict[str, Any]] = [{} for _ in rows]
    faults: dict[tuple[str, str], list[int]] = {}
    drifts: list[Finding] = []
    for each in shape.mapped.fields:
        drift = _read_field(shape, each.item, parse_path(each.path) or (), rows, values, faults)
        drifts += [drift] if drift else []
    return Rows(tuple(values), tuple(drifts), _extra(shape, rows), faults)


def _read_field(
    shape: Shape, item: str, path: tuple[str, ...], rows: list[Any], values: list[dict[str, Any]],
    faults: dict[tuple[str, str], list[int]],
) -> Finding | None:  # fmt: skip
    schema = at_path(shape.document, shape.row, path)
    types = types_of(shape.document, schema)
    wanted = must_have(shape.document, shape.row, path)
    missing: list[int] = []
    wrong: list[int] = []
    for place, (row, out) in enumerate(zip(rows, values, strict=True)):
        value = value_at(row, path)
        if is_missing(value):
            missing += [place] if wanted else []
            value = None
        elif value is not None and (not fits(value, types) or isinstance(value, dict | list)):
            wrong.append(place)
            value = None
        elif value is None and wanted and "null" not in types:
            faults.setdefault(("INTERFACE_NULL", item), []).append(place)
        out[item] = value
    faults |= {(code, item): places for code, places in (("INTERFACE_MISSING", missing), ("INTERFACE_TYPE", wrong))
               if places}  # fmt: skip
    name = ".".join(path)
    if rows and len(missing) == len(rows):
        return Finding("INTERFACE_DRIFT", "error", item, f"响应缺少属性 {name}", "请提供部门核对是否改名或删除")
    if rows and len(wrong) == len(rows):
        return Finding("INTERFACE_DRIFT", "error", item, f"属性 {name} 的类型与描述不符", "请提供部门核对类型是否改动")
    return None


def _extra(shape: Shape, rows: list[Any]) -> tuple[Finding, ...]:
    known = set(fields(shape.document, shape.row))
    if not known:
        return ()
    extra = sorted({name for row in rows for name in row} - known)[:_NOTICED]
    return tuple(
        Finding("INTERFACE_EXTRA", "info", name[:60], f"响应多出描述中没有的属性 {name[:60]}", "不会传给使用方")
        for name in extra
        if name.isprintable()
    )
