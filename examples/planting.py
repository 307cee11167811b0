"""Plants defects and harmless dirt into clean stretches and writes down what must become of each planted row.

A stretch has a fixed length, so that the same rows come out however they are written. Within a stretch the planted rows
stand at least one clean row apart: the row before a planted one is clean and may be copied.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from examples.tables import LINE, Expected, Frame, Kind, Row, Table

STRETCH = 20_000
#: One planted row in so many carries three kinds at once.
SEVERAL = 10
_LOOK_AHEAD = 40
#: Some kinds need a row of a certain sort and now and then find none in their slot.
_SPARE = 1.3


#: The clean rows of a stretch: column -> values.
Texts = dict[str, list[str | None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows of a table are planted: a share of defects, or at least so many of each kind.

    With `min_per_kind` tables grow until defects are at most `largest_share` of their rows: by default a batch stays
    under the limit of 5 % rejected rows.
    """

    defect_ratio: float = 0.02
    dirt_ratio: float = 0.02
    min_per_kind: int = 0
    largest_share: float = 0.04

    def counts(self, table: Table, rows: int | None) -> tuple[int, int]:
        """Gives how many defects and how many rows of dirt are planted; with no number of rows, the least of them."""
        defects = max(
            round((rows or 0) * self.defect_ratio), math.ceil(self.min_per_kind * _SPARE) * len(table.defects)
        )
        dirt = max(round((rows or 0) * self.dirt_ratio), min(self.min_per_kind, 5) * len(table.dirt))
        if rows is not None and (defects + dirt) * 2 > rows:
            raise ValueError(
                f"{table.dataset}: {rows} rows cannot carry {defects + dirt} planted ones; ask for more rows or fewer"
            )
        return defects, dirt


