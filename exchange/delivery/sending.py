"""Sends a batch and closes it with its receipt: exactly once by batch number, whenever a process is killed.

    prepared → sending → acknowledged | rejected
                    ↘ sent (the receipt comes later) → acknowledged | rejected
    any of the first three → withdrawn (the grant, the subscription or a full resend ended it)

A try writes `sending` and its audit event first, then brings the batch to the sink, which takes a batch number once,
then records the receipt. Cut off in between, the next try does the same with the same number.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection

from catalog.stores import deliveries as store
from catalog.stores import keyed_calls
from catalog.stores.deliveries import Batch, Subscription
from exchange.access import Actor
from exchange.audit import record
from exchange.delivery.outbox import Outbox
from exchange.delivery.places import opened, sink_of
from exchange.delivery.ports import Grants, binding_grant, content_digest, refuse_recalled
from exchange.hub import Hub
from exchange.runs import as_ours
from exchange.sharing.granting import supplied
from exchange.sharing.usage import Use, count_uses
from schemas.delivery import FileFormat, Manifest, Receipt, Shipment, Sink
from schemas.errors import Busy, Denied, HubError, NotFound, StateError
from schemas.grants import Grant

_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=30)
_CODE = re.compile(r"\A[A-Za-z0-9_.-]{1,40}\Z")
_GUID = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_ERRORS = 1000


@dataclass
class SendingGate:
    """Asks before each chunk whether the grant still gives exactly what the batch holds; counts the chunks."""

    hub: Hub
    grants: Grants
    subscription: Subscription
    batch: Batch
    passed: int = field(default=0)
    grant: Grant | None = field(default=None)

    def __call__(self) -> None:
        """Raises Denied when nothing more may leave."""
        held = self.subscription
        with self.hub.transaction() as connection:
            now = store.find(connection, held.id)
            refuse_recalled(connection, held.dataset, self.batch.to_version)
            interests = keyed_calls.interests(connection, held.consumer_code, held.grant_number)
        if now is None or now.state != "active":
            raise Denied(f"订阅 {held.id} 已停用", "启用的订阅才会送达", "", code="SUBSCRIPTION_STATE")
        self.grant = binding_grant(self.hub, self.grants, held.grant_number, held.dataset, held.consumer_code)
        if content_digest(self.grant, interests) != self.batch.grant_digest:
            raise Denied(
                f"授权 {held.grant_number} 的内容已变更", "", "下一批次将按新的授权全量送达", code="GRANT_CHANGED"
            )
        self.passed += 1


def send_batch(hub: Hub, actor: Actor, subscription: Subscription, batch: Batch, grants: Grants) -> Batch:
    """Brings the batch to its place and records what came of it; does nothing when that is done."""
    if batch.state not in {"prepared", "sending"}:
        return batch
    now = hub.clock.now()
    if batch.next_try_at is not None and now < batch.next_try_at:
        raise Busy(
            f"批次 {batch.batch_no} 在 {batch.next_try_at:%H:%M:%S} 后重试",
            "失败后逐次延长间隔",
            "",
            code="DELIVERY_WAITS",
        )
    gate = SendingGate(hub, grants, subscription, batch)
    try:
        gate()
    except Denied as error:
        raise withdraw(hub, actor, batch, error, gate.passed) from None
    with hub.transaction() as connection:
        store.change_batch(connection, batch.batch_no, state="sending", attempts=batch.attempts + 1, next_try_at=None)
        detail = {"batch": batch.batch_no, "grant": subscription.grant_number, "attempt": batch.attempts + 1}
        items = [name for name, _ in batch.manifest["columns"]][4:]
        record(
            connection, hub, actor, "delivery.send", subscription.id, row_count=batch.row_count, items=items,
            entry_code=batch.manifest["entry_code"], grant_id=subscription.grant_number, detail=detail,
        )  # fmt: skip
    hub.faults.reach("delivery.sending")
    try:
        receipt = _sink(hub, subscription).deliver(_shipment(hub, subscription, batch), gate, hub.faults)
    except Denied as error:
        raise withdraw(hub, actor, batch, error, gate.passed) from None
    except Exception as error:  # noqa: BLE001 - the edge of a step; a library's text may hold values
        failure = as_ours(error)
    else:
        return _sent(hub, actor, batch, receipt, gate.grant)
    _failed(hub, actor, batch, failure)
    raise failure


def _sink(hub: Hub, subscription: Subscription) -> Sink:
    place = opened(hub, subscription.id, subscription.sealed_place)
    return sink_of(place, subscription.kind, subscription.facts)


def _shipment(hub: Hub, subscription: Subscription, batch: Batch) -> Shipment:
    outbox = Outbox(hub, subscription.id)
    form = cast(FileFormat, subscription.facts.get("format", "parquet"))
    manifest = Manifest.from_facts(batch.manifest)
    return Shipment(manifest, batch.signature, form, lambda part: outbox.read(batch.batch_no, part))


def _sent(hub: Hub, actor: Actor, batch: Batch, receipt: Receipt | None, grant: Grant | None) -> Batch:
    now = hub.clock.now()
    with hub.transaction() as connection:
        held = store.find_batch(connection, batch.batch_no, locked=True)
        # A receiver may hand its receipt in before its own answer is read here: the batch is closed then.
        if held is not None and held.state == "sending":
            store.change_batch(connection, batch.batch_no, sent_at=now, state="sent", error=None, error_code=None)
            if receipt is not None:
                close(connection, hub, actor, batch, receipt)
        if grant is not None and grant.request is not None:
            # In the transaction that ends the sending, so that a batch sent in several tries counts once.
            supplied(connection, hub, actor, grant.request)
            count_uses(connection, hub, [Use(grant.number, "subscription", rows=batch.row_count)])
        found = store.find_batch(connection, batch.batch_no)
    hub.faults.reach("delivery.recorded")
    assert found is not None  # noqa: S101 - batches are never removed
    _tidy(hub, found)
    return found


def close(connection: Connection, hub: Hub, actor: Actor, batch: Batch, receipt: Receipt) -> None:
    """Closes a batch with its receipt: the consumer holds its version now, or needs everything anew."""
    now = hub.clock.now()
    if receipt.accepted + receipt.rejected != batch.row_count:
        raise StateError(
            f"批次 {batch.batch_no} 的回执与送达的记录数不平",
            f"接收与拒收之和应为{batch.row_count}条",
            "请使用部门核对后重发回执",
            code="RECEIPT_BALANCE",
        )
    # A row that the consumer refused is not there: the next change of it would not bring it back.
    whole = receipt.rejected == 0
    state = "acknowledged" if whole or receipt.accepted else "rejected"
    store.change_batch(
        connection, batch.batch_no, state=state, accepted=receipt.accepted, rejected=receipt.rejected, closed_at=now,
        receipt={"errors": safe_errors(receipt)},
    )  # fmt: skip
    facts: dict[str, Any] = {"updated_at": now}
    if state == "acknowledged":
        facts |= {"delivered_version": batch.to_version, "delivered_grant": batch.grant_digest}
    if state == "acknowledged" and batch.kind == "full":
        facts["full_next"] = False
    if state == "rejected":
        facts["full_next"] = True
    store.change(connection, batch.subscription_id, **facts)
    detail = {"batch": batch.batch_no, "rejected": receipt.rejected, "state": state}
    record(
        connection, hub, actor, "delivery.confirm", batch.subscription_id, row_count=receipt.accepted, detail=detail
    )  # fmt: skip


def safe_errors(receipt: Receipt) -> list[dict[str, str]]:
    """Returns the errors of a receipt, codes and row_guids alone: a consumer's words may hold a person's values."""
    found = []
    for each in receipt.errors[:_MOST_ERRORS]:
        code, guid = str(each.get("code", "")), str(each.get("row_guid", ""))
        found.append({"code": code if _CODE.match(code) else "OTHER", "row_guid": guid if _GUID.match(guid) else ""})
    return found


def _tidy(hub: Hub, batch: Batch) -> None:
    """Removes the files of a batch that is closed."""
    if batch.state in {"acknowledged", "rejected", "withdrawn"}:
        Outbox(hub, batch.subscription_id).clear()
        hub.faults.reach("delivery.closed")


def _failed(hub: Hub, actor: Actor, batch: Batch, failure: HubError) -> None:
    wait = min(_FIRST_WAIT * 2 ** min(batch.attempts, 10), _LONGEST_WAIT)
    values: Mapping[str, Any] = {
        "error": str(failure),
        "error_code": failure.code,
        "next_try_at": hub.clock.now() + wait,
    }
    with hub.transaction() as connection:
        store.change_batch(connection, batch.batch_no, **values)
        detail = {"batch": batch.batch_no}
        record(
            connection, hub, actor, "delivery.send", batch.subscription_id, result="failure",
            error_code=failure.code, detail=detail,
        )  # fmt: skip


def withdraw(hub: Hub, actor: Actor, batch: Batch, error: HubError, chunks: int) -> HubError:
    """Takes a batch back for good: its files go, and what is sent next is the whole content. Returns the error."""
    now = hub.clock.now()
    with hub.transaction() as connection:
        store.change_batch(
            connection, batch.batch_no, state="withdrawn", closed_at=now, error=str(error), error_code=error.code
        )
        store.change(connection, batch.subscription_id, full_next=True, updated_at=now)
        detail = {"batch": batch.batch_no, "chunks_left": chunks}
        record(
            connection, hub, actor, "delivery.send", batch.subscription_id, result="denied", error_code=error.code,
            detail=detail,
        )  # fmt: skip
    Outbox(hub, batch.subscription_id).clear()
    return error


def confirm_batch(hub: Hub, actor: Actor, subscription: Subscription, batch: Batch) -> Batch:
    """Looks for the receipt of a batch that was sent; raises Busy (transient) as long as there is none."""
    if batch.state in {"acknowledged", "rejected", "withdrawn"}:
        return batch
    if batch.state != "sent":
        raise StateError(f"批次 {batch.batch_no} 尚未送出", "回执在送达之后", "请先送达", code="NOT_SENT")
    receipt = _sink(hub, subscription).receipt(batch.batch_no)
    if receipt is None:
        raise Busy(f"批次 {batch.batch_no} 还没有回执", "使用部门收到后给出回执", "稍后自动再查", code="RECEIPT_WAITS")
    return take_receipt(hub, actor, batch, receipt)


def take_receipt(hub: Hub, actor: Actor, batch: Batch, receipt: Receipt) -> Batch:
    """Closes a sent batch with a receipt; the same receipt twice changes nothing."""
    with hub.transaction() as connection:
        found = store.find_batch(connection, batch.batch_no, locked=True)
        if found is None:
            raise NotFound(f"没有批次 {batch.batch_no[:40]}", "", "请核对批次号", code="BATCH_UNKNOWN")
        if found.state in {"sending", "sent"}:
            close(connection, hub, actor, found, receipt)
            found = store.find_batch(connection, batch.batch_no)
    assert found is not None  # noqa: S101 - found above
    _tidy(hub, found)
    return found


def as_facts(batch: Batch) -> dict[str, Any]:
    """Returns what may be shown of a batch."""
    return {name: value for name, value in asdict(batch).items() if name not in {"signature", "grant_digest"}}
