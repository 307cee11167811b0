"""Use-cases of a delivery as the scheduler calls them: prepare, send, confirm; run does all three.

Each is safe to repeat and does nothing when it is done. One work on a subscription at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from catalog.locks import try_locks
from catalog.stores import deliveries as store
from catalog.stores.deliveries import Batch, Subscription
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.delivery.ports import Grants, HubGrants
from exchange.delivery.preparing import prepare_batch
from exchange.delivery.sending import confirm_batch, send_batch
from exchange.hub import Hub, database_failure
from schemas.errors import Busy, Denied, NotFound


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a delivery; `batch_no` None: nothing had changed."""

    subscription: str
    batch_no: str | None
    kind: str | None = None
    state: str | None = None
    rows: int = 0
    accepted: int | None = None
    rejected: int | None = None


@use_case("delivery.prepare")
def prepare(hub: Hub, actor: Actor, subscription_id: str, *, grants: Grants | None = None) -> str | None:
    """Makes the next batch ready, or finds the one on its way; returns its number, None when nothing changed."""
    with delivering(hub, subscription_id) as subscription:
        return _prepare(hub, actor, subscription, grants or HubGrants(hub))


@use_case("delivery.send")
def send(hub: Hub, actor: Actor, subscription_id: str, *, grants: Grants | None = None) -> Delivered:
    """Sends the batch on its way; a batch that is there is not sent again. Raises Denied when the grant is over."""
    with delivering(hub, subscription_id) as subscription:
        batch = _on_its_way(hub, subscription)
        if batch is None:
            return Delivered(subscription_id, None)
        return _view(send_batch(hub, actor, subscription, batch, grants or HubGrants(hub)))


@use_case("delivery.confirm")
def confirm(hub: Hub, actor: Actor, subscription_id: str) -> Delivered:
    """Looks for the receipt of what was sent; raises Busy (transient) until it is there."""
    with delivering(hub, subscription_id) as subscription:
        batch = _on_its_way(hub, subscription)
        if batch is None:
            return Delivered(subscription_id, None)
        return _view(confirm_batch(hub, actor, subscription, batch))


@use_case("delivery.run")
def run(hub: Hub, actor: Actor, subscription_id: str, *, grants: Grants | None = None) -> Delivered:
    """Prepares, sends and confirms in this process; a receipt that comes later is left to a later confirm."""
    with hub.transaction() as connection:
        record(connection, hub, actor, "delivery.run", subscription_id)
    with delivering(hub, subscription_id) as subscription:
        chosen = grants or HubGrants(hub)
        if _prepare(hub, actor, subscription, chosen) is None:
            return Delivered(subscription_id, None)
        batch = _on_its_way(hub, subscription)
        assert batch is not None  # noqa: S101 - prepared above, and no other works on it
        batch = send_batch(hub, actor, subscription, batch, chosen)
        try:
            return _view(confirm_batch(hub, actor, subscription, batch))
        except Busy:
            return _view(batch)


def _prepare(hub: Hub, actor: Actor, subscription: Subscription, grants: Grants) -> str | None:
    try:
        return prepare_batch(hub, actor, subscription, grants)
    except Denied as error:
        with hub.transaction() as connection:
            record(
                connection, hub, actor, "delivery.prepare", subscription.id, result="denied", error_code=error.code
            )  # fmt: skip
        raise


def _on_its_way(hub: Hub, subscription: Subscription) -> Batch | None:
    with hub.transaction() as connection:
        return store.open_batch(connection, subscription.id)


@contextmanager
def delivering(hub: Hub, subscription_id: str) -> Iterator[Subscription]:
    """Keeps every other work on the subscription out; raises NotFound, Busy."""
    try:
        with try_locks(hub.engine, [f"delivery:{subscription_id}"]) as taken:
            if taken is None:
                raise Busy(f"订阅 {subscription_id} 正在送达", "同一订阅同时只能有一个任务", "请等它结束后再试")
            yield require_subscription(hub, subscription_id)
    except DBAPIError as error:
        raise database_failure(error) from None


def require_subscription(hub: Hub, subscription_id: str) -> Subscription:
    """Returns a subscription; raises NotFound."""
    with hub.transaction() as connection:
        found = store.find(connection, subscription_id)
    if found is None:
        raise unknown(subscription_id)
    return found


def unknown(subscription_id: str) -> NotFound:
    """Returns the one answer for a subscription that is not there and one that is another's."""
    return NotFound(f"没有订阅 {subscription_id[:40]}", "", "请核对订阅编号", code="SUBSCRIPTION_UNKNOWN")


def _view(batch: Batch) -> Delivered:
    return Delivered(
        batch.subscription_id,
        batch.batch_no,
        batch.kind,
        batch.state,
        batch.row_count,
        batch.accepted,
        batch.rejected,
    )
