"""The pages of departments and regions."""

from typing import Annotated, Any

from fastapi import Form
from pydantic import BaseModel, Field

from exchange import offices
from exchange.offices import NewDepartment
from portal.desk import Desk
from portal.routes import Go, Pages
from schemas.errors import InputError

pages = Pages()
router = pages.router
_Text = Annotated[str, Form(max_length=200)]

_NOTHING = {"code": "", "name": ""}


class DepartmentForm(BaseModel):
    """The fields of a department's form; the code is not asked for again when it is changed."""

    code: str = Field("", max_length=200)
    name: str = Field(max_length=200)
    region_code: str = Field(max_length=200)
    short_name: str = Field("", max_length=200)
    parent_code: str = Field("", max_length=200)
    is_authority: bool = False

    def read(self, code: str | None = None) -> NewDepartment:
        """Returns what was typed, of the department with this code."""
        values = (self.name, self.region_code, self.short_name, self.parent_code, self.is_authority)
        return NewDepartment(self.code if code is None else code, *values)


@pages.get("/departments", action="department.list", title="部门", template="departments.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the departments by region."""
    return {"departments": offices.list_departments(desk.hub, desk.actor)}


@pages.get("/departments/regions", action="region.list", title="行政区划", template="departments_regions.html")
def regions(desk: Desk) -> dict[str, Any]:
    """Shows the region tree."""
    return {"regions": offices.list_regions(desk.hub, desk.actor), "fault": None, "typed": _NOTHING}


@pages.post("/departments/regions", action="region.set")
def set_region(desk: Desk, code: _Text, name: _Text) -> Go | dict[str, Any]:
    """Registers or renames a region."""
    try:
        region = offices.set_region(desk.hub, desk.actor, code, name)
    except InputError as fault:
        found = offices.list_regions(desk.hub, desk.actor)
        facts = {"regions": found, "fault": fault, "typed": {"code": code, "name": name}}
        return {"template": "departments_regions.html", "title": "行政区划", **facts}
    return Go("/departments/regions", f"已登记 {region.name}")


@pages.get("/departments/new", action="department.open", title="登记部门", template="departments_form.html")
def ask(desk: Desk) -> dict[str, Any]:
    """Shows the form for a new department."""
    return _form(desk, NewDepartment("", "", ""), None, "/departments/new")


def _form(desk: Desk, department: NewDepartment, fault: InputError | None, to: str) -> dict[str, Any]:
    facts = {"department": department, "fault": fault, "to": to}
    places = [each for each in offices.list_regions(desk.hub, desk.actor) if each.code.startswith(desk.actor.region)]
    above = [each for each in offices.list_departments(desk.hub, desk.actor) if each.active]
    return {**facts, "regions": places, "above": above}


@pages.post("/departments/new", action="department.open")
def open_one(desk: Desk, form: Annotated[DepartmentForm, Form()]) -> Go | dict[str, Any]:
    """Registers a department."""
    new = form.read()
    try:
        department = offices.open_department(desk.hub, desk.actor, new)
    except InputError as fault:
        return {"template": "departments_form.html", "title": "登记部门", **_form(desk, new, fault, "/departments/new")}
    return Go(f"/departments/{department.code}", "部门已登记")


@pages.get("/departments/{code}", action="department.show", title="部门", template="departments_show.html")
def shown(desk: Desk, code: str) -> dict[str, Any]:
    """Shows one department."""
    department = offices.show_department(desk.hub, desk.actor, code)
    return {"department": department, "title": department.name}


@pages.get("/departments/{code}/change", action="department.change", title="修改部门", template="departments_form.html")
def ask_change(desk: Desk, code: str) -> dict[str, Any]:
    """Shows the form with what is known of a department."""
    old = offices.show_department(desk.hub, desk.actor, code)
    known = NewDepartment(
        old.code, old.name, old.region_code or "", old.short_name or "", old.parent_code or "", old.is_authority
    )
    return _form(desk, known, None, f"/departments/{old.code}/change")


@pages.post("/departments/{code}/change", action="department.change")
def change(desk: Desk, code: str, form: Annotated[DepartmentForm, Form()]) -> Go | dict[str, Any]:
    """Changes a department."""
    new = form.read(code)
    try:
        department = offices.change_department(desk.hub, desk.actor, code, new)
    except InputError as fault:
        facts = _form(desk, new, fault, f"/departments/{code}/change")
        return {"template": "departments_form.html", "title": "修改部门", **facts}
    return Go(f"/departments/{department.code}", "部门已修改")


@pages.post("/departments/{code}/close", action="department.close")
def close(desk: Desk, code: str, reason: _Text) -> Go:
    """Takes a department out of use."""
    department = offices.close_department(desk.hub, desk.actor, code, reason)
    return Go(f"/departments/{department.code}", "部门已停用")
