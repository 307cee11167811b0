"""People, departments and regions over the API; the own account with its password and one-time codes."""

from typing import Any

from pydantic import Base64Bytes

from exchange import me, offices, people, people_workbook
from exchange.access import Actor
from exchange.hub import Hub
from exchange.people_workbook import Imported
from portal.service import Api

api = Api("部门与人员")
router = api.router


def offer_code(hub: Hub, actor: Actor) -> dict[str, Any]:
    """Offers the secret of one-time codes; it counts only once a code made with it has been sent."""
    return {"secret": me.offer_code(hub, actor).secret}


def import_workbook(hub: Hub, actor: Actor, content: Base64Bytes) -> Imported:
    """Imports departments and people from a workbook; with any fault, lists all of them and imports nothing."""
    return people_workbook.import_workbook(hub, actor, content)


offer_code.action = me.offer_code.action  # type: ignore[attr-defined]
import_workbook.action = people_workbook.import_workbook.action  # type: ignore[attr-defined]

api.get("/me", me.show_me)
api.post("/me/password", me.change_password)
api.get("/me/code", offer_code)
api.post("/me/code", me.enrol_code)
api.post("/people/import", import_workbook)
api.get("/people", people.list_people, key="login")
api.post("/people", people.open_account)
api.get("/people/{login}", people.show_person)
api.post("/people/{login}/name", people.change_person)
api.post("/people/{login}/roles", people.set_roles)
api.post("/people/{login}/close", people.close_account)
api.post("/people/{login}/unlock", people.unlock_account)
api.post("/people/{login}/password", people.reset_password)
api.post("/people/{login}/code", people.reset_code)
api.get("/departments", offices.list_departments, key="code")
api.post("/departments", offices.open_department)
api.get("/departments/{code}", offices.show_department)
api.post("/departments/{code}", offices.change_department)
api.post("/departments/{code}/close", offices.close_department)
api.get("/regions", offices.list_regions, key="code")
api.post("/regions", offices.set_region)
