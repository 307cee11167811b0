"""The entry form: sections of fields, rows of items, faults at their fields. Works by submit buttons alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from exchange import entry_form
from exchange.entry_form import FormView, Sent
from portal.desk import Desk, session_of
from portal.routes import Go, Pages
from schemas.forms import form, resource_types

_MOST_FIELDS = 20_000


async def _whole(request: Request) -> None:
    """Reads a form of hundreds of items before anything else reads it with the usual limit; only when signed in."""
    if request.method == "POST" and session_of(request) is not None:
        await request.form(max_files=1, max_fields=_MOST_FIELDS)


pages = Pages(APIRouter(include_in_schema=False, dependencies=[Depends(_whole)]))
router = pages.router
_ROW = re.compile(r"(items|legal_basis)-([0-9]{1,4})-([a-z_]{1,40})")
_DO = re.compile(r"(add|remove|up|down):(items|legal_basis)(?::([0-9]{1,4}))?")
_NEW_ROWS = 3
Rows = dict[str, list[dict[str, str]]]


async def _sent(request: Request) -> dict[str, str]:
    """Reads the form's fields, which its declaration names and no signature can."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


Fields = Annotated[dict[str, str], Depends(_sent)]


@pages.get("/entries/new", action="entry.form", title="登记目录条目", template="entry_form.html")
def blank(desk: Desk, type: str = "table") -> dict[str, Any]:  # noqa: A002 - the word in the address
    """Shows an empty form."""
    view = entry_form.open_form(desk.hub, desk.actor, None, type)
    return _model(view, {name: list(rows) for name, rows in view.rows.items()}, "/entries/new")


@pages.post("/entries/new", action="entry.form")
def sent_new(desk: Desk, fields: Fields) -> Any:
    """Does what the pressed button says with a new entry's form."""
    return _act(desk, fields, None)


@pages.get("/entries/{dataset}/edit", action="entry.form", title="修改目录条目", template="entry_form.html")
def edit(desk: Desk, dataset: str) -> dict[str, Any]:
    """Shows the form of an entry."""
    view = entry_form.open_form(desk.hub, desk.actor, dataset)
    return _model(view, {name: list(rows) for name, rows in view.rows.items()}, f"/entries/{dataset}/edit")


@pages.post("/entries/{dataset}/edit", action="entry.form")
def sent_edit(desk: Desk, dataset: str, fields: Fields) -> Any:
    """Does what the pressed button says with an entry's form."""
    return _act(desk, fields, dataset)


def _act(desk: Desk, fields: Mapping[str, str], dataset: str | None) -> Any:
    to = f"/entries/{dataset}/edit" if dataset else "/entries/new"
    sent = _read(fields, dataset)
    moved = _DO.fullmatch(fields.get("do", ""))
    if moved:
        return _rearranged(desk, sent, moved, to)
    if fields.get("do") != "save":
        view = entry_form.check_form(desk.hub, desk.actor, sent)
        return _shown(view, to)
    view = entry_form.save_draft(desk.hub, desk.actor, sent)
    if view.saved:
        failed = sum(not each.passed for each in view.lint)
        found = [f"目录检查 {failed} 项未通过，提交审核前须改正"] if failed else []
        return Go(f"/entries/{view.dataset}", "；".join(["草稿已保存", *view.says, *found]))
    return _shown(view, to)


def _read(fields: Mapping[str, str], dataset: str | None) -> Sent:
    """Sorts the fields into values and rows; a checkbox that is not ticked is not sent."""
    kind = fields.get("resource_type", "table")
    declared = form(kind)
    values = {each.name: fields.get(each.name, "") for each in declared.fields}
    rows: dict[str, dict[int, dict[str, str]]] = {name: {} for name in declared.groups}
    for name, value in fields.items():
        found = _ROW.fullmatch(name)
        if found and found[1] in rows:
            rows[found[1]].setdefault(int(found[2]), {})[found[3]] = value
    for group, known in declared.groups.items():
        for row in rows[group].values():
            row |= {each.name: row.get(each.name, "") for each in known}
    ordered = {name: [numbered[number] for number in sorted(numbered)] for name, numbered in rows.items()}
    return Sent(values, ordered, kind, dataset, fields.get("stamp", ""))


def _rearranged(desk: Desk, sent: Sent, moved: re.Match[str], to: str) -> dict[str, Any]:
    """Adds, removes or moves a row and shows the form again, with nothing judged yet."""
    rows = {name: [dict(row) for row in listed] for name, listed in sent.rows.items()}
    listed, number = rows[moved[2]], int(moved[3] or 0)
    if moved[1] == "remove" and number < len(listed):
        del listed[number]
    other = number + (1 if moved[1] == "down" else -1)
    if moved[1] in ("up", "down") and 0 <= other < len(listed) and number < len(listed):
        listed[number], listed[other] = listed[other], listed[number]
    opened = entry_form.open_form(desk.hub, desk.actor, sent.dataset, sent.resource_type)
    view = FormView(
        form(sent.resource_type), sent.values, rows, sent.dataset, sent.stamp, departments=opened.departments
    )
    return _page(view, rows, to, more=moved[2] if moved[1] == "add" else "")


def _shown(view: FormView, to: str) -> dict[str, Any]:
    return _page(view, {name: [dict(row) for row in rows] for name, rows in view.rows.items()}, to)


def _page(view: FormView, rows: Rows, to: str, more: str = "") -> dict[str, Any]:
    title = "修改目录条目" if view.dataset else "登记目录条目"
    return {"template": "entry_form.html", "title": title, **_model(view, rows, to, more)}


def _model(view: FormView, rows: Mapping[str, Sequence[Mapping[str, str]]], to: str, more: str = "") -> dict[str, Any]:
    """Adds empty rows to write in: some in an empty list, one more on request."""
    shown: dict[str, list[Mapping[str, str]]] = {}
    for group, known in view.form.groups.items():
        empty: Mapping[str, str] = {"was": ""} | {each.name: "" for each in known}
        count = _NEW_ROWS if group == "items" and (group == more or not rows.get(group)) else int(group == more)
        shown[group] = [*({**empty, **row} for row in rows.get(group, ())), *[empty] * count]
    failed = [each for each in view.lint if not each.passed]
    at = {each.place: each for each in reversed(failed) if each.place and each.place not in view.faults}
    notes = {place: f"{each.says}：{each.next_step}" if each.next_step else each.says for place, each in at.items()}
    return {
        "view": view, "rows": shown, "to": to, "types": resource_types(), "failed": failed, "notes": notes,
    }  # fmt: skip
