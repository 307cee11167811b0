"""What a table of the city is: its source columns, how clean rows are made and what may go wrong in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pyarrow as pa

from examples.draws import Draws, Ints

#: A row on its way to the source: source column -> text, null where the source holds nothing.
Row = dict[str, str | None]

#: A pseudo-column: what the writer of a text file does to the whole line (`short`, `long`, `bytes`).
LINE = "_line"
#: A value that begins with this letter goes into a workbook as a number; with the next one, as an error cell.
AS_NUMBER, AS_ERROR = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows each table has. Payments are twelve a person; deaths count rows of the exchange table."""

    population: int = 20_000
    legal_entities: int = 3_000
    licences: int = 5_000
    subsidy_people: int = 500
    marriages: int = 2_000
    deaths: int = 1_000

    def of(self, dataset: str) -> int:
        """Gives the number of rows of one dataset."""
        rows = {
            "population": self.population,
            "legal_entity": self.legal_entities,
            "licence": self.licences,
            "subsidy_payment": self.subsidy_people * 12,
            "marriage": self.marriages,
            "death": self.deaths,
        }
        return rows[dataset]


@dataclass(frozen=True, slots=True)
class Frame:
    """The city that rows are made for."""

    seed: int
    sizes: Sizes

    def draws(self, family: str) -> Draws:
        """The streams of one table."""
        return Draws(self.seed, family)


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that the hub must give: its code and the item (empty for the row)."""

    code: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of planted row.

    `change` turns a clean row into a bad (or merely untidy) one; it gets the clean row before it as well. `touches`
    names the items it reads or writes, so that several kinds may be planted in one row. `may` lists finding codes that
    may follow from the first (`*`: any). `disposition`: quarantine, flag, duplicate or normalised.
    """

    name: str
    change: Callable[[Row, Random, Row], None]
    findings: tuple[Expected, ...]
    touches: frozenset[str]
    disposition: str = "quarantine"
    may: tuple[str, ...] = ()
    fits: Callable[[Row], bool] | None = None
    alone: bool = False
    #: The clean row before it shares this one's fate (a conflict), or is the row that stays (a duplicate).
    pair: bool = False
    #: Items whose normalised value the answer key must give.
    tidied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A source column: `sql` is its type in a database, `cell` its nature in a workbook (text, number or date)."""

    name: str
    comment: str
    sql: str = "varchar(255)"
    cell: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """One dataset at its source. `row_id` are the columns by which an answer finds its row."""

    dataset: str
    title: str
    source_table: str
    columns: tuple[Column, ...]
    make: Callable[[Frame, Ints], dict[str, pa.Array]]
    defects: tuple[Kind, ...]
    dirt: tuple[Kind, ...]
    row_id: tuple[str, ...] = ()
    #: Row numbers where a kind may be planted; None: anywhere but the first of a stretch.
    plantable: Callable[[int], bool] | None = None
    #: What a later day writes into an updated row: (frame, day, row numbers) -> columns.
    update: Callable[[Frame, int, Ints], dict[str, pa.Array]] | None = None
