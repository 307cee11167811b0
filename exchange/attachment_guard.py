"""No version brings a new source into force by the way: a source is attached by the attachment review alone."""

from sqlalchemy import Connection

from catalog.stores import attachments
from catalog.stores import entries as store
from catalog.stores.entries import StoredEntry
from exchange.contracts import entry_from
from exchange.hub import Hub
from schemas.entry import Attachment, Entry


def withhold(hub: Hub, connection: Connection, stored: StoredEntry, entry: Entry, by: str) -> bool:
    """Registers the attachment that a version brings as one still to be tried and reviewed, unless it is in force.

    Until then the dataset is neither listed for the scheduler nor synced. Returns whether it was registered.
    """
    if entry.attachment is None or entry.attachment == _in_force(connection, stored):
        return False
    held = attachments.find(connection, stored.dataset, locked=True)
    if held is not None and held.state not in attachments.IN_FORCE and held.facts == entry.attachment:
        return False
    mapping = {item.name: item.source for item in entry.items}
    attachments.begin(connection, stored.dataset, entry.attachment, mapping, entry.schedule, (by, hub.clock.now()))
    return True


def _in_force(connection: Connection, stored: StoredEntry) -> Attachment | None:
    held = attachments.find(connection, stored.dataset)
    if held is not None:
        return held.facts if held.state in attachments.IN_FORCE else None
    if stored.published_version is None:
        return None
    version = store.find_version(connection, stored.dataset, stored.published_version)
    return entry_from(version.contract, stored.dataset).attachment if version else None
