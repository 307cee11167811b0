"""A contract becomes an entry's draft (state 0): made when it is new, changed while it is open, or a new version.

Shared by the form, the workbook and the contract file. Compiles no suite; that is publishing's.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from catalog.stores import entries as store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.contracts import entry_from
from exchange.entry_events import note
from exchange.hub import Hub
from exchange.search_words import refresh_words
from schemas.contract.changes import changes
from schemas.entry import Entry
from schemas.errors import InputError, StateError

_OPEN = (State.DRAFT, State.REJECTED)


def open_version(connection: Connection, dataset: str, *, provider: str) -> tuple[StoredEntry, EntryVersion] | None:
    """Returns an entry and its newest version when a draft may be written over it; None when the name is free."""
    stored = store.find_locked(connection, dataset)
    if stored is None:
        return None
    if stored.provider_code != provider:
        raise InputError(
            f"数据集名称 {dataset} 已被使用", "数据集名称在全平台唯一", "请换一个名称", code="DATASET_TAKEN"
        )
    latest = store.latest_version(connection, dataset)
    if latest is None or stored.state in (State.REVOKED, State.DELETED):
        raise StateError(f"目录条目 {dataset} 已撤销或删除", "", "请换一个数据集名称登记新条目", code="ENTRY_REVOKED")
    if State.PENDING in (stored.state, latest.state) or stored.state == State.REVOKE_PENDING:
        raise StateError(
            f"目录条目 {dataset} 正在审核", "审核中的条目不能修改", "请先撤回，再修改", code="ENTRY_PENDING"
        )
    return stored, latest


def put_draft(
    connection: Connection,
    hub: Hub,
    actor: Actor,
    entry: Entry,
    text: str,
    found: tuple[StoredEntry, EntryVersion] | None,
) -> int:
    """Writes the text as draft of its entry; returns the version's number."""
    now = hub.clock.now()
    if found is None:
        store.insert_entry(connection, entry.dataset, entry.title, entry.provider_code, now)
        store.add_version(connection, _version(hub, actor, entry, text, 1))
        note(connection, hub, actor, dataset=entry.dataset, version=1, command="draft", states=(State.DRAFT,) * 2)
        refresh_words(connection, entry.dataset)
        return 1
    stored, latest = found
    said = _changes(connection, stored, entry)
    number = latest.number
    if latest.state in _OPEN:
        store.update_version(
            connection,
            entry.dataset,
            number,
            contract=text,
            contract_version=entry.version,
            changes=said,
            state=State.DRAFT,
        )
    else:
        number = store.count_versions(connection, entry.dataset) + 1
        store.add_version(connection, replace(_version(hub, actor, entry, text, number), changes=said))
    states = (State(latest.state), State.DRAFT)
    note(connection, hub, actor, dataset=entry.dataset, version=number, command="edit", states=states)
    if stored.published_version is None:
        values = {"title": entry.title, "provider_code": entry.provider_code, "state": State.DRAFT, "updated_at": now}
        store.update_entry(connection, entry.dataset, **values)
        refresh_words(connection, entry.dataset)
    return number


def _version(hub: Hub, actor: Actor, entry: Entry, text: str, number: int) -> EntryVersion:
    values = (entry.dataset, number, entry.version, text, State.DRAFT, None, None, ())
    return EntryVersion(*values, actor.name, hub.clock.now(), None)


def _changes(connection: Connection, stored: StoredEntry, entry: Entry) -> list[Mapping[str, Any]]:
    """Lists what the draft changes of what is in force."""
    if stored.published_version is None:
        return []
    published = store.find_version(connection, stored.dataset, stored.published_version)
    before = entry_from(published.contract, stored.dataset) if published else None
    found = changes(before, entry) if before else []
    return [{"place": each.place, "compatible": each.compatible, "says": each.says} for each in found]


def raised(version: str, in_force: str) -> str:
    """Returns the version's number for a changed text: a new minor number where nobody gave one."""
    if version != in_force:
        return version
    major, minor, _ = (int(part) for part in in_force.split("."))
    return f"{major}.{minor + 1}.0"
