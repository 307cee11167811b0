"""Use-cases before an attachment is submitted: propose how an entry's items map to a table, preview its rows masked.

A person sees that the columns are right, not who stands in them. What a preview shows is shown once: it is never
stored, logged or put in an audit event.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from exchange.access import Actor
from exchange.attachment_states import found_of, loaded_of, next_state
from exchange.audit import record_read, use_case
from exchange.connections import connection_within, require_source, url_within
from exchange.draft_contract import schedule_for, with_reading
from exchange.drafting import bare_attachment
from exchange.hub import Hub
from exchange.proposals import propose_items, propose_reading, suggest_mapping
from exchange.scope import require_entry
from schemas.entry import Attachment, Item
from schemas.errors import StateError

_ROWS = 20
_PERSONAL = 3
_LONGEST = 40
#: Numbers in free text that could be a citizen ID or a telephone number.
_NUMBERS = re.compile(r"(?<!\d)(\d{3})\d{4,}(\d{3}[\dXx])(?!\d)", re.ASCII)
_DISTRICT = 6


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column of the table that is to be attached."""

    name: str
    comment: str
    type: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """How an entry would be attached to a table: columns, suggested mapping, mode and schedule."""

    dataset: str
    attachment: Attachment
    columns: tuple[ColumnView, ...]
    mapping: dict[str, str]
    schedule: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Some masked rows: titles of items, and what is shown of each value."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@use_case("attachment.propose")
def propose_attachment(
    hub: Hub, actor: Actor, dataset: str, name: str, table: str, schema: str | None = None
) -> Proposal:
    """Proposes how an entry's items map to the columns of a table. Changes nothing."""
    from connectors import inspect  # noqa: PLC0415 - drivers are slow to import

    require_entry(hub, actor, "attachment.propose", dataset)
    url = url_within(name, hub, actor, "attachment.propose")
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    next_state(found.state, "save")
    attachment = bare_attachment(name, url, schema, table)
    record_read(hub, actor, "attachment.propose", dataset, detail={"connection": name, "table": table})
    facts = inspect.describe(attachment, url)
    items = propose_items(facts, None)
    mapping = suggest_mapping([(i.name, i.title, i.source) for i in found.entry.items], facts.columns)
    keyed = bool(found.entry.row_key)
    marked = [replace(each, key=keyed, required=True) for each in items]
    reading = propose_reading(facts, marked, file=attachment.connector == "file")
    columns = tuple(ColumnView(each.name, each.comment, str(each.type)) for each in facts.columns)
    schedule = found.entry.schedule or schedule_for(found.entry.update_cycle, dataset)
    return Proposal(dataset, with_reading(attachment, reading), columns, mapping, schedule, facts.writable)


@use_case("attachment.preview")
def preview(hub: Hub, actor: Actor, dataset: str) -> Preview:
    """Reads twenty rows and shows them masked; keeps nothing of them."""
    from connectors import inspect  # noqa: PLC0415 - drivers are slow to import

    require_entry(hub, actor, "attachment.preview", dataset)
    with hub.transaction() as connection:
        found = found_of(connection, dataset)
    entry = loaded_of(found).entry
    if entry.attachment is None or entry.attachment.connection is None:
        raise StateError("挂接没有写明连接", "按连接挂接的可以预览", "请先选择连接和表", code="ATTACHMENT_STATE")
    require_source(entry, hub, actor, "attachment.preview")
    stored = connection_within(entry.attachment.connection, hub, actor, "attachment.preview")
    url = url_within(stored.name, hub, actor, "attachment.preview")
    record_read(hub, actor, "attachment.preview", dataset, items=[item.name for item in entry.items])
    batch = inspect.sample(entry.attachment, url, entry.source_columns, _ROWS, hub.clock.now())
    rows = batch.to_pylist() if batch is not None else []
    shown = tuple(tuple(masked(row[item.source], item) for item in entry.items) for row in rows)
    return Preview(tuple(item.title for item in entry.items), shown)


def masked(value: Any, item: Item) -> str:
    """Returns what a preview shows of a value."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return "（二进制）"
    text = str(value).strip()
    if not text:
        return ""
    return _masked(text, item)[:_LONGEST]


def _masked(text: str, item: Item) -> str:
    if item.kind in {"name", "address"} and not item.sealed:
        return text  # a body's own
    by_kind = {"name": _name, "address": _address, "mobile": _number, "telephone": _tail, "citizen_id": _number}
    if item.kind in by_kind:
        return by_kind[item.kind](text)
    if item.sealed:
        return _number(text)
    if item.level >= _PERSONAL:
        return f"{text[:4]}-**-**" if item.type in "DT" else "*" * min(len(text), 4)
    return _NUMBERS.sub(lambda found: f"{found[1]}****{found[2]}", text) if item.kind == "text" else text


def _name(text: str) -> str:
    return text[:1] + "*" * min(max(len(text) - 1, 1), 4)


def _address(text: str) -> str:
    return f"{text[:_DISTRICT]}****" if len(text) > _DISTRICT else f"{text[:1]}****"


def _number(text: str) -> str:
    """Keeps the first three and last four of a long number, the first of a short one."""
    if len(text) >= 11:
        return f"{text[:3]}{'*' * (len(text) - 7)}{text[-4:]}"
    return f"{text[:1]}***"


def _tail(text: str) -> str:
    return f"****{text[-2:]}" if len(text) < 11 or not text.isdigit() else _number(text)
