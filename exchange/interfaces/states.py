"""The states of an interface, what still lacks before its review, and how its provider sees it. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import attachments, entries, interface_calls
from catalog.stores import interfaces as store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from catalog.stores.interface_calls import StoredCall, Summary
from catalog.stores.interfaces import StoredInterface
from exchange.contracts import entry_from
from exchange.interfaces.opened import Bounds, bounds_of, description_of, mapped_of, operation_named
from exchange.scope import unknown_entry
from schemas.entry import Entry
from schemas.errors import NotFound, StateError
from schemas.openapi.document import Finding
from schemas.openapi.mapping import check_mapping

STATE_NAMES = {
    "none": "未挂接", "draft": "登记中", "pending": "待审核", "returned": "已退回", "active": "已启用",
    "closed": "已关闭",
}  # fmt: skip
#: (command, state) → state. What is not here is refused. Changing the description, the mapping or the address of one
#: in use takes it out of use until it has been reviewed again.
TRANSITIONS: dict[tuple[str, str], str] = {
    **{("describe", state): "draft" for state in ("none", "draft", "returned", "active", "closed")},
    **{("change", state): "draft" for state in ("draft", "returned", "active")},
    **{("keep", state): state for state in ("draft", "returned", "active", "pending")},
    **{("test", state): state for state in ("draft", "returned", "active", "pending")},
    ("submit", "draft"): "pending",
    ("submit", "returned"): "pending",
    ("approve", "pending"): "active",
    ("return", "pending"): "returned",
    ("suspend", "active"): "active",
    ("resume", "active"): "active",
    **{("close", state): "closed" for state in ("draft", "returned", "active")},
}
_NAMES = {
    "describe": "登记描述", "change": "修改接口", "keep": "修改接口", "test": "测试", "submit": "提交审核",
    "approve": "同意", "return": "退回", "suspend": "暂停", "resume": "恢复", "close": "关闭",
}  # fmt: skip
#: 共享方式类型: 服务接口 (domain.md 3.5).
SERVICE_INTERFACE = "3"
SHOWN_CALLS = 50


@dataclass(frozen=True, slots=True)
class Found:
    """An entry in its newest version, with its interface where it has one."""

    stored: StoredEntry
    version: EntryVersion
    entry: Entry
    interface: StoredInterface | None

    @property
    def state(self) -> str:
        """The interface's state."""
        return self.interface.state if self.interface else "none"


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """An interface as its provider sees it: never its secret, never the sample's values."""

    dataset: str
    title: str
    provider_code: str
    provider_name: str
    state: str
    state_name: str
    description_title: str
    operation: str | None
    mapping: Mapping[str, Any]
    address: str | None
    local_address: bool
    plain_http: bool
    secret_kind: str
    secret_name: str | None
    token_url: str | None
    secret_at: datetime | None
    has_sample: bool
    limits: Bounds
    test: Mapping[str, Any] | None
    tested_at: datetime | None
    suspended_code: str | None
    suspended_says: str | None
    suspended_at: datetime | None
    retry_at: datetime | None
    failures: int
    submitted_by: str | None
    reviewed_by: str | None
    opinion: str | None
    lacks: Sequence[str]
    commands: Sequence[str]
    keys: Sequence[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    calls: Sequence[StoredCall] = ()
    day: Summary | None = None


def found_of(connection: Connection, dataset: str, *, locked: bool = False) -> Found:
    """Finds an entry with its interface; raises NotFound."""
    stored = entries.find(connection, dataset)
    version = entries.latest_version(connection, dataset) if stored else None
    if stored is None or version is None:
        raise unknown_entry(connection, dataset)
    number = stored.published_version
    if number:
        version = entries.find_version(connection, dataset, number) or version
    entry = entry_from(version.contract, dataset)
    return Found(stored, version, entry, store.find(connection, dataset, locked=locked))


def registered(found: Found) -> StoredInterface:
    """Returns the interface; raises NotFound when there is none."""
    if found.interface is None:
        raise NotFound("该条目没有挂接接口", "先登记接口描述", "请上传接口的 OpenAPI 描述", code="INTERFACE_UNKNOWN")
    return found.interface


def next_state(state: str, command: str) -> str:
    """Returns where a command leads; raises StateError."""
    to = TRANSITIONS.get((command, state))
    if to is None:
        allowed = "、".join(STATE_NAMES[known] for name, known in TRANSITIONS if name == command)
        raise StateError(
            f"接口{STATE_NAMES[state]}时不能{_NAMES[command]}", f"可在这些状态下办理：{allowed}", "请刷新页面",
            code="INTERFACE_STATE",
        )  # fmt: skip
    return to


def faults_of(found: Found) -> list[Finding]:
    """Lists what is wrong with description, operation and mapping."""
    interface = registered(found)
    description = description_of(interface)
    if not description.usable:
        return list(description.findings)
    operation = operation_named(description, interface.operation)
    if operation is None:
        return [Finding("INTERFACE_OPERATION", "error", "操作", "没有选定操作", "请选择一个操作并对应参数和属性")]
    return check_mapping(description.document, operation, mapped_of(interface), found.entry)


def lacks_of(connection: Connection, found: Found) -> list[str]:
    """Lists what must be done before the interface can be submitted."""
    interface = registered(found)
    table = attachments.find(connection, found.stored.dataset)
    lacks = {
        "目录条目尚未发布": found.stored.state != State.PUBLISHED,
        "条目的共享方式类型不是服务接口": str(found.entry.metadata.get("share_mode")) != SERVICE_INTERFACE,
        "条目已挂接库表或文件": table is not None and table.state in attachments.IN_FORCE,
        "描述或映射还有错误": bool(faults_of(found)),
        "没有登记接口地址": interface.base_url is None,
        "没有登记测试参数": interface.sealed_sample is None,
        "测试还没有通过": not (interface.test or {}).get("passed"),
    }
    return [says for says, lacking in lacks.items() if lacking]


def view_of(
    connection: Connection, found: Found, *, calls: bool = False, since: datetime | None = None
) -> InterfaceView:
    """Shows an interface; with its last calls where asked."""
    interface = registered(found)
    dataset = interface.dataset
    facts = {name: getattr(interface, name) for name in _SHOWN}
    return InterfaceView(
        **facts,
        title=found.entry.title,
        provider_code=found.stored.provider_code,
        provider_name=found.entry.provider_name,
        state_name=STATE_NAMES[interface.state],
        description_title=description_of(interface).title,
        address=interface.base_url,
        has_sample=interface.sealed_sample is not None,
        limits=bounds_of(interface),
        keys=mapped_of(interface).keys,
        titles={item.name: item.title for item in found.entry.items},
        lacks=tuple(lacks_of(connection, found)) if interface.state != "closed" else (),
        commands=tuple(sorted({name for name, state in TRANSITIONS if state == interface.state})),
        calls=interface_calls.latest(connection, dataset, SHOWN_CALLS) if calls else (),
        day=interface_calls.summary(connection, dataset, since) if since else None,
    )


_SHOWN = (
    "dataset", "state", "operation", "mapping", "local_address", "plain_http", "secret_kind", "secret_name",
    "token_url", "secret_at", "test", "tested_at", "suspended_code", "suspended_says", "suspended_at", "retry_at",
    "failures", "submitted_by", "reviewed_by", "opinion",
)  # fmt: skip
