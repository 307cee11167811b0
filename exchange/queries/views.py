"""Runs as people see them, and what makes the export of a result need approval. Records nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.stores.queries import StoredQuery
from exchange.hub import Hub
from schemas.grants import PURPOSES

STATE_NAMES = {"running": "运行中", "done": "已完成", "failed": "失败", "cancelled": "已取消", "denied": "已拒绝"}


@dataclass(frozen=True, slots=True)
class QueryDataset:
    """A dataset that a query read: version, data time (数据截至) and lateness by its cycle (更新延迟)."""

    dataset: str
    title: str
    grant: str
    version: int
    data_time: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class QueryView:
    """A run. `causes` say why its export needs approval; empty: none."""

    id: str
    sql: str
    purpose: str
    purpose_name: str
    state: str
    state_name: str
    datasets: Sequence[QueryDataset]
    columns: Sequence[Mapping[str, str]]
    rows: int
    error_code: str | None
    causes: Sequence[str]
    kept: bool
    started_at: datetime
    ended_at: datetime | None


def bound(kind: str, name: str) -> bytes:
    """Returns what a sealed value of this room is bound to."""
    return f"{kind}:{name}".encode()


def open_text(hub: Hub, kind: str, name: str, sealed: bytes) -> str:
    """Opens a sealed text of this room."""
    return hub.crypto.seal("connections").open([sealed], [bound(kind, name)])[0].decode()


def seal_text(hub: Hub, kind: str, name: str, text: str) -> bytes:
    """Seals a text of this room."""
    return hub.crypto.seal("connections").seal([text.encode("utf-8", "replace")], [bound(kind, name)])[0]


def causes_of(stored: StoredQuery) -> list[str]:
    """Says why the export of a result needs approval."""
    found = []
    limits = [each["rows_an_export"] for each in stored.facts.get("datasets", ())]
    most = min((each for each in limits if each is not None), default=None)
    if most is not None and stored.rows > most:
        found.append(f"结果 {stored.rows} 行，超过授权每次导出的 {most} 行")
    return found + [
        f"{each['title']}含明文的个人敏感数据项：{'、'.join(each['open_items'])}"
        for each in stored.facts.get("datasets", ())
        if each["open_items"]
    ]


def view_of(hub: Hub, stored: StoredQuery) -> QueryView:
    """Shows a run with its statement."""
    facts = stored.facts
    datasets = [
        QueryDataset(
            each["dataset"], each["title"], each["grant"], each["version"],
            datetime.fromisoformat(each["data_time"]) if each["data_time"] else None, each["late"],
        )
        for each in facts.get("datasets", ())
    ]  # fmt: skip
    return QueryView(
        stored.id, open_text(hub, "query", stored.id, stored.sealed_sql), stored.purpose,
        PURPOSES.get(stored.purpose, ""), stored.state, STATE_NAMES[stored.state], datasets,  # type: ignore[call-overload]
        facts.get("columns", ()), stored.rows, stored.error_code, causes_of(stored), stored.kept_until is not None,
        stored.started_at, stored.ended_at,
    )  # fmt: skip
