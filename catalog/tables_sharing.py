"""The tables of sharing: requests and their steps, grants, freezes, recalls, openings, uses. Declarations only."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
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

from catalog.tables import JSON, count, flag, metadata, time

share_requests = Table(
    "share_requests",
    metadata,
    Column("number", Text, primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("entry_version", Integer, nullable=False),
    Column("consumer", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("provider", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("share_type", SmallInteger, nullable=False),
    Column("stage", Text, nullable=False, index=True),
    Column("returned_from", Text),
    Column("content", JSON, nullable=False),
    #: What is agreed so far; begins as what was asked for when the request is sent.
    Column("terms", JSON),
    # The clock of the present step: `left_days` only while it stands still (退回补正).
    Column("clock_from", Date),
    Column("clock_days", Integer),
    Column("due_on", Date, index=True),
    flag("provisional"),
    Column("left_days", Integer),
    Column("extension_state", Text),
    Column("extension_days", Integer),
    Column("extension_reason", Text),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    time("updated_at", nullable=False),
    time("sent_at"),
    time("decided_at"),
    time("supplied_at"),
)

#: Every step of a request, chained by SM3 per request; with the terms where a step narrowed or agreed them.
share_request_events = Table(
    "share_request_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("request", ForeignKey("hub.share_requests.number"), nullable=False, index=True),
    Column("command", Text, nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("department_code", Text),
    Column("opinion", Text),
    Column("reason_code", Text),
    Column("terms", JSON),
    Column("days", Integer),
    time("at", nullable=False),
    Column("prev_sm3", String(64), nullable=False),
    Column("sm3", String(64), nullable=False),
)

share_request_files = Table(
    "share_request_files",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("request", ForeignKey("hub.share_requests.number"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    time("added_at", nullable=False),
)

#: How a department reviews what is asked of it: one step or two.
share_settings = Table(
    "share_settings",
    metadata,
    Column("department_code", ForeignKey("hub.departments.code"), primary_key=True),
    Column("review_steps", SmallInteger, nullable=False),
    Column("set_by", Text, nullable=False),
    time("set_at", nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("number", Text, primary_key=True),
    Column("request", ForeignKey("hub.share_requests.number"), nullable=False, unique=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("entry_version", Integer, nullable=False),
    Column("consumer", ForeignKey("hub.departments.code"), nullable=False),
    Column("provider", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("terms", JSON, nullable=False),
    time("valid_from", nullable=False),
    time("valid_until", nullable=False),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    time("created_at", nullable=False),
    time("ended_at"),
    Column("ended_by", Text),
    Column("ended_reason", Text),
    Index("ix_grants_in_force", "consumer", "dataset", "valid_until", postgresql_where=text("state = 'active'")),
    Index("ix_grants_dataset", "dataset"),
    CheckConstraint("state in ('active', 'expired', 'revoked', 'given_back')", name="state"),
    CheckConstraint("valid_from < valid_until", name="period"),
)

share_freezes = Table(
    "share_freezes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("frozen_by", Text, nullable=False),
    time("frozen_at", nullable=False),
    Column("lifted_by", Text),
    time("lifted_at"),
    Column("lifted_reason", Text),
    CheckConstraint("kind in ('department', 'account', 'dataset')", name="kind"),
    Index("uq_share_freezes_open", "kind", "target", unique=True, postgresql_where=text("lifted_at is null")),
)

recalls = Table(
    "recalls",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raised_by", Text, nullable=False),
    time("raised_at", nullable=False),
    Column("lifted_by", Text),
    time("lifted_at"),
    Index("ix_recalls_open", "dataset", "version", postgresql_where=text("lifted_at is null")),
)

recall_notices = Table(
    "recall_notices",
    metadata,
    Column("recall", ForeignKey("hub.recalls.id"), primary_key=True),
    Column("consumer", ForeignKey("hub.departments.code"), primary_key=True),
    Column("acknowledged_by", Text),
    time("acknowledged_at"),
    Column("note", Text),
)

#: 应急查询: opened by one person, confirmed by another, for a few hours.
emergency_openings = Table(
    "emergency_openings",
    metadata,
    Column("number", Text, primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("person", Text, nullable=False),
    Column("department_code", Text),
    Column("reason", Text, nullable=False),
    Column("hours", Integer, nullable=False),
    time("opened_at", nullable=False),
    Column("confirmed_by", Text),
    time("confirmed_at"),
    time("ends_at"),
    Column("closed_by", Text),
    time("closed_at"),
)

#: How often a grant was used, by day and way. `slot` spreads the writers over rows, so that none waits for another.
grant_uses = Table(
    "grant_uses",
    metadata,
    Column("grant_number", ForeignKey("hub.grants.number"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("way", Text, primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    count("calls"),
    count("keys"),
    count("rows"),
    time("last_at", nullable=False),
)
