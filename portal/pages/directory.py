"""The directory's pages: list, search, one entry."""

from typing import Any

from exchange import entries
from portal.desk import Desk
from portal.routes import Pages

pages = Pages()
router = pages.router


@pages.get("/entries", action="entry.list", title="政务数据目录", template="entries.html")
def listed(desk: Desk) -> dict[str, Any]:
    """Lists the entries that the person may see."""
    return {"entries": entries.list_entries(desk.hub, desk.actor)}
