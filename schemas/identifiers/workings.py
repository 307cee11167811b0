"""What a vectorised check has worked out so far: rows done, masks of findings, document types, changed values."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.identifiers.matrix import Bytes, Cells, Mask, Rows, blocks
from schemas.identifiers.result import Result, severities


class Workings:
    """The state of one check over one array; what is not done by columns is left to the scalar check."""

    def __init__(self, array: pa.StringArray, of: Cells) -> None:
        self.array = array
        self.cells = of
        self.done = np.zeros(len(array), dtype=np.bool_)
        self.findings: dict[str, Mask] = {}
        self.escalated: dict[str, Mask] = {}
        self.days: NDArray[np.datetime64] | None = None  # birth dates, where the caller asks for them
        self.sexes: NDArray[np.int8] | None = None
        self._type_numbers = np.full(len(array), -1, dtype=np.int16)
        self._type_names: list[str] = []
        self._changed: list[tuple[Rows, pa.StringArray]] = []

    @property
    def todo(self) -> Mask:
        """Returns the rows that hold a value and are not done."""
        return self.cells.valid & ~self.done

    def find(self, code: str, rows: Rows, wrong: Mask, *, escalated: bool = False) -> None:
        """Adds the finding `code` to those of `rows` that are wrong."""
        if wrong.any():
            some = rows[wrong]
            self._mask(self.findings, code)[some] = True
            if escalated:
                self._mask(self.escalated, code)[some] = True

    def type_is(self, rows: Rows | int, doc_type: str) -> None:
        """Sets the document type of the rows."""
        if doc_type not in self._type_names:
            self._type_names.append(doc_type)
        self._type_numbers[rows] = self._type_names.index(doc_type)

    def replace(self, rows: Rows, values: pa.StringArray) -> None:
        """Sets the normalised values of the rows; rows come in ascending order."""
        self._changed.append((rows, values))

    def record(self, row: int, result: Result) -> None:
        """Takes over a scalar result."""
        for finding in result.findings:
            self._mask(self.findings, finding.code)[row] = True
            if finding.severity == "error" and severities()[finding.code] != "error":
                self._mask(self.escalated, finding.code)[row] = True
        if result.doc_type is not None:
            self.type_is(row, result.doc_type)

    def adopt(self, rows: Rows, inner: "Workings") -> None:
        """Takes over what `inner` worked out for these rows of this array."""
        worked = np.flatnonzero(inner.done)
        self.done[rows[worked]] = True
        for mine, others in ((self.findings, inner.findings), (self.escalated, inner.escalated)):
            for code, mask in others.items():
                self._mask(mine, code)[rows[mask]] = True
        for number, name in enumerate(inner._type_names):
            self.type_is(rows[inner._type_numbers == number], name)
        if len(worked):
            self.replace(rows[worked], inner.normalised().take(worked))

    def normalised(self) -> pa.StringArray:
        """Returns the normalised values; the array itself when nothing changed."""
        array = self.array
        for rows, values in self._changed:
            mask = np.zeros(len(array), dtype=np.bool_)
            mask[rows] = True
            array = pc.replace_with_mask(array, pa.array(mask), values)
        return array

    def doc_types(self) -> pa.StringArray:
        """Returns the document type of each row; null where the value does not tell."""
        names = pa.array([*self._type_names, None], pa.string())
        numbers = np.where(self._type_numbers < 0, len(self._type_names), self._type_numbers)
        return names.take(numbers)

    def _mask(self, masks: dict[str, Mask], code: str) -> Mask:
        mask = masks.get(code)
        if mask is None:
            mask = masks[code] = np.zeros(len(self.array), dtype=np.bool_)
        return mask


def rows_matching(found: Workings, pattern: str) -> Rows:
    """Returns the rows still to do whose value matches the RE2 pattern."""
    matches = pc.fill_null(pc.match_substring_regex(found.array, pattern), False)
    return np.flatnonzero(matches.to_numpy(zero_copy_only=False) & found.todo)


def without_one_digit(found: Workings, rows: Rows) -> Rows:
    """Drops the rows in which one digit repeats: a placeholder, not a number."""
    some = found.array.take(rows)
    repeated = pc.match_substring_regex(some, r"\A(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)\z")
    kept: Rows = rows[~repeated.to_numpy(zero_copy_only=False)]
    return kept


def work_in_blocks(found: Workings, width: int, work: Callable[[Rows, Bytes], None]) -> None:
    """Hands the cells of `width` bytes to `work` block by block."""
    for rows, matrix in blocks(found.cells, width):
        work(rows, matrix)
