"""The tables of the directory's life and of daily work: reviews, events, tasks, attachments, uploads, problems' orders.

Declarations only.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from catalog.tables import JSON, flag, metadata, time

REVIEW_KINDS = ("secrecy", "personal_information", "leader")
ATTACHMENT_STATES = (
    "created",
    "publish_pending",
    "published",
    "publish_rejected",
    "revoke_pending",
    "revoked",
    "revoke_rejected",
    "closed",
)
UPLOAD_STATES = ("checked", "faulty", "submitted", "declared")
ORDER_STATES = ("sent", "answered", "closed")
WAIVER_STATES = ("proposed", "granted", "refused", "ended")
TASK_STATES = ("open", "done", "cancelled")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ('" + "', '".join(values) + "')", name=column)


#: Every transition of an entry's life, chained by SM3 per entry (domain.md 4.1).
entry_events = Table(
    "entry_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("command", Text, nullable=False),
    Column("from_state", SmallInteger, nullable=False),
    Column("to_state", SmallInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("department_code", Text),
    Column("opinion", Text),
    time("at", nullable=False),
    Column("prev_sm3", String(64), nullable=False),
    Column("sm3", String(64), nullable=False),
)

entry_reviews = Table(
    "entry_reviews",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reviewed_on", Date, nullable=False),
    flag("passed"),
    Column("opinion", Text, nullable=False),
    Column("scan_name", Text),
    Column("scan_type", Text),
    Column("scan_sealed", LargeBinary),
    Column("recorded_by", Text, nullable=False),
    time("recorded_at", nullable=False),
    ForeignKeyConstraint(["dataset", "version"], ["hub.entry_versions.dataset", "hub.entry_versions.number"]),
    _one_of("kind", REVIEW_KINDS),
    Index("ix_entry_reviews_dataset_version", "dataset", "version"),
)

#: A change of law, organ or duty (R-03, R-21).
duty_events = Table(
    "duty_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("document_no", Text),
    Column("effective_on", Date, nullable=False),
    Column("note", Text),
    Column("recorded_by", Text, nullable=False),
    time("recorded_at", nullable=False),
    _one_of("kind", ("law", "organ", "duty")),
)

#: What waits for a person, a role of a department, or a role.
tasks = Table(
    "tasks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("dataset", ForeignKey("hub.entries.dataset"), index=True),
    Column("department_code", ForeignKey("hub.departments.code"), index=True),
    Column("role", Text),
    Column("account_id", ForeignKey("hub.accounts.id")),
    Column("event_id", ForeignKey("hub.duty_events.id")),
    Column("due_on", Date),
    flag("provisional"),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("link", Text, nullable=False),
    Column("detail", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    time("created_at", nullable=False),
    time("done_at"),
    Column("done_by", Text),
    _one_of("state", TASK_STATES),
)

attachments = Table(
    "attachments",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("attachment", JSON, nullable=False),
    Column("mapping", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("schedule", Text),
    flag("paused"),
    Column("trial", JSON),
    time("tried_at"),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    Column("submitted_by", Text),
    time("submitted_at"),
    Column("reviewed_by", Text),
    time("reviewed_at"),
    Column("opinion", Text),
    _one_of("state", ATTACHMENT_STATES),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("file_name", Text),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("faulty_rows", BigInteger, nullable=False, server_default=text("0")),
    Column("report", JSON),
    Column("state", Text, nullable=False),
    Column("run_id", Text),
    Column("period", Text),
    Column("uploaded_by", Text, nullable=False),
    time("uploaded_at", nullable=False),
    time("submitted_at"),
    _one_of("kind", ("full", "increment", "no_change")),
    _one_of("state", UPLOAD_STATES),
)

information_systems = Table(
    "information_systems",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("facts", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("recorded_by", Text, nullable=False),
    time("recorded_at", nullable=False),
    _one_of("verdict", ("keep", "merge", "clean")),
    Index("uq_information_systems_department_code_name", "department_code", "name", unique=True),
)

#: A rectification order (整改单): open problems of one dataset, sent to its provider.
problem_orders = Table(
    "problem_orders",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    flag("provisional"),
    Column("sent_by", Text, nullable=False),
    time("sent_at", nullable=False),
    Column("answer", Text),
    Column("answered_by", Text),
    time("answered_at"),
    time("closed_at"),
    _one_of("state", ORDER_STATES),
)

problem_order_rows = Table(
    "problem_order_rows",
    metadata,
    Column("order_id", ForeignKey("hub.problem_orders.id", ondelete="CASCADE"), primary_key=True),
    Column("problem_id", ForeignKey("hub.open_problems.id"), primary_key=True, index=True),
)

#: A rule that one row need not meet until a date (豁免).
waivers = Table(
    "waivers",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("key_hash", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Date, nullable=False),
    Column("proposed_by", Text, nullable=False),
    time("proposed_at", nullable=False),
    Column("decided_by", Text),
    time("decided_at"),
    Column("opinion", Text),
    _one_of("state", WAIVER_STATES),
    Index("ix_waivers_dataset_key", "dataset", "key_hash", "code", "item"),
)

#: What search looks through: one row an entry, words cut into pairs of characters.
entry_words = Table(
    "entry_words",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset", ondelete="CASCADE"), primary_key=True),
    Column("words", TSVECTOR, nullable=False),
    Column("facets", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_entry_words_words", "words", postgresql_using="gin"),
)
