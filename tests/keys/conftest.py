"""The delivery tests' hub, with a value in every sealed column."""

from tests.delivery.conftest import (  # noqa: F401 - fixtures used here
    clock,
    copied,
    hub,
    maria,
    mysql_url,
    no_gx,
    police,
    postgres_url,
    publish,
    to_folder,
    world,
)
