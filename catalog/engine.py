"""The one way to open the hub database. Holds no query."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

#: Connections that a process keeps at most: what is opened beyond a pool is closed with each return, and signing in
#: costs more than ten look-ups. They are opened as they are needed, the one used last is taken first.
KEPT = 16


def make_engine(url: str, *, pool_size: int = KEPT, each_alone: bool = False) -> Engine:
    """Opens an engine on psycopg; statements of one transaction see one time zone, UTC.

    `each_alone`: every statement is a transaction of its own, and a connection is not asked first whether it lives:
    that costs a call by key as much as its rows. Who uses it tries again once (exchange/keyed/calls.py).
    """
    return create_engine(
        with_driver(url),
        isolation_level="AUTOCOMMIT" if each_alone else None,
        pool_size=pool_size,
        pool_pre_ping=not each_alone,
        pool_use_lifo=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
        hide_parameters=True,
    )


def with_driver(url: str) -> URL:
    """Returns the URL with our driver; `postgresql://` is what people write."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed
