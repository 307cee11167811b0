"""Directory entries (目录条目), their numbered versions and the codes that the hub issues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import code_numbers, entries, entry_versions


class State(IntEnum):
    """States of an entry and of its versions."""

    DRAFT = 0
    PENDING = 1
    REJECTED = 2
    PUBLISHED = 3
    REVOKE_PENDING = 4
    REVOKE_REJECTED = 5
    REVOKED = 6
    DELETED = 7


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry's own facts; its content is in its versions."""

    dataset: str
    code: str | None
    title: str
    provider_code: str
    state: int
    published_version: int | None
    publish_date: date | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EntryVersion:
    """One version: immutable once published. `plan` and `suite` are compiled at publishing."""

    dataset: str
    number: int
    contract_version: str
    contract: str
    state: int
    plan: Mapping[str, Any] | None
    suite: Mapping[str, Any] | None
    changes: Sequence[Mapping[str, Any]]
    created_by: str
    created_at: datetime
    published_at: datetime | None


def find(connection: Connection, dataset: str) -> StoredEntry | None:
    """Finds an entry by dataset name."""
    return _entry(connection.execute(select(entries).where(entries.c.dataset == dataset)).one_or_none())


def find_locked(connection: Connection, dataset: str) -> StoredEntry | None:
    """Finds an entry and keeps others from changing it until the transaction ends."""
    query = select(entries).where(entries.c.dataset == dataset).with_for_update()
    return _entry(connection.execute(query).one_or_none())


def find_by_code(connection: Connection, code: str) -> StoredEntry | None:
    """Finds an entry by its resource code."""
    return _entry(connection.execute(select(entries).where(entries.c.code == code)).one_or_none())


def list_all(connection: Connection) -> list[StoredEntry]:
    """Lists the entries by dataset name."""
    rows = connection.execute(select(entries).order_by(entries.c.dataset))
    return [StoredEntry(**row._asdict()) for row in rows]


def _entry(row: Row[Any] | None) -> StoredEntry | None:
    return None if row is None else StoredEntry(**row._asdict())


def insert_entry(connection: Connection, dataset: str, title: str, provider_code: str, now: datetime) -> None:
    """Records a new entry as a draft; does nothing when another transaction recorded it first."""
    values = {"dataset": dataset, "title": title, "provider_code": provider_code, "state": State.DRAFT}
    statement = insert(entries).values(**values, created_at=now, updated_at=now)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["dataset"]))


def update_entry(connection: Connection, dataset: str, **values: Any) -> None:
    """Changes an entry's own facts."""
    connection.execute(update(entries).where(entries.c.dataset == dataset).values(**values))


def add_version(connection: Connection, version: EntryVersion) -> None:
    """Records a version."""
    values = {name: getattr(version, name) for name in EntryVersion.__slots__}
    connection.execute(entry_versions.insert().values(**values))


def update_version(connection: Connection, dataset: str, number: int, **values: Any) -> None:
    """Changes a version that is not published, or its state."""
    connection.execute(
        update(entry_versions)
        .where(entry_versions.c.dataset == dataset, entry_versions.c.number == number)
        .values(**values)
    )


def find_version(connection: Connection, dataset: str, number: int) -> EntryVersion | None:
    """Finds a version by number."""
    query = select(entry_versions).where(entry_versions.c.dataset == dataset, entry_versions.c.number == number)
    row = connection.execute(query).one_or_none()
    return None if row is None else EntryVersion(**row._asdict())


def latest_version(connection: Connection, dataset: str) -> EntryVersion | None:
    """Finds the newest version, published or not; a change that was abandoned is none."""
    query = select(entry_versions).where(entry_versions.c.dataset == dataset, entry_versions.c.state != State.DELETED)
    row = connection.execute(query.order_by(entry_versions.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else EntryVersion(**row._asdict())


def published(connection: Connection) -> list[tuple[StoredEntry, EntryVersion]]:
    """Lists every entry that was ever published with its published version, by dataset name."""
    query = (
        select(entries, entry_versions)
        .join(
            entry_versions,
            (entry_versions.c.dataset == entries.c.dataset) & (entry_versions.c.number == entries.c.published_version),
        )
        .order_by(entries.c.dataset)
    )
    width = len(entries.c)
    return [(StoredEntry(*row[:width]), EntryVersion(*row[width:])) for row in connection.execute(query)]


def in_force_containing(connection: Connection, words: str) -> list[tuple[StoredEntry, str]]:
    """Lists the entries in force whose contract contains the words, with its text; to be read before it is believed."""
    query = (
        select(*entries.c, entry_versions.c.contract)
        .join(
            entry_versions,
            (entry_versions.c.dataset == entries.c.dataset) & (entry_versions.c.number == entries.c.published_version),
        )
        .where(
            entries.c.state.not_in((State.REVOKED, State.DELETED)),
            entry_versions.c.contract.contains(words, autoescape=True),
        )
        .order_by(entries.c.publish_date, entries.c.dataset)
    )
    return [(StoredEntry(*row[:-1]), row[-1]) for row in connection.execute(query)]


def next_code_number(connection: Connection, class_code: str) -> int:
    """Issues the next sequence number of a classification; a number is never issued twice."""
    statement = insert(code_numbers).values(class_code=class_code, last_number=1)
    statement = statement.on_conflict_do_update(
        index_elements=["class_code"], set_={"last_number": code_numbers.c.last_number + 1}
    )
    return int(connection.execute(statement.returning(code_numbers.c.last_number)).scalar_one())


def versions(connection: Connection, dataset: str) -> list[EntryVersion]:
    """Lists the versions of an entry, newest first, with those that were abandoned."""
    query = select(entry_versions).where(entry_versions.c.dataset == dataset)
    rows = connection.execute(query.order_by(entry_versions.c.number.desc()))
    return [EntryVersion(**row._asdict()) for row in rows]


def count_versions(connection: Connection, dataset: str) -> int:
    """Counts the versions of an entry, with those that were abandoned."""
    query = select(func.count()).select_from(entry_versions).where(entry_versions.c.dataset == dataset)
    return int(connection.execute(query).scalar_one())
