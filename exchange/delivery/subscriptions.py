"""Use-cases of subscriptions for people: subscribe, look, change the place, pause, resume, close, full resend, receipt.

A subscription belongs to the consumer's department; whoever does not reach it gets the answer for "not there".
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from croniter import croniter

from catalog.stores import deliveries as store
from catalog.stores import departments, entries
from catalog.stores.deliveries import Subscription
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.delivery import places
from exchange.delivery.listing import write_deliveries_file
from exchange.delivery.ports import Grants, HubGrants, binding_grant
from exchange.delivery.sending import as_facts, take_receipt, withdraw
from exchange.delivery.work import delivering, require_subscription, unknown
from exchange.hub import Hub
from exchange.scope import reach_of, require_department
from schemas.delivery import PLACE_KINDS, ROW_COLUMNS, PlaceKind, Receipt
from schemas.errors import InputError, NotFound, StateError


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a consumer subscribes to: by which grant, to which place, when (cron, Beijing time; None: after each
    publication)."""

    dataset: str
    grant: str
    consumer: str
    kind: PlaceKind
    url: str
    facts: Mapping[str, str]
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """What may be shown of a subscription: never an account, a password or a token."""

    id: str
    dataset: str
    consumer: str
    grant: str
    kind: str
    kind_name: str
    place: str
    schedule: str | None
    state: str
    delivered_version: int | None
    last_sequence: int
    full_next: bool
    reason: str | None
    created_at: datetime
    batches: Sequence[Mapping[str, Any]] = ()
    consumer_name: str = ""
    title: str = ""


@use_case("delivery.subscribe")
def subscribe(hub: Hub, actor: Actor, new: NewSubscription, *, grants: Grants | None = None) -> SubscriptionView:
    """Records a subscription under a grant in force; its first batch is the whole granted content."""
    require_department(hub, actor, "delivery.subscribe", new.consumer, new.dataset)
    places.check(actor, new.kind, new.url, new.facts)
    _check_schedule(new.schedule)
    grant = binding_grant(hub, grants or HubGrants(hub), new.grant, new.dataset, new.consumer)
    taken = sorted(set(grant.readable()) & set(ROW_COLUMNS))
    if taken or not grant.readable():
        raise InputError(
            f"授权的数据项不能推送（{'、'.join(taken) or '没有可给出的数据项'}）",
            "至少一个明文或脱敏的数据项，名称不与批次列相同",
            "请调整授权",
            code="SUBSCRIPTION_ITEMS",
        )
    now, identifier = hub.clock.now(), f"dy{secrets.token_hex(5)}"
    place = places.new_place(new.url, new.facts)
    stored = Subscription(
        id=identifier,
        dataset=new.dataset,
        consumer_code=new.consumer,
        grant_number=new.grant,
        kind=new.kind,
        place=places.shown(new.kind, new.url, new.facts),
        facts={name: value for name, value in new.facts.items() if name != "token"},
        sealed_place=places.sealed(hub, identifier, place),
        schedule=new.schedule,
        created_by=actor.name,
        created_at=now,
        updated_at=now,
    )
    with hub.transaction() as connection:
        store.add(connection, stored)
        detail = {"subscription": identifier, "grant": new.grant, "place": stored.place}
        record(connection, hub, actor, "delivery.subscribe", new.dataset, detail=detail)
    write_deliveries_file(hub)
    return _view(stored)


