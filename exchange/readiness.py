"""Whether the hub can serve: its database answers, its lake can be written, its key file can be read. Read only."""

import os
from dataclasses import dataclass

from sqlalchemy import text

from exchange.hub import Hub
from schemas.errors import HubError


@dataclass(frozen=True, slots=True)
class Part:
    """One part that serving needs; `says` names no path and no address."""

    name: str
    ready: bool
    says: str


def readiness(hub: Hub) -> tuple[Part, ...]:
    """Looks at each part."""
    return (_database(hub), _lake(hub), _keys(hub))


def _database(hub: Hub) -> Part:
    try:
        with hub.transaction() as connection:
            connection.execute(text("select 1"))
    except HubError as error:
        return Part("database", False, error.code)
    return Part("database", True, "ok")


def _lake(hub: Hub) -> Part:
    folder = hub.settings.lake_root
    # A new hub has no lake folder yet; the folder in which it will be made must be writable then.
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    ready = os.access(folder, os.W_OK | os.X_OK)
    return Part("lake", ready, "ok" if ready else "NOT_WRITABLE")


def _keys(hub: Hub) -> Part:
    ready = os.access(hub.settings.key_file, os.R_OK)
    return Part("keys", ready, "ok" if ready else "NOT_READABLE")
