"""The pages of people: list, one person, opening, roles, closing, and the list from a workbook."""

from typing import Annotated, Any

from fastapi import File, Form, UploadFile

from exchange import offices, people, people_workbook
from exchange.access import ROLE_NAMES
from exchange.people import NewPerson
from exchange.role_rules import ROLES, gives
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from portal.tables import WORKBOOK
from schemas.errors import HubError, InputError

pages = Pages()
router = pages.router
_Text = Annotated[str, Form(max_length=200)]


@pages.get("/people", action="person.list", title="人员", template="people.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the people within reach."""
    return {"people": people.list_people(desk.hub, desk.actor)}


@pages.get("/people/new", action="person.open", title="开通账号", template="people_new.html")
def ask(desk: Desk) -> dict[str, Any]:
    """Shows the form for a new account."""
    return _form(desk, NewPerson("", "", desk.actor.department or ""), None)


def _form(desk: Desk, person: NewPerson, fault: HubError | None) -> dict[str, Any]:
    own = desk.actor.roles & {"dept_admin"} and not desk.actor.roles & {"system_admin"}
    found = offices.list_departments(desk.hub, desk.actor)
    near = [
        each for each in found if each.active and (not own or desk.actor.department in {each.code, each.parent_code})
    ]
    able = gives(desk.actor.roles & {"dept_admin", "system_admin"})
    roles = [(role, ROLE_NAMES[role]) for role in ROLES if role in able]
    return {"departments": near, "roles": roles, "person": person, "fault": fault}


@pages.post("/people/new", action="person.open")
def open_one(
    desk: Desk,
    login: _Text,
    name: _Text,
    department: _Text,
    roles: Annotated[list[str] | None, Form()] = None,
    single_sign_on: Annotated[bool, Form()] = False,
) -> dict[str, Any]:
    """Opens an account and shows its first password, once."""
    person = NewPerson(login, name, department, tuple(roles or ()), single_sign_on)
    try:
        opened = people.open_account(desk.hub, desk.actor, person)
    except InputError as fault:
        return {"template": "people_new.html", "title": "开通账号", **_form(desk, person, fault)}
    return {"template": "people_opened.html", "title": "账号已开通", "opened": [opened]}


@pages.get("/people/import", action="person.import", title="批量导入部门与人员", template="people_import.html")
def ask_workbook(desk: Desk) -> dict[str, Any]:
    """Shows how departments and people are imported from a workbook."""
    return {"faults": [], "fault": None}


@pages.get("/people/template", action="person.import", title="部门与人员模板", template="people_import.html")
def template(desk: Desk) -> Download:
    """Hands out the empty workbook."""
    return Download("部门与人员.xlsx", people_workbook.template(), WORKBOOK)


@pages.post("/people/import", action="person.import")
def take_workbook(desk: Desk, file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Imports a workbook whole, or lists its faults and imports nothing."""
    facts: dict[str, Any] = {
        "template": "people_import.html",
        "title": "批量导入部门与人员",
        "faults": [],
        "fault": None,
    }
    try:
        done = people_workbook.import_workbook(desk.hub, desk.actor, file.file.read())
    except InputError as fault:
        return facts | {"fault": fault}
    if done.faults:
        return facts | {"faults": done.faults}
    return {"template": "people_opened.html", "title": "导入完成", "opened": done.opened, "done": done}


@pages.get("/people/{login}", action="person.show", title="人员", template="person.html")
def shown(desk: Desk, login: str) -> dict[str, Any]:
    """Shows one person."""
    person = people.show_person(desk.hub, desk.actor, login)
    return {"person": person, "title": person.name, "ROLES": ROLES}


@pages.post("/people/{login}/change", action="person.change")
def change(desk: Desk, login: str, name: _Text) -> Go:
    """Changes a person's name."""
    people.change_person(desk.hub, desk.actor, login, name)
    return Go(f"/people/{login}", "姓名已修改")


@pages.post("/people/{login}/roles", action="person.roles")
def set_roles(desk: Desk, login: str, roles: Annotated[list[str] | None, Form()] = None) -> Go:
    """Gives and takes roles."""
    people.set_roles(desk.hub, desk.actor, login, roles or [])
    return Go(f"/people/{login}", "角色已变更，该人员须重新登录")


@pages.post("/people/{login}/close", action="person.close")
def close(desk: Desk, login: str, reason: _Text, successor: _Text = "") -> Go:
    """Closes an account and hands over its tasks."""
    done = people.close_account(desk.hub, desk.actor, login, reason, successor)
    return Go(f"/people/{login}", f"账号已关闭，移交待办 {done.tasks} 件")


@pages.post("/people/{login}/unlock", action="person.unlock")
def unlock(desk: Desk, login: str) -> Go:
    """Unlocks an account."""
    people.unlock_account(desk.hub, desk.actor, login)
    return Go(f"/people/{login}", "账号已解锁")


@pages.post("/people/{login}/password", action="person.password")
def reset_password(desk: Desk, login: str) -> dict[str, Any]:
    """Makes a new first password and shows it, once."""
    opened = people.reset_password(desk.hub, desk.actor, login)
    return {"template": "people_opened.html", "title": "口令已重置", "opened": [opened]}


@pages.post("/people/{login}/code", action="person.code")
def reset_code(desk: Desk, login: str) -> Go:
    """Takes away a lost one-time code."""
    people.reset_code(desk.hub, desk.actor, login)
    return Go(f"/people/{login}", "动态码已重置，下次登录时重新启用")
