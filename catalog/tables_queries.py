"""The tables of analysts' queries: runs with their sealed results, saved statements, exports. Declarations only.

A statement may name persons, so it rests sealed. A result rests in the lake's folder `results` until `kept_until`.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, text

from catalog.tables import JSON, count, flag, metadata, time

QUERY_STATES = ("running", "done", "failed", "cancelled", "denied")
EXPORT_STATES = ("own_review", "provider_review", "approved", "fetched", "refused", "ended")

queries = Table(
    "queries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code")),
    Column("purpose", Text, nullable=False),
    Column("sealed_sql", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    flag("cancel_asked"),
    #: Datasets with grant, version and times; columns; what makes an export need approval.
    Column("facts", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    count("rows"),
    Column("error_code", Text),
    time("started_at", nullable=False),
    time("seen_at", nullable=False),
    time("ended_at"),
    time("kept_until"),
    Index("ix_queries_login", "login", "started_at"),
    Index("ix_queries_kept", "kept_until", postgresql_where=text("kept_until is not null")),
    CheckConstraint("state in ('" + "', '".join(QUERY_STATES) + "')", name="state"),
)

saved_queries = Table(
    "saved_queries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("sealed_sql", LargeBinary, nullable=False),
    time("saved_at", nullable=False),
    UniqueConstraint("login", "name"),
)

query_exports = Table(
    "query_exports",
    metadata,
    Column("number", Text, primary_key=True),
    Column("query", ForeignKey("hub.queries.id"), nullable=False, index=True),
    Column("login", Text, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("format", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("state", Text, nullable=False),
    Column("causes", JSON, nullable=False),
    #: Departments that still have to agree after the own one; each step that was taken.
    Column("providers", JSON, nullable=False),
    Column("steps", JSON, nullable=False),
    Column("sealed_preview", LargeBinary, nullable=False),
    Column("manifest", JSON),
    time("asked_at", nullable=False),
    time("fetch_until"),
    time("fetched_at"),
    CheckConstraint("state in ('" + "', '".join(EXPORT_STATES) + "')", name="state"),
)
