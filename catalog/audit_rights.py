"""Who owns the audit log in the database: with a database administrator's connection it goes to a role of its own.

The hub's own role then may read and add, and can neither change, remove, empty nor drop the log, nor switch its guards
off: a table's owner could. Run again, it changes nothing.
"""

from sqlalchemy import Connection, text

#: Nobody can log in as this role.
OWNER = "shuqiao_audit"
_ADDED = ("audit_events", "audit_chain", "audit_batches", "audit_anchors")
_TABLES = (*_ADDED, "audit_archives")
_ARCHIVE = "hub.archive_audit_batches(bigint, text, text, text, text)"


def separate(connection: Connection, role: str) -> None:
    """Gives the audit log, its guards and the schema to OWNER, and the hub's role what it needs to work."""
    quoted = connection.dialect.identifier_preparer.quote(role)
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended('shuqiao:audit-rights', 0))"))
    if connection.execute(text("select 1 from pg_roles where rolname = :n"), {"n": OWNER}).first() is None:
        connection.execute(text(f"create role {OWNER} nologin"))
    statements = [f"alter schema hub owner to {OWNER}", f"grant usage, create on schema hub to {quoted}"]
    for table in _TABLES:
        statements += [
            f"alter table hub.{table} owner to {OWNER}",
            f"revoke all on hub.{table} from {quoted}",
            f"grant all on hub.{table} to {OWNER}",
            f"grant select on hub.{table} to {quoted}",
        ]
    statements += [f"grant insert on hub.{table} to {quoted}" for table in _ADDED]
    statements += [
        f"alter function hub.refuse_change() owner to {OWNER}",
        f"alter function {_ARCHIVE} owner to {OWNER}",
        f"revoke all on function {_ARCHIVE} from public",
        f"grant execute on function {_ARCHIVE} to {quoted}",
    ]
    for statement in statements:
        connection.execute(text(statement))


def separated(connection: Connection) -> bool:
    """Says whether the role of this connection can only read and add."""
    query = text(
        "select bool_or(has_table_privilege(c.oid, 'update, delete, truncate') or pg_has_role(c.relowner, 'member')) "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'hub' and c.relname = any(:t)"
    )
    return not connection.execute(query, {"t": list(_TABLES)}).scalar_one()
