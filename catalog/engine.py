"""The one way to open the hub database. Holds no query."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

#: Connections that a process keeps at most: what is opened beyond a pool is closed with each return, and signing in
#: costs more than ten look-ups. They are opened as they are needed, the one used last is taken first.
KEPT = 16


def make_engine(url: str, *, pool_size: int = KEPT) -> Engine:
    """Opens an engine on psycopg; statements of one transaction see one time zone, UTC."""
    return create_engine(
        with_driver(url),
        pool_size=pool_size,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
        hide_parameters=True,
    )


def with_driver(url: str) -> URL:
    """Returns the URL with our driver; `postgresql://` is what people write."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed
