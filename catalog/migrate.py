"""Brings the schema `hub` of a database to the newest migration. Safe when several processes do it at once."""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from catalog.engine import make_engine
from catalog.locks import lock_number
from catalog.tables import SCHEMA

MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """Returns the newest migration, by file name; a test holds names and revisions together."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """Returns the migration that the database is at, None before the first."""
    try:
        with connection.begin_nested():
            found: str | None = connection.execute(text(f"select version_num from {SCHEMA}.alembic_version")).scalar()
    except ProgrammingError:
        return None
    return found


def upgrade(url: str) -> None:
    """Migrates the database to the newest migration; returns at once when it is there."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            if current(connection) == head():
                return
            connection.commit()
            _locked_upgrade(connection)
    finally:
        engine.dispose()


def _locked_upgrade(connection: Connection) -> None:
    # Alembic takes 0.3 s to import, which a command that finds the database migrated should not pay.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    number = {"n": lock_number("migrate")}
    connection.execute(text("select pg_advisory_lock(:n)"), number)
    try:
        connection.execute(text(f"create schema if not exists {SCHEMA}"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:n)"), number)
        connection.commit()
