"""Tasks: whose they are, in which order, and how they end."""

from datetime import date

import pytest

from catalog.stores import departments
from exchange.access import Actor
from exchange.tasks import close_tasks, finish_task, list_tasks, open_task
from schemas import workdays
from schemas.errors import Denied, InputError, NotFound, StateError

OWN, OTHER = "11620400XX00A0048G", "11620400XX00C0014G"
EDITOR = Actor("li", frozenset({"editor"}), OWN, "portal", account="a1")
REVIEWER = Actor("wang", frozenset({"dept_reviewer"}), OWN, "portal")
STRANGER = Actor("zhao", frozenset({"editor", "dept_reviewer"}), OTHER, "portal")
AUTHORITY = Actor("chen", frozenset({"data_admin"}), OTHER, "portal", region="6204")


@pytest.fixture
def opened(hub):
    """Tasks of every sort, made out of order."""
    with hub.transaction() as connection:
        for code in (OWN, OTHER):
            departments.save(connection, code, f"部门{code[-2:]}", hub.clock.now())

        def put(title, **facts):
            return open_task(connection, hub, kind=facts.pop("kind", "notice"), title=title, link="/", **facts)

        return {
            "late": put("late", department=OWN, role="editor", due_on=date(2026, 11, 20)),
            "endless": put("endless", department=OWN, role="editor"),
            "soon": put("soon", department=OWN, role="editor", due_on=workdays.Due(date(2026, 11, 24), True)),
            "mine": put("mine", account=None, department=OWN, role="dept_reviewer"),
            "anyone": put("anyone", role="data_admin"),
            "act": put("act", kind="review", role="editor", department=OTHER),
        }


def titles(hub, actor):
    """Lists the titles of what waits for the actor."""
    return [task.title for task in list_tasks(hub, actor)]


def test_each_sees_what_waits_for_its_seats(hub, opened, admin):
    """A task is seen by the role of its department, soonest due first; one without date comes last."""
    assert titles(hub, EDITOR) == ["late", "soon", "endless"]
    assert titles(hub, REVIEWER) == ["mine"]
    assert titles(hub, STRANGER) == ["act"]
    assert titles(hub, AUTHORITY) == ["anyone"]
    assert len(titles(hub, admin)) == 6
    late, soon, endless = list_tasks(hub, EDITOR)
    assert (late.overdue, late.days_left, soon.overdue, soon.provisional) == (True, -2, False, True)
    assert endless.days_left is None and late.waits_for == "目录编制员" and late.department_name == "部门8G"


def test_a_task_is_ended_by_its_own_people_only(hub, opened):
    """Another department is denied; a note is asked for; an ended task ends once; one ended by an act not by hand."""
    with pytest.raises(Denied):
        finish_task(hub, STRANGER, opened["late"], "已经更新目录")
    with pytest.raises(InputError):
        finish_task(hub, EDITOR, opened["late"], " 好 ")
    finish_task(hub, EDITOR, opened["late"], "已经更新目录")
    assert titles(hub, EDITOR) == ["soon", "endless"]
    with pytest.raises(StateError):
        finish_task(hub, EDITOR, opened["late"], "已经更新目录")
    with pytest.raises(StateError, match="相应页面"):
        finish_task(hub, STRANGER, opened["act"], "已经更新目录")
    with pytest.raises(NotFound):
        finish_task(hub, EDITOR, 999_999, "已经更新目录")


def test_an_act_closes_its_tasks(hub, opened):
    """Closing goes by kind and dataset and touches no other."""
    with hub.transaction() as connection:
        assert close_tasks(connection, hub, EDITOR, kind="review", dataset="none") == 0
    assert titles(hub, STRANGER) == ["act"]
