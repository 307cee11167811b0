"""Shared datasets: what version is served, from which cursor the next reading starts, and every published version."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import dataset_versions, datasets


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's present state; version 0 means that nothing is published yet."""

    dataset: str
    current_version: int
    delta_version: int | None
    rows: int
    cursor: Mapping[str, Any] | None
    hold_next: str | None
    last_facts: Mapping[str, Any] | None
    last_run: str | None
    last_comparison_at: datetime | None
    data_time: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One published version."""

    dataset: str
    version: int
    run_id: str
    entry_version: int
    delta_version: int
    rows: int
    inserted: int
    updated: int
    deleted: int
    suite: str
    key_generation: int
    cursor: Mapping[str, Any] | None
    rollback_of: int | None
    facts: Mapping[str, Any] | None
    data_time: datetime | None
    published_at: datetime


_VERSION = [dataset_versions.c[field.name] for field in fields(Version)]
_DATASET = [datasets.c[field.name] for field in fields(Dataset)]


def ensure(connection: Connection, dataset: str, now: datetime) -> None:
    """Records a dataset that holds nothing yet; does nothing when it is known."""
    connection.execute(insert(datasets).values(dataset=dataset, updated_at=now).on_conflict_do_nothing())


def find(connection: Connection, dataset: str) -> Dataset | None:
    """Finds a dataset."""
    row = connection.execute(select(*_DATASET).where(datasets.c.dataset == dataset)).one_or_none()
    return None if row is None else Dataset(**row._asdict())


def list_all(connection: Connection) -> list[Dataset]:
    """Lists the datasets by name."""
    return [Dataset(**row._asdict()) for row in connection.execute(select(*_DATASET).order_by(datasets.c.dataset))]


def change(connection: Connection, dataset: str, **values: Any) -> None:
    """Changes the present state of a dataset."""
    connection.execute(update(datasets).where(datasets.c.dataset == dataset).values(**values))


def add_version(connection: Connection, version: Version) -> None:
    """Records a published version."""
    connection.execute(dataset_versions.insert().values(**{f.name: getattr(version, f.name) for f in fields(Version)}))


def versions(connection: Connection, dataset: str) -> list[Version]:
    """Lists the versions of a dataset, newest first."""
    query = select(*_VERSION).where(dataset_versions.c.dataset == dataset)
    rows = connection.execute(query.order_by(dataset_versions.c.version.desc()))
    return [Version(**row._asdict()) for row in rows]


def find_version(connection: Connection, dataset: str, version: int) -> Version | None:
    """Finds a version by number."""
    query = select(*_VERSION).where(dataset_versions.c.dataset == dataset, dataset_versions.c.version == version)
    row = connection.execute(query).one_or_none()
    return None if row is None else Version(**row._asdict())


def version_at(connection: Connection, dataset: str, moment: datetime) -> Version | None:
    """Finds the version that was current at `moment`."""
    query = select(*_VERSION).where(dataset_versions.c.dataset == dataset, dataset_versions.c.published_at <= moment)
    row = connection.execute(query.order_by(dataset_versions.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else Version(**row._asdict())
