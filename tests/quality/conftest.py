"""GX takes seconds to import: once a session, and only for the tests that ask for it."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """Imports the oracle (and GX with it)."""
    return importlib.import_module("quality.oracle")
