"""Looks into a department's system before anything is attached: its tables, one table's columns and key, some rows.

Reads and never writes; the rows it gives are bounded and stay in memory.
"""

from datetime import datetime

import pyarrow as pa

from connectors import failures
from connectors.base import Session
from connectors.registry import bare_source, open_source, source_of
from schemas.entry import Attachment
from schemas.source import ReadRequest, SourceTable, TableFacts


def list_tables(url: str) -> list[SourceTable]:
    """Lists what a connection offers; raises SourceError."""
    return bare_source(url).tables()


def describe(attachment: Attachment, url: str | None) -> TableFacts:
    """Says what the source declares of the attached table or file; raises SourceError."""
    session = source_of(attachment, url).open()
    try:
        return failures.attempt(lambda: _facts(session, attachment), session.explain)
    finally:
        session.close()


def _facts(session: Session, attachment: Attachment) -> TableFacts:
    columns = tuple(session.columns())
    natures = {column.name: session.nature(column).value for column in columns}
    if attachment.connector == "file":
        return TableFacts(columns, natures)
    key, comment, writes = session.key(), session.comment(), session.could_write()
    return TableFacts(columns, natures, key, comment, writes)


def sample(
    attachment: Attachment, url: str | None, columns: tuple[str, ...], rows: int, now: datetime
) -> pa.RecordBatch | None:
    """Reads at most `rows` rows as a landing batch; None where the table is empty. Raises SourceError."""
    request = ReadRequest(columns, "snapshot", now, limit=rows)
    with open_source(attachment, url).read(request) as reading:
        return next(iter(reading), None)
