"""Search over the API."""

from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from exchange import search
from portal.desk import Desk
from portal.pages.search import SearchQuery
from portal.routes import DECLARED, plain
from portal.service import ERRORS, PREFIX, Api, signed_in

api = Api("检索")
router = api.router
DECLARED["GET", f"{PREFIX}/search"] = "search.find"


@router.get("/search", tags=[api.tag], responses=ERRORS, operation_id="search_find")
def find(desk: Annotated[Desk, Depends(signed_in)], query: Annotated[SearchQuery, Query()]) -> Response:
    """Searches the directory; without words it is browsed by facets."""
    return JSONResponse(jsonable_encoder(plain(search.find(desk.hub, desk.actor, query.asked()))))


api.get("/search/suggestions", search.suggest)
