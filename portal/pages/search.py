"""The search page: words, facets as links, results with the words marked."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, Field

from exchange import search
from exchange.search import Asked, SearchPage
from portal.desk import Desk
from portal.routes import Pages

pages = Pages()
router = pages.router


class SearchQuery(BaseModel):
    """What the address says: words, one value of each facet, the page."""

    q: str = Field("", max_length=100)
    category: str = Field("", max_length=20)
    provider: str = Field("", max_length=18)
    share: str = Field("", max_length=1)
    cycle: str = Field("", max_length=1)
    region: str = Field("", max_length=6)
    page: int = Field(1, ge=1, le=500)

    def asked(self) -> Asked:
        """Returns it as the use-case takes it."""
        return Asked(**self.model_dump())


@pages.get("/search", action="search.find", title="搜索", template="search.html")
def found(desk: Desk, query: Annotated[SearchQuery, Query()]) -> dict[str, Any]:
    """Shows what is found."""
    asked = query.asked()
    result = search.find(desk.hub, desk.actor, asked)
    return {"found": result, "asked": asked, "links": _links(asked, result)}


@pages.get("/search/suggest", action="search.suggest", title="搜索提示", template="search_suggest.html")
def suggested(desk: Desk, q: Annotated[str, Query(max_length=100)] = "") -> dict[str, Any]:
    """Suggests names of entries; the page's script asks for `.json`."""
    return {"names": search.suggest(desk.hub, desk.actor, q), "q": q}


def _links(asked: Asked, result: SearchPage) -> dict[str, str]:
    """Makes the address of each facet's value (chosen again: without it) and of the pages before and after."""
    links = {}
    for facet in result.facets:
        for value in facet.values:
            links[f"{facet.name}:{value.value}"] = address(asked, {facet.name: "" if value.chosen else value.value})
    if result.page > 1:
        links["before"] = address(asked, {"page": result.page - 1})
    if result.page < result.pages:
        links["after"] = address(asked, {"page": result.page + 1})
    return links


def address(asked: Asked, changed: dict[str, Any]) -> str:
    """Returns the address of the same search with something changed; another facet begins at the first page."""
    facts = {"page": 1, **{name: value for name, value in asdict(asked).items() if name != "page"}, **changed}
    kept = {name: value for name, value in facts.items() if value and not (name == "page" and value == 1)}
    return f"/search?{urlencode(kept)}" if kept else "/search"
