"""Templates: one environment, the filters that pages share, and what every page gets. Knows no use-case."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exchange.access import ROLE_NAMES
from portal.connection_kinds import KIND_NAMES
from portal.desk import Desk
from portal.menu import menu_for
from portal.tables import with_downloads
from schemas.masks import MASKS

_FOLDER = Path(__file__).parent
_SHANGHAI = ZoneInfo("Asia/Shanghai")


@cache
def environment() -> Environment:
    """Returns the templates' environment; a name that a page does not give is an error, never an empty place."""
    made = Environment(loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    made.filters |= {"moment": moment, "day": day, "number": number, "seconds": seconds, "percent": percent,
                     "mask_title": mask_title}  # fmt: skip
    made.globals |= {"ROLE_NAMES": ROLE_NAMES, "KIND_NAMES": KIND_NAMES}
    return made


def mask_title(name: str) -> str:
    """Names a masking rule for people; one that there is no more by its name."""
    return MASKS[name].title if name in MASKS else name


def moment(value: datetime | str | None) -> str:
    """Writes a moment in Beijing time."""
    if value is None:
        return "—"
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M")


def day(value: date | None) -> str:
    """Writes a date."""
    return "—" if value is None else value.isoformat()


def number(value: float | None) -> str:
    """Writes a count with thousands apart."""
    return "—" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """Writes a duration."""
    if value is None:
        return "—"
    minutes, rest = divmod(value, 60)
    return f"{int(minutes)} 分 {rest:.0f} 秒" if minutes else f"{rest:.1f} 秒"


def percent(value: float | None) -> str:
    """Writes a ratio."""
    return "—" if value is None else f"{value * 100:.1f} %"


def page_text(request: Request, template: str, desk: Desk | None, data: Mapping[str, Any], says: str = "") -> str:
    """Renders the text of a page."""
    facts = {
        "desk": desk,
        "menu": menu_for(desk, request.url.path),
        "path": request.url.path,
        "query": request.query_params,
        "csrf": desk.session.csrf if desk else "",
        "says": says,
        **data,
    }
    return environment().get_template(template).render(facts)


def render(
    request: Request, template: str, desk: Desk | None, data: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """Renders a page; what was to be said after a change is said once. Each table gets the links to its files."""
    says = unquote(request.cookies.get("says", ""))
    page = page_text(request, template, desk, data, says)
    if desk and request.method == "GET" and status == HTTPStatus.OK and data.get("files", True):
        path = "/overview" if request.url.path == "/" else request.url.path
        page = with_downloads(page, quote(path), request.query_params.multi_items())
    response = HTMLResponse(page, status_code=status)
    if says:
        response.delete_cookie("says")
    return response


def error_page(request: Request, desk: Desk | None, error: Any, status: int) -> Response:
    """Renders an error: what was got, what is allowed, what to do next, and its code."""
    return render(request, "error.html", desk, {"title": "没有办成", "error": error}, status)
