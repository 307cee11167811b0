"""An engine on a fresh, migrated hub database."""

import pytest

from catalog.engine import make_engine


@pytest.fixture
def engine(database_url):
    """Opens the migrated database and closes it after the test."""
    made = make_engine(database_url)
    yield made
    made.dispose()
