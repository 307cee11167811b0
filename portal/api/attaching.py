"""Connections, drafts from tables and attachments over the API."""

from typing import Annotated

from fastapi import Depends, File, Response, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from exchange import attachments, connections, drafting, preview
from portal.desk import Desk
from portal.routes import DECLARED, plain
from portal.service import ERRORS, PREFIX, Api, signed_in

api = Api("连接与挂接")
router = api.router

api.get("/connections", connections.list_connections, key="name")
api.post("/connections", connections.set_connection)
api.post("/connections/{name}/test", connections.test_connection)
api.get("/connections/{name}/tables", drafting.list_tables, key="name")
api.get("/connections/{name}/draft", drafting.propose)
api.post("/connections/{name}/draft", drafting.make)
api.get("/attachments", attachments.list_attachments, key="dataset")
api.get("/attachments/{dataset}", attachments.show)
api.post("/attachments/{dataset}", attachments.save)
api.get("/attachments/{dataset}/proposal", preview.propose_attachment)
api.get("/attachments/{dataset}/preview", preview.preview)
api.post("/attachments/{dataset}/trial", attachments.try_attachment)
DECLARED["POST", f"{PREFIX}/attachments/{{dataset}}/trial-file"] = "attachment.try_file"


@router.post("/attachments/{dataset}/trial-file", tags=[api.tag], responses=ERRORS,
             operation_id="attachments_try_uploaded")  # fmt: skip
def try_uploaded(
    desk: Annotated[Desk, Depends(signed_in)], dataset: str, file: Annotated[UploadFile, File()]
) -> Response:
    """Tries an attachment by upload with a filled data template; counts and keeps no row."""
    view = attachments.try_uploaded(desk.hub, desk.actor, dataset, file.filename or "", file.file.read())
    return JSONResponse(jsonable_encoder(plain(view)))


api.post("/attachments/{dataset}/submission", attachments.submit)
api.post("/attachments/{dataset}/decision", attachments.decide)
api.post("/attachments/{dataset}/revocation", attachments.revoke)
api.post("/attachments/{dataset}/closing", attachments.close)
