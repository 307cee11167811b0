"""What waits for the person: list, and ending a task that is done by saying so."""

from typing import Annotated, Any

from fastapi import Form

from exchange import tasks
from portal.desk import Desk
from portal.routes import Go, Pages

pages = Pages()
router = pages.router


@pages.get("/tasks", action="task.list", title="待办", template="tasks.html")
def waiting(desk: Desk) -> dict[str, Any]:
    """Lists what waits for the person, soonest due first."""
    found = tasks.list_tasks(desk.hub, desk.actor)
    return {"tasks": found, "overdue": sum(task.overdue for task in found)}


@pages.post("/tasks/{task_id}/done", action="task.done")
def finish(desk: Desk, task_id: int, note: Annotated[str, Form(max_length=500)] = "") -> Go:
    """Ends a task with a note."""
    tasks.finish_task(desk.hub, desk.actor, task_id, note)
    return Go("/tasks", "已办结")
