"""Use-cases of drafts from tables: list a connection's tables, propose an entry from one, make it a draft (state 0).

A bounded sample is read to see what the columns hold; it stays in memory and no value of it is shown or kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from catalog.stores import attachments as attachment_store
from catalog.stores import departments, entries
from exchange.access import Actor
from exchange.audit import record, record_read, use_case
from exchange.connections import connection_within, url_within
from exchange.draft_contract import (
    DraftFacts,
    Provider,
    dataset_name,
    draft_text,
    propose_facts,
    schedule_for,
    with_reading,
)
from exchange.entries import EntryView, apply
from exchange.hub import Hub
from exchange.proposals import ItemProposal, Reading, propose_items, propose_reading
from exchange.scope import reach_of
from schemas.contract.items import FIXED_LENGTH, KINDS_OF_LETTER, known_code_sets
from schemas.entry import Attachment
from schemas.errors import InputError, StateError
from schemas.naming import name_of, suggest, title_of
from schemas.source import TableFacts

_SAMPLE = 500
_FORMATS = {"csv": "csv", "txt": "csv", "gz": "csv", "xlsx": "workbook", "xls": "workbook", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class TableView:
    """A table that may be attached; `used_by` are the entries that already read it."""

    name: str
    schema: str | None
    kind: str
    comment: str
    rows: int | None
    writable: bool
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed entry: what it says, how its rows would be read, its items."""

    connection: str
    schema: str | None
    table: str
    provider_name: str
    provider_code: str
    facts: DraftFacts
    reading: Reading
    writable: bool
    sampled: int
    items: tuple[ItemProposal, ...]

    @property
    def unnamed(self) -> int:
        """Counts the columns that nobody could name."""
        return sum(not item.title for item in self.items)


@dataclass(frozen=True, slots=True)
class ItemChoice:
    """What a person decided of one column; empty words keep what was proposed. A column without choice stays out."""

    column: str
    title: str = ""
    kind: str = ""
    level: int = 0
    key: bool | None = None


@use_case("connection.tables")
def list_tables(hub: Hub, actor: Actor, name: str) -> list[TableView]:
    """Lists the tables, views or files of a connection, and which entries read each."""
    from connectors import inspect  # noqa: PLC0415 - drivers are slow to import

    url = url_within(name, hub, actor, "connection.tables")
    record_read(hub, actor, "connection.tables", name)
    found = inspect.list_tables(url)
    with hub.transaction() as connection:
        used = _used(connection, actor, name)
    return [
        TableView(each.name, each.schema, each.kind, each.comment, each.rows, each.writable, tuple(used.get(key, ())))
        for each in found
        for key in [(each.schema, each.name)]
    ]


def _used(connection: Connection, actor: Actor, name: str) -> dict[tuple[str | None, str], list[str]]:
    reach = reach_of(connection, actor)
    seen = {each.dataset for each in entries.list_all(connection) if reach.sees(each)}
    used: dict[tuple[str | None, str], list[str]] = {}
    for each in attachment_store.list_all(connection):
        facts = each.attachment
        if facts.get("connection") == name and each.dataset in seen and each.state != "closed":
            place = (facts.get("schema"), str(facts.get("table") or facts.get("location")))
            used.setdefault(place, []).append(each.dataset)
    return used


@use_case("draft.propose")
def propose(hub: Hub, actor: Actor, name: str, table: str, schema: str | None = None) -> Draft:
    """Proposes an entry from a table: items, row key, subject keys, levels, mode. Changes nothing."""
    return _proposed(hub, actor, "draft.propose", name, (schema, table))


