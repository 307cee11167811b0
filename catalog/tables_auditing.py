"""The tables of the audit log: events, the chain over them, its sealed batches, anchors, archives, alerts.

Declarations only. The database refuses every change of the first five but for the archiving of old batches
(migration 0003). `tx` is the transaction that wrote an event: what is older than every running one is final.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, Integer, String, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from catalog.tables import JSON, metadata, time

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    time("ts", nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("dept_code", Text),
    Column("role", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text),
    Column("entry_code", Text),
    Column("items", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("subject_key_hashes", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("row_count", BigInteger),
    Column("result", Text, nullable=False),
    Column("error_code", Text),
    Column("duration_ms", Integer),
    Column("detail", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("session_id", Text),
    Column("client_ip", Text),
    Column("purpose_code", Text),
    Column("grant_id", Text),
    Column("case_no", Text),
    Column("request_sm3", String(64)),
    Column("tx", BigInteger, nullable=False, server_default=text("txid_current()")),
    CheckConstraint("result in ('success', 'denied', 'failure')", name="result"),
    Index("ix_audit_events_tx", "tx"),
    # Writers pay for every index: one by account cost more than the row. A search by account goes by time or backwards.
    Index("ix_audit_events_ts", "ts", postgresql_using="brin"),
    Index(
        "ix_audit_events_subjects",
        "subject_key_hashes",
        postgresql_using="gin",
        postgresql_where=text("subject_key_hashes <> '{}'::text[]"),
    ),
)

# The chain is extended after events are committed: taking its lock inside an act would put every look-up in one queue.
# `format` says which fields a record's hash is over: 1 before sealed batches, 2 all of domain.md 7.4.
audit_chain = Table(
    "audit_chain",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("prev_sm3", String(64), nullable=False),
    Column("record_sm3", String(64), nullable=False),
    Column("format", Integer, nullable=False, server_default=text("1")),
)

# A batch closes links `first_number` to `last_number`; events of transactions before `horizon` are in it or before.
audit_batches = Table(
    "audit_batches",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("first_number", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False, unique=True),
    Column("horizon", BigInteger, nullable=False),
    Column("last_ts", Text, nullable=False),
    Column("head_sm3", String(64), nullable=False),
    Column("prev_sm3", String(64), nullable=False),
    Column("batch_sm3", String(64), nullable=False),
    time("sealed_at", nullable=False),
    CheckConstraint("last_number >= first_number", name="range"),
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False, index=True),
    Column("batch", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    time("signed_at", nullable=False),
)

audit_archives = Table(
    "audit_archives",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("last_batch", BigInteger, nullable=False, unique=True),
    Column("last_number", BigInteger, nullable=False),
    Column("head_sm3", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("manifest_sm3", String(64), nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("archived_by", Text, nullable=False),
    time("archived_at", nullable=False),
    Column("tx", BigInteger, nullable=False, server_default=text("txid_current()")),
)

# One row for each rule, account and span of time: `event_id` is the newest event that the alert rests on.
audit_alerts = Table(
    "audit_alerts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("dept_code", Text),
    Column("span", Text, nullable=False),
    Column("measured", BigInteger, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("opinion", Text),
    Column("handled_by", Text),
    time("raised_at", nullable=False),
    time("handled_at"),
    CheckConstraint("state in ('open', 'handled')", name="state"),
    Index("uq_audit_alerts_span", "rule", "actor_id", "span", unique=True),
)
