"""Rectification orders: sent with a due date, answered by the provider, closed by hand or by themselves, overdue."""

from datetime import date

import pytest

from exchange import entries, orders, sync, tasks
from exchange.access import Actor
from exchange.problems import list_problems, show_rows
from schemas.errors import Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, person, write_csv

EDITOR = Actor("bian", frozenset({"editor"}), PROVIDER, "portal")
OTHER = Actor("bie", frozenset({"editor"}), "11620400XX00C0014G", "portal")
AUTHORITY = Actor("guan", frozenset({"data_admin"}), PROVIDER, "portal")
TITLE = "请核对性别代码"


@pytest.fixture
def source(hub, admin, tmp_path):
    """A register of 40 people in a file, one more with a wrong sex code and one with a wrong date."""
    path = tmp_path / "people.csv"
    write_csv(path, [*people(40), person(200) | {"xb": "7"}, person(201) | {"csrq": "2020-13-01"}])
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    assert sync.run(hub, admin, "person").state == "published"
    return path


def test_an_order_is_due_after_ten_working_days(hub, source):
    """The chosen problems go to the provider, due ten working days from Monday 2026-11-23 counted after the Sunday."""
    order = orders.send(hub, AUTHORITY, "person", TITLE, "CODE_UNKNOWN:sex_code")
    assert (order.problems, order.left, order.state, order.department_code) == (1, 1, "sent", PROVIDER)
    assert order.due_on == date(2026, 12, 4) and not order.overdue
    detail = orders.show_order(hub, EDITOR, order.id)
    assert [(rule.code, rule.left) for rule in detail.rules] == [("CODE_UNKNOWN", 1)]
    [row] = show_rows(hub, EDITOR, "person", within=f"order-{order.id}").rows
    assert {f.code: f.order for f in row.findings}["CODE_UNKNOWN"] == order.id
    [task] = tasks.list_tasks(hub, EDITOR)
    assert (task.link, task.due_on) == (f"/orders/{order.id}", date(2026, 12, 4))


def test_a_problem_is_in_one_unfinished_order_only(hub, source):
    """Those already sent are left out; when none is left the order is refused and does not exist."""
    orders.send(hub, AUTHORITY, "person", TITLE, "CODE_UNKNOWN")
    rest = orders.send(hub, AUTHORITY, "person", "其余问题整改")
    assert rest.problems == 1
    with pytest.raises(StateError) as caught:
        orders.send(hub, AUTHORITY, "person", TITLE)
    assert caught.value.code == "ORDER_EMPTY" and len(orders.list_orders(hub, AUTHORITY)) == 2
    orders.close(hub, AUTHORITY, rest.id, "改由下月统一整改")
    assert orders.send(hub, AUTHORITY, "person", TITLE).problems == 1


def test_it_closes_by_itself_when_all_its_problems_have_closed(hub, admin, source, clock):
    """One of two problems is mended: it stays open; with the other one mended it is closed, and its task done."""
    order = orders.send(hub, AUTHORITY, "person", TITLE)
    orders.answer(hub, EDITOR, order.id, "已在来源更正")
    clock.forward(days=1)
    write_csv(source, [*people(40), person(200), person(201) | {"csrq": "2020-13-01"}])
    sync.run(hub, admin, "person")
    assert (orders.show_order(hub, EDITOR, order.id).order.left, order.problems) == (1, 2)
    assert orders.show_order(hub, EDITOR, order.id).order.state == "answered"
    clock.forward(days=1)
    write_csv(source, [*people(40), person(200), person(201)])
    sync.run(hub, admin, "person")
    done = orders.show_order(hub, EDITOR, order.id).order
    assert (done.state, done.left, done.closed_at) == ("closed", 0, clock.now())
    assert tasks.list_tasks(hub, admin) == [] and list_problems(hub, EDITOR).problems == 0
    with pytest.raises(StateError):
        orders.answer(hub, EDITOR, order.id, "再答复一次")


def test_overdue_orders_are_listed(hub, source, clock):
    """After its last day an unfinished order is overdue, answered or not; a closed one is not."""
    order = orders.send(hub, AUTHORITY, "person", TITLE)
    orders.answer(hub, EDITOR, order.id, "正在核实中")
    clock.forward(days=12)
    assert orders.list_orders(hub, EDITOR, "overdue") == []
    clock.forward(days=2)
    [late] = orders.list_orders(hub, EDITOR, "overdue")
    assert (late.id, late.overdue, late.days_left) == (order.id, True, -2)
    orders.close(hub, AUTHORITY, order.id, "已线下处理完毕")
    assert orders.list_orders(hub, EDITOR, "overdue") == []
    assert [each.state for each in orders.list_orders(hub, EDITOR, "closed")] == ["closed"]


def test_who_may_do_what(hub, source):
    """The provider neither sends nor closes, the authority does not answer, others see nothing."""
    with pytest.raises(Denied):
        orders.send(hub, EDITOR, "person", TITLE)
    order = orders.send(hub, AUTHORITY, "person", TITLE)
    wide = Actor("kuan", frozenset({"editor", "inspector"}), OTHER.department)
    for act in (
        lambda: orders.answer(hub, AUTHORITY, order.id, "已更正完毕"),
        lambda: orders.answer(hub, wide, order.id, "已更正完毕"),
        lambda: orders.close(hub, EDITOR, order.id, "已更正完毕"),
        lambda: orders.show_order(hub, OTHER, order.id),
        lambda: orders.answer(hub, OTHER, order.id, "已更正完毕"),
        lambda: orders.list_orders(hub, Actor("s", frozenset({"system_admin"}), PROVIDER)),
    ):
        with pytest.raises(Denied):
            act()
    assert orders.list_orders(hub, OTHER) == []
    assert orders.show_order(hub, EDITOR, order.id).order.state == "sent"


def test_bad_input(hub, source):
    """Titles and answers have words and no personal number; unknown orders and datasets are not found."""
    order = orders.send(hub, AUTHORITY, "person", TITLE)
    for words in ("", "短", "x" * 501, "已联系13800138000"):
        with pytest.raises(InputError):
            orders.answer(hub, EDITOR, order.id, words)
    with pytest.raises(InputError):
        orders.send(hub, AUTHORITY, "person", "x" * 101)
    for number in (0, -5, 10**12, 2**70):
        with pytest.raises(NotFound):
            orders.show_order(hub, AUTHORITY, number)
    with pytest.raises(NotFound):
        orders.send(hub, AUTHORITY, "nobody", TITLE)
    assert orders.show_order(hub, EDITOR, order.id).order.state == "sent"
