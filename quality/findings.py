"""Collects the findings of a batch and lays them out as one list a row, built for rows with findings only."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quality.normalise.cells import Mask, mask_of
from quality.normalise.shape import IDENTIFIER_KINDS, ItemPlan, none
from schemas.entry import Severity
from schemas.findings import codes as known_codes
from schemas.findings import finding

FINDING = pa.struct([("code", pa.string()), ("severity", pa.string()), ("item", pa.string()), ("place", pa.string())])
Indices = npt.NDArray[np.int64]
Kind = tuple[str, Severity, str]
#: A cell that is a number or holds an identifier that may have lost digits; of a number column it is no finding.
_NUMBER_CELL = "CELL_NUMBER_AS_ID"


class Ledger:
    """The findings of one batch: kinds of finding, and for each the rows that have it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._kinds: dict[Kind, list[Indices]] = {}
        self._seen: dict[tuple[str, str], Mask] = {}
        #: Cells that the reader names more exactly than by the place of the row.
        self.cells: dict[tuple[int, str, str], str] = {}
        self._numbers: pa.Array | None = None

    def add(self, mask: Mask, code: str, severity: Severity, item: str) -> None:
        """Notes a finding on the marked rows; a row has the same code and item once, with its first severity."""
        if mask.any():
            self.add_rows(np.flatnonzero(mask), code, severity, item)

    def add_rows(self, rows: Indices, code: str, severity: Severity, item: str) -> None:
        """Notes a finding on rows by their place in the batch, each row once."""
        seen = self._seen.get((code, item))
        if seen is None:
            seen = self._seen[code, item] = none(self.rows)
        else:
            rows = rows[~seen[rows]]
        if len(rows):
            seen[rows] = True
            self._kinds.setdefault((code, severity, item), []).append(rows)

    def has(self, *prefixes: str) -> Mask:
        """Marks the rows that have a finding whose code begins with any of the prefixes."""
        found = none(self.rows)
        for (code, _), seen in self._seen.items():
            if code.startswith(prefixes):
                found |= seen
        return found

    def use_row_numbers(self, batch: pa.RecordBatch) -> None:
        """Takes the record numbers of the reading."""
        at = batch.schema.get_field_index("_row")
        self._numbers = batch.column(at) if at >= 0 else None

    def row_numbers(self, places: Indices) -> list[int]:
        """Gives the record numbers of rows by their place in the batch."""
        if self._numbers is None:
            return [int(place) + 1 for place in places]
        return [int(number) for number in self._numbers.take(pa.array(places)).to_pylist()]

    def _each(self) -> list[tuple[Kind, Indices]]:
        return [
            (kind, rows[0] if len(rows) == 1 else np.sort(np.concatenate(rows))) for kind, rows in self._kinds.items()
        ]

    def totals(self) -> dict[tuple[str, str], int]:
        """Counts rows by (code, item)."""
        return {kind: int(seen.sum()) for kind, seen in self._seen.items() if seen.any()}

    def arrays(self, batch: pa.RecordBatch) -> tuple[Mask, pa.ListArray, pa.ListArray]:
        """Lays out bad rows, findings and flags."""
        each = self._each()
        bad = none(self.rows)
        for (_, severity, _), rows in each:
            if severity == "error":
                bad[rows] = True
        warnings = [pair for pair in each if pair[0][1] == "warning"]
        return bad, self._findings(each, batch), self._flags(warnings)

    def _findings(self, each: list[tuple[Kind, Indices]], batch: pa.RecordBatch) -> pa.ListArray:
        order, offsets, kinds = _layout(each, self.rows)
        columns = [pa.array([kind[part] for kind, _ in each], pa.string()).take(pa.array(kinds)) for part in range(3)]
        at = batch.schema.get_field_index("_place")
        place = batch.column(at).take(pa.array(order)) if at >= 0 else pa.nulls(len(order))
        place = self._with_cells(
            place.cast(pa.string()), offsets, [each[kind][0] for kind in kinds] if self.cells else []
        )
        structs = pa.StructArray.from_arrays([*columns, place], fields=list(FINDING))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)

    def _with_cells(self, places: pa.Array, offsets: Indices, kinds: list[Kind]) -> pa.Array:
        if not self.cells:
            return places
        exact = places.to_pylist()
        for (row, code, item), cell in self.cells.items():
            for at in range(offsets[row], offsets[row + 1]):
                if kinds[at][0] == code and kinds[at][2] == item:
                    exact[at] = cell
        return pa.array(exact, pa.string())

    def _flags(self, each: list[tuple[Kind, Indices]]) -> pa.ListArray:
        _, offsets, kinds = _layout(each, self.rows)
        texts = pa.array([f"{code}:{item}" for (code, _, item), _ in each], pa.string())
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts.take(pa.array(kinds)))


