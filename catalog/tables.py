"""The tables of the hub database, all in the PostgreSQL schema `hub`. Declarations only: no query, no connection."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "hub"
JSON = JSONB(none_as_null=True)

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)

RUN_STATES = (
    "created",
    "extracted",
    "validated",
    "publishing",
    "published",
    "held",
    "discarded",
    "superseded",
    "failed",
)

#: The last durable step of a run; a failed one goes on from it.
RUN_STEPS = ("created", "extracted", "validated", "publishing", "published")


def time(name: str, *, nullable: bool = True) -> Column[Any]:
    """Declares a moment."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def count(name: str) -> Column[Any]:
    """Declares a count that begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def flag(name: str) -> Column[Any]:
    """Declares a flag that begins as false."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


regions = Table(
    "regions",
    metadata,
    Column("code", String(12), primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent_code", ForeignKey("hub.regions.code"), index=True),
    Column("level", SmallInteger, nullable=False),
    CheckConstraint("level between 1 and 4", name="level"),
)

departments = Table(
    "departments",
    metadata,
    Column("code", String(18), primary_key=True),
    Column("name", Text, nullable=False),
    Column("short_name", Text),
    Column("region_code", ForeignKey("hub.regions.code"), index=True),
    Column("parent_code", ForeignKey("hub.departments.code"), index=True),
    flag("is_authority"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    time("created_at", nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("code", String(64), unique=True),
    Column("title", Text, nullable=False),
    Column("provider_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("state", SmallInteger, nullable=False),
    Column("published_version", Integer),
    Column("publish_date", Date),
    time("created_at", nullable=False),
    time("updated_at", nullable=False),
    CheckConstraint("state between 0 and 7", name="state"),
)

entry_versions = Table(
    "entry_versions",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("contract_version", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("plan", JSON),
    Column("suite", JSON),
    Column("changes", JSON, nullable=False),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    time("published_at"),
    CheckConstraint("state between 0 and 7", name="state"),
)

# Codes are never reused, also after an entry is revoked: the last number of each class is kept apart from the entries.
code_numbers = Table(
    "code_numbers",
    metadata,
    Column("class_code", String(50), primary_key=True),
    Column("last_number", BigInteger, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("host", Text),
    Column("port", Integer),
    Column("database", Text),
    Column("username", Text),
    Column("sealed_url", LargeBinary, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code"), index=True),
    Column("updated_by", Text, nullable=False),
    time("created_at", nullable=False),
    time("updated_at", nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset"), primary_key=True),
    Column("current_version", Integer, nullable=False, server_default=text("0")),
    Column("delta_version", BigInteger),
    count("rows"),
    Column("cursor", JSON),
    Column("hold_next", Text),
    Column("last_facts", JSON),
    Column("last_run", Text),
    time("last_comparison_at"),
    time("data_time"),
    time("updated_at", nullable=False),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("dataset", ForeignKey("hub.datasets.dataset"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("entry_version", Integer, nullable=False),
    Column("delta_version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    count("inserted"),
    count("updated"),
    count("deleted"),
    Column("suite", Text, nullable=False),
    Column("key_generation", Integer, nullable=False),
    Column("cursor", JSON),
    Column("rollback_of", Integer),
    Column("facts", JSON),
    time("data_time"),
    time("published_at", nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("entry_version", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    flag("comparison"),
    Column("trigger", Text),
    Column("rollback_to", Integer),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("version", Integer),
    count("extracted"),
    count("duplicates"),
    count("conflicts"),
    count("accepted"),
    count("quarantined"),
    count("inserted"),
    count("updated"),
    count("deleted"),
    count("unchanged"),
    count("kept"),
    count("rows_before"),
    count("rows_after"),
    Column("cursor_from", JSON),
    Column("cursor_to", JSON),
    Column("hold_reasons", JSON, nullable=False, server_default=text("'[]'::jsonb")),
    Column("notices", JSON, nullable=False, server_default=text("'[]'::jsonb")),
    Column("findings", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("facts", JSON),
    Column("result", JSON),
    Column("error", JSON),
    flag("released"),
    Column("closing_reason", Text),
    Column("seconds_extract", Float, nullable=False, server_default=text("0")),
    Column("seconds_validate", Float, nullable=False, server_default=text("0")),
    Column("seconds_publish", Float, nullable=False, server_default=text("0")),
    time("created_at", nullable=False),
    time("extracted_at"),
    time("data_time"),
    time("finished_at"),
    time("landing_removed_at"),
    time("quarantine_removed_at"),
    ForeignKeyConstraint(["dataset", "entry_version"], ["hub.entry_versions.dataset", "hub.entry_versions.number"]),
    UniqueConstraint("dataset", "trigger"),
    CheckConstraint("state in ('" + "', '".join(RUN_STATES) + "')", name="state"),
    CheckConstraint("step in ('" + "', '".join(RUN_STEPS) + "')", name="step"),
    Index("ix_runs_dataset_number", "dataset", "number"),
)

open_problems = Table(
    "open_problems",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("first_run", Text, nullable=False),
    Column("last_run", Text, nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    time("first_seen", nullable=False),
    time("last_seen", nullable=False),
    time("closed_at"),
)
Index(
    "uq_open_problems_open",
    open_problems.c.dataset,
    open_problems.c.key_hash,
    open_problems.c.code,
    open_problems.c.item,
    unique=True,
    postgresql_where=open_problems.c.closed_at.is_(None),
)
