"""A department's database as the tests reach it: opened through the registry, read to plain rows."""

import os
from datetime import UTC, datetime
from typing import Any

from connectors.registry import open_source
from schemas.entry import Attachment
from schemas.source import ReadRequest

#: Names of roles and databases of this process alone, since a server is shared.
OWN = f"connectors_{os.getpid()}"
SECRET = "S3cret-never-shown"
Rows = list[dict[str, Any]]


def source(url: str, table: str | None = "t", **settings: Any) -> Any:
    """Opens the attached table."""
    kind = "postgres" if url.startswith("postgresql") else "sql"
    return open_source(Attachment(**{"connector": kind, "mode": "snapshot", "table": table} | settings), url)


def read(
    given: Any, columns: tuple[str, ...] | None = None, cursor: Any = None, mode: str = "snapshot"
) -> tuple[Rows, Any]:
    """Reads all rows and the cursor."""
    names = columns or tuple(column.name for column in given.columns())
    with given.read(ReadRequest(names, mode, datetime.now(UTC), cursor)) as reading:
        rows = [row for batch in reading for row in batch.to_pylist()]
    return rows, reading.cursor


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the row without its landing columns."""
    return {name: value for name, value in row.items() if not name.startswith("_")}