def _proposed(hub: Hub, actor: Actor, action: str, name: str, place: tuple[str | None, str]) -> Draft:
    url = url_within(name, hub, actor, action)
    stored = connection_within(name, hub, actor, action)
    attachment = bare_attachment(name, url, *place)
    # The event goes before the first row is read; it names the table, never a value of it.
    record_read(hub, actor, "draft.propose", name, detail={"table": place[1]})
    facts, rows, items = _looked_into(hub, attachment, url)
    reading = propose_reading(facts, items, file=attachment.connector == "file")
    with hub.transaction() as connection:
        provider = provider_of(connection, stored.department_code or actor.department)
        taken = {each.dataset for each in entries.list_all(connection)}
    dataset = _free(dataset_name(place[1]), name, taken)
    title = title_of(facts.comment) or suggest(place[1]).title or f"{provider.name}{place[1]}"
    told = propose_facts(dataset, title, items)
    return Draft(name, place[0], place[1], provider.name, provider.code, told, reading, facts.writable, rows, items)


def _looked_into(hub: Hub, attachment: Attachment, url: str) -> tuple[TableFacts, int, tuple[ItemProposal, ...]]:
    from connectors import inspect  # noqa: PLC0415 - drivers are slow to import

    facts = inspect.describe(attachment, url)
    wanted = tuple(column.name for column in facts.columns)
    rows = inspect.sample(attachment, url, wanted, _SAMPLE, hub.clock.now())
    return facts, rows.num_rows if rows is not None else 0, propose_items(facts, rows)


def bare_attachment(name: str, url: str, schema: str | None, table: str) -> Attachment:
    """Returns the attachment of a table or file before anything is decided about it."""
    from connectors.registry import kind_of  # noqa: PLC0415 - drivers are slow to import

    kind = kind_of(url)
    if kind != "file":
        return Attachment(connector=kind, mode="snapshot", connection=name, schema=schema, table=table)  # type: ignore[arg-type]
    form = _FORMATS.get(table.lower().rpartition(".")[2], "csv")
    return Attachment(connector="file", mode="snapshot", connection=name, location=table, format=form)  # type: ignore[arg-type]


def provider_of(connection: Connection, code: str | None) -> Provider:
    """Returns the department that provides; raises InputError where the connection belongs to none."""
    found = next((each for each in departments.list_all(connection) if each.code == code), None)
    if found is None:
        raise InputError(
            "这个连接还没有归属部门", "由连接的归属部门编制目录条目", "请先写明连接的归属部门", code="CONNECTION_OWNER"
        )
    return Provider(found.code, found.name, found.region_code)


def _free(wanted: str, connection: str, taken: set[str]) -> str:
    options = [wanted, f"{connection}_{wanted}"[:48], *(f"{wanted[:44]}_{number}" for number in range(2, 100))]
    return next(each for each in options if each not in taken)


@use_case("draft.make")
def make(hub: Hub, actor: Actor, name: str, table: str, facts: DraftFacts, items: list[ItemChoice]) -> EntryView:
    """Makes the draft entry of a table with the chosen items; its attachment stands in it already.

    A table of another schema is written `schema.table`.
    """
    schema, _, bare = table.rpartition(".") if _is_table(hub, actor, name) else ("", "", table)
    draft = _proposed(hub, actor, "draft.make", name, (schema or None, bare))
    chosen = _chosen(draft.items, items)
    _refuse_taken(hub, facts.dataset)
    url = url_within(name, hub, actor, "draft.make")
    attachment = with_reading(bare_attachment(name, url, schema or None, bare), _kept(draft.reading, chosen))
    facts = facts if facts.schedule else replace(facts, schedule=schedule_for(facts.update_cycle, facts.dataset))
    provider = Provider(draft.provider_code, draft.provider_name, _region(hub, draft.provider_code))
    text = draft_text(facts, provider, chosen, attachment, connection_within(name, hub, actor, "draft.make").kind)
    made = apply(hub, actor, text, facts.dataset)
    with hub.transaction() as connection:
        mapping = {item.name: item.column for item in chosen if item.use}
        attachment_store.begin(
            connection, made.dataset, attachment, mapping, facts.schedule, (actor.name, hub.clock.now())
        )
        detail = {"connection": name, "table": table, "items": len(mapping)}
        record(connection, hub, actor, "draft.make", made.dataset, detail=detail)
    return made


