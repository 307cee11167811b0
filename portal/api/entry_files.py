"""Ways in and out of entries over the API: contract files as text, workbooks as Base64 in, as files out."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pydantic import Base64Bytes

from exchange import directory_workbook, entry_odcs
from exchange.access import Actor
from exchange.directory_workbook import ImportView
from exchange.hub import Hub
from portal.routes import Download
from portal.service import Api

api = Api("目录导入导出")
router = api.router


def _handed_out(use_case: Callable[..., Any]) -> Callable[..., Download]:
    """Lets a use-case's file be the answer."""

    @wraps(use_case)
    def handed(hub: Hub, actor: Actor, *args: Any, **values: Any) -> Download:
        view = use_case(hub, actor, *args, **values)
        return Download(view.name, view.content, view.media_type)

    return handed


def import_workbook(hub: Hub, actor: Actor, name: str, content: Base64Bytes, check_only: bool = False) -> ImportView:
    """Imports a directory's workbook as drafts: all of its entries, or with any fault none."""
    return directory_workbook.import_workbook(hub, actor, name, content, check_only=check_only)


import_workbook.action = directory_workbook.import_workbook.action  # type: ignore[attr-defined]

api.post("/contracts", entry_odcs.import_contract)
api.get("/contracts/{dataset}", _handed_out(entry_odcs.export_contract))
api.post("/directory/workbook", import_workbook)
api.get("/directory/workbook", _handed_out(directory_workbook.export_directory))
api.get("/directory/print", directory_workbook.print_directory)
