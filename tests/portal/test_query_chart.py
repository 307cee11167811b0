"""The chart of a query's result: what is no finite number is no bar, and no page breaks over it."""

import pytest

from portal.pages.queries import _number


@pytest.mark.parametrize("cell", ["inf", "-inf", "nan", float("nan"), None, "甲", "", b"x"])
def test_what_is_no_number_is_none(cell):
    """Infinity and the rest, which a division gives, stand as nothing."""
    assert _number(cell) == 0.0
