"""Pages of batches: the list, one batch with its counts, and what can be done with a held one."""

from datetime import date
from typing import Annotated, Any

from fastapi import Form

from exchange import batches
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import InputError
from schemas.glossary import word

pages = Pages()
router = pages.router
_STATES = ("held", "failed", "published", "created", "extracted", "validated", "publishing", "discarded", "superseded")
Reason = Annotated[str, Form(max_length=500)]


@pages.get("/runs", action="run.list", title="同步批次", template="runs.html")
def listed(desk: Desk, dataset: str = "", state: str = "", day: str = "", before: int | None = None) -> dict[str, Any]:
    """Lists the runs within reach, newest first, a page at a time."""
    asked = (dataset.strip()[:100] or None, state or None, _day(day), before)
    page = batches.list_page(desk.hub, desk.actor, *asked)
    chosen = {"dataset": dataset, "state": state, "day": day}
    states = [("", "全部"), *((each, word(each)) for each in _STATES)]
    return {"runs": page.items, "next": page.next, "chosen": chosen, "states": states}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError("日期写法不对", "如 2026-01-31", "请改正日期", code="DATE") from None


@pages.get("/runs/{run_id}", action="run.show", title="同步批次", template="run.html")
def shown(desk: Desk, run_id: str) -> dict[str, Any]:
    """Shows one run."""
    sheet = batches.show_sheet(desk.hub, desk.actor, run_id)
    return {"title": f"{sheet.line.title} 同步批次", "sheet": sheet, "run": sheet.run, "line": sheet.line}


@pages.post("/runs/{run_id}/release", action="run.release")
def release(desk: Desk, run_id: str, reason: Reason = "") -> Go:
    """Releases a held batch, or asks its provider first."""
    done = batches.release(desk.hub, desk.actor, run_id, reason)
    says = (
        "本批次行数减少，已请提供部门确认；确认后请再次放行"
        if done.awaits_provider
        else f"已放行，批次{word(done.state)}"
    )
    return Go(f"/runs/{run_id}", says)


@pages.post("/runs/{run_id}/confirm", action="run.confirm")
def confirm(desk: Desk, run_id: str, opinion: Reason = "", agrees: Annotated[str, Form()] = "yes") -> Go:
    """Answers for the provider whether a batch that shrank is right."""
    done = batches.confirm(desk.hub, desk.actor, run_id, opinion, agrees == "yes")
    return Go(f"/runs/{run_id}", "已确认，可以放行" if done.state == "agreed" else "已答复：不同意放行")


@pages.post("/runs/{run_id}/discard", action="run.discard")
def discard(desk: Desk, run_id: str, reason: Reason = "") -> Go:
    """Gives up a batch."""
    batches.discard(desk.hub, desk.actor, run_id, reason)
    return Go(f"/runs/{run_id}", "批次已作废，原版本继续提供服务")


@pages.post("/runs/{run_id}/revalidate", action="run.revalidate")
def revalidate(desk: Desk, run_id: str, reason: Reason = "") -> Go:
    """Validates a held batch again under the newest entry version."""
    done = batches.revalidate(desk.hub, desk.actor, run_id, reason)
    return Go(f"/runs/{run_id}", f"已重新校验，批次{word(done.state)}")
