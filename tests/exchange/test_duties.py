"""Changes of law, organ or duty: a task for each concerned entry, its deadline, one extension."""

from datetime import date

import pytest

from exchange import entries, tasks
from exchange.access import Actor
from exchange.duties import NewDuty, ask_extension, decide_extension, list_duties, register_duty, show_duty
from schemas.errors import Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, contract, csv_server

EDITOR = Actor("li", frozenset({"editor"}), PROVIDER, "portal")
OTHER = "11620400XX00C0014G"
STRANGER = Actor("zhao", frozenset({"editor"}), OTHER, "portal")


@pytest.fixture
def city(hub, admin, tmp_path):
    """Two published entries of the police, a draft of theirs, and one entry of another department."""
    server = csv_server(tmp_path / "p.csv")
    for name in ("first", "second"):
        entries.apply(hub, admin, contract(name, server=server), name, publish=True)
    entries.apply(hub, admin, contract("draft", server=server), "draft")
    other = contract("other", server=server, provider_code=OTHER, provider_name="示例市民政局")
    entries.apply(hub, admin, other, "other", publish=True)
    return hub


def law(**changes):
    """Makes an event that takes effect on 20 November 2026."""
    facts = {"kind": "law", "title": "户口登记条例修订", "effective_on": date(2026, 11, 20)}
    return NewDuty(**facts | {"datasets": ("first",)} | changes)


def test_an_event_makes_a_dated_task_an_entry(city, admin):
    """All published entries of a department, or those named, each have one task, 10 working days from effect."""
    event = register_duty(city, EDITOR, law(datasets=(), department=PROVIDER))
    assert [(task.dataset, task.due_on) for task in event.tasks] == [
        ("first", date(2026, 12, 4)),
        ("second", date(2026, 12, 4)),
    ]
    waiting = tasks.list_tasks(city, EDITOR)
    assert len(waiting) == 2 and all(task.by_hand for task in waiting)
    assert [view.id for view in list_duties(city, EDITOR)] == [event.id]
    assert list_duties(city, STRANGER) == [] and len(list_duties(city, admin)) == 1
    with pytest.raises(NotFound):
        show_duty(city, STRANGER, event.id)
    city.clock.forward(days=14)
    assert show_duty(city, EDITOR, event.id).overdue == 2
    tasks.finish_task(city, EDITOR, waiting[0].id, "经核对，条目无需更新")
    assert (show_duty(city, EDITOR, event.id).open, show_duty(city, EDITOR, event.id).overdue) == (1, 1)


def test_before_the_regulation_the_deadline_of_2016_counts(city):
    """What took effect before 2025-08-01 had 15 working days, later 10."""
    assert register_duty(city, EDITOR, law(effective_on=date(2025, 7, 31))).tasks[0].due_on == date(2025, 8, 21)
    assert register_duty(city, EDITOR, law(effective_on=date(2025, 8, 1))).tasks[0].due_on == date(2025, 8, 15)
    later = register_duty(city, EDITOR, law(effective_on=date(2027, 3, 1))).tasks[0]
    assert later.provisional


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"datasets": ("other",)}, "DUTY_ENTRIES"),
        ({"datasets": ("draft",)}, "DUTY_ENTRIES"),
        ({"datasets": ()}, "DUTY_ENTRIES"),
        ({"datasets": (), "department": OTHER}, "DUTY_ENTRIES"),
        ({"title": " "}, "DUTY_FIELD"),
        ({"note": "长" * 201}, "DUTY_FIELD"),
        ({"kind": "weather"}, "DUTY_KIND"),
    ],
)
def test_a_bad_event_is_refused(city, changes, code):
    """Drafts, other departments' entries, no entry at all, no name: nothing is registered."""
    with pytest.raises(InputError) as caught:
        register_duty(city, EDITOR, law(**changes))
    assert caught.value.code == code
    assert list_duties(city, EDITOR) == [] and tasks.list_tasks(city, EDITOR) == []


def test_one_extension_with_the_authoritys_consent(city, admin):
    """Asked for before the deadline, within the rule's days; granted it moves the due date, and only once."""
    task = register_duty(city, EDITOR, law()).tasks[0]
    for days, reason, code in (
        (6, "系统改造", "EXTENSION_DAYS"),
        (0, "系统改造", "EXTENSION_DAYS"),
        (5, " ", "REASON"),
    ):
        with pytest.raises(InputError) as caught:
            ask_extension(city, EDITOR, task.id, days, reason)
        assert caught.value.code == code
    with pytest.raises(Denied):
        ask_extension(city, STRANGER, task.id, 5, "系统改造")
    with pytest.raises(StateError):
        decide_extension(city, admin, task.id, True, "")
    ask_extension(city, EDITOR, task.id, 5, "系统改造")
    with pytest.raises(StateError, match="已经申请过"):
        ask_extension(city, EDITOR, task.id, 5, "系统改造")
    with pytest.raises(Denied):
        decide_extension(city, EDITOR, task.id, True, "")
    with pytest.raises(InputError):
        decide_extension(city, admin, task.id, False, " ")
    assert "extension_review" in {each.kind for each in tasks.list_tasks(city, admin)}
    decide_extension(city, admin, task.id, True, "同意")
    [moved] = tasks.list_tasks(city, EDITOR)
    assert moved.due_on == date(2026, 12, 11)
    assert "extension_review" not in {each.kind for each in tasks.list_tasks(city, admin)}
    with pytest.raises(StateError):
        decide_extension(city, admin, task.id, True, "")


def test_a_refused_extension_leaves_the_date_and_a_late_one_is_none(city, admin):
    """A refusal keeps the due date; after the deadline nothing can be asked for."""
    first, second = register_duty(city, EDITOR, law(datasets=("first", "second"))).tasks
    ask_extension(city, EDITOR, first.id, 3, "系统改造")
    decide_extension(city, admin, first.id, False, "理由不充分")
    assert {task.due_on for task in tasks.list_tasks(city, EDITOR)} == {date(2026, 12, 4)}
    city.clock.forward(days=13)
    with pytest.raises(StateError, match="期限已过"):
        ask_extension(city, EDITOR, second.id, 3, "系统改造")
    with pytest.raises(NotFound):
        ask_extension(city, EDITOR, 999_999, 3, "系统改造")
