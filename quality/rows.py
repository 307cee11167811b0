"""The normalised rows of one batch as the checks see them: values for the time of a batch, and no check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from quality.normalise.cells import Mask, is_null
from quality.normalise.shape import ItemPlan, Normalised, none


@dataclass
class Rows:
    """Normalised columns by item name, with what the checks ask for more than once."""

    size: int
    items: Mapping[str, ItemPlan]
    columns: Mapping[str, Normalised]
    data_date: date
    code_sets: Mapping[str, Any]
    #: What checks have worked out of an item and may ask for again.
    worked_out: dict[str, Any] = field(default_factory=dict)
    _nulls: dict[str, Mask] = field(default_factory=dict)

    def values(self, name: str) -> pa.Array:
        """Returns the typed values of an item."""
        return self.columns[name].values

    def null(self, name: str) -> Mask:
        """Marks the rows whose item is null after normalising."""
        if name not in self._nulls:
            self._nulls[name] = is_null(self.columns[name].values)
        return self._nulls[name]

    def marks(self, name: str) -> Mapping[str, Mask]:
        """Returns what normalising found in an item."""
        return self.columns[name].marks

    def unreadable(self, name: str) -> Mask:
        """Marks the rows whose item was there but could not be read."""
        mask = self.columns[name].unreadable
        return none(self.size) if mask is None else mask


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a batch. `unexpected` is what GX would call so; `codes` splits it where a check has several
    findings; `missing` are the rows that GX counts as null (of a pair: those that ignore_row_if leaves out)."""

    unexpected: Mask
    missing: Mask
    codes: Mapping[str, Mask] | None = None
    escalated: Mapping[str, Mask] = field(default_factory=dict)
