"""The survey of information systems over the API: files as they are, the list as JSON."""

from typing import Annotated

from fastapi import Depends, File, Response, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from exchange import survey
from portal.desk import Desk
from portal.routes import DECLARED, Download, plain
from portal.service import ERRORS, PREFIX, Api, signed_in

api = Api("信息系统")
router = api.router
At = Annotated[Desk, Depends(signed_in)]
DECLARED["GET", f"{PREFIX}/systems/template"] = "system.template"
DECLARED["GET", f"{PREFIX}/systems/report"] = "system.report"
DECLARED["POST", f"{PREFIX}/systems/import"] = "system.import"

api.get("/systems", survey.list_systems)


@router.get("/systems/template", tags=[api.tag], responses=ERRORS, operation_id="survey_template")
def template(desk: At) -> Response:
    """Makes the empty survey sheet."""
    made = survey.survey_template(desk.hub, desk.actor)
    return Download(made.name, made.content).response()


@router.get("/systems/report", tags=[api.tag], responses=ERRORS, operation_id="survey_report")
def report(desk: At) -> Response:
    """Writes the systems that no entry comes from."""
    made = survey.systems_without_entries(desk.hub, desk.actor)
    return Download(made.name, made.content).response()


@router.post("/systems/import", tags=[api.tag], responses=ERRORS, operation_id="survey_import")
def imported(desk: At, file: Annotated[UploadFile, File()]) -> Response:
    """Imports a survey sheet whole, or nothing of it and every fault by sheet, row and column."""
    done = survey.import_systems(desk.hub, desk.actor, file.file.read())
    return JSONResponse(jsonable_encoder(plain(done)), 422 if done.faults else 200)
