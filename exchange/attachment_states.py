"""The states of an attachment (挂接), its guards, and how it is shown. Reads; decides and changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import attachments as store
from catalog.stores import entries
from catalog.stores.attachments import StoredAttachment
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.attachment_text import attached
from exchange.contracts import entry_from
from exchange.scope import unknown_entry
from exchange.trial import slower_than_cycle
from exchange.upload_files import is_upload
from schemas.contract import Contract
from schemas.entry import Entry
from schemas.errors import StateError

STATE_NAMES = {
    "none": "未挂接",
    "created": "已创建",
    "publish_pending": "待挂接审核",
    "published": "已发布",
    "publish_rejected": "挂接已退回",
    "revoke_pending": "撤销待审核",
    "revoked": "已撤销",
    "revoke_rejected": "撤销已驳回",
    "closed": "已关闭",
}
#: (command, state) → state. What is not here is refused.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("save", "none"): "created",
    ("save", "created"): "created",
    ("save", "publish_rejected"): "created",
    ("save", "revoked"): "created",
    ("save", "closed"): "created",
    ("try", "created"): "created",
    ("try", "publish_rejected"): "publish_rejected",
    ("submit", "created"): "publish_pending",
    ("submit", "publish_rejected"): "publish_pending",
    ("approve", "publish_pending"): "published",
    ("return", "publish_pending"): "publish_rejected",
    ("revoke", "published"): "revoke_pending",
    ("revoke", "revoke_rejected"): "revoke_pending",
    ("approve", "revoke_pending"): "revoked",
    ("return", "revoke_pending"): "revoke_rejected",
    ("close", "created"): "closed",
    ("close", "publish_rejected"): "closed",
    ("close", "revoked"): "closed",
}
_COMMAND_NAMES = {"save": "修改挂接", "try": "试加载", "submit": "提交挂接审核", "approve": "同意", "return": "退回",
                  "revoke": "申请撤销挂接", "close": "关闭挂接"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """An entry's attachment, what still lacks before it can be submitted, and what may be done now."""

    dataset: str
    title: str
    provider_code: str
    provider_name: str
    entry_state: int
    update_cycle: str
    state: str
    state_name: str
    upload: bool
    connection: str | None
    schema: str | None
    table: str | None
    mode: str | None
    watermark_column: str | None
    mapping: dict[str, str]
    items: tuple[dict[str, str], ...]
    schedule: str | None
    trial: dict[str, Any] | None
    tried_at: datetime | None
    submitted_by: str | None
    submitted_at: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None
    opinion: str | None
    lacks: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What stands behind an attachment: the entry, the version that it is attached to, what is registered."""

    stored: StoredEntry
    version: EntryVersion
    entry: Entry
    attachment: StoredAttachment | None

    @property
    def state(self) -> str:
        """The attachment's state; a contract that was published with its attachment is in force."""
        if self.attachment is not None:
            return self.attachment.state
        in_force = self.stored.state == State.PUBLISHED and self.entry.attachment is not None
        return "published" if in_force else "none"


def next_state(state: str, command: str) -> str:
    """Returns the state that a command leads to; raises StateError where it is not possible."""
    following = TRANSITIONS.get((command, state))
    if following is None:
        allowed = "、".join(STATE_NAMES[s] for c, s in TRANSITIONS if c == command)
        raise StateError(
            f"挂接{STATE_NAMES[state]}，不能{_COMMAND_NAMES[command]}", f"可办理的状态：{allowed}", "请刷新页面",
            code="ATTACHMENT_STATE",
        )  # fmt: skip
    return following


def found_of(connection: Connection, dataset: str, *, locked: bool = False) -> Found:
    """Finds an entry with the version that its attachment goes with; raises NotFound."""
    stored = entries.find_locked(connection, dataset) if locked else entries.find(connection, dataset)
    if stored is None:
        raise unknown_entry(connection, dataset)
    version = (
        entries.find_version(connection, dataset, stored.published_version)
        if stored.published_version is not None
        else entries.latest_version(connection, dataset)
    )
    assert version is not None  # noqa: S101 - an entry is registered with its first version
    entry = entry_from(version.contract, dataset)
    return Found(stored, version, entry, store.find(connection, dataset, locked=locked))


def registered(found: Found) -> StoredAttachment:
    """Returns what is registered; raises StateError where nothing is."""
    if found.attachment is None:
        raise StateError("还没有挂接", "先选择连接和表", "请在挂接页面选择", code="ATTACHMENT_STATE")
    return found.attachment


def loaded_of(found: Found) -> Contract:
    """Returns the contract with the registered attachment in it."""
    held = registered(found)
    return attached(found.version.contract, found.stored.dataset, held.facts, held.mapping, held.schedule)


def lacks_of(found: Found) -> list[str]:
    """Says what still forbids submission: the guards of attachment."""
    held = found.attachment
    if held is None:
        return []
    lacks = []
    if found.stored.state != State.PUBLISHED:
        lacks.append("目录条目尚未发布")
    missing = [item.title for item in found.entry.items if item.name not in held.mapping]
    if missing:
        lacks.append(f"数据项没有对应的列：{'、'.join(missing[:5])}" + ("等" if len(missing) > 5 else ""))
    if is_upload(held.facts, found.stored.dataset):
        pass  # the department hands its files in when they are ready; the update cycle says until when
    elif not held.schedule:
        lacks.append("没有写明同步计划")
    elif slow := slower_than_cycle(loaded_of(found)):
        lacks.append(slow)
    if held.trial is None:
        lacks.append("还没有试填报" if is_upload(held.facts, found.stored.dataset) else "还没有试加载")
    elif not held.trial.get("passed"):
        lacks.append(f"试加载质量分{held.trial['score']:g}，不足{held.trial['needed']:g}")
    return lacks


def view_of(found: Found) -> AttachmentView:
    """Shows an attachment."""
    held = found.attachment
    facts = held.facts if held else found.entry.attachment
    mapping = dict(held.mapping) if held else {item.name: item.source for item in found.entry.items}
    return AttachmentView(
        dataset=found.stored.dataset,
        title=found.entry.title,
        provider_code=found.entry.provider_code,
        provider_name=found.entry.provider_name,
        entry_state=found.stored.state,
        update_cycle=found.entry.update_cycle,
        state=found.state,
        state_name=STATE_NAMES[found.state],
        upload=is_upload(facts, found.stored.dataset),
        connection=facts.connection if facts else None,
        schema=facts.schema if facts else None,
        table=(facts.table or facts.location) if facts else None,
        mode=facts.mode if facts else None,
        watermark_column=facts.watermark_column if facts else None,
        mapping=mapping,
        items=tuple({"name": item.name, "title": item.title, "source": item.source} for item in found.entry.items),
        schedule=held.schedule if held else found.entry.schedule,
        trial=dict(held.trial) if held and held.trial else None,
        tried_at=held.tried_at if held else None,
        submitted_by=held.submitted_by if held else None,
        submitted_at=held.submitted_at if held else None,
        reviewed_by=held.reviewed_by if held else None,
        reviewed_at=held.reviewed_at if held else None,
        opinion=held.opinion if held else None,
        lacks=tuple(lacks_of(found)),
        commands=tuple(command for command, state in TRANSITIONS if state == found.state),
    )
