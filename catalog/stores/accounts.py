"""Accounts, their roles, and sessions known by the keyed hash of their token."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from catalog.tables import departments
from catalog.tables_people import account_roles, accounts, sessions
from catalog.tables_work import tasks


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its roles and where its department is."""

    id: str
    login: str
    name: str
    department_code: str
    phone: str | None
    password_hash: str | None
    must_change: bool
    failed_tries: int
    locked_until: datetime | None
    totp_sealed: bytes | None
    totp_counter: int
    active: bool
    left_at: datetime | None
    issuer: str | None
    subject: str | None
    last_login: datetime | None
    password_changed_at: datetime | None
    created_by: str
    created_at: datetime
    roles: frozenset[str]
    department_name: str
    region_code: str | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session of an account."""

    token_hash: bytes
    account_id: str
    csrf: str
    address: str | None
    channel: str
    second_factor: bool
    created_at: datetime
    last_seen: datetime
    ends_at: datetime


def _selected() -> Any:
    roles = (
        select(func.coalesce(func.array_agg(account_roles.c.role), []))
        .where(account_roles.c.account_id == accounts.c.id)
        .scalar_subquery()
    )
    return select(
        accounts, roles.label("roles"), departments.c.name.label("department_name"), departments.c.region_code
    ).join(departments, departments.c.code == accounts.c.department_code)


def _account(row: Any) -> Account | None:
    if row is None:
        return None
    return Account(**row._asdict() | {"roles": frozenset(row.roles)})


def find(connection: Connection, account_id: str) -> Account | None:
    """Finds an account by id."""
    return _account(connection.execute(_selected().where(accounts.c.id == account_id)).one_or_none())


def find_by_login(connection: Connection, login: str, *, locked: bool = False) -> Account | None:
    """Finds an account by login name; `locked` keeps others from changing it until the transaction ends."""
    selected = _selected().where(accounts.c.login == login)
    return _account(connection.execute(selected.with_for_update(of=accounts) if locked else selected).one_or_none())


def find_by_subject(connection: Connection, issuer: str, subject: str) -> Account | None:
    """Finds the account of a single sign-on identity."""
    where = (accounts.c.issuer == issuer, accounts.c.subject == subject)
    return _account(connection.execute(_selected().where(*where)).one_or_none())


def list_all(connection: Connection) -> list[Account]:
    """Lists the accounts by login name."""
    rows = connection.execute(_selected().order_by(accounts.c.login))
    return [Account(**row._asdict() | {"roles": frozenset(row.roles)}) for row in rows]


def list_of(connection: Connection, codes: Iterable[str] | None) -> list[Account]:
    """Lists the accounts of departments, of all when None, by login name."""
    if codes is None:
        return list_all(connection)
    chosen = _selected().where(accounts.c.department_code.in_(list(codes))).order_by(accounts.c.login)
    return [Account(**row._asdict() | {"roles": frozenset(row.roles)}) for row in connection.execute(chosen)]


def add(connection: Connection, values: Mapping[str, Any], roles: Iterable[str]) -> bool:
    """Records a new account with its roles; says whether the login name was free."""
    statement = insert(accounts).values(**values).on_conflict_do_nothing(index_elements=["login"])
    if connection.execute(statement.returning(accounts.c.id)).one_or_none() is None:
        return False
    set_roles(connection, values["id"], roles)
    return True


def change(connection: Connection, account_id: str, **values: Any) -> None:
    """Changes facts of an account."""
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def set_roles(connection: Connection, account_id: str, roles: Iterable[str]) -> None:
    """Replaces the roles of an account."""
    connection.execute(delete(account_roles).where(account_roles.c.account_id == account_id))
    for role in sorted(set(roles)):
        connection.execute(insert(account_roles).values(account_id=account_id, role=role))


def add_session(connection: Connection, session: StoredSession) -> None:
    """Records a session."""
    values = {name: getattr(session, name) for name in StoredSession.__slots__}
    connection.execute(sessions.insert().values(**values))


def find_session(connection: Connection, token_hash: bytes) -> StoredSession | None:
    """Finds a session by the keyed hash of its token."""
    row = connection.execute(select(sessions).where(sessions.c.token_hash == token_hash)).one_or_none()
    return None if row is None else StoredSession(**row._asdict())


def touch_session(connection: Connection, token_hash: bytes, now: datetime) -> None:
    """Moves the moment at which a session was last used."""
    connection.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(last_seen=now))


def end_session(connection: Connection, token_hash: bytes) -> None:
    """Ends one session."""
    connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))


def end_sessions(connection: Connection, account_id: str) -> None:
    """Ends all sessions of an account."""
    connection.execute(delete(sessions).where(sessions.c.account_id == account_id))


def end_other_sessions(connection: Connection, account_id: str, kept: str | None) -> None:
    """Ends the sessions of an account but the one whose hash begins with `kept` (hexadecimal)."""
    known = func.left(func.encode(sessions.c.token_hash, "hex"), len(kept or ""))
    connection.execute(delete(sessions).where(sessions.c.account_id == account_id, known != kept))


def list_sessions(connection: Connection, account_id: str) -> list[StoredSession]:
    """Lists the sessions of an account, the last used first."""
    chosen = select(sessions).where(sessions.c.account_id == account_id).order_by(sessions.c.last_seen.desc())
    return [StoredSession(**row._asdict()) for row in connection.execute(chosen)]


def open_tasks(connection: Connection, account_id: str) -> int:
    """Counts the open tasks that wait for an account's person."""
    mine = (tasks.c.account_id == account_id, tasks.c.state == "open")
    return connection.execute(select(func.count()).select_from(tasks).where(*mine)).scalar_one()


def hand_over(connection: Connection, account_id: str, to: str) -> int:
    """Gives the open tasks of an account's person to another's; returns how many."""
    mine = (tasks.c.account_id == account_id, tasks.c.state == "open")
    return connection.execute(update(tasks).where(*mine).values(account_id=to)).rowcount
