"""Exporting a range of the log as evidence: records, links, batches, anchors and the script that verifies them.

A range is whole sealed batches: only then does an anchor cover its end. The folder holds `records.jsonl` (a record a
line), `manifest.json` and `verify_audit.py`.
"""

import io
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from catalog.stores import audit_chain as store
from catalog.stores.audit import GENESIS
from catalog.stores.audit_chain import Batch
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.auditing import offline
from exchange.auditing.anchor_key import verifier
from exchange.auditing.chain import batch_facts, canonical, facts_of, moment
from exchange.crypto import sm3
from exchange.hub import Hub
from schemas.errors import InputError, NotFound

_SHANGHAI = ZoneInfo("Asia/Shanghai")
SCRIPT = "verify_audit.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """An export: its name, what it holds, and the SM3 of its manifest; `anchored` says that an anchor covers it."""

    name: str
    first_batch: int
    last_batch: int
    first_number: int
    last_number: int
    records: int
    manifest_sm3: str
    anchored: bool
    content: bytes = b""


@use_case("audit.export")
def export_range(hub: Hub, actor: Actor, since: date, until: date) -> Exported:
    """Exports the batches that hold events of the days from `since` to `until` (both included), as a zip file."""
    if until < since:
        raise InputError("结束日期早于开始日期", "结束日期不早于开始日期", "请改正日期", code="AUDIT_DATES")
    begin, end = datetime.combine(since, time(), _SHANGHAI), datetime.combine(until, time(), _SHANGHAI)
    with hub.transaction() as connection:
        found = store.batches_between(connection, begin, end + timedelta(days=1))
        facts = {"since": since.isoformat(), "until": until.isoformat(), "batches": list(found or ())}
        record(connection, hub, actor, "audit.export", None, result="success" if found else "failure", detail=facts)
    if found is None:
        raise NotFound(
            f"{since} 至 {until} 没有已封存的操作日志",
            "只能导出已封存的批次",
            "请换一段日期，或先封存",
            code="AUDIT_RANGE",
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"audit-{found[0]}-{found[1]}"
        made = write_range(hub, found, folder, actor.name)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.iterdir()):
                file.write(path, f"{folder.name}/{path.name}")
    return Exported(
        **{name: getattr(made, name) for name in made.__slots__ if name != "content"}, content=packed.getvalue()
    )


def write_range(hub: Hub, span: tuple[int, int], folder: Path, made_by: str) -> Exported:
    """Writes batches first to last into a new folder, for its owner alone; every file is on disk when it returns."""
    folder.mkdir(mode=0o700, parents=True)
    with hub.transaction() as connection:
        inside = store.batches(connection, *span)
        before = _head_before(connection, inside[0])
        anchors, following = _covering(connection, inside)
        count = _write_records(connection, inside, folder / "records.jsonl")
    manifest: dict[str, Any] = {
        "format": 1,
        "made_at": moment(hub.clock.now()),
        "made_by": made_by,
        "first_number": inside[0].first_number,
        "last_number": inside[-1].last_number,
        "records": count,
        "prev_sm3": before,
        "batches": [_whole(each) for each in (*inside, *following)],
        "anchors": anchors,
        "public": next(iter(verifier(hub).public.values()), None),
    }
    text = canonical(manifest)
    _write(folder / "manifest.json", text)
    shutil.copyfile(offline.__file__, folder / SCRIPT)
    first, last = inside[0], inside[-1]
    return Exported(
        folder.name, first.number, last.number, first.first_number, last.last_number, count, sm3(text).hex(),
        bool(anchors),
    )  # fmt: skip


def _head_before(connection: Connection, first: Batch) -> str:
    before = store.batches(connection, first.number - 1, first.number - 1)
    return before[0].head_sm3 if before else GENESIS


def _covering(connection: Connection, inside: list[Batch]) -> tuple[list[str], list[Batch]]:
    """Returns the anchors of the range and the first that covers its end, with the batches up to that one."""
    known = store.anchors(connection)
    within = [each.line for each in known if inside[0].number <= each.batch < inside[-1].number]
    cover = next((each for each in known if each.batch >= inside[-1].number), None)
    if cover is None:
        return within, []
    return [*within, cover.line], store.batches(connection, inside[-1].number + 1, cover.batch)


def _whole(batch: Batch) -> dict[str, Any]:
    return batch_facts(batch) | {"prev_sm3": batch.prev_sm3, "batch_sm3": batch.batch_sm3}


def _write_records(connection: Connection, inside: list[Batch], path: Path) -> int:
    count = 0
    with _private(path) as file:
        for each, recorded in store.links(connection, inside[0].first_number - 1, inside[-1].last_number):
            facts = None if recorded is None else facts_of(recorded, each.format)
            line = {"number": each.number, "prev_sm3": each.prev_sm3, "record_sm3": each.record_sm3, "facts": facts}
            file.write(json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _write(path: Path, content: bytes) -> None:
    with _private(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _private(path: Path) -> io.BufferedWriter:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "wb")
