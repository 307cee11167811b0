"""Attachments (挂接) of entries: what is to be read, how far the review is, and what the trial load counted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables_work import attachments
from schemas.entry import Attachment

#: States in which the attachment's syncs run.
IN_FORCE = frozenset({"published", "revoke_pending", "revoke_rejected"})


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """One entry's attachment; `trial` holds counts and finding codes, never a value."""

    dataset: str
    state: str
    attachment: Mapping[str, Any]
    mapping: Mapping[str, str]
    schedule: str | None
    paused: bool
    trial: Mapping[str, Any] | None
    tried_at: datetime | None
    created_by: str
    created_at: datetime
    submitted_by: str | None
    submitted_at: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None
    opinion: str | None

    @property
    def facts(self) -> Attachment:
        """Returns the attachment as rooms use it."""
        values = dict(self.attachment)
        for name in ("reading_window", "total_rows"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return Attachment(**values)


def find(connection: Connection, dataset: str, *, locked: bool = False) -> StoredAttachment | None:
    """Finds the attachment of an entry; `locked` keeps others from changing it until the transaction ends."""
    query = select(attachments).where(attachments.c.dataset == dataset)
    return _attachment(connection.execute(query.with_for_update() if locked else query).one_or_none())


def list_all(connection: Connection) -> list[StoredAttachment]:
    """Lists the attachments by dataset."""
    rows = connection.execute(select(attachments).order_by(attachments.c.dataset))
    return [StoredAttachment(**row._asdict()) for row in rows]


def _attachment(row: Row[Any] | None) -> StoredAttachment | None:
    return None if row is None else StoredAttachment(**row._asdict())


def begin(
    connection: Connection,
    dataset: str,
    attachment: Attachment,
    mapping: Mapping[str, str],
    schedule: str | None,
    by: tuple[str, datetime],
) -> None:
    """Records a new attachment, or what it is to be from now on: created, without trial and review."""
    reviewed = ("submitted_by", "submitted_at", "reviewed_by", "reviewed_at")
    fresh = dict.fromkeys(("trial", "tried_at", "opinion", *reviewed))
    values: dict[str, Any] = {
        "state": "created",
        "attachment": asdict(attachment),
        "mapping": dict(mapping),
        "schedule": schedule,
    }
    values |= {"created_by": by[0], "created_at": by[1], "paused": False, **fresh}
    statement = insert(attachments).values(dataset=dataset, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["dataset"], set_=values))


def change(connection: Connection, dataset: str, **values: Any) -> None:
    """Changes an attachment."""
    connection.execute(update(attachments).where(attachments.c.dataset == dataset).values(**values))


def waiting(connection: Connection) -> frozenset[str]:
    """Names the datasets whose attachment was registered and is not in force: nothing of them is read."""
    query = select(attachments.c.dataset).where(attachments.c.state.not_in(sorted(IN_FORCE)))
    return frozenset(connection.execute(query).scalars())
