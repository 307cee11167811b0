"""The tables of operations by key: clients, credentials, calls, intake numbers, interests, slips, batches."""

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
    Table,
    Text,
    text,
)

from catalog.tables import JSON, count, metadata, time

CLIENT_STATES = ("pending", "active", "frozen", "refused", "closed")

machine_clients = Table(
    "machine_clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("use", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ways", JSON, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("calls_a_minute", Integer, nullable=False),
    time("expires_at", nullable=False),
    Column("opened_by", Text, nullable=False),
    time("opened_at", nullable=False),
    Column("decided_by", Text),
    time("decided_at"),
    Column("reason", Text),
    time("updated_at", nullable=False),
    CheckConstraint("state in ('" + "', '".join(CLIENT_STATES) + "')", name="state"),
)

#: A secret is 256 random bits and known by its keyed hash: who reads this table cannot call with it.
client_secrets = Table(
    "client_secrets",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("client", ForeignKey("hub.machine_clients.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    time("expires_at", nullable=False),
    time("revoked_at"),
    CheckConstraint("kind in ('key', 'oauth')", name="kind"),
)

client_tokens = Table(
    "client_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client", ForeignKey("hub.machine_clients.id"), nullable=False, index=True),
    Column("secret", ForeignKey("hub.client_secrets.id"), nullable=False, index=True),
    Column("ways", JSON, nullable=False),
    time("created_at", nullable=False),
    time("ends_at", nullable=False),
)

#: Answers by request id, sealed: the same call again gets the same answer and is counted once.
client_calls = Table(
    "client_calls",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    time("at", nullable=False),
    Index("ix_client_calls_at", "at"),
)

#: Keys that were reserved under a grant on a day: the one number that its quota is held by.
key_days = Table(
    "key_days",
    metadata,
    Column("grant_number", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    count("keys"),
)

#: Verifications that did not match, by subject: what enumerating a value would run up against.
verify_misses = Table(
    "verify_misses",
    metadata,
    Column("grant_number", Text, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", Integer, nullable=False),
)

intake_numbers = Table(
    "intake_numbers",
    metadata,
    Column("department_code", ForeignKey("hub.departments.code"), primary_key=True),
    Column("number", Text, primary_key=True),
    Column("service_item", Text),
    Column("handler", Text, nullable=False),
    time("first_at", nullable=False),
    time("expires_at", nullable=False),
    Column("uses", Integer, nullable=False, server_default=text("1")),
    Column("case_no", Text),
    time("bound_at"),
    Column("bound_by", Text),
)

key_interests = Table(
    "key_interests",
    metadata,
    Column("department_code", ForeignKey("hub.departments.code"), primary_key=True),
    Column("grant_number", Text, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("added_by", Text, nullable=False),
    time("since", nullable=False),
)
Index("ix_key_interests_dataset", key_interests.c.dataset, key_interests.c.key_hash)

#: Rows of which somebody says that they are wrong; every answer that gives one says so.
row_disputes = Table(
    "row_disputes",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset"), primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("reference", Text, nullable=False),
    time("since", nullable=False),
)

verification_slips = Table(
    "verification_slips",
    metadata,
    Column("number", Text, primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("made_by", Text, nullable=False),
    time("made_at", nullable=False),
    time("kept_until", nullable=False),
    Column("prints", Integer, nullable=False, server_default=text("1")),
    Column("sealed", LargeBinary, nullable=False),
)

batch_jobs = Table(
    "batch_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False),
    Column("other", Text),
    Column("grant_number", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("case_no", Text),
    Column("file_name", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("made_by", Text, nullable=False),
    time("made_at", nullable=False),
    time("kept_until", nullable=False),
    time("removed_at"),
)
