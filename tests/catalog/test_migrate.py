"""Migrations: one head, equal to the tables, safe at once from two processes."""

import ast
import threading

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import catalog.tables_auditing
import catalog.tables_delivery
import catalog.tables_interfaces
import catalog.tables_keyed
import catalog.tables_people
import catalog.tables_sharing
import catalog.tables_work  # noqa: F401 - all add to the metadata
from catalog import migrate
from catalog.engine import make_engine, with_driver
from catalog.tables import SCHEMA, metadata


def test_there_is_one_head_and_its_file_name_says_so():
    """The migrations form one line whose newest revision is the prefix of its file's name."""
    script = ScriptDirectory(str(migrate.MIGRATIONS))
    assert script.get_heads() == [migrate.head()]
    for path in (migrate.MIGRATIONS / "versions").glob("[0-9]*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        revision = next(
            ast.literal_eval(n.value) for n in body if isinstance(n, ast.Assign) and n.targets[0].id == "revision"
        )
        assert path.name.startswith(f"{revision}_")


def test_the_migrated_database_equals_the_tables(engine):
    """A migrated database and the declared tables do not differ."""
    options = {
        "include_schemas": True,
        "version_table_schema": SCHEMA,
        "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert len(metadata.tables) > 8


def test_two_migrations_at_once_end_in_one_state(empty_database_url):
    """Several upgrades started at the same moment all succeed."""
    failures = []

    def work():
        try:
            migrate.upgrade(empty_database_url)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        assert migrate.current(connection) == migrate.head()
        assert inspect(connection).get_table_names(schema=SCHEMA)
    engine.dispose()


def test_an_empty_database_has_no_migration_and_a_second_upgrade_does_nothing(empty_database_url):
    """Before the first migration there is none; an upgrade of a current database leaves it as it is."""
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        assert migrate.current(connection) is None
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)
    engine.dispose()


def test_tables_live_in_the_hub_schema_only(engine):
    """The migrations touch no other schema than `hub`."""
    with engine.connect() as connection:
        assert inspect(connection).get_table_names(schema="public") == []
        assert connection.execute(text("show timezone")).scalar() == "UTC"


def test_other_databases_keep_their_driver():
    """A URL of another family is passed on as it is."""
    assert with_driver("sqlite://").drivername == "sqlite"
    assert create_engine(with_driver("postgresql://u@h/d")).driver == "psycopg"
