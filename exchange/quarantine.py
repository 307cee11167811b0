"""Use-case of problem data (问题数据): the rejected rows of a run as received, with every finding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.access import Actor
from exchange.audit import record_read, use_case
from exchange.extraction import quarantine_folder
from exchange.hub import Hub
from exchange.runs import entry_of, require_run
from lake.frames import FrameReader
from schemas.entry import Entry
from schemas.errors import NotFound
from schemas.findings import finding as kind_of
from schemas.findings import sentence


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One rejected row: its number and place in the source, its values by source column, its findings."""

    row: int
    place: str | None
    values: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]


@use_case("quarantine.show")
def show(hub: Hub, actor: Actor, run_id: str) -> Iterator[QuarantineRow]:
    """Yields the rejected rows of a run; the audit event is committed before the first one. Raises NotFound."""
    run = require_run(hub, run_id)
    if run.quarantine_removed_at is not None:
        raise NotFound(
            f"批次 {run_id} 的问题数据已按保存期限清除", "", "请提供部门更正后重新同步", code="QUARANTINE_REMOVED"
        )
    entry, _ = entry_of(hub, run)
    record_read(hub, actor, "quarantine.show", run_id, row_count=run.quarantined)
    folder = quarantine_folder(run)
    if not hub.frames.exists(folder):
        return iter(())
    return _rows(hub.frames.reader(folder), entry)


def _rows(reader: FrameReader, entry: Entry) -> Iterator[QuarantineRow]:
    titles = {item.name: item.title for item in entry.items}
    for batch in reader:
        columns = [name for name in batch.schema.names if name in entry.source_columns]
        for row in batch.to_pylist():
            values = {name: row[name] for name in columns}
            if row["_raw"] is not None:
                values = {"_raw": _text(row["_raw"])}
            yield QuarantineRow(row["_row"], row["_place"], values, [_finding(f, titles) for f in row["findings"]])


def _text(raw: bytes) -> str:
    """Shows the bytes of an unreadable record in the encoding that fits them best."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "backslashreplace")


def _finding(found: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    item = found["item"] or ""
    title = "、".join(titles.get(name, name) for name in item.split(",")) if item else "该行"
    try:
        says, next_step = sentence(found["code"], title), kind_of(found["code"]).next
    except KeyError:
        says, next_step = found["code"], ""
    return {**found, "says": says, "next": next_step}
