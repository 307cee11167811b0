"""The merged ranges of a sheet, followed from row to row: memory grows with the ranges, not with their cells."""

from collections.abc import Sequence
from typing import Any

Cell = Any
Position = tuple[int, int]


class MergedCells:
    """Gives each row of a sheet, from the top down, the values of the ranges that pass through it."""

    def __init__(self, ranges: Sequence[tuple[Position, Position]]) -> None:
        self._ahead = sorted(ranges, reverse=True)
        self._here: dict[Position, tuple[Position, Cell]] = {}

    def fill(self, number: int, row: list[Cell]) -> tuple[list[Cell], dict[int, Position]]:
        """Returns the row with each range's value in all its cells, and by column the first cell of its range."""
        self._move_to(number, row)
        if not self._here:
            return row, {}
        filled, origins = list(row), {}
        for first, ((_, right), value) in self._here.items():
            for column in range(first[1], min(right + 1, len(row))):
                filled[column] = value
                origins[column] = first
        return filled, origins

    def _move_to(self, number: int, row: list[Cell]) -> None:
        if self._here:
            self._here = {first: range_ for first, range_ in self._here.items() if range_[0][0] >= number}
        while self._ahead and self._ahead[-1][0][0] <= number:
            first, last = self._ahead.pop()
            self._here[first] = (last, row[first[1]] if first[1] < len(row) else "")
