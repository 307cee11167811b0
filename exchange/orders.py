"""Use-cases of rectification orders (整改单): open problems sent to their provider, answered, closed or overdue.

An order closes by itself when all of its problems have closed (catalog/stores/problem_orders.py, when a run publishes).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores import problem_orders as store
from catalog.stores import problems as problem_store
from catalog.stores.problem_orders import Order
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.problem_rows import title_of, titles_of
from exchange.problems import entry_of_version, filter_of
from exchange.scope import reach_of, require_department, require_entry, unknown_entry
from exchange.tasks import due_in, open_task, today
from exchange.waivers import require_provider, words_of
from schemas.errors import NotFound, StateError
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of

STATE_NAMES = {"sent": "待整改", "answered": "已答复", "closed": "已办结"}
_LONGEST_TITLE = 100


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order; `left` counts its problems that are still open, `days_left` calendar days."""

    id: int
    dataset: str
    entry_title: str
    department_code: str
    department_name: str
    title: str
    state: str
    state_name: str
    due_on: date
    provisional: bool
    days_left: int
    overdue: bool
    sent_by: str
    sent_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    closed_at: datetime | None
    problems: int
    left: int


@dataclass(frozen=True, slots=True)
class OrderRule:
    """The problems of an order under one rule."""

    code: str
    item: str
    says: str
    next: str
    problems: int
    left: int

    @property
    def rule(self) -> str:
        """Names the rule and item as a filter."""
        return f"{self.code}:{self.item}"


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """An order with its problems by rule."""

    order: OrderView
    rules: tuple[OrderRule, ...]


@use_case("order.list")
def list_orders(hub: Hub, actor: Actor, state: str | None = None) -> list[OrderView]:
    """Lists the orders within reach, unfinished and soonest due first; `state` is a state or `overdue`."""
    with hub.transaction() as connection:
        found = store.list_of(connection, reach_of(connection, actor).codes)
        shown = [_view(hub, each, _names(connection)) for each in found] if found else []
        shown = [each for each in shown if state in {None, "", each.state, "overdue" if each.overdue else each.state}]
        record(connection, hub, actor, "order.list", None, row_count=len(shown))
    return shown


@use_case("order.show")
def show_order(hub: Hub, actor: Actor, order_id: int) -> OrderDetail:
    """Shows an order with its problems by rule; raises NotFound, Denied."""
    order = _require(hub, actor, "order.show", order_id)
    with hub.transaction() as connection:
        stored = entries.find(connection, order.dataset)
        entry = entry_of_version(connection, stored) if stored else None
        titles = titles_of(entry) if entry else {}
        counted = store.counts(connection, order_id)
        shown = _view(hub, order, _names(connection))
        record(connection, hub, actor, "order.show", str(order_id))
    rules = []
    for each in counted:
        kind = kind_of(each.code) if each.code in known_codes() else None
        says = kind.says.replace("{item}", title_of(each.item, titles)) if kind else each.code
        rules.append(OrderRule(each.code, each.item, says, kind.next if kind else "", each.problems, each.left))
    return OrderDetail(shown, tuple(rules))


@use_case("order.send")
def send(
    hub: Hub, actor: Actor, dataset: str, title: str, rule: str | None = None, run: str | None = None
) -> OrderView:
    """Sends the chosen open problems of a dataset to its provider; those already in an order stay there."""
    require_entry(hub, actor, "order.send", dataset)
    words = words_of(title, "整改单的标题", _LONGEST_TITLE)
    due = due_in(hub, "RECTIFICATION")
    with hub.transaction() as connection:
        stored = entries.find_locked(connection, dataset)
        if stored is None:
            raise unknown_entry(connection, dataset)
        facts: dict[str, Any] = {
            "dataset": dataset,
            "department_code": stored.provider_code,
            "title": words,
            "state": "sent",
        }
        facts |= {"due_on": due.date, "provisional": due.provisional, "sent_by": actor.name}
        order_id = store.add(connection, facts | {"sent_at": hub.clock.now()})
        chosen = problem_store.matching(filter_of(rule, run))
        problems = store.add_problems(connection, order_id, dataset, chosen)
        if problems == 0:
            raise StateError(
                "没有可下发的问题数据",
                "按所选条件没有未决问题，或都已在未办结的整改单中",
                "请放宽筛选条件，或查看整改单",
                code="ORDER_EMPTY",
            )
        task = f"整改单：{words}（{problems} 个问题）"
        link = f"/orders/{order_id}"
        open_task(
            connection, hub, kind="order", title=task, link=link, department=stored.provider_code, role="editor",
            dataset=dataset, due_on=due,
        )  # fmt: skip
        detail = {"dataset": dataset, "rule": rule or "", "run": run or ""}
        record(connection, hub, actor, "order.send", str(order_id), row_count=problems, detail=detail)
    return _shown(hub, order_id)