@dataclass(frozen=True, slots=True)
class Answer:
    """What must become of one planted row.

    `record` counts rows of the source from 1; `row` finds it by its own columns.
    """

    dataset: str
    record: int
    row: dict[str, Any]
    kind: str
    kinds: tuple[str, ...]
    findings: tuple[Expected, ...]
    may: tuple[str, ...]
    disposition: str
    normalised: dict[str, str | None]
    #: The other row of a conflict; it goes to quarantine too.
    partner: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Gives the answer as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Planter:
    """Makes the stretches of one table with their answers."""

    frame: Frame
    table: Table
    rows: int
    plan: Plan
    #: Number of the first row: later days add rows after those of the city as generated.
    offset: int = 0

    @cached_property
    def _counts(self) -> tuple[int, int]:
        return self.plan.counts(self.table, self.rows)

    def stretches(self, first: int = 0) -> Iterator[tuple[pa.RecordBatch, list[Answer]]]:
        """Yields every stretch from record `first` (a multiple of STRETCH) on."""
        for start in range(first, self.rows, STRETCH):
            yield self.stretch(start)

    def stretch(self, start: int) -> tuple[pa.RecordBatch, list[Answer]]:
        """Makes the rows from `start` to the end of its stretch."""
        stop = min(start + STRETCH, self.rows)
        columns = self.table.make(self.frame, np.arange(start, stop, dtype=np.int64) + self.offset)
        names = [column.name for column in self.table.columns]
        clean = pa.RecordBatch.from_arrays([columns[name] for name in names], names)
        planted: dict[int, Row] = {}
        answers: list[Answer] = []
        # One conversion of the whole stretch is far cheaper than one of each row looked at.
        texts = {name: clean.column(name).to_pylist() for name in names} if sum(self._counts) else {}
        for place, kinds, draw in self._slots(texts, start, stop):
            row = _row(texts, place)
            fitting = [kind for kind in kinds if kind.fits is None or kind.fits(row)]
            answers.append(self._plant(row, fitting, draw, (texts, place, start)))
            planted[place] = row
        return _overlaid(clean, planted, names), answers

    def _slots(self, texts: Texts, start: int, stop: int) -> Iterator[tuple[int, list[Kind], Random]]:
        """Yields place, kinds and generator of each planted row of the stretch."""
        defects, dirt = self._counts
        total = defects + dirt
        first, last = start * total // self.rows, stop * total // self.rows
        if first == last:
            return
        edges = np.linspace(0, stop - start, last - first + 1).astype(int)
        for slot, low, high in zip(range(first, last), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            draw = Random(f"{self.frame.seed}/{self.table.dataset}/{self.offset}/{slot}")
            number = slot * defects // total
            is_defect = (slot + 1) * defects // total > number
            kinds = self.table.defects if is_defect else self.table.dirt
            if not kinds:
                continue
            chosen = self._chosen(kinds, number if is_defect else slot - number, is_defect)
            place = self._place(texts, (start, low, high), chosen[0], draw)
            if place is not None:
                yield place, chosen, draw

    def _chosen(self, kinds: Sequence[Kind], number: int, is_defect: bool) -> list[Kind]:
        """The kind of this slot, sometimes with two more that touch other items."""
        chosen = [kinds[number % len(kinds)]]
        # The round number decides as well, so that not always the same kinds carry company.
        if not is_defect or (number + number // len(kinds)) % SEVERAL or chosen[0].alone:
            return chosen
        for step in range(7, 7 + 3 * len(kinds), 3):
            more = kinds[(number + step) % len(kinds)]
            if more.alone or any(more.touches & other.touches for other in chosen):
                continue
            chosen.append(more)
            if len(chosen) == 3:
                break
        return chosen

    def _place(self, texts: Texts, bounds: tuple[int, int, int], kind: Kind, draw: Random) -> int | None:
        """Finds a row of the slot that the kind fits."""
        start, low, high = bounds
        places = [
            p
            for p in range(low + 1, high)
            if self.table.plantable is None or self.table.plantable(self.offset + start + p)
        ]
        if not places:
            return None
        turn = draw.randrange(len(places))
        for place in (places[turn:] + places[:turn])[:_LOOK_AHEAD]:
            if kind.fits is None or kind.fits(_row(texts, place)):
                return place
        return None

    def _plant(self, row: Row, kinds: list[Kind], draw: Random, at: tuple[Texts, int, int]) -> Answer:
        texts, place, start = at
        original = dict(row)
        before = _row(texts, place - 1) if kinds[0].pair else {}
        for one in kinds:
            one.change(row, draw, before)
        conflict = kinds[0].pair and kinds[0].disposition == "quarantine"
        return Answer(
            dataset=self.table.dataset,
            record=self.offset + start + place + 1,
            row={name: row[name] for name in self.table.row_id},
            kind="+".join(one.name for one in kinds),
            kinds=tuple(one.name for one in kinds),
            findings=tuple(dict.fromkeys(found for one in kinds for found in one.findings)),
            may=tuple(dict.fromkeys(code for one in kinds for code in one.may)),
            disposition=_worst([one.disposition for one in kinds]),
            normalised={item: original[column] for one in kinds for item, column in one.tidied.items()},
            partner={"record": self.offset + start + place, **{n: before[n] for n in self.table.row_id}}
            if conflict
            else None,
        )


def _worst(fates: list[str]) -> str:
    for fate in ("duplicate", "quarantine", "flag"):
        if fate in fates:
            return fate
    return "normalised"


def _row(texts: Texts, place: int) -> Row:
    return {name: values[place] for name, values in texts.items()}


def _overlaid(clean: pa.RecordBatch, planted: dict[int, Row], names: list[str]) -> pa.RecordBatch:
    """Puts the planted rows over the clean ones; adds the LINE column when a line is to be spoilt."""
    if any(LINE in row for row in planted.values()):
        clean = clean.append_column(LINE, pa.nulls(len(clean), pa.string()))
        names = [*names, LINE]
    if not planted:
        return clean
    mask = np.zeros(len(clean), dtype=bool)
    places = sorted(planted)
    mask[places] = True
    made = {}
    for name in names:
        values = pa.array([planted[place].get(name) for place in places], pa.string())
        made[name] = pc.replace_with_mask(clean.column(name), pa.array(mask), values)
    return pa.RecordBatch.from_arrays(list(made.values()), names)
