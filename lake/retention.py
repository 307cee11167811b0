"""Removes landing, quarantine and staging of runs when their time is over. Writes no audit event."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lake.places import remove_folder, storing

#: Days that each kind is kept unless the rules say otherwise; staging holds nothing that landing does not.
DAYS = {"landing": 7, "quarantine": 180, "staging": 7}


@dataclass(frozen=True, slots=True)
class Removed:
    """One folder that was removed."""

    kind: str
    dataset: str
    run: str
    files: int
    bytes: int
    last_written: datetime


def remove_expired(
    root: Path,
    now: datetime,
    days: Mapping[str, float] | None = None,
    keep: Collection[tuple[str, str]] = (),
) -> list[Removed]:
    """Removes the folders of runs last written more than `days[kind]` days ago, but those of `keep` (dataset, run)."""
    removed = []
    for kind, term in {**DAYS, **(days or {})}.items():
        for folder in _runs(Path(root) / kind):
            dataset, run = folder.parent.name, folder.name
            found = _measure(kind, folder)
            if found.last_written < now - timedelta(days=term) and (dataset, run) not in keep:
                remove_folder(folder)
                removed.append(found)
    return removed


def _runs(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.glob("*/*") if path.is_dir())


def _measure(kind: str, folder: Path) -> Removed:
    with storing(folder.name):
        facts = [path.stat() for path in folder.rglob("*") if path.is_file()]
        latest = max([fact.st_mtime for fact in facts], default=folder.stat().st_mtime)
    size = sum(fact.st_size for fact in facts)
    return Removed(kind, folder.parent.name, folder.name, len(facts), size, datetime.fromtimestamp(latest, UTC))
