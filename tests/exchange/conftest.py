"""A hub of its own for each test: fresh database, fresh folder, fixed clock; departments in databases of their own."""

from datetime import UTC, datetime, timedelta

import pytest

from exchange.access import Actor
from exchange.hub import open_hub
from exchange.settings import Settings
from tests.exchange.small_city import Department
from tests.quiet_suite import without_gx

ADMIN = Actor("tester", frozenset({"administrator"}))


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 2, tzinfo=UTC)

    def now(self) -> datetime:
        """Returns the moment that the test has set."""
        return self.moment

    def forward(self, **span: float) -> None:
        """Moves the clock on."""
        self.moment += timedelta(**span)


@pytest.fixture(autouse=True)
def no_gx(request, monkeypatch):
    """Keeps GX (seconds to import) out of every test but those that ask for the real suite compiler."""
    if "real_suite" not in request.fixturenames:
        without_gx(monkeypatch)


@pytest.fixture
def real_suite():
    """Asks for the real suite compiler."""


@pytest.fixture
def clock():
    """A clock at 2026-11-22 10:00 in Beijing."""
    return HandClock()


@pytest.fixture
def settings(database_url, tmp_path):
    """Settings of a hub in the test's folder."""
    return Settings(
        var=tmp_path / "var", database_url=database_url, workers=1, batch_rows=1000, dags_file=tmp_path / "dags.py"
    )


@pytest.fixture
def hub(settings, clock):
    """An open hub."""
    with open_hub(settings, clock) as opened:
        yield opened


@pytest.fixture
def admin():
    """An administrator."""
    return ADMIN


@pytest.fixture
def police(empty_database_url):
    """A department's database with empty tables."""
    return Department(empty_database_url)
