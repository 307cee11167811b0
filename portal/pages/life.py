"""One entry: its page, the commands of its life, the reviews before submission, and the printable sheet."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, cast

from fastapi import Form, UploadFile
from pydantic import BaseModel, Field

from exchange import life, lifecycle, reviews, revocation, tasks
from exchange.lifecycle_table import COMMANDS
from exchange.scans import MOST_BYTES
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from schemas.errors import HubError, InputError, StateError

pages = Pages()
router = pages.router

_COMMANDS: dict[str, Callable[..., Any]] = {
    "submit": lifecycle.submit,
    "withdraw": lifecycle.withdraw,
    "endorse": lifecycle.endorse,
    "return": lifecycle.return_to_editor,
    "approve": lifecycle.approve,
    "send_back": lifecycle.send_back,
    "reject": lifecycle.reject,
    "abandon": lifecycle.abandon,
    "delete": lifecycle.delete,
    "request_revoke": revocation.request_revoke,
    "approve_revoke": revocation.approve_revoke,
    "reject_revoke": revocation.reject_revoke,
    "resume": revocation.resume,
}


def _model(desk: Desk, dataset: str) -> dict[str, Any]:
    found = life.show_life(desk.hub, desk.actor, dataset)
    kinds = list(reviews.KIND_NAMES.items())
    shown: dict[str, Any] = {"title": found.entry.title, "life": found, "kinds": kinds}
    # The signed sheet bears all reviews: each that is still missing has a row, ready for what is most often written.
    blank = {"person": "", "reviewed_on": tasks.today(desk.hub).isoformat(), "passed": "yes", "opinion": "同意"}
    rows = [{"kind": kind, **blank} for kind, name in kinds if name in found.missing_reviews]
    return shown | {"fault": None, "opinion": "", "rows": rows or [{"kind": kind, **blank} for kind, _ in kinds]}


@pages.get("/entries/{dataset}/sheet", action="entry.life", title="目录报送审批表", template="sheet.html")
def sheet(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows the review sheet of an entry, to be printed and signed."""
    return _model(desk, dataset) | {"title": "政务数据目录报送审批表"}


@pages.get("/entries/{dataset}/reviews/{review_id}/scan", action="review.scan", title="签批件", template="error.html")
def scan(desk: Desk, dataset: str, review_id: int) -> Download:
    """Hands out the signed sheet of a review."""
    found = reviews.show_scan(desk.hub, desk.actor, dataset, review_id)
    return Download(found.name, found.content, found.media_type)


@pages.get("/entries/{dataset}", action="entry.life", title="目录条目", template="entry.html")
def shown(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows an entry and what the person may do with it."""
    return _model(desk, dataset)


class ReviewsForm(BaseModel):
    """The form of reviews: one row for each, one signed sheet for all of them."""

    kind: list[Annotated[str, Field(max_length=30)]] = []
    person: list[Annotated[str, Field(max_length=200)]] = []
    reviewed_on: list[Annotated[str, Field(max_length=20)]] = []
    passed: list[Annotated[str, Field(max_length=3)]] = []
    opinion: list[Annotated[str, Field(max_length=2000)]] = []
    scan: UploadFile

    def rows(self) -> list[dict[str, str]]:
        """Returns the rows that somebody has signed; all where nobody has."""
        names = ("kind", "person", "reviewed_on", "passed", "opinion")
        columns = [getattr(self, name) for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]
        return [row for row in rows if row["person"].strip()] or rows


@pages.post("/entries/{dataset}/reviews", action="review.record")
def record(desk: Desk, dataset: str, form: Annotated[ReviewsForm, Form()]) -> Go | dict[str, Any]:
    """Records reviews with their signed sheet; shows the rows that are left again with what is wrong."""
    rows, done = form.rows(), []
    content = form.scan.file.read(MOST_BYTES + 1)
    try:
        if not rows:
            raise InputError("表单不完整", "每种审查一行", "请刷新页面后重试", code="FORM")
        while rows:
            review = _review(rows[0], form.scan.filename or "", content)
            done.append(reviews.record_review(desk.hub, desk.actor, dataset, review).kind_name)
            rows.pop(0)
    except (InputError, StateError) as error:
        return _again(desk, dataset, error) | ({"rows": rows} if rows else {})
    return Go(f"/entries/{dataset}#reviews", f"已登记{'、'.join(done)}")


def _review(row: dict[str, str], name: str, content: bytes) -> reviews.NewReview:
    return reviews.NewReview(
        kind=cast(reviews.Kind, row["kind"]),  # checked by the use-case
        person=row["person"],
        reviewed_on=_day(row["reviewed_on"]),
        passed=row["passed"] == "yes",
        opinion=row["opinion"],
        scan_name=name,
        scan=content,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            "审查日期的写法不对", "年-月-日，如 2026-01-31", "请改正审查日期", code="REVIEW_DATE"
        ) from None


def _again(desk: Desk, dataset: str, error: HubError) -> dict[str, Any]:
    return _model(desk, dataset) | {"template": "entry.html", "fault": error}


def _declare(name: str, use_case: Callable[..., Any]) -> None:
    """Declares the route of one command: done, or the entry's page again with what is wrong."""

    def give(
        desk: Desk,
        dataset: str,
        opinion: Annotated[str, Form(max_length=5000)] = "",
        notice: Annotated[str, Form(max_length=1000)] = "",
    ) -> Go | dict[str, Any]:
        more = {"notice": notice} if name == "request_revoke" else {}
        try:
            moved = use_case(desk.hub, desk.actor, dataset, opinion, **more)
        except (InputError, StateError) as error:
            return _again(desk, dataset, error) | {"opinion": opinion}
        gone = moved.stage == "deleted"
        said = f"已{COMMANDS[name].title}，现为“{moved.stage_name}”" + (f"，代码 {moved.code}" if moved.code else "")
        return Go("/entries" if gone else f"/entries/{dataset}", said)

    pages.post(f"/entries/{{dataset}}/{name}", action=COMMANDS[name].action)(give)


for _name, _use_case in _COMMANDS.items():
    _declare(_name, _use_case)
