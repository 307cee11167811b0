"""Use-cases of recalling a batch (数据召回): consumers are told, each acknowledges, nothing reads it meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from catalog.stores import datasets, departments, entries
from catalog.stores import grants as grant_store
from catalog.stores import share_holds as store
from catalog.stores.share_holds import Notice, Recall
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import require_entry, unknown_entry
from exchange.sharing.freezes import reason_of
from exchange.sharing.grants import codes_of
from exchange.tasks import open_task
from schemas.errors import Denied, InputError, NotFound, StateError

_LINK = "/sharing/recalls"


@dataclass(frozen=True, slots=True)
class NoticeView:
    """One consumer's answer to a recall."""

    consumer: str
    consumer_name: str
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class RecallView:
    """A recall; `open_notices` counts the consumers who have not answered."""

    id: int
    dataset: str
    entry_title: str
    version: int
    reason: str
    raised_by: str
    raised_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    notices: Sequence[NoticeView]
    open_notices: int


@use_case("recall.raise")
def raise_recall(hub: Hub, actor: Actor, dataset: str, version: int, reason: str) -> RecallView:
    """Recalls a version of a dataset: while it is the current one nothing is read; every consumer is told."""
    words = reason_of(reason)
    require_entry(hub, actor, "recall.raise", dataset)
    with hub.transaction() as connection:
        stored = entries.find_locked(connection, dataset)
        if stored is None:
            raise unknown_entry(connection, dataset)
        served = datasets.find(connection, dataset)
        if served is None or not 1 <= version <= served.current_version:
            raise InputError(
                f"没有数据版本 {version}", "已发布的数据版本", "请从数据版本中选择", code="VERSION_UNKNOWN"
            )
        active = grant_store.list_of(connection, None, state="active", dataset=dataset)
        consumers = sorted({each.consumer for each in active if each.valid_until > hub.clock.now()})
        values = {"dataset": dataset, "version": version, "reason": words, "raised_by": actor.name}
        number = store.add_recall(connection, values | {"raised_at": hub.clock.now()}, consumers)
        for code in consumers:
            title = f"数据召回：{stored.title} 第{version}版，请停用并确认"
            open_task(connection, hub, kind="share_recall", title=title, link=f"{_LINK}#recall-{number}",
                      role="editor", department=code)  # fmt: skip
        detail = {"recall": number, "version": version, "consumers": len(consumers)}
        record(connection, hub, actor, "recall.raise", dataset, entry_code=stored.code, detail=detail)
        return _shown(connection, number)


@use_case("recall.acknowledge")
def acknowledge(hub: Hub, actor: Actor, recall_id: int, note: str = "") -> RecallView:
    """Records that the actor's department has stopped using a recalled batch."""
    if actor.department is None:
        raise Denied("数据召回由使用的部门确认", "须有所属部门", "请用本部门的账号办理", code="DEPARTMENT")
    with hub.transaction() as connection:
        now = hub.clock.now()
        if not store.acknowledge(connection, recall_id, actor.department, actor.name, note.strip()[:500], now):
            raise NotFound("没有待本部门确认的这次召回", "", "请从数据召回列表中选择", code="RECALL_UNKNOWN")
        link = f"{_LINK}#recall-{recall_id}"
        store.close_recall_task(connection, link, actor.department, actor.name, now)
        record(connection, hub, actor, "recall.acknowledge", str(recall_id))
        recall, notices = next(each for each in store.list_recalls(connection) if each[0].id == recall_id)
        return _view(connection, recall, [each for each in notices if each.consumer == actor.department])


@use_case("recall.lift")
def lift(hub: Hub, actor: Actor, recall_id: int) -> RecallView:
    """Ends a recall; the version may be read again, should it still be the current one."""
    with hub.transaction() as connection:
        found = store.find_recall(connection, recall_id)
    if found is None:
        raise NotFound("没有这次数据召回", "", "请从数据召回列表中选择", code="RECALL_UNKNOWN")
    require_entry(hub, actor, "recall.lift", found.dataset)
    with hub.transaction() as connection:
        found = store.find_recall(connection, recall_id)
        if found is None or found.lifted_at is not None:
            raise StateError("这次数据召回已经结束", "", "请刷新页面", code="RECALL_LIFTED")
        store.lift_recall(connection, recall_id, actor.name, hub.clock.now())
        record(connection, hub, actor, "recall.lift", found.dataset, detail={"recall": recall_id})
        return _shown(connection, recall_id)


@use_case("recall.list")
def list_recalls(hub: Hub, actor: Actor, *, open_only: bool = False) -> list[RecallView]:
    """Lists the recalls of one's own data and those that one's department was told of; open notices marked."""
    with hub.transaction() as connection:
        codes = codes_of(connection, actor)
        shown = []
        for recall, notices in store.list_recalls(connection):
            stored = entries.find(connection, recall.dataset)
            owner = codes is None or (stored is not None and stored.provider_code in codes)
            mine = [each for each in notices if owner or (codes is not None and each.consumer in codes)]
            waiting = recall.lifted_at is None or any(each.acknowledged_at is None for each in mine)
            if (owner or mine) and (waiting or not open_only):
                shown.append(_view(connection, recall, mine))
        record(connection, hub, actor, "recall.list", None, row_count=len(shown))
    return shown


def _shown(connection: Connection, recall_id: int) -> RecallView:
    found = next((recall, notices) for recall, notices in store.list_recalls(connection) if recall.id == recall_id)
    return _view(connection, *found)


def _view(connection: Connection, recall: Recall, notices: Sequence[Notice]) -> RecallView:
    names = {each.code: each.name for each in departments.list_all(connection)}
    stored = entries.find(connection, recall.dataset)
    shown = [
        NoticeView(
            each.consumer,
            names.get(each.consumer, each.consumer),
            each.acknowledged_by,
            each.acknowledged_at,
            each.note,
        )
        for each in notices
    ]
    return RecallView(
        recall.id, recall.dataset, stored.title if stored else recall.dataset, recall.version, recall.reason,
        recall.raised_by, recall.raised_at, recall.lifted_by, recall.lifted_at, shown,
        sum(each.acknowledged_at is None for each in notices),
    )  # fmt: skip
