"""The tables of people: accounts, roles, sessions. Declarations only."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from catalog.tables import flag, metadata, time

ROLES = (
    "dept_admin",
    "editor",
    "dept_reviewer",
    "data_admin",
    "analyst",
    "window",
    "inspector",
    "system_admin",
    "security_admin",
    "audit_admin",
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("department_code", ForeignKey("hub.departments.code"), nullable=False, index=True),
    Column("phone", Text),
    Column("password_hash", Text),
    flag("must_change"),
    Column("failed_tries", Integer, nullable=False, server_default=text("0")),
    time("locked_until"),
    Column("totp_sealed", LargeBinary),
    Column("totp_counter", Integer, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    time("left_at"),
    Column("issuer", Text),
    Column("subject", Text),
    time("last_login"),
    time("password_changed_at"),
    Column("created_by", Text, nullable=False),
    time("created_at", nullable=False),
    UniqueConstraint("issuer", "subject"),
)

account_roles = Table(
    "account_roles",
    metadata,
    Column("account_id", ForeignKey("hub.accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True),
    CheckConstraint("role in ('" + "', '".join(ROLES) + "')", name="role"),
)

# A session is known by the keyed hash of its token: who reads this table cannot log in with it.
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account_id", ForeignKey("hub.accounts.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("address", Text),
    Column("channel", Text, nullable=False),
    flag("second_factor"),
    time("created_at", nullable=False),
    time("last_seen", nullable=False),
    time("ends_at", nullable=False),
    Index("ix_sessions_account_id", "account_id"),
)
