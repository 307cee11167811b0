"""Pages of rectification orders: list with what is overdue, one order, its answer and closing."""

from typing import Annotated, Any

from fastapi import Form, Query

from exchange import orders
from portal.desk import Desk
from portal.routes import Go, Pages

pages = Pages()
router = pages.router


@pages.get("/orders", action="order.list", title="整改单", template="orders.html")
def listed(desk: Desk, state: Annotated[str, Query(max_length=20)] = "") -> dict[str, Any]:
    """Lists the orders within reach."""
    found = orders.list_orders(desk.hub, desk.actor, state)
    return {"orders": found, "state": state, "states": {"overdue": "已逾期", **orders.STATE_NAMES}}


@pages.get("/orders/{order_id}", action="order.show", title="整改单", template="order.html")
def shown(desk: Desk, order_id: int) -> dict[str, Any]:
    """Shows an order with its problems by rule."""
    found = orders.show_order(desk.hub, desk.actor, order_id)
    return {"title": f"整改单 {order_id}：{found.order.title}", "found": found}


@pages.post("/orders/{order_id}/answer", action="order.answer")
def answer(desk: Desk, order_id: int, text: Annotated[str, Form()]) -> Go:
    """Answers an order."""
    orders.answer(desk.hub, desk.actor, order_id, text)
    return Go(f"/orders/{order_id}", "已答复")


@pages.post("/orders/{order_id}/close", action="order.close")
def close(desk: Desk, order_id: int, reason: Annotated[str, Form()]) -> Go:
    """Closes an order by hand."""
    orders.close(desk.hub, desk.actor, order_id, reason)
    return Go(f"/orders/{order_id}", "已办结")