def _is_table(hub: Hub, actor: Actor, name: str) -> bool:
    from connectors.registry import kind_of  # noqa: PLC0415 - drivers are slow to import

    return kind_of(url_within(name, hub, actor, "draft.make")) != "file"


def _region(hub: Hub, code: str) -> str | None:
    with hub.transaction() as connection:
        return provider_of(connection, code).region_code


def _refuse_taken(hub: Hub, dataset: str) -> None:
    with hub.transaction() as connection:
        if entries.find(connection, dataset) is not None:
            raise StateError("数据集名称已经使用", "每个数据集一个名称", "请换一个名称", code="DATASET_TAKEN")


def _kept(reading: Reading, items: Sequence[ItemProposal]) -> Reading:
    """Reads the whole table where the chosen items have no row key: an increment could replace nothing."""
    return reading if any(item.key and item.use for item in items) else Reading("snapshot")


def _chosen(proposed: Sequence[ItemProposal], choices: Sequence[ItemChoice]) -> list[ItemProposal]:
    by_column: Mapping[str, ItemChoice] = {choice.column: choice for choice in choices}
    unknown = set(by_column) - {item.column for item in proposed}
    if unknown:
        raise InputError(
            f"表中没有列 {'、'.join(sorted(unknown))[:80]}", "来源表的列", "请刷新页面后重选", code="COLUMN_UNKNOWN"
        )
    chosen = [_decided(item, by_column[item.column]) for item in proposed if item.column in by_column]
    if not chosen:
        raise InputError("没有选择数据项", "至少一个数据项", "请勾选数据项", code="NO_ITEMS")
    twice = {title for title in (i.title for i in chosen) if [i.title for i in chosen].count(title) > 1}
    if twice:
        raise InputError(f"数据项名称重复：{'、'.join(sorted(twice))}", "名称各不相同", "请改正", code="TITLE_TWICE")
    return _named_apart(chosen)


def _named_apart(chosen: Sequence[ItemProposal]) -> list[ItemProposal]:
    """Numbers names that several columns have, as `UPPER` and `upper` do once both are written small."""
    taken: set[str] = set()
    apart = []
    for item in chosen:
        options = (item.name, *(f"{item.name[:56]}_{number}" for number in range(2, len(chosen) + 2)))
        name = next(each for each in options if each not in taken)
        taken.add(name)
        apart.append(replace(item, name=name))
    return apart


def _decided(item: ItemProposal, choice: ItemChoice) -> ItemProposal:
    title = choice.title.strip() or item.title
    if not title:
        raise InputError(
            f"列 {item.column} 没有数据项名称", "采用的列都要有名称", "请写名称，或不勾选这一列", code="ITEM_UNNAMED"
        )
    known = suggest(item.column, title).term if not item.title else None
    named = replace(item, title=title, use=True, name=item.name if item.title else name_of(item.column, title))
    if known is not None and known.title == title and not choice.kind:
        named = replace(named, level=max(known.level, item.level), identifying=known.identifying or item.identifying)
    if choice.kind and choice.kind != item.choice:
        named = _of_kind(named, choice.kind)
    level = choice.level or named.level
    if level not in {1, 2, 3, 4}:
        raise InputError("数据分级不可用", "S1 至 S4", "请改正", code="LEVEL")
    return replace(named, level=level, key=item.key if choice.key is None else choice.key)


def _of_kind(item: ItemProposal, choice: str) -> ItemProposal:
    kind, _, code_set = choice.partition(":")
    letter = next((letter for letter, kinds in KINDS_OF_LETTER.items() if kind in kinds), None)
    if letter is None or (code_set and code_set not in known_code_sets()):
        raise InputError(f"列 {item.column} 的类别不可用", "见类别列表", "请改选", code="ITEM_KIND")
    length = FIXED_LENGTH.get(kind) or item.length or 200
    subject = item.role if kind in {"citizen_id", "uscc"} else None
    return replace(item, kind=kind, code_set=code_set or None, letter=letter, length=length, role=subject)
