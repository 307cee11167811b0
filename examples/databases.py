"""The departments' own PostgreSQL databases: made, marked as ours, and opened to the hub by a read-only account."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[object, ...]]

#: Only a database that carries this comment is ever dropped.
MARK = "Shuqiao example city"


def plain_url(url: str) -> str:
    """Drops the driver from a SQLAlchemy URL: psycopg knows `postgresql://` only."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0]}://{rest}"


def with_database(url: str, database: str) -> str:
    """Puts another database into a PostgreSQL URL, keeping host, account and options."""
    parts = urlsplit(plain_url(url))
    # urlunsplit drops the empty authority of a socket URL (postgresql:///name?host=…), so it is written by hand.
    options = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k != "dbname"], quote_via=quote, safe="/")
    return f"{parts.scheme}://{parts.netloc}/{quote(database)}" + (f"?{options}" if options else "")


def with_account(url: str, account: str, password: str) -> str:
    """Puts another account into a PostgreSQL URL."""
    parts = urlsplit(plain_url(url))
    host = parts.netloc.rsplit("@", 1)[-1]
    netloc = f"{quote(account, safe='')}:{quote(password, safe='')}@{host}"
    if netloc.endswith("@") and not parts.query:
        netloc += "localhost"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def create_databases(url: str, names: list[str]) -> None:
    """Makes the databases new; drops older ones of ours and refuses to touch any other."""
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        for name in names:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            if found and found[0] != MARK:
                raise ValueError(
                    f"a database {name!r} exists that is not an example city's; drop it or use another prefix"
                )
            if found:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
            connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(MARK)))


def drop_databases(url: str, names: list[str]) -> None:
    """Drops our databases; others stay."""
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        for name in names:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            if found and found[0] == MARK:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def grant_reader(url: str, names: list[str], account: str, password: str) -> None:
    """Gives the hub's account in the departments' systems: it may read every table and write nothing."""
    role = sql.Identifier(account)
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (account,)).fetchone()
        verb = sql.SQL("ALTER" if exists else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, role, sql.Literal(password)
            )
        )
    for name in names:
        with psycopg.connect(with_database(url, name), autocommit=True) as connection:
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), role))
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
            connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
            # A table made new by the next day's changes stays readable.
            connection.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {}").format(role)
            )