@use_case("delivery.list")
def list_subscriptions(hub: Hub, actor: Actor) -> list[SubscriptionView]:
    """Lists the subscriptions of the departments within reach, and those to the data that these provide."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        known = {each.dataset: (each.provider_code, each.title) for each in entries.list_all(connection)}
        found = [
            each
            for each in store.list_all(connection)
            if reach.covers(each.consumer_code) or reach.covers(known.get(each.dataset, (None, ""))[0])
        ]
        names = {each.code: each.name for each in departments.list_all(connection)}
        record(connection, hub, actor, "delivery.list", None, row_count=len(found))
    return [
        replace(
            _view(each),
            consumer_name=names.get(each.consumer_code, ""),
            title=known.get(each.dataset, (None, each.dataset))[1],
        )
        for each in found
    ]


@use_case("delivery.show")
def show_subscription(hub: Hub, actor: Actor, subscription_id: str) -> SubscriptionView:
    """Shows a subscription with its batches; raises NotFound."""
    stored = _within(hub, actor, "delivery.show", subscription_id, provider=True)
    with hub.transaction() as connection:
        batches = [as_facts(each) for each in store.batches(connection, subscription_id)]
        names = {each.code: each.name for each in departments.list_all(connection)}
        record(connection, hub, actor, "delivery.show", subscription_id)
        entry = entries.find(connection, stored.dataset)
    title = entry.title if entry else stored.dataset
    return replace(_view(stored, batches), consumer_name=names.get(stored.consumer_code, ""), title=title)


@use_case("delivery.place")
def change_place(hub: Hub, actor: Actor, subscription_id: str, url: str, facts: Mapping[str, str]) -> SubscriptionView:
    """Sends to another place of the same kind from now on, beginning with the whole content."""
    stored = _within(hub, actor, "delivery.place", subscription_id)
    places.check(actor, stored.kind, url, facts)
    with delivering(hub, subscription_id) as held:
        _withdraw_open(hub, actor, held, "送达地址已更改")
        key = places.opened(hub, held.id, held.sealed_place).guid_key
        place = places.Place(url, key, facts.get("token"))
        values = {
            "place": places.shown(held.kind, url, facts),
            "facts": {name: value for name, value in facts.items() if name != "token"},
            "sealed_place": places.sealed(hub, held.id, place),
            "full_next": True,
            "updated_at": hub.clock.now(),
        }
        with hub.transaction() as connection:
            store.change(connection, held.id, **values)
            detail = {"place": values["place"]}
            record(connection, hub, actor, "delivery.place", subscription_id, detail=detail)
    return _view(require_subscription(hub, subscription_id))


@use_case("delivery.pause")
def pause(hub: Hub, actor: Actor, subscription_id: str, reason: str) -> SubscriptionView:
    """Stops a subscription at once, also a batch that is being sent; the batch is taken back."""
    stored = _within(hub, actor, "delivery.pause", subscription_id)
    if stored.state != "active":
        raise _wrong_state(stored, "暂停")
    with hub.transaction() as connection:
        _set_state(hub, connection, subscription_id, "paused", reason)
        record(connection, hub, actor, "delivery.pause", subscription_id, detail={"reason": reason})
    write_deliveries_file(hub)
    return _view(require_subscription(hub, subscription_id))


@use_case("delivery.resume")
def resume(hub: Hub, actor: Actor, subscription_id: str) -> SubscriptionView:
    """Lets a paused subscription go on."""
    stored = _within(hub, actor, "delivery.resume", subscription_id)
    if stored.state != "paused":
        raise _wrong_state(stored, "恢复")
    with hub.transaction() as connection:
        _set_state(hub, connection, subscription_id, "active", None)
        record(connection, hub, actor, "delivery.resume", subscription_id)
    write_deliveries_file(hub)
    return _view(require_subscription(hub, subscription_id))


@use_case("delivery.close")
def close_subscription(hub: Hub, actor: Actor, subscription_id: str, reason: str) -> SubscriptionView:
    """Ends a subscription for good; what is being sent stops, and its files go."""
    stored = _within(hub, actor, "delivery.close", subscription_id)
    if stored.state == "closed":
        raise _wrong_state(stored, "终止")
    with hub.transaction() as connection:
        _set_state(hub, connection, subscription_id, "closed", reason)
        record(connection, hub, actor, "delivery.close", subscription_id, detail={"reason": reason})
    write_deliveries_file(hub)
    with delivering(hub, subscription_id) as held:
        _withdraw_open(hub, actor, held, "订阅已终止")
    return _view(require_subscription(hub, subscription_id))


@use_case("delivery.resend")
def resend(hub: Hub, actor: Actor, subscription_id: str, reason: str) -> SubscriptionView:
    """Asks for the whole content with the next batch; a batch on its way is taken back."""
    stored = _within(hub, actor, "delivery.resend", subscription_id)
    if stored.state == "closed":
        raise _wrong_state(stored, "重送")
    with delivering(hub, subscription_id) as held:
        _withdraw_open(hub, actor, held, "已申请全量重送")
        with hub.transaction() as connection:
            store.change(connection, held.id, full_next=True, updated_at=hub.clock.now())
            record(connection, hub, actor, "delivery.resend", subscription_id, detail={"reason": reason})
    return _view(require_subscription(hub, subscription_id))


@use_case("delivery.receipt")
def hand_in_receipt(hub: Hub, actor: Actor, subscription_id: str, receipt: Receipt) -> Mapping[str, Any]:
    """Takes a consumer's receipt for a batch that was sent; the same receipt twice changes nothing."""
    _within(hub, actor, "delivery.receipt", subscription_id)
    with hub.transaction() as connection:
        batch = store.find_batch(connection, receipt.batch_no)
        known = batch is not None and batch.subscription_id == subscription_id
        result = "success" if known else "denied"
        detail = {"batch": receipt.batch_no[:40]}
        record(connection, hub, actor, "delivery.receipt", subscription_id, result=result, detail=detail)
    if batch is None or not known:
        raise NotFound("该订阅没有这个批次", "", "请核对批次号", code="BATCH_UNKNOWN")
    return as_facts(take_receipt(hub, actor, batch, receipt))


