"""The tables of delivery: subscriptions, their batches, the hub's public signing keys. Declarations only."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from catalog.tables import JSON, SCHEMA, count, flag, metadata, time

SUBSCRIPTION_STATES = ("active", "paused", "closed")
BATCH_STATES = ("prepared", "sending", "sent", "acknowledged", "rejected", "withdrawn")
#: States in which a batch is on its way; a subscription has at most one such batch.
OPEN_STATES = ("prepared", "sending", "sent")


def _listed(values: tuple[str, ...]) -> str:
    return "('" + "', '".join(values) + "')"


#: The number in a batch's number; it may skip, the sequence of a subscription may not.
delivery_serial = Sequence("delivery_serial", metadata=metadata, schema=SCHEMA)

# `sealed_place` is JSON: the address with its secret, and the key of this subscription's row_guid.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", ForeignKey("hub.entries.dataset"), nullable=False, index=True),
    Column("consumer_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("grant_number", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("facts", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("sealed_place", LargeBinary, nullable=False),
    Column("schedule", Text),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("delivered_version", Integer),
    Column("delivered_grant", Text),
    flag("full_next"),
    Column("last_sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("last_batch", Text),
    Column("reason", Text),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    time("updated_at", nullable=False),
    CheckConstraint("kind in ('table', 'folder', 'callback')", name="kind"),
    CheckConstraint(f"state in {_listed(SUBSCRIPTION_STATES)}", name="state"),
)

delivery_batches = Table(
    "delivery_batches",
    metadata,
    Column("batch_no", String(32), primary_key=True),
    Column("subscription_id", ForeignKey("hub.subscriptions.id"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer, nullable=False),
    Column("grant_digest", Text, nullable=False),
    count("row_count"),
    Column("manifest", JSON, nullable=False),
    Column("signature", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    time("next_try_at"),
    Column("error_code", Text),
    Column("error", Text),
    Column("accepted", BigInteger),
    Column("rejected", BigInteger),
    Column("receipt", JSON),
    time("prepared_at", nullable=False),
    time("sent_at"),
    time("closed_at"),
    UniqueConstraint("subscription_id", "sequence"),
    CheckConstraint("kind in ('full', 'changes')", name="kind"),
    CheckConstraint(f"state in {_listed(BATCH_STATES)}", name="state"),
)
Index(
    "uq_delivery_batches_open",
    delivery_batches.c.subscription_id,
    unique=True,
    postgresql_where=delivery_batches.c.state.in_(OPEN_STATES),
)

#: Public keys stay for good: manifests of long ago must be verifiable after their private key is gone.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    time("published_at", nullable=False),
)