@use_case("order.answer")
def answer(hub: Hub, actor: Actor, order_id: int, text: str) -> OrderView:
    """Answers an order for its provider; the task passes on to the data administrator. Raises StateError."""
    order = _require(hub, actor, "order.answer", order_id)
    require_provider("order.answer", hub, actor, order.department_code, str(order_id))
    words = words_of(text, "答复")
    with hub.transaction() as connection:
        _refuse_closed(order)
        now = hub.clock.now()
        values = {"state": "answered", "answer": words, "answered_by": actor.name, "answered_at": now}
        store.change(connection, order_id, **values)
        store.close_task(connection, order_id, actor.name, now)
        link = f"/orders/{order_id}"
        title = f"整改单已答复：{order.title}"
        open_task(
            connection, hub, kind="order_answer", title=title, link=link, role="data_admin",
            department=order.department_code, dataset=order.dataset,
        )  # fmt: skip
        record(connection, hub, actor, "order.answer", str(order_id))
    return _shown(hub, order_id)


@use_case("order.close")
def close(hub: Hub, actor: Actor, order_id: int, reason: str) -> OrderView:
    """Closes an order by hand, for a reason; its open problems may then go into another. Raises StateError."""
    order = _require(hub, actor, "order.close", order_id)
    words = words_of(reason, "办结说明")
    with hub.transaction() as connection:
        _refuse_closed(order)
        now = hub.clock.now()
        store.change(connection, order_id, state="closed", closed_at=now)
        store.close_task(connection, order_id, actor.name, now)
        detail = {"reason": words, "left": order.left}
        record(connection, hub, actor, "order.close", str(order_id), detail=detail)
    return _shown(hub, order_id)


def _refuse_closed(order: Order) -> None:
    if order.state == "closed":
        raise StateError("该整改单已办结", "只能办理未办结的整改单", "请查看整改单列表", code="ORDER_CLOSED")


def _require(hub: Hub, actor: Actor, action: str, order_id: int) -> Order:
    """Returns an order within reach; raises NotFound, or Denied after recording it."""
    with hub.transaction() as connection:
        order = store.find(connection, order_id)
    if order is None:
        raise NotFound("没有这份整改单", "", "请从整改单列表中选择", code="ORDER_UNKNOWN")
    require_department(hub, actor, action, order.department_code, str(order_id))
    return order


def _shown(hub: Hub, order_id: int) -> OrderView:
    with hub.transaction() as connection:
        order = store.find(connection, order_id)
        assert order is not None  # noqa: S101 - the caller has just changed it
        return _view(hub, order, _names(connection))


def _names(connection: Connection) -> dict[str, str]:
    found = {each.code: each.name for each in departments.list_all(connection)}
    return found | {each.dataset: each.title for each in entries.list_all(connection)}


def _view(hub: Hub, order: Order, names: dict[str, str]) -> OrderView:
    left = (order.due_on - today(hub)).days
    facts = {name: getattr(order, name) for name in Order.__slots__}
    return OrderView(
        **facts,
        entry_title=names.get(order.dataset, order.dataset),
        department_name=names.get(order.department_code, order.department_code),
        state_name=STATE_NAMES[order.state],
        days_left=left,
        overdue=order.state != "closed" and left < 0,
    )
