"""Fixtures of the lake's tests."""

import pytest

from lake.duck import connect
from lake.rows import RowCoder
from tests.lake.people import PEOPLE, Hub, NoFaults, coder_of


@pytest.fixture
def coder() -> RowCoder:
    """A coder of PEOPLE."""
    return coder_of(PEOPLE)


@pytest.fixture
def duck():
    """A DuckDB connection of the factory."""
    connection = connect(256)
    yield connection
    connection.close()


@pytest.fixture
def faults() -> NoFaults:
    """Faults that never trip."""
    return NoFaults()


@pytest.fixture
def hub(tmp_path, duck) -> Hub:
    """The lake's part of syncs of PEOPLE over a fresh root."""
    return Hub(tmp_path / "lake", PEOPLE, duck)
