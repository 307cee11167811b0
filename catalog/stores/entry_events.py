"""Every step of an entry's life, chained per entry; kept for ever and never changed."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, select

from catalog.tables_work import entry_events


@dataclass(frozen=True, slots=True)
class EntryEvent:
    """One step: the command, the states before and after, by whom, with which opinion."""

    dataset: str
    version: int
    command: str
    from_state: int
    to_state: int
    actor: str
    department_code: str | None
    opinion: str | None
    at: datetime
    prev_sm3: str
    sm3: str


_COLUMNS = [entry_events.c[field.name] for field in fields(EntryEvent)]


def add(connection: Connection, event: EntryEvent) -> None:
    """Records a step; the caller holds the entry's lock, so that each follows the one before."""
    connection.execute(entry_events.insert().values(**{f.name: getattr(event, f.name) for f in fields(EntryEvent)}))


def newest(connection: Connection, dataset: str) -> EntryEvent | None:
    """Finds the newest step of an entry."""
    query = select(*_COLUMNS).where(entry_events.c.dataset == dataset).order_by(entry_events.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else EntryEvent(**row._asdict())


def history(connection: Connection, dataset: str) -> list[EntryEvent]:
    """Lists the steps of an entry, oldest first."""
    query = select(*_COLUMNS).where(entry_events.c.dataset == dataset).order_by(entry_events.c.id)
    return [EntryEvent(**row._asdict()) for row in connection.execute(query)]
