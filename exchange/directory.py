"""The list of attached entries from which the scheduler builds DAGs. Knows no Airflow: writes a file, touches one."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from catalog.stores import attachments, entries
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.upload_files import takes_uploads

_AHEAD_SECONDS = 5


@use_case("directory.write")
def write_directory(hub: Hub, actor: Actor) -> Path:
    """Writes the list and has the scheduler look at it at once; returns its path."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "directory.write", None)
    return write_dags_file(hub)


def write_dags_file(hub: Hub) -> Path:
    """Writes `var/directory/dags.json` whole or not at all, then touches the DAG file: data alone triggers no parse."""
    with hub.transaction() as connection:
        waiting = attachments.waiting(connection)
        published = [found for found in entries.published(connection) if found[0].dataset not in waiting]
    listed = [facts for entry, version in published if (facts := _facts(hub.settings.var, entry, version)) is not None]
    path = hub.settings.directory / "dags.json"
    whole = {"cycles": _cycles(published), "entries": listed}
    _write_whole(path, json.dumps(whole, ensure_ascii=False, indent=1))
    if hub.settings.dags_file.exists():
        # Airflow parses again when the file is newer than the end of its last parse; a time a little ahead makes sure
        # that a parse which is at work just now, with the old list, is not the last one.
        ahead = time.time() + _AHEAD_SECONDS
        os.utime(hub.settings.dags_file, (ahead, ahead))
    return path


def _cycles(published: list[tuple[StoredEntry, EntryVersion]]) -> dict[str, str]:
    """Returns the update cycle of every attached entry: reading a thousand contracts is too slow for a page."""
    found = (entry_from(version.contract, stored.dataset) for stored, version in published)
    return {entry.dataset: entry.update_cycle for entry in found if entry.attachment is not None}


def _facts(var: Path, stored: StoredEntry, version: EntryVersion) -> dict[str, Any] | None:
    entry = entry_from(version.contract, stored.dataset)
    attachment = entry.attachment
    if attachment is None or takes_uploads(var, entry):  # nothing to fetch: the department hands its rows in
        return None
    pool = f"source_{attachment.connection}" if attachment.connection else "source_files"
    return {
        "dataset": entry.dataset,
        "title": entry.title,
        "entry_version": version.number,
        "schedule": entry.schedule,
        "connection": attachment.connection,
        "pool": pool,
        "parallel_reads": attachment.parallel_reads,
        "department": entry.provider_name,
        "state": "revoked" if stored.state == State.REVOKED else "published",
    }


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".dags.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