@use_case("delivery.keys")
def signing_keys(hub: Hub, actor: Actor) -> list[dict[str, str]]:
    """Lists the public keys under which manifests are or were signed (Ed25519, hex)."""
    signer = hub.crypto.signer()
    with hub.transaction() as connection:
        store.publish_key(connection, signer.key_id, signer.public_key, hub.clock.now())
        found = store.public_keys(connection)
        record(connection, hub, actor, "delivery.keys", None, row_count=len(found))
    return [
        {"key_id": key_id, "algorithm": "Ed25519", "public_key": key.hex(), "published_at": at.isoformat()}
        for key_id, key, at in found
    ]


def _within(hub: Hub, actor: Actor, action: str, subscription_id: str, *, provider: bool = False) -> Subscription:
    """Returns a subscription of a department within reach; with `provider`, also one to data that these provide."""
    with hub.transaction() as connection:
        stored = store.find(connection, subscription_id)
        reach = reach_of(connection, actor)
        covered = stored is not None and reach.covers(stored.consumer_code)
        if stored is not None and provider and not covered:
            entry = entries.find(connection, stored.dataset)
            covered = entry is not None and reach.covers(entry.provider_code)
        if stored is not None and not covered:
            record(connection, hub, actor, action, subscription_id, result="denied", error_code="SCOPE")
    if stored is None or not covered:
        raise unknown(subscription_id)
    return stored


def _withdraw_open(hub: Hub, actor: Actor, held: Subscription, says: str) -> None:
    with hub.transaction() as connection:
        batch = store.open_batch(connection, held.id)
    if batch is not None:
        withdraw(hub, actor, batch, StateError(says, code="WITHDRAWN"), 0)


def _set_state(hub: Hub, connection: Any, subscription_id: str, state: str, reason: str | None) -> None:
    if state != "active" and not (reason or "").strip():
        raise InputError("没有写明理由", "暂停和终止必须写明理由", "请写明理由", code="REASON")
    store.change(connection, subscription_id, state=state, reason=reason, updated_at=hub.clock.now())


def _check_schedule(cron: str | None) -> None:
    if cron is not None and (len(cron.split()) != 5 or not croniter.is_valid(cron)):
        raise InputError(
            "推送计划的写法不对", "五段的 cron（北京时间），或留空：每次发布后推送", "请改正", code="SCHEDULE"
        )


def _wrong_state(stored: Subscription, verb: str) -> StateError:
    return StateError(
        f"订阅 {stored.id} 的状态是 {stored.state}，不能{verb}", "", "请核对订阅", code="SUBSCRIPTION_STATE"
    )


def _view(stored: Subscription, batches: Sequence[Mapping[str, Any]] = ()) -> SubscriptionView:
    return SubscriptionView(
        id=stored.id,
        dataset=stored.dataset,
        consumer=stored.consumer_code,
        grant=stored.grant_number,
        kind=stored.kind,
        kind_name=PLACE_KINDS[stored.kind],  # type: ignore[index]
        place=stored.place,
        schedule=stored.schedule,
        state=stored.state,
        delivered_version=stored.delivered_version,
        last_sequence=stored.last_sequence,
        full_next=stored.full_next,
        reason=stored.reason,
        created_at=stored.created_at,
        batches=batches,
    )
