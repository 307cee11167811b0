"""Pages of problem data: the workbench, the rows of a dataset, waivers."""

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Form, Query

from exchange import orders, problem_file, problems, spreadsheets, waivers
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from portal.tables import WORKBOOK

pages = Pages()
router = pages.router
Word = Annotated[str, Query(max_length=200)]


@pages.get("/problems", action="problem.list", title="问题数据", template="problems.html")
def workbench(desk: Desk, dataset: Word = "", rule: Word = "", run: Word = "") -> dict[str, Any]:
    """Counts what is open by dataset, rule, item and batch."""
    found = problems.list_problems(desk.hub, desk.actor, dataset, rule, run)
    return {"found": found, "chosen": {"dataset": dataset, "rule": rule, "run": run}}


@pages.get("/problems/{dataset}", action="problem.rows", title="问题数据", template="problem_rows.html")
def rows(desk: Desk, dataset: str, rule: Word = "", within: Word = "", page: int = 1) -> dict[str, Any]:
    """Shows the rows of a dataset as received beside as normalised."""
    found = problems.show_rows(desk.hub, desk.actor, dataset, rule, within, page)
    return {"title": f"问题数据：{found.title}", "found": found, "rule": rule, "within": within}


@pages.get("/problems/{dataset}/rows", action="problem.export", title="问题数据", template="problem_rows.html")
def row_list(desk: Desk, dataset: str, rule: Word = "", within: Word = "", kind: Word = "xlsx") -> Download:
    """Hands out the rows as one list."""
    found = problem_file.list_rows(desk.hub, desk.actor, dataset, rule, within)
    name = f"{found.title}_问题数据"
    if kind == "csv":
        return Download(f"{name}.csv", spreadsheets.as_csv(found.headings, found.rows), "text/csv; charset=utf-8")
    return Download(f"{name}.xlsx", spreadsheets.as_workbook("问题数据", found.headings, found.rows), WORKBOOK)


@pages.post("/problems/{dataset}/order", action="order.send")
def send(
    desk: Desk,
    dataset: str,
    title: Annotated[str, Form()],
    rule: Annotated[str, Form()] = "",
    run: Annotated[str, Form()] = "",
) -> Go:
    """Sends the chosen problems to the provider."""
    order = orders.send(desk.hub, desk.actor, dataset, title, rule, run)
    return Go(f"/orders/{order.id}", f"已下发整改单，{order.problems} 个问题，{order.due_on} 前整改")


@pages.get("/waivers", action="waiver.list", title="豁免", template="waivers.html")
def listed(desk: Desk, state: Word = "") -> dict[str, Any]:
    """Lists the waivers within reach."""
    found = waivers.list_waivers(desk.hub, desk.actor, state)
    return {"waivers": found, "state": state, "states": waivers.STATE_NAMES}


@pages.post("/waivers", action="waiver.propose")
def propose(
    desk: Desk,
    problem: Annotated[int, Form()],
    reason: Annotated[str, Form()],
    until: Annotated[date, Form()],
) -> Go:
    """Proposes a waiver for the row and rule of an open problem."""
    made = waivers.propose(desk.hub, desk.actor, problem, reason, until)
    return Go(f"/problems/{quote(made.dataset)}", "已提出豁免，等待数据管理员审定")


@pages.post("/waivers/{waiver_id}/decide", action="waiver.decide")
def decide(desk: Desk, waiver_id: int, decision: Annotated[str, Form()], opinion: Annotated[str, Form()]) -> Go:
    """Grants or refuses a waiver."""
    made = waivers.decide(desk.hub, desk.actor, waiver_id, opinion, grant=decision == "grant")
    return Go("/waivers", f"豁免{made.state_name}")
