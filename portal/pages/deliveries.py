"""Pages of deliveries: subscriptions as consumer and provider see them, a new one under a grant, batches, receipts."""

from typing import Annotated, Any

from fastapi import Form, Query
from pydantic import BaseModel, Field

from exchange.delivery import subscriptions
from exchange.delivery.subscriptions import NewSubscription
from exchange.sharing import grants
from exchange.sharing.grants import GrantView
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.delivery import PLACE_KINDS, PlaceKind, Receipt
from schemas.errors import HubError, InputError, NotFound, StateError
from schemas.grants import WAYS

pages = Pages()
router = pages.router
_Short = Annotated[str, Field(max_length=200)]
_Long = Annotated[str, Form(max_length=2000)]
STATE_NAMES = {"active": "启用", "paused": "已暂停", "closed": "已终止"}
BATCH_NAMES = {
    "prepared": "待送达",
    "sending": "送达中",
    "sent": "待回执",
    "acknowledged": "已接收",
    "rejected": "被拒收",
    "withdrawn": "已撤回",
}
#: Facts of a place that belong to each kind.
_FACTS = {"table": ("table", "schema"), "folder": ("format", "receipt"), "callback": ("format", "token")}


class PlaceForm(BaseModel):
    """The form of a new subscription. The address may hold a password: it is never shown again."""

    grant: _Short = ""
    kind: _Short = "table"
    url: Annotated[str, Field(max_length=1000)] = ""
    table: _Short = ""
    schema_name: _Short = ""
    format: _Short = ""
    receipt: _Short = ""
    token: Annotated[str, Field(max_length=500)] = ""
    schedule: _Short = ""

    def new(self, held: GrantView) -> NewSubscription:
        """Returns the subscription that the form asks for, under a grant."""
        facts = {"table": self.table, "schema": self.schema_name, "format": self.format, "receipt": self.receipt,
                 "token": self.token}  # fmt: skip
        chosen = {name: facts[name].strip() for name in _FACTS.get(self.kind, ()) if facts[name].strip()}
        kind: PlaceKind = self.kind  # type: ignore[assignment]  # the use-case checks it
        return NewSubscription(
            held.dataset, held.number, held.consumer, kind, self.url.strip(), chosen, self.schedule.strip() or None
        )


