"""The overview: the day on one page."""

from typing import Any

from exchange.overview import show_overview
from portal.desk import Desk
from portal.routes import Pages

pages = Pages()
router = pages.router


@pages.get("/", action="overview.show", title="概览", template="overview.html")
def overview(desk: Desk) -> dict[str, Any]:
    """Shows the day within the person's reach."""
    return {"day": show_overview(desk.hub, desk.actor)}
