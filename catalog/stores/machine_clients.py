"""Machine clients (机器客户端), their secrets and short-lived tokens; all secrets by keyed hash."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, true, update

from catalog.tables_keyed import client_secrets, client_tokens, machine_clients


@dataclass(frozen=True, slots=True)
class Client:
    """One client of a department. `ways` are the operations it may call, `addresses` the networks it may call from."""

    id: str
    name: str
    department_code: str
    use: str
    state: str
    ways: Sequence[str]
    addresses: Sequence[str]
    calls_a_minute: int
    expires_at: datetime
    opened_by: str
    opened_at: datetime
    updated_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a client; `prefix` is what it is found by among people, never enough to call with."""

    id: int
    client: str
    kind: str
    prefix: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credential:
    """Who calls: a client with the secret (or a token of it) that was shown; `ways` those of the token."""

    client: Client
    prefix: str
    ways: frozenset[str]


_CLIENT = [machine_clients.c[field.name] for field in fields(Client)]
_SECRET = [client_secrets.c[field.name] for field in fields(Secret)]


def add(connection: Connection, client: Client) -> None:
    """Records a client."""
    connection.execute(machine_clients.insert().values(**{f.name: getattr(client, f.name) for f in fields(Client)}))


def find(connection: Connection, client_id: str, *, locked: bool = False) -> Client | None:
    """Finds a client by id."""
    query = select(*_CLIENT).where(machine_clients.c.id == client_id)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else Client(**row._asdict())


def list_of(connection: Connection, departments: Collection[str] | None) -> list[Client]:
    """Lists the clients of some departments (None: all) by name."""
    mine = true() if departments is None else machine_clients.c.department_code.in_(sorted(departments))
    rows = connection.execute(select(*_CLIENT).where(mine).order_by(machine_clients.c.name, machine_clients.c.id))
    return [Client(**row._asdict()) for row in rows]


def change(connection: Connection, client_id: str, values: Mapping[str, Any]) -> None:
    """Changes facts of a client."""
    connection.execute(update(machine_clients).where(machine_clients.c.id == client_id).values(**values))


def add_secret(connection: Connection, values: Mapping[str, Any]) -> Secret:
    """Records a secret by its hash."""
    row = connection.execute(client_secrets.insert().values(**values).returning(*_SECRET)).one()
    return Secret(**row._asdict())


def secrets_of(connection: Connection, client_id: str) -> list[Secret]:
    """Lists the secrets of a client, newest first."""
    query = select(*_SECRET).where(client_secrets.c.client == client_id).order_by(client_secrets.c.id.desc())
    return [Secret(**row._asdict()) for row in connection.execute(query)]


def change_secret(connection: Connection, secret_id: int, values: Mapping[str, Any]) -> None:
    """Changes when a secret ends; its tokens go with it when it is revoked."""
    connection.execute(update(client_secrets).where(client_secrets.c.id == secret_id).values(**values))
    if values.get("revoked_at") is not None:
        connection.execute(delete(client_tokens).where(client_tokens.c.secret == secret_id))


def end_tokens(connection: Connection, client_id: str) -> None:
    """Ends every token of a client."""
    connection.execute(delete(client_tokens).where(client_tokens.c.client == client_id))


def by_secret(connection: Connection, hashed: bytes, kind: str, now: datetime) -> tuple[Credential, int] | None:
    """Finds the client of a secret that is in force, with the secret's number."""
    query = (
        select(*_CLIENT, client_secrets.c.prefix, client_secrets.c.id.label("secret_id"))
        .select_from(machine_clients.join(client_secrets, client_secrets.c.client == machine_clients.c.id))
        .where(client_secrets.c.hash == hashed, client_secrets.c.kind == kind, client_secrets.c.revoked_at.is_(None))
        .where(client_secrets.c.expires_at > now)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    facts = row._asdict()
    prefix, number = facts.pop("prefix"), facts.pop("secret_id")
    client = Client(**facts)
    return Credential(client, prefix, frozenset(client.ways)), number


def add_token(connection: Connection, values: Mapping[str, Any], now: datetime) -> None:
    """Records a token by its hash; tokens that have ended go."""
    connection.execute(delete(client_tokens).where(client_tokens.c.ends_at <= now))
    connection.execute(client_tokens.insert().values(**values))


def by_token(connection: Connection, hashed: bytes, now: datetime) -> tuple[Credential, datetime] | None:
    """Finds the client of a token that is in force, and when it ends."""
    query = (
        select(*_CLIENT, client_secrets.c.prefix, client_tokens.c.ways.label("token_ways"), client_tokens.c.ends_at)
        .select_from(
            machine_clients.join(client_tokens, client_tokens.c.client == machine_clients.c.id).join(
                client_secrets, client_secrets.c.id == client_tokens.c.secret
            )
        )
        .where(client_tokens.c.hash == hashed, client_tokens.c.ends_at > now)
        .where(client_secrets.c.revoked_at.is_(None), client_secrets.c.expires_at > now)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    facts = row._asdict()
    prefix, ways, ends = facts.pop("prefix"), facts.pop("token_ways"), facts.pop("ends_at")
    client = Client(**facts)
    return Credential(client, prefix, frozenset(client.ways) & frozenset(ways)), ends