@pages.get("/deliveries", action="delivery.list", title="订阅推送", template="deliveries.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the subscriptions to and from the departments within reach."""
    found = subscriptions.list_subscriptions(desk.hub, desk.actor)
    return {"subscriptions": found, "states": STATE_NAMES}


@pages.get("/deliveries/keys", action="delivery.keys", title="清单签名公钥", template="delivery_keys.html")
def keys(desk: Desk) -> dict[str, Any]:
    """Lists the public keys of manifests."""
    return {"keys": subscriptions.signing_keys(desk.hub, desk.actor)}


@pages.get("/deliveries/new", action="delivery.subscribe", title="登记订阅", template="delivery_new.html")
def new(desk: Desk, grant: Annotated[str, Query(max_length=40)] = "") -> dict[str, Any]:
    """Shows the form of a new subscription."""
    return _form(desk, PlaceForm(grant=grant), None)


def _form(desk: Desk, form: PlaceForm, fault: HubError | None) -> dict[str, Any]:
    kept = form.model_copy(update={"url": "", "token": ""})
    return {"title": "登记订阅", "form": kept, "grants": _grants(desk), "kinds": PLACE_KINDS, "fault": fault}


def _grants(desk: Desk) -> list[GrantView]:
    """Lists the grants under which the person may subscribe."""
    found = grants.list_grants(desk.hub, desk.actor, "consumer")
    return [each for each in found if each.state == "active" and WAYS["subscription"] in each.ways]


@pages.post("/deliveries", action="delivery.subscribe")
def subscribe(desk: Desk, form: Annotated[PlaceForm, Form()]) -> Go | dict[str, Any]:
    """Records a subscription under a grant."""
    held = next((each for each in _grants(desk) if each.number == form.grant), None)
    try:
        if held is None:
            raise InputError(
                "没有选择授权",
                "本部门有效的、含“订阅推送”方式的授权",
                "请从列表中选择；没有的，先提出共享申请",
                code="GRANT",
            )
        made = subscriptions.subscribe(desk.hub, desk.actor, form.new(held))
    except HubError as error:
        return _form(desk, form, error) | {"template": "delivery_new.html"}
    return Go(f"/deliveries/{made.id}", "已登记，首批送达全部授权内容")


@pages.get("/deliveries/{subscription_id}", action="delivery.show", title="订阅", template="delivery.html")
def show(desk: Desk, subscription_id: str) -> dict[str, Any]:
    """Shows a subscription with its batches."""
    return _one(desk, subscription_id, None)


def _one(desk: Desk, subscription_id: str, fault: HubError | None) -> dict[str, Any]:
    found = subscriptions.show_subscription(desk.hub, desk.actor, subscription_id)
    return {
        "title": f"订阅 {found.id}",
        "found": found,
        "states": STATE_NAMES,
        "batch_states": BATCH_NAMES,
        "fault": fault,
    }


@pages.post("/deliveries/{subscription_id}/resume", action="delivery.resume")
def resume(desk: Desk, subscription_id: str) -> Go:
    """Lets a paused subscription go on."""
    subscriptions.resume(desk.hub, desk.actor, subscription_id)
    return Go(f"/deliveries/{subscription_id}", "已恢复")


@pages.post("/deliveries/{subscription_id}/pause", action="delivery.pause")
def pause(desk: Desk, subscription_id: str, reason: _Long = "") -> Go | dict[str, Any]:
    """Stops a subscription at once."""
    return _changed(desk, subscription_id, "pause", reason)


@pages.post("/deliveries/{subscription_id}/close", action="delivery.close")
def close(desk: Desk, subscription_id: str, reason: _Long = "") -> Go | dict[str, Any]:
    """Ends a subscription for good."""
    return _changed(desk, subscription_id, "close", reason)


@pages.post("/deliveries/{subscription_id}/resend", action="delivery.resend")
def resend(desk: Desk, subscription_id: str, reason: _Long = "") -> Go | dict[str, Any]:
    """Asks for the whole content with the next batch."""
    return _changed(desk, subscription_id, "resend", reason)


def _changed(desk: Desk, subscription_id: str, name: str, reason: str) -> Go | dict[str, Any]:
    changes = {
        "pause": (subscriptions.pause, "已暂停"),
        "close": (subscriptions.close_subscription, "已终止"),
        "resend": (subscriptions.resend, "下一批次将全量重送"),
    }
    change, says = changes[name]
    try:
        change(desk.hub, desk.actor, subscription_id, reason)
    except NotFound:  # an InputError, but not one of this page: who only provides the data may look and not change
        raise
    except (InputError, StateError) as error:
        return _one(desk, subscription_id, error) | {"template": "delivery.html"}
    return Go(f"/deliveries/{subscription_id}", says)


@pages.post("/deliveries/{subscription_id}/receipts", action="delivery.receipt")
def receipt(
    desk: Desk,
    subscription_id: str,
    batch_no: Annotated[str, Form(max_length=40)],
    accepted: Annotated[int, Form(ge=0)],
    rejected: Annotated[int, Form(ge=0)] = 0,
) -> Go | dict[str, Any]:
    """Takes a receipt for a batch that was sent."""
    given = Receipt(batch_no.strip(), accepted, rejected)
    try:
        subscriptions.hand_in_receipt(desk.hub, desk.actor, subscription_id, given)
    except (InputError, StateError, NotFound) as error:
        return _one(desk, subscription_id, error) | {"template": "delivery.html"}
    return Go(f"/deliveries/{subscription_id}", f"已登记批次 {given.batch_no} 的回执")
