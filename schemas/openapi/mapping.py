"""How an operation stands for an entry: parameters ← key items, fields of the answer → items; and its faults.

Only mapped items ever leave the hub. Pure; names no value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from schemas.entry import Entry, Item
from schemas.openapi.document import Finding
from schemas.openapi.operations import Operation, Place
from schemas.openapi.shapes import ANY, at_path, elements, parse_path, types_of

#: Headers that are the hub's to set, or would let a caller speak for the hub.
_OWN_HEADERS = frozenset(
    {"authorization", "host", "content-length", "content-type", "cookie", "connection", "transfer-encoding", "accept"}
)
_SCALAR = frozenset({"string", "number", "integer", "boolean"})
_FITTING: Mapping[str, frozenset[str]] = {
    "N": frozenset({"number", "integer", "string"}),
    "Y": frozenset({"number", "integer", "string"}),
    "I": frozenset({"integer", "number", "string"}),
    "B": frozenset({"number", "integer", "string"}),
    "F": frozenset({"number", "integer", "string"}),
    "L": frozenset({"boolean", "string", "integer"}),
}


@dataclass(frozen=True, slots=True)
class FromItem:
    """One parameter: the key item that fills it, or a constant that is no secret."""

    name: str
    place: Place
    item: str | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class ToItem:
    """One item and the path of its value inside a row."""

    item: str
    path: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """The whole mapping; `rows` is the path of the list (or the one object) of rows in the answer."""

    parameters: tuple[FromItem, ...] = ()
    rows: str = ""
    fields: tuple[ToItem, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Names the items by which a caller asks, each once."""
        return tuple(dict.fromkeys(each.item for each in self.parameters if each.item))

    @property
    def items(self) -> tuple[str, ...]:
        """Names the items that the answer gives."""
        return tuple(each.item for each in self.fields)


@cache
def _adapter() -> TypeAdapter[Mapped]:
    return TypeAdapter(Mapped)


def mapping_json(mapped: Mapped) -> dict[str, Any]:
    """Returns a mapping as JSON values."""
    return _adapter().dump_python(mapped, mode="json")  # type: ignore[no-any-return]


def read_mapping(values: Any) -> Mapped:
    """Reads a mapping from JSON values; raises ValueError."""
    return _adapter().validate_python(values)


def row_schema(document: Mapping[str, Any], operation: Operation, mapped: Mapped) -> Any:
    """Returns the schema of one row, None where the path of the rows leads nowhere."""
    path = parse_path(mapped.rows)
    schema = None if path is None else at_path(document, operation.answer, path)
    if schema is None:
        return None
    one = elements(document, schema)
    return schema if one is None else one


def check_mapping(document: Mapping[str, Any], operation: Operation, mapped: Mapped, entry: Entry) -> list[Finding]:
    """Lists what keeps a mapping from being used; an empty list is a whole one."""
    known = {item.name: item for item in entry.items}
    found = [*_parameters(operation, mapped, known), *_fields(document, operation, mapped, known)]
    named = {name for name in mapped.keys if name in known}
    if named and not any(known[name].subject or name in entry.row_key for name in named):
        found.append(_wrong("参数", "没有按主体标识或主键查询", "至少一个参数对应到主体标识或主键数据项"))
    # Without them nobody can tell whether a row is that of who was asked for.
    absent = {name for name in named if known[name].subject or name in entry.row_key} - set(mapped.items)
    if absent:
        titles = "、".join(sorted(known[name].title for name in absent))
        found.append(
            _wrong("响应", f"响应没有对应查询所用的数据项：{titles}", "请对应返回记录中的该数据项，以核对是否本人")
        )
    return found


def _wrong(place: str, says: str, step: str) -> Finding:
    return Finding("INTERFACE_MAPPING", "error", place, says, step)


def _parameters(operation: Operation, mapped: Mapped, known: Mapping[str, Item]) -> Iterator[Finding]:
    there = {(each.place, each.name): each for each in operation.parameters}
    given = {(each.place, each.name) for each in mapped.parameters}
    if len(given) < len(mapped.parameters):
        yield _wrong("参数", "同一参数对应了多次", "每个参数只对应一次")
    for key, each in there.items():
        if each.required and key not in given:
            yield _wrong(each.name, f"必填参数 {each.name} 没有对应", "请对应到数据项，或填固定值")
    for mapping in mapped.parameters:
        yield from _parameter(mapping, there, known)
    if not mapped.keys:
        yield _wrong("参数", "没有按哪个数据项查询", "至少一个参数对应到主体标识或主键数据项")


def _parameter(mapping: FromItem, there: Mapping[Any, Any], known: Mapping[str, Item]) -> Iterator[Finding]:
    name = mapping.name
    if (mapping.place, name) not in there:
        yield _wrong(name, f"所选操作没有参数 {name[:60]}", "请从操作的参数中选择")
    if mapping.place == "cookie" or (mapping.place == "header" and name.lower() in _OWN_HEADERS):
        yield _wrong(name, f"参数 {name[:60]} 不能由调用方填写", "登录信息请登记为接口密钥")
    if (mapping.item is None) == (mapping.constant is None):
        yield _wrong(name, f"参数 {name[:60]} 须对应一个数据项或一个固定值", "请选择其一")
    if mapping.item is not None and mapping.item not in known:
        yield _wrong(name, f"没有数据项 {mapping.item[:60]}", "请从条目的数据项中选择")


def _fields(
    document: Mapping[str, Any], operation: Operation, mapped: Mapped, known: Mapping[str, Item]
) -> Iterator[Finding]:
    if operation.answer is None:
        yield _wrong("响应", "所选操作没有描述 JSON 响应", "请补充 200 响应的 application/json 结构")
        return
    row = row_schema(document, operation, mapped)
    if row is None or not {"object"} & types_of(document, row):
        yield _wrong("响应", "记录所在的位置在响应结构中不存在，或不是对象、对象列表", "请写明位置，如 data.rows")
        return
    if not mapped.fields:
        yield _wrong("响应", "没有对应任何数据项", "请至少对应一个数据项")
    if len(set(mapped.items)) < len(mapped.items):
        yield _wrong("响应", "同一数据项对应了多次", "每个数据项只对应一次")
    for each in mapped.fields:
        yield from _field(document, row, each, known.get(each.item))


def _field(document: Mapping[str, Any], row: Any, mapping: ToItem, item: Item | None) -> Iterator[Finding]:
    if item is None:
        yield _wrong(mapping.item[:60], f"没有数据项 {mapping.item[:60]}", "请从条目的数据项中选择")
        return
    path = parse_path(mapping.path)
    schema = at_path(document, row, path) if path else None
    if schema is None:
        says = f"数据项 {item.title} 对应的属性 {mapping.path[:80]} 在响应结构中不存在"
        yield _wrong(item.name, says, "请从响应的属性中选择")
        return
    types = types_of(document, schema)
    if types != ANY and not types & _FITTING.get(item.type, _SCALAR):
        yield _wrong(item.name, f"属性 {mapping.path[:80]} 的类型与数据项 {item.title} 不符", "请改选属性或数据项")
