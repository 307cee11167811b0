"""The window's pages: look up and verify by number, slips, intake numbers; and the public page that confirms a slip."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from exchange.keyed import granted, intake, operations, slips
from exchange.keyed.why import Why
from portal.calling import address_of
from portal.desk import Desk, hub_of
from portal.render import render
from portal.routes import DECLARED, OPEN, Download, Go, Pages
from schemas.errors import HubError, InputError

pages = Pages()
router = APIRouter(include_in_schema=False)
_Short = Annotated[str, Form(max_length=200)]
#: What the page does; other ways by key are for systems.
_HERE = frozenset({"lookup", "verify"})
DECLARED["GET", "/slips/confirm"] = DECLARED["POST", "/slips/confirm"] = OPEN


class _Said(BaseModel):
    """The form for one number, as it was filled in."""

    csrf: str = ""
    act: str = Field("verify", max_length=20)
    dataset: str = Field("", max_length=200)
    key: str = Field("", max_length=60)
    purpose: str = Field("", max_length=20)
    window: str = Field("", max_length=60)
    principal: str = Field("", max_length=60)
    consent: str = Field("", max_length=60)
    case_no: str = Field("", max_length=60)
    intake_no: str = Field("", max_length=60)
    service_item: str = Field("", max_length=60)
    item: list[str] = []
    value: list[str] = []

    def why(self) -> Why:
        """Returns the reasons that the form states."""
        return Why(**{name: getattr(self, name) for name in Why.__slots__ if name in type(self).model_fields})

    def filled(self) -> dict[str, str]:
        """Returns what was typed, for showing it again; the number among it."""
        return {name: each for name, each in self.model_dump().items() if isinstance(each, str)}


@pages.get("/window", action="keyed.granted", title="按号码查询与核对", template="keyed_window.html")
def window(desk: Desk, dataset: str = "") -> dict[str, Any]:
    """Shows the form for one number."""
    return _form(desk, _Said(dataset=dataset), None)


def _form(desk: Desk, said: _Said, fault: HubError | None, **more: Any) -> dict[str, Any]:
    known = granted.list_granted(desk.hub, desk.actor)
    found = [each for each in known if _HERE & dict(each.ways).keys()]
    chosen = next((each for each in found if each.dataset == said.dataset), found[0] if found else None)
    return {
        "missing": said.dataset if said.dataset and chosen and chosen.dataset != said.dataset else "",
        "datasets": found,
        "chosen": chosen,
        "said": said.filled(),
        "fault": fault,
        "answer": None,
        "slip": None,
    } | more


@pages.post("/window", action="keyed.granted")
def asked(
    desk: Desk,
    said: Annotated[_Said, Form()],
) -> dict[str, Any] | Download:
    """Looks up, verifies, or makes the slip of one of them."""
    model = {"template": "keyed_window.html", "title": "按号码查询与核对"}
    act, dataset, key = said.act, said.dataset, said.key
    values = {name: text for name, text in zip(said.item, said.value, strict=False) if text.strip()}
    try:
        if act == "slip":
            made = slips.make(desk.hub, desk.actor, dataset, key, said.why(), values)
            return Download(f"{made.number}.pdf", made.pdf, "application/pdf")
        if act == "verify":
            answer = operations.verify(desk.hub, desk.actor, dataset, key, values, said.why())
        else:
            answer = operations.fetch(desk.hub, desk.actor, dataset, key, said.why())
    except HubError as fault:
        return model | _form(desk, said, fault)
    return model | _form(desk, said, None, answer=answer)


@pages.get("/slips", action="slip.list", title="核验凭证", template="keyed_slips.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the department's slips."""
    return {"slips": slips.list_slips(desk.hub, desk.actor)}


@pages.post("/slips/{number}/reprint", action="slip.reprint")
def reprint(desk: Desk, number: str) -> Download:
    """Prints a slip again."""
    made = slips.reprint(desk.hub, desk.actor, number)
    return Download(f"{made.number}.pdf", made.pdf, "application/pdf")


@pages.get("/intakes", action="intake.list", title="预受理号", template="keyed_intakes.html")
def intakes(desk: Desk) -> dict[str, Any]:
    """Lists intake numbers: unbound, bound, expired."""
    return {"intakes": intake.list_intakes(desk.hub, desk.actor), "fault": None}


@pages.post("/intakes", action="intake.bind")
def bind(desk: Desk, number: _Short, case_no: _Short) -> Go | dict[str, Any]:
    """Binds an intake number to its case."""
    try:
        intake.bind(desk.hub, desk.actor, number, case_no)
    except HubError as fault:
        found = intake.list_intakes(desk.hub, desk.actor)
        return {"template": "keyed_intakes.html", "title": "预受理号", "intakes": found, "fault": fault}
    return Go("/intakes", f"预受理号 {number} 已绑定办件 {case_no}")


@router.get("/slips/confirm")
def ask_confirm(request: Request) -> Response:
    """Shows the public form that confirms a slip."""
    facts = {"title": "核验凭证验证", "found": None, "fault": None}
    return render(request, "keyed_confirm.html", None, facts)


@router.post("/slips/confirm")
def confirm(request: Request, number: _Short, code: _Short) -> Response:
    """Confirms a slip by its number and code."""
    facts: dict[str, Any] = {"title": "核验凭证验证", "found": None, "fault": None}
    try:
        facts["found"] = slips.confirm(hub_of(request), number, code, address_of(request))
    except InputError as fault:
        facts["fault"] = fault
    return render(request, "keyed_confirm.html", None, facts, 404 if facts["fault"] else 200)


router.include_router(pages.router)