def _layout(each: list[tuple[Kind, Indices]], size: int) -> tuple[Indices, Indices, Indices]:
    """Sorts (row, kind) pairs by row: the rows, the offsets of the lists, and the kind of each entry."""
    if not each:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, np.zeros(size + 1, dtype=np.int64), nothing
    rows = np.concatenate([rows for _, rows in each])
    kinds = np.repeat(np.arange(len(each)), [len(rows) for _, rows in each])
    by_row = np.argsort(rows.astype(np.uint16) if size < 65_536 else rows, kind="stable")
    offsets = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=size), out=offsets[1:])
    return rows[by_row], offsets, kinds[by_row]


def reader_findings(batch: pa.RecordBatch, items: Iterable[ItemPlan], ledger: Ledger) -> Mask:
    """Takes over what the reader found; returns the rows that could not be read as records."""
    ledger.use_row_numbers(batch)
    broken = none(batch.num_rows)
    raw = batch.schema.get_field_index("_raw")
    if raw >= 0 and batch.column(raw).null_count < batch.num_rows:
        broken |= mask_of(batch.column(raw).is_valid())
    at = batch.schema.get_field_index("_findings")
    if at >= 0 and batch.column(at).null_count < batch.num_rows:
        _take_over(batch.column(at), list(items), ledger, broken)
    ledger.add(broken & ~ledger.has("ROW_"), "ROW_UNREADABLE", "error", "")
    _operations(batch, broken, ledger)
    return broken


def _take_over(lists: pa.Array, items: list[ItemPlan], ledger: Ledger, broken: Mask) -> None:
    parents = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(lists)
    codes, columns, places = (pc.struct_field(flat, name).to_pylist() for name in ("code", "column", "place"))
    by_source: dict[str, list[ItemPlan]] = {}
    for item in items:
        by_source.setdefault(item.source, []).append(item)
    grouped: dict[tuple[str, str], list[int]] = {}
    for row, code, column, place in zip(parents.tolist(), codes, columns, places, strict=True):
        if code.startswith("ROW_"):
            broken[row] = True
        for name in _names(code, by_source.get(column or "")):
            grouped.setdefault((code, name), []).append(row)
            if place:
                ledger.cells[row, code, name] = place
    for (code, name), rows in grouped.items():
        severity = finding(code).severity if code in known_codes() else "error"
        ledger.add_rows(np.unique(np.array(rows, dtype=np.int64)), code, severity, name)


def _names(code: str, items: list[ItemPlan] | None) -> list[str]:
    if code == _NUMBER_CELL:
        return [item.name for item in items or () if item.kind in IDENTIFIER_KINDS]
    return [""] if items is None else [item.name for item in items]


def _operations(batch: pa.RecordBatch, broken: Mask, ledger: Ledger) -> None:
    at = batch.schema.get_field_index("_op")
    if at < 0 or batch.column(at).null_count == batch.num_rows:
        return
    known = mask_of(pc.is_in(batch.column(at), value_set=pa.array(["I", "U", "D"])))
    unknown = ~known & mask_of(batch.column(at).is_valid()) & ~broken
    ledger.add(unknown, "OPERATION_UNKNOWN", "error", "")
