"""Uploads over the API: the file as multipart, everything else as JSON."""

from typing import Annotated

from fastapi import Depends, File, Form, Response, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from exchange import uploads
from portal.desk import Desk
from portal.routes import DECLARED, Download, plain
from portal.service import ERRORS, PREFIX, Api, signed_in

api = Api("文件填报")
router = api.router

api.get("/uploads", uploads.list_uploads)
DECLARED["GET", f"{PREFIX}/uploads/template/{{dataset}}"] = "upload.template"
DECLARED["POST", f"{PREFIX}/uploads/new/{{dataset}}"] = "upload.check"


@router.get("/uploads/template/{dataset}", tags=[api.tag], responses=ERRORS, operation_id="uploads_data_template")
def template(desk: Annotated[Desk, Depends(signed_in)], dataset: str) -> Response:
    """Makes the data template of an entry."""
    made = uploads.data_template(desk.hub, desk.actor, dataset)
    return Download(made.name, made.content).response()


@router.post("/uploads/new/{dataset}", tags=[api.tag], responses=ERRORS, operation_id="uploads_check")
def check(
    desk: Annotated[Desk, Depends(signed_in)],
    dataset: str,
    file: Annotated[UploadFile, File()],
    kind: Annotated[str, Form(max_length=20)] = "full",
) -> Response:
    """Checks a file as a sync would and records its faults by place; publishes nothing."""
    view = uploads.check(desk.hub, desk.actor, dataset, file.filename or "", file.file.read(), kind)
    return JSONResponse(jsonable_encoder(plain(view)))


api.post("/uploads/declare/{dataset}", uploads.declare)
api.get("/uploads/{upload_id}", uploads.show_upload)
api.post("/uploads/{upload_id}/submit", uploads.submit)
