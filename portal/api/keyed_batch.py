"""API of batch verification by workbook and of verification slips."""

import base64
import json
from typing import Annotated, Any

from fastapi import Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from exchange.keyed import batch, between, slips
from exchange.keyed.batch import Upload
from exchange.keyed.slips import Slip
from exchange.keyed.why import Why
from portal.calling import address_of, caller
from portal.desk import Desk, hub_of
from portal.routes import DECLARED, Download, plain
from portal.service import ERRORS, PREFIX, Api
from portal.tables import WORKBOOK
from schemas.errors import InputError

api = Api("批量核验与凭证", who=caller)
router = api.router

api.get("/batches", batch.list_batches, key="id")
api.get("/slips", slips.list_slips, key="number")
DECLARED["POST", f"{PREFIX}/batches/{{dataset}}"] = "batch.run"
DECLARED["POST", f"{PREFIX}/batches/{{dataset}}/with/{{other}}"] = "batch.between"
DECLARED["GET", f"{PREFIX}/batches/{{job}}/result"] = "batch.result"
DECLARED["POST", f"{PREFIX}/slips/{{dataset}}"] = "slip.make"
DECLARED["POST", f"{PREFIX}/slips/{{number}}/reprint"] = "slip.reprint"
DECLARED["GET", f"{PREFIX}/slips/confirm"] = "slip.confirm"
_Who = Annotated[Desk, Depends(caller)]
_Json = Annotated[str, Form(max_length=4000)]


def read_json(text: str, what: str) -> dict[str, str]:
    """Reads a form field that holds an object of texts; raises InputError."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise InputError(f"{what}不是对象", "JSON 对象，值都是文本", "请改正后重试", code="INPUT")
    return {str(name): each for name, each in found.items()}


def why_of(facts: dict[str, str]) -> Why:
    """Makes the reasons of their named texts; what is not one of them is refused."""
    wrong = set(facts) - set(Why.__slots__)
    if wrong:
        raise InputError("why 中有不认识的项", "、".join(Why.__slots__), "请改正后重试", code="INPUT")
    return Why(**facts)


@router.post("/batches/{dataset}", tags=[api.tag], responses=ERRORS, operation_id="batch_run")
def run(
    desk: _Who, dataset: str, file: Annotated[UploadFile, File()], why: _Json, key_column: str = Form(""),
    columns: _Json = "",
) -> Response:  # fmt: skip
    """Verifies every row of a workbook; `why` and `columns` (heading → item) are JSON objects."""
    upload = Upload(file.filename or "", file.file.read(), key_column, read_json(columns, "columns"))
    done = batch.run(desk.hub, desk.actor, dataset, upload, why_of(read_json(why, "why")))
    return JSONResponse(jsonable_encoder(plain(done)))


@router.post("/batches/{dataset}/with/{other}", tags=[api.tag], responses=ERRORS, operation_id="batch_between")
def compared(
    desk: _Who, dataset: str, other: str, file: Annotated[UploadFile, File()], why: _Json, key_column: str = Form("")
) -> Response:  # fmt: skip
    """Compares what two granted datasets hold of each key of a workbook."""
    upload = Upload(file.filename or "", file.file.read(), key_column)
    done = between.between(desk.hub, desk.actor, dataset, other, upload, why_of(read_json(why, "why")))
    return JSONResponse(jsonable_encoder(plain(done)))


@router.get("/batches/{job}/result", tags=[api.tag], responses=ERRORS, operation_id="batch_result")
def result(desk: _Who, job: str) -> Response:
    """Hands out a result within its day, to who made it."""
    name, content = batch.result(desk.hub, desk.actor, job)
    return Download(name, content, WORKBOOK).response()


@router.get("/slips/confirm", tags=[api.tag], responses=ERRORS, operation_id="slip_confirm")
def confirm(
    request: Request, number: Annotated[str, Query(max_length=40)], code: Annotated[str, Query(max_length=60)]
) -> Response:  # fmt: skip
    """Confirms a slip to anybody who holds its number and code; no value of a person."""
    return JSONResponse(plain(slips.confirm(hub_of(request), number, code, address_of(request))))


@router.post("/slips/{dataset}", tags=[api.tag], responses=ERRORS, operation_id="slip_make")
def make(desk: _Who, dataset: str, body: dict[str, Any]) -> Response:
    """Verifies `values` of `key` (or looks up, without values) for `why`, and makes the slip: PDF in Base64."""
    values, why, key = body.get("values") or {}, body.get("why"), body.get("key")
    if not isinstance(key, str) or not isinstance(why, dict) or not isinstance(values, dict):
        raise InputError("缺少 key 或 why", "key 为文本，why、values 为对象", "请改正后重试", code="INPUT")
    said = read_json(json.dumps(why), "why")
    made = slips.make(desk.hub, desk.actor, dataset, key, why_of(said), read_json(json.dumps(values), "values"))
    return _slip(made)


@router.post("/slips/{number}/reprint", tags=[api.tag], responses=ERRORS, operation_id="slip_reprint")
def reprint(desk: _Who, number: str) -> Response:
    """Prints a slip of one's department again."""
    return _slip(slips.reprint(desk.hub, desk.actor, number))


def _slip(made: Slip) -> Response:
    facts = {"number": made.number, "code": made.code, "answer": made.answer}
    return JSONResponse(plain(facts | {"pdf": base64.b64encode(made.pdf).decode()}))
