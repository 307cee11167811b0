"""A directory entry (目录条目) as the rooms use it: frozen facts read from an ODCS 3.1 contract.

Only schemas.contract builds these. Nothing here reads a file, a database or the network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Mode = Literal["snapshot", "watermark", "change_flag"]
Severity = Literal["error", "warning", "info"]

#: How an item is normalised and checked by nature. `docs/contract.md` explains each.
Kind = Literal[
    "text",  # free text: trim, invisible characters
    "name",  # names of people and bodies: as text
    "address",
    "citizen_id",  # citizen ID, residence permit or permanent-residence number
    "uscc",
    "org_code",
    "registration_number",
    "licence_id",
    "identifier",  # citizen ID or USCC or other, by the code in `subject.doc_type_item`
    "code",  # a value of `code_set`
    "region",  # GB/T 2260; `code_set` says gbt2260_any or gbt2260_current
    "date",
    "datetime",
    "integer",
    "decimal",
    "amount",  # money, type Y
    "capital",  # registered capital text -> decimal in 万元
    "capital_currency",  # the same text -> GB/T 12406 alphabetic code
    "mobile",
    "telephone",
    "bool",
    "binary",
    # Derived items: computed from another item of the same source column, before that is sealed.
    "birth_year",
    "age_band",
    "sex_of",
    "county_of",
    "city_of",
    "province_of",
]

#: Derived kind -> the kinds of item that it can be computed from.
DERIVED_FROM: Mapping[str, tuple[Kind, ...]] = {
    "birth_year": ("citizen_id", "date", "datetime"),
    "age_band": ("citizen_id", "date", "datetime"),
    "sex_of": ("citizen_id",),
    "county_of": ("citizen_id", "region"),
    "city_of": ("citizen_id", "region"),
    "province_of": ("citizen_id", "region"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Says that an item holds a person's or body's identifier.

    `doc_type` is a fixed code of the holder code types (`111`, `001`), or None when `doc_type_item` names the item that
    carries it row by row.
    """

    role: str
    doc_type: str | None = None
    doc_type_item: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One information item (数据项). `source` is the column at the source, `name` the column of the shared dataset."""

    name: str
    source: str
    title: str
    type: str  # national letter: C N Y D T L M G B I F (编制指南 1272号, 数据类型)
    kind: Kind
    length: int | None = None
    scale: int | None = None
    length_unit: Literal["char", "byte_gb18030", "byte_utf8"] = "char"
    required: bool = False
    code_set: str | None = None
    level: int = 1  # S1..S4
    identifying: bool = False
    subject: Subject | None = None
    null_tokens: tuple[str, ...] | None = None  # None: the defaults of the kind (rules file)
    open_end: bool = False  # dates: 9999-x-x and 长期 mean "no end" and become null
    share_type: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def derived(self) -> bool:
        """Says whether the item is computed from another one."""
        return self.kind in DERIVED_FROM

    @property
    def sealed(self) -> bool:
        """Says whether the item rests only inside the row's sealed value."""
        return self.level >= 4 or self.identifying


def beneath(items: Sequence[Item], derived: Item) -> Item | None:
    """Returns the item that a derived one is computed from: the one that reads the same column as itself."""
    wanted = DERIVED_FROM.get(derived.kind, ())
    return next((each for each in items if each.source == derived.source and each.kind in wanted), None)


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation of the contract by its GX snake-case name; `code` is the finding it gives on a failing row."""

    id: str
    expectation: str
    kwargs: Mapping[str, Any]
    code: str
    severity: Severity
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """The attachment (挂接): where the rows come from and how they are read; never a secret."""

    connector: Literal["postgres", "sql", "file"]
    mode: Mode
    connection: str | None = None  # registered name; None only for files given by `location`
    location: str | None = None  # file path or fsspec URL (may be relative to the connection's root), `*` allowed
    schema: str | None = None
    table: str | None = None
    format: Literal["csv", "parquet", "workbook"] | None = None
    encoding: str | None = None  # None: found out (UTF-8, with BOM, GB18030)
    delimiter: str = ","
    sheet: str | int = 0
    header_row: int = 1
    total_rows: tuple[str, ...] = ("合计", "总计", "小计")
    watermark_column: str | None = None
    longest_transaction_seconds: int = 600
    comparison_days: int = 7
    operation_column: str = "cd_operation"
    time_column: str = "cd_time"
    batch_column: str | None = "cd_batch"
    guid_column: str | None = "row_guid"
    reading_window: tuple[str, str] | None = None  # "22:00","06:00" Asia/Shanghai
    rows_per_second: int | None = None
    parallel_reads: int = 1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Dataset checks: defaults come from schemas/rules, an entry may set its own."""

    reject_ratio: float = 0.05
    fewer_rows: float = 0.10
    null_ratio_points: float = 0.10
    minimum_rows: int | None = None
    freshness_hours: float | None = None


@dataclass(frozen=True)
class Entry:
    """A directory entry: dataset name, items, keys, rules, attachment and the national core metadata."""

    dataset: str
    title: str
    version: str
    provider_name: str
    provider_code: str
    items: tuple[Item, ...]
    row_key: tuple[str, ...]  # item names; () for append-only rows
    rules: tuple[Rule, ...]
    attachment: Attachment | None
    thresholds: Thresholds
    update_cycle: str
    schedule: str | None  # cron, Asia/Shanghai
    share_type: int
    order_item: str | None = None  # newest wins among equal row keys; None: all of them conflict
    base_library: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def item(self, name: str) -> Item:
        """Returns the item called `name`; raises KeyError when there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    @property
    def subjects(self) -> tuple[Item, ...]:
        """Lists the items that hold a subject key, in contract order."""
        return tuple(item for item in self.items if item.subject)

    @property
    def plain(self) -> tuple[Item, ...]:
        """Lists the items that rest in plain."""
        return tuple(item for item in self.items if not item.sealed)

    @property
    def sealed(self) -> tuple[Item, ...]:
        """Lists the items that rest in the row's sealed value."""
        return tuple(item for item in self.items if item.sealed)

    def beneath(self, item: Item) -> Item | None:
        """Returns the item that a derived one is computed from: it reads the same column as itself."""
        return beneath(self.items, item)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Lists the source columns to read, each once, in contract order."""
        return tuple(dict.fromkeys(item.source for item in self.items))
