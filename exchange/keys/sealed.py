"""Every column of the hub database that holds bytes: sealed under a key, keyed hash, or public. Reads no row.

A test compares this list with the declared tables: a new column of bytes that is not named here fails it, so that no
sealed column is ever forgotten by a re-encryption or by the retirement of a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Column, Table

from catalog.tables import connections, open_problems
from catalog.tables_delivery import signing_keys, subscriptions
from catalog.tables_interfaces import interfaces
from catalog.tables_keyed import (
    client_calls,
    client_secrets,
    client_tokens,
    key_interests,
    row_disputes,
    verification_slips,
    verify_misses,
)
from catalog.tables_people import accounts, sessions
from catalog.tables_queries import queries, query_exports, saved_queries
from catalog.tables_sharing import share_request_files
from catalog.tables_work import entry_reviews, waivers
from exchange.crypto import Purpose

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SealedColumn:
    """One sealed column: its key's purpose and what each value is bound to."""

    column: Column[Any]
    purpose: Purpose
    bound: Callable[[Row], str]

    @property
    def table(self) -> Table:
        """The column's table."""
        table = self.column.table
        assert isinstance(table, Table)  # noqa: S101 - columns are declared in tables
        return table

    @property
    def name(self) -> str:
        """Names the column for people."""
        return f"{self.table.name}.{self.column.name}"


def _review(row: Row) -> str:
    at = row["recorded_at"].astimezone(UTC).isoformat(timespec="microseconds")
    return f"review:{row['dataset']}:{row['version']}:{row['kind']}:{at}"


def _request_file(row: Row) -> str:
    return f"share:{row['request']}:{row['added_at'].astimezone(UTC).isoformat(timespec='microseconds')}"


SEALED: tuple[SealedColumn, ...] = (
    SealedColumn(connections.c.sealed_url, "connections", lambda row: f"connection:{row['name']}"),
    SealedColumn(accounts.c.totp_sealed, "connections", lambda row: f"totp:{row['id']}"),
    SealedColumn(entry_reviews.c.scan_sealed, "connections", _review),
    SealedColumn(share_request_files.c.sealed, "connections", _request_file),
    SealedColumn(subscriptions.c.sealed_place, "connections", lambda row: f"subscription:{row['id']}"),
    SealedColumn(queries.c.sealed_sql, "connections", lambda row: f"query:{row['id']}"),
    SealedColumn(saved_queries.c.sealed_sql, "connections", lambda row: f"saved-query:{row['id']}"),
    SealedColumn(query_exports.c.sealed_preview, "connections", lambda row: f"query-export:{row['number']}"),
    SealedColumn(interfaces.c.sealed_secret, "connections", lambda row: f"interface:{row['dataset']}:secret"),
    SealedColumn(interfaces.c.sealed_sample, "connections", lambda row: f"interface:{row['dataset']}:sample"),
    SealedColumn(client_calls.c.sealed, "seal", lambda row: f"call:{row['caller']}:{row['request_id']}"),
    SealedColumn(verification_slips.c.sealed, "seal", lambda row: f"slip:{row['number']}"),
)
#: Keyed hashes: they stay under the hashing generation.
HASHED: tuple[Column[Any], ...] = (
    open_problems.c.key_hash,
    waivers.c.key_hash,
    sessions.c.token_hash,
    client_secrets.c.hash,
    client_tokens.c.hash,
    client_calls.c.digest,
    verify_misses.c.key_hash,
    key_interests.c.key_hash,
    row_disputes.c.key_hash,
    verification_slips.c.code_hash,
)
#: Bytes that are no secret.
PUBLIC: tuple[Column[Any], ...] = (signing_keys.c.public_key,)
