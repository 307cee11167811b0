"""What waits, in the browser: tasks of one's seats, duty events, and putting a task off."""

import re

import pytest

from exchange import entries
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server
from tests.portal.conftest import OTHER, PROVIDER


@pytest.fixture
def people(sign, hub, tmp_path):
    """An editor of the police, an editor of another department; one published entry of the police."""
    entries.apply(hub, ADMIN, contract(server=csv_server(tmp_path / "p.csv")), "a", publish=True)
    return sign("editor", department=PROVIDER), sign("editor", department=OTHER)


def token(client, path="/duties"):
    """Returns the token of a page's forms."""
    return re.search(r'name="csrf" value="([^"]+)"', client.get(path).text).group(1)


def register(client, **changes):
    """Registers an event on its page."""
    data = {"csrf": token(client), "kind": "organ", "subject": "户政科并入治安支队", "effective_on": "2026-11-20"}
    return client.post("/duties", data=data | {"datasets": "person"} | changes)


def test_from_an_event_to_a_done_task(people, hub):
    """The event makes a dated task, the task is put off on request, then ended with a note; faults show in place."""
    editor, other = people
    assert "没有待办" in editor.get("/tasks").text
    wrong = register(editor, effective_on="昨天")
    assert wrong.status_code == 200 and "DUTY_DATE" in wrong.text and "户政科并入治安支队" in wrong.text
    event = register(editor).headers["location"]
    page = editor.get("/tasks").text
    assert "2026-12-04" in page and "还有 12 天" in page and "户政科并入治安支队" in page
    assert "没有待办" in other.get("/tasks").text and other.get(event).status_code == 404
    number = re.search(r"/tasks/(\d+)/done", page).group(1)
    data = {"csrf": token(editor, event), "days": "9", "reason": "系统改造"}
    assert "EXTENSION_DAYS" in editor.post(f"{event}/tasks/{number}/extension", data=data).text
    assert editor.post(f"{event}/tasks/{number}/extension", data=data | {"days": "5"}).status_code == 303
    assert "申请延期 5 个工作日" in editor.get(event).text
    assert editor.post(f"{event}/tasks/{number}/decision", data=data | {"granted": "yes"}).status_code == 403
    hub.clock.forward(minutes=20)
    done = {"csrf": token(editor, "/tasks"), "note": "职责未变，无需更新"}
    assert editor.post(f"/tasks/{number}/done", data=done | {"csrf": "x"}).status_code == 403
    assert editor.post(f"/tasks/{number}/done", data=done).status_code == 303
    assert "没有待办" in editor.get("/tasks").text and "职责未变" in editor.get(event).text


def test_an_overdue_task_is_marked(people, hub):
    """After its last day a task says by how many days it is late, on every page where it stands."""
    editor, _ = people
    event = register(editor, effective_on="2026-11-01").headers["location"]
    for path in ("/tasks", event, "/entries/person"):
        assert "逾期 9 天" in editor.get(path).text, path
    assert editor.get("/tasks.json").json()["overdue"] == 1
    assert editor.get("/api/v1/tasks").json()["items"][0]["overdue"] is True
