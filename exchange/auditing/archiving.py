"""Archiving: exports and verifies whole sealed batches whose time is over, then lets the database remove them.

Nothing younger than 183 days goes, whoever asks (网络安全法): this module refuses it, and so does the function of the
database that removes. Batches with access to personal data stay as long as `AUDIT_RETENTION` says (three years).
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from catalog.stores import audit_chain as store
from catalog.stores.audit_chain import Archive, Batch
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.auditing import offline
from exchange.auditing.anchor_key import exists, read
from exchange.auditing.chain import moment
from exchange.auditing.export import Exported, write_range
from exchange.auditing.verification import verify
from exchange.hub import Hub
from schemas.errors import SetupError, StateError
from schemas.rules.book import book

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Archived:
    """What was archived: batches and records removed from the database, and the folder that holds them now."""

    folder: Path
    first_batch: int
    last_batch: int
    records: int
    manifest_sm3: str


def archives(hub: Hub) -> Path:
    """Returns the folder of the archives."""
    return hub.settings.audit / "archives"


@use_case("audit.archive")
def archive(hub: Hub, actor: Actor, before: date) -> Archived:
    """Archives the batches whose every record is older than a day; raises StateError with what stands in the way."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "audit.archive", None, detail={"before": before.isoformat()})
    _refuse_young(hub, before)
    last = _last_batch(hub, before)
    found = verify(hub, actor)
    if not found.holds:
        raise StateError(
            "操作日志核验不通过，不能归档",
            "只归档核验通过的日志",
            "请先用 shuqiao audit verify 查明",
            code="AUDIT_BROKEN",
        )
    made, folder = _written(hub, actor, last)
    try:
        _remove(hub, actor, last, made)
    except BaseException:
        # Only when the database says that it still has them: the answer to a commit may have been lost.
        with hub.transaction() as connection:
            done = store.last_archive(connection)
        if done is None or done.last_batch < last.number:
            shutil.rmtree(folder)
        raise
    return Archived(folder, made.first_batch, made.last_batch, made.records, made.manifest_sm3)


def _refuse_young(hub: Hub, before: date) -> None:
    days = int(book().number("AUDIT_RETENTION_MINIMUM"))
    latest = (hub.clock.now() - timedelta(days=days)).astimezone(_SHANGHAI).date()
    if before > latest:
        raise StateError(
            f"{before} 之前的操作日志未满 {days} 天", f"最晚为 {latest}", "请改用更早的日期", code="AUDIT_TOO_YOUNG"
        )


def _last_batch(hub: Hub, before: date) -> Batch:
    """Returns the last batch that may go: old enough, without personal access that is kept longer, anchored."""
    kept = int(book().number("AUDIT_RETENTION"))
    with hub.transaction() as connection:
        old = store.batches_before(connection, moment(datetime.combine(before, time(), _SHANGHAI)))
        personal = store.first_personal_since(connection, hub.clock.now().astimezone(UTC) - timedelta(days=kept))
        going = [batch for batch in old if personal is None or batch.last_number < personal]
        anchored = max((each.batch for each in store.anchors(connection)), default=0)
    if not going:
        why = f"其中有未满 {kept} 天的个人信息访问记录" if old else f"{before} 之前没有未归档的封存批次"
        raise StateError(
            f"没有可归档的批次：{why}", "只归档到期的整批日志", "请改用更早的日期，或到期再办", code="AUDIT_KEPT"
        )
    if going[-1].number > anchored:
        raise StateError("要归档的批次还没有锚点", "", "请先运行 shuqiao audit anchor", code="AUDIT_NO_ANCHOR")
    return going[-1]


def _written(hub: Hub, actor: Actor, last: Batch) -> tuple[Exported, Path]:
    """Writes the archive beside its place, verifies what was written, and puts it there."""
    with hub.transaction() as connection:
        done = store.last_archive(connection)
    first = (done.last_batch if done else 0) + 1
    name = f"audit-{first:06d}-{last.number:06d}"
    folder, part = archives(hub) / name, archives(hub) / f".{name}.part"
    for left in (part, folder):  # of an archiving that was killed: the database still has these records
        shutil.rmtree(left, ignore_errors=True)
    made = write_range(hub, (first, last.number), part, actor.name)
    key = read(hub.settings.audit_key) if exists(hub) else None
    faults, _, covered = offline.check(part, secret=key.secret if key and not key.public else None)
    if faults or not (covered or key is None):
        shutil.rmtree(part)
        raise StateError("写出的归档核验不通过", "", "请核查磁盘后重试", code="AUDIT_BROKEN")
    part.rename(folder)
    return made, folder


def _remove(hub: Hub, actor: Actor, last: Batch, made: Exported) -> None:
    values = Archive(
        last.number, last.last_number, last.head_sm3, f"audit-{made.first_batch:06d}-{last.number:06d}",
        made.manifest_sm3, made.records, actor.name, hub.clock.now(),
    )  # fmt: skip
    try:
        with hub.transaction() as connection:
            removed = store.archive(connection, values)
            detail = {"batches": [made.first_batch, last.number], "manifest_sm3": made.manifest_sm3}
            record(connection, hub, actor, "audit.archive", values.name, row_count=removed, detail=detail)
    except SetupError as error:
        if error.code != "DATABASE_PRIVILEGE":
            raise
        raise StateError(
            "数据库拒绝移除操作日志",
            "日志须由专用角色所有，且所有记录已满183天",
            "请由数据库管理员运行 shuqiao audit protect 后重试",
            code="AUDIT_NOT_PROTECTED",
        ) from None
