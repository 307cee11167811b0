"""Runs migrations on the connection that catalog.migrate hands over. Opens no connection of its own."""

from alembic import context

import catalog.tables_auditing
import catalog.tables_delivery
import catalog.tables_interfaces
import catalog.tables_keyed
import catalog.tables_people
import catalog.tables_queries
import catalog.tables_sharing
import catalog.tables_work  # noqa: F401 - all add to the metadata
from catalog.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name == SCHEMA,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
