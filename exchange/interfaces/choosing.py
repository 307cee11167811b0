"""What can be chosen when an operation is mapped: parameters, places of rows, fields; and what fits by its name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.interfaces.opened import description_of, mapped_of
from exchange.interfaces.states import found_of, registered
from exchange.scope import require_entry
from schemas.entry import Entry
from schemas.openapi.mapping import Mapped, row_schema
from schemas.openapi.operations import Operation, operations
from schemas.openapi.shapes import elements, fields, types_of

_DEEPEST = 4
_MOST = 300


@dataclass(frozen=True, slots=True)
class ParameterChoice:
    """A parameter, and what fills it now or may by its name."""

    name: str
    place: str
    required: bool
    title: str
    item: str
    constant: str


@dataclass(frozen=True, slots=True)
class ItemChoice:
    """An item of the entry, and the field that it is read from now or may be by its name."""

    name: str
    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What a mapping is chosen from."""

    dataset: str
    operations: Sequence[str]
    operation: str
    parameters: Sequence[ParameterChoice]
    rows: str
    row_paths: Sequence[str]
    fields: Sequence[str]
    items: Sequence[ItemChoice]


@use_case("interface.choices")
def choices(hub: Hub, actor: Actor, dataset: str, operation: str = "", rows: str | None = None) -> Choices:
    """Returns what an operation's mapping is chosen from; an unknown operation is the first one."""
    require_entry(hub, actor, "interface.choices", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
        record(connection, hub, actor, "interface.choices", dataset)
    interface = registered(found)
    document = description_of(interface).document
    known = operations(document)
    name = operation or interface.operation or ""
    chosen = next((each for each in known if each.name == name), known[0])
    held = mapped_of(interface) if interface.operation == chosen.name else Mapped()
    paths = sorted(_row_paths(document, chosen.answer, (), 0), key=lambda each: (not each[1], each[0]))[:_MOST]
    at = rows if rows is not None else held.rows or (paths[0][0] if paths else "")
    row = row_schema(document, chosen, Mapped(rows=at))
    there = sorted(set(_scalars(document, row, (), 0)))[:_MOST]
    return Choices(
        dataset,
        tuple(each.name for each in known),
        chosen.name,
        tuple(_parameters(chosen, held, found.entry)),
        at,
        tuple(path for path, _ in paths),
        tuple(there),
        tuple(_items(held, found.entry, there)),
    )


def _row_paths(document: Mapping[str, Any], schema: Any, at: tuple[str, ...], depth: int) -> Iterator[tuple[str, bool]]:
    """Yields the places of objects and lists of objects, and whether each is a list."""
    if depth > _DEEPEST:
        return
    one = elements(document, schema)
    if one is not None:
        if "object" in types_of(document, one):
            yield ".".join(at), True
        return
    inside = fields(document, schema)
    if inside:
        yield ".".join(at), False
    for name, each in inside.items():
        if "." not in name:
            yield from _row_paths(document, each, (*at, name), depth + 1)


def _scalars(document: Mapping[str, Any], schema: Any, at: tuple[str, ...], depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for name, each in fields(document, schema).items():
        if "." in name:
            continue
        if fields(document, each):
            yield from _scalars(document, each, (*at, name), depth + 1)
        elif elements(document, each) is None:
            yield ".".join((*at, name))


def _parameters(chosen: Operation, held: Mapped, entry: Entry) -> Iterator[ParameterChoice]:
    filled = {(each.place, each.name): each for each in held.parameters}
    subjects = [item.name for item in entry.items if item.subject or item.name in entry.row_key]
    for each in chosen.parameters:
        now = filled.get((each.place, each.name))
        item = now.item or "" if now else _like(each.name, entry) or (subjects[0] if each.required and subjects else "")
        constant = now.constant or "" if now else ""
        yield ParameterChoice(each.name, each.place, each.required, each.title, item, constant)


def _items(held: Mapped, entry: Entry, there: Sequence[str]) -> Iterator[ItemChoice]:
    now = {each.item: each.path for each in held.fields}
    ends = {path.rpartition(".")[2].lower(): path for path in there}
    for item in entry.items:
        path = now.get(item.name, "") if held.fields else ends.get(item.source.lower()) or ends.get(item.name.lower())
        yield ItemChoice(item.name, item.title, path or "")


def _like(name: str, entry: Entry) -> str:
    same = (item.name for item in entry.items if name.lower() in {item.name.lower(), item.source.lower()})
    return next(same, "")
