"""Advisory locks of the hub database: one work on a dataset at a time, a number of readings of a connection.

A lock is held by a session of its own, so that it ends with the process that holds it, however that ends.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError


def lock_number(name: str) -> int:
    """Returns the 64-bit number that stands for a lock's name."""
    return int.from_bytes(hashlib.blake2b(f"shuqiao:{name}".encode(), digest_size=8).digest(), "big", signed=True)


@contextmanager
def try_locks(engine: Engine, names: list[str]) -> Iterator[str | None]:
    """Takes the first free lock of `names` for as long as the block lasts; yields its name, None when all are taken."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = next((name for name in names if _try(connection, name)), None)
        try:
            yield taken
        finally:
            # A broken session has lost its locks already; what is being raised from the block matters more.
            if taken is not None:
                with suppress(DBAPIError):
                    connection.execute(text("select pg_advisory_unlock(:n)"), {"n": lock_number(taken)})


def _try(connection: Connection, name: str) -> bool:
    return bool(connection.execute(text("select pg_try_advisory_lock(:n)"), {"n": lock_number(name)}).scalar_one())


def lock_transaction(connection: Connection, name: str) -> None:
    """Waits for a lock that ends with the transaction."""
    connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": lock_number(name)})


def dataset_lock(dataset: str) -> str:
    """Names the lock of all work on a dataset."""
    return f"dataset:{dataset}"


def slot_locks(connection_name: str, slots: int) -> list[str]:
    """Names the locks of a connection's parallel readings."""
    return [f"source:{connection_name}:{slot}" for slot in range(slots)]
