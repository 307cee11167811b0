"""Use-cases of one's own statements: what may be asked, what was run, what is kept under a name."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.stores import datasets, entries
from catalog.stores import queries as store
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.queries.grounds import binding
from exchange.queries.views import QueryView, open_text, seal_text, view_of
from schemas.errors import InputError, NotFound
from schemas.grants import ITEM_STATES, PURPOSES, Comparison, ItemState, Purpose

_HISTORY, _LONGEST_NAME, _MOST_SAVED = 50, 60, 200


@dataclass(frozen=True, slots=True)
class TableItem:
    """A granted item: its state, and by what it may be compared where it is condition-only."""

    name: str
    title: str
    type: str
    state: ItemState
    state_name: str
    comparisons: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class GrantedTable:
    """A dataset that may be queried under one grant."""

    dataset: str
    title: str
    grant: str
    purposes: Sequence[Purpose]
    purpose_names: Sequence[str]
    rows_a_query: int | None
    rows_an_export: int | None
    version: int
    data_time: datetime | None
    valid_until: datetime
    items: Sequence[TableItem]


@dataclass(frozen=True, slots=True)
class SavedView:
    """A statement kept under a name."""

    id: str
    name: str
    sql: str
    purpose: str
    purpose_name: str
    saved_at: datetime


@use_case("query.tables")
def tables(hub: Hub, actor: Actor) -> list[GrantedTable]:
    """Lists what the actor may query now: datasets, grants, items and their states."""
    found = []
    with hub.transaction() as connection:
        for held in datasets.list_all(connection):
            stored = entries.find(connection, held.dataset)
            grants = [g for g in binding(connection, hub, actor, held.dataset) if "query" in g.ways]
            number = stored.published_version if stored else None
            version = entries.find_version(connection, held.dataset, number) if grants and number else None
            if version is None:
                continue
            entry = entry_from(version.contract, held.dataset)
            known = {item.name: item for item in entry.items}
            for grant in grants:
                items = [
                    TableItem(i.name, known[i.name].title, known[i.name].type, i.state, ITEM_STATES[i.state],
                              i.comparisons)
                    for i in grant.items if i.name in known
                ]  # fmt: skip
                found.append(GrantedTable(
                    held.dataset, entry.title, grant.number, grant.purposes, [PURPOSES[p] for p in grant.purposes],
                    grant.quota.rows_a_query, grant.quota.rows_an_export, held.current_version, held.data_time,
                    grant.valid_until, items,
                ))  # fmt: skip
        record(connection, hub, actor, "query.tables", None, row_count=len(found))
    return found


@use_case("query.history")
def history(hub: Hub, actor: Actor, before: datetime | None = None, limit: int = _HISTORY) -> list[QueryView]:
    """Lists the actor's own runs, newest first; `before` is the beginning of the last one seen."""
    with hub.transaction() as connection:
        found = store.history(connection, actor.name, limit=min(max(limit, 1), 200), before=before)
        record(connection, hub, actor, "query.history", None, row_count=len(found))
    return [view_of(hub, each) for each in found]


@use_case("query.saved")
def saved(hub: Hub, actor: Actor) -> list[SavedView]:
    """Lists the statements that the actor keeps."""
    with hub.transaction() as connection:
        found = store.saved(connection, actor.name)
        record(connection, hub, actor, "query.saved", None, row_count=len(found))
    return [
        SavedView(e.id, e.name, open_text(hub, "saved-query", e.id, e.sealed_sql), e.purpose,
                  PURPOSES.get(e.purpose, ""), e.saved_at)  # type: ignore[call-overload]
        for e in found
    ]  # fmt: skip


@use_case("query.save")
def save(hub: Hub, actor: Actor, name: str, sql: str, purpose: str = "") -> list[SavedView]:
    """Keeps a statement under a name, in place of one of that name."""
    title = " ".join(name.split())
    if not 1 <= len(title) <= _LONGEST_NAME or not title.isprintable():
        raise InputError("常用查询的名称不可用", f"1至{_LONGEST_NAME}字", "请改正名称", code="SAVED_NAME")
    if not sql.strip() or len(sql) > 100_000 or "\0" in sql:
        raise InputError("没有可保存的语句", "不超过10万字的语句", "请填写语句", code="SAVED_SQL")
    saved_id = f"s{secrets.token_hex(8)}"
    with hub.transaction() as connection:
        kept = store.saved(connection, actor.name)
        if len(kept) >= _MOST_SAVED and title not in {each.name for each in kept}:
            raise InputError(f"已保存{_MOST_SAVED}条", f"最多{_MOST_SAVED}条", "请删去不用的", code="SAVED_MOST")
        store.save(connection, {
            "id": saved_id, "login": actor.name, "name": title, "purpose": purpose if purpose in PURPOSES else "",
            "sealed_sql": seal_text(hub, "saved-query", saved_id, sql), "saved_at": hub.clock.now(),
        })  # fmt: skip
        record(connection, hub, actor, "query.save", saved_id)
    return saved(hub, actor)


@use_case("query.forget")
def forget(hub: Hub, actor: Actor, saved_id: str) -> None:
    """Removes a kept statement."""
    with hub.transaction() as connection:
        if not store.forget(connection, actor.name, saved_id):
            raise NotFound("没有该常用查询", "本人保存的查询", "请刷新页面", code="SAVED_UNKNOWN")
        record(connection, hub, actor, "query.forget", saved_id)
