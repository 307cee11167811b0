"""The tables of interface resources (接口): what is attached, its calls, rates, calls under way. Declarations only."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from catalog.tables import JSON, flag, metadata, time

INTERFACE_STATES = ("draft", "pending", "returned", "active", "closed")

#: One entry's interface. Secret and sample parameters are sealed; all else may be shown to its provider.
interfaces = Table(
    "interfaces",
    metadata,
    Column("dataset", ForeignKey("hub.entries.dataset"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("operation", Text),
    Column("mapping", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("base_url", Text),
    # What the administrator of this machine has allowed for this host and port.
    flag("local_address"),
    flag("plain_http"),
    Column("ca", Text),
    Column("secret_kind", Text, nullable=False, server_default=text("'none'")),
    Column("secret_name", Text),
    Column("token_url", Text),
    Column("token_scope", Text),
    Column("sealed_secret", LargeBinary),
    time("secret_at"),
    Column("limits", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    Column("sealed_sample", LargeBinary),
    Column("test", JSON),
    time("tested_at"),
    # The circuit: failures in a row, how often it opened, why and since when it is open, when it is tried again.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("trips", Integer, nullable=False, server_default=text("0")),
    Column("suspended_code", Text),
    Column("suspended_says", Text),
    time("suspended_at"),
    time("retry_at"),
    time("probe_until"),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    Column("updated_by", Text, nullable=False),
    time("updated_at", nullable=False),
    Column("submitted_by", Text),
    time("submitted_at"),
    Column("reviewed_by", Text),
    time("reviewed_at"),
    Column("opinion", Text),
    CheckConstraint("state in ('" + "', '".join(INTERFACE_STATES) + "')", name="state"),
)

#: Calls, for the provider's page: how long, with what outcome. Who asked for whom is in the audit log alone.
interface_calls = Table(
    "interface_calls",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.interfaces.dataset"), nullable=False),
    time("at", nullable=False),
    Column("kind", Text, nullable=False),
    Column("consumer", Text),
    Column("outcome", Text, nullable=False),
    Column("rows", Integer, nullable=False, server_default=text("0")),
    Column("duration_ms", Integer, nullable=False),
    Column("faults", JSON, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("kind in ('call', 'probe', 'test')", name="kind"),
    Index("ix_interface_calls_dataset_id", "dataset", "id"),
)

#: Calls a minute, of all consumers ('') and of each.
interface_minutes = Table(
    "interface_minutes",
    metadata,
    Column("dataset", ForeignKey("hub.interfaces.dataset"), primary_key=True),
    Column("consumer", Text, primary_key=True),
    time("minute", nullable=False),
    Column("calls", Integer, nullable=False),
)

#: Calls under way; one whose process died ends by itself.
interface_leases = Table(
    "interface_leases",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset", ForeignKey("hub.interfaces.dataset"), nullable=False, index=True),
    time("until", nullable=False),
)
