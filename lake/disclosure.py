"""What a grant discloses of a dataset at one version: the plan that SQL, look-ups, files and subscriptions all read.

A plan knows for each item of the layout whether it leaves plain, masked, or not at all (condition-only), and which rows
are granted. What the grant does not name is not in the plan: no code that reads the plan can give it away. Built once
for a grant and a layout; a row filter that does not fit the layout raises instead of opening the rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import pyarrow as pa
import pyarrow.compute as pc

from lake.layout import KEY_HASH, Column, Layout, subject_column
from lake.rows import RowCoder
from lake.terms import Term, grant_terms
from schemas.entry import Entry, Item
from schemas.errors import StateError
from schemas.grants import Comparison, Grant, ItemState
from schemas.masks import MASKS, PROFILE, default_mask, mask_array, mask_value

#: What tells one person or body from another: nobody may ask for a value of theirs that he may not see.
_IDENTIFIERS = frozenset(
    {"citizen_id", "uscc", "org_code", "registration_number", "licence_id", "identifier", "mobile", "telephone", "name"}
)
#: As many rows as a look-up gives.
_FEW = 8
#: Kinds whose values many rows share, by which an answer that rests on a condition may be filtered and grouped.
_SHARED = frozenset({"region", "code", "bool"})


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One granted item as it leaves. `identifying`: it tells who; `shared`: many rows have its value."""

    name: str
    state: ItemState
    mask: str | None
    comparisons: tuple[Comparison, ...]
    column: Column
    identifying: bool
    shared: bool

    @property
    def type(self) -> pa.DataType:
        """The Arrow type under which it leaves."""
        return pa.string() if self.mask else self.column.type


@dataclass(frozen=True)
class Disclosure:
    """The plan of one grant over one layout."""

    grant: Grant
    layout: Layout
    items: tuple[Disclosed, ...]
    rows: tuple[Term, ...]

    @classmethod
    def of(cls, grant: Grant, entry: Entry, layout: Layout) -> "Disclosure":
        """Builds the plan; items that the dataset no longer has are left out. Raises StateError."""
        if grant.dataset != layout.dataset or entry.dataset != layout.dataset:
            raise StateError("授权与数据集不符", "", "请使用该数据集的授权", code="GRANT_DATASET")
        columns = {column.name: column for column in layout.columns}
        known = {item.name: item for item in entry.items}
        items: dict[str, Disclosed] = {}
        for given in grant.items:
            if given.name in items:
                raise StateError("授权中同一数据项出现多次", "每个数据项一次", "请重新核发授权", code="GRANT_ITEMS")
            if given.name in columns and given.name in known:
                item, column = known[given.name], columns[given.name]
                mask = _mask(given.mask, item) if given.state == "masked" else None
                who = _tells_who(item, column)
                traits = (who, not who and _is_shared(item, mask))
                items[given.name] = Disclosed(given.name, given.state, mask, given.comparisons, column, *traits)
        return cls(grant, layout, tuple(items.values()), grant_terms(grant.rows, layout))

    @cached_property
    def readable(self) -> Mapping[str, Disclosed]:
        """The items that leave, plain or masked, in the grant's order."""
        return {item.name: item for item in self.items if item.state != "condition"}

    @cached_property
    def conditions(self) -> Mapping[str, Disclosed]:
        """The condition-only items."""
        return {item.name: item for item in self.items if item.state == "condition"}

    @property
    def grant_names(self) -> tuple[str, ...]:
        """The names that a statement may use: granted items and hashes."""
        return (*self.readable, *self.hashes, *self.hidden)

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The keyed hashes that rows can be joined by: the row's own and one for each subject item that leaves."""
        subjects = [subject_column(column.name) for column in self.layout.subjects if column.name in self.readable]
        return (KEY_HASH.name, *subjects)

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """The condition-only items, and the hashes of the subjects among them, which would tell them."""
        subjects = [subject_column(column.name) for column in self.layout.subjects if column.name in self.conditions]
        return (*self.conditions, *subjects)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The hash columns by which subjects are counted: persons, else other subjects, else rows."""
        persons = [subject_column(c.name) for c in self.layout.subjects if c.subject != "001"]
        return tuple(persons or [subject_column(c.name) for c in self.layout.subjects] or [KEY_HASH.name])

    @cached_property
    def lookup_items(self) -> tuple[str, ...]:
        """The subject items that a subject may be looked up by: those granted; all where the grant names none."""
        subjects = [column.name for column in self.layout.subjects]
        granted = {item.name for item in self.items}
        return tuple(name for name in subjects if name in granted) or tuple(subjects)

    def schema(self, names: Sequence[str] | None = None) -> pa.Schema:
        """Returns the columns that leave; a masked one says so in its metadata."""
        return pa.schema([self._fields[name] for name in (self.readable if names is None else names)])

    @cached_property
    def _fields(self) -> Mapping[str, pa.Field]:
        return {
            name: pa.field(name, item.type, metadata={"masked": PROFILE} if item.mask else None)
            for name, item in self.readable.items()
        }

    def at_rest(self, names: Collection[str]) -> list[str]:
        """Lists the columns of the lake table to read for these items and hash columns, and for the row filter."""
        sealed = {column.name for column in self.layout.sealed}
        wanted = [*names, *(term.item for term in self.rows)]
        plain = [name for name in wanted if name not in sealed]
        if any(name in sealed for name in wanted):
            plain += [KEY_HASH.name, "sealed"]
        return list(dict.fromkeys(plain))

    def opens(self, names: Collection[str]) -> bool:
        """Says whether the rows must be unsealed to give these items of the granted rows."""
        return "sealed" in self.at_rest(names)

    def granted_rows(self, batch: pa.RecordBatch, coder: RowCoder) -> pa.RecordBatch:
        """Returns the granted rows of a batch at rest, still at rest; it must hold the columns that `at_rest` lists."""
        sealed = {column.name for column in self.layout.sealed}
        outside = [term for term in self.rows if term.item not in sealed]
        batch = _filtered(batch, {term.item: batch.column(term.item) for term in outside}, outside)
        inside = [term for term in self.rows if term.item in sealed]
        if not inside or not batch.num_rows:
            return batch
        opened = coder.decode(batch, self.layout, list(dict.fromkeys(term.item for term in inside)))
        return _filtered(batch, {name: opened.column(name) for name in opened.schema.names}, inside)

    def reveal(self, batch: pa.RecordBatch, coder: RowCoder, names: Sequence[str] | None = None) -> pa.RecordBatch:
        """Returns the readable items (all, or those named) of the granted rows of a batch at rest, masked where masked.

        Raises KeyError for an item that may not leave.
        """
        return self.opened(self.granted_rows(batch, coder), coder, names)

    def opened(self, granted: pa.RecordBatch, coder: RowCoder, names: Sequence[str] | None = None) -> pa.RecordBatch:
        """Returns the readable items of rows that `granted_rows` has let through."""
        schema = self.schema(names)
        opened = coder.decode(granted, self.layout, schema.names)
        columns = [
            _masked(mask, opened.column(name)) if (mask := self.readable[name].mask) else opened.column(name)
            for name in schema.names
        ]
        if not columns:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * granted.num_rows, pa.struct([])))
        return pa.record_batch(columns, schema=schema)


def _masked(mask: str, values: pa.Array) -> pa.Array:
    """Masks value by value where there are few: one row costs a fifth of what the calls over arrays do."""
    if len(values) > _FEW:
        return mask_array(mask, values)
    return pa.array([mask_value(mask, value) for value in values.to_pylist()], pa.string())


def _mask(named: str | None, item: Item) -> str:
    rule = named or default_mask(item)
    if rule not in MASKS:
        raise StateError("授权指定的脱敏规则不存在", "可用：" + "、".join(MASKS), "请重新核发授权", code="GRANT_MASK")
    return rule


def _tells_who(item: Item, column: Column) -> bool:
    return item.identifying or bool(column.subject) or item.kind in _IDENTIFIERS


def _is_shared(item: Item, mask: str | None) -> bool:
    return item.kind in _SHARED or item.derived or item.type == "L" or mask in {"year", "region"}


def _filtered(batch: pa.RecordBatch, columns: Mapping[str, pa.Array], terms: Sequence[Term]) -> pa.RecordBatch:
    if not terms:
        return batch
    return batch.filter(reduce(pc.and_, [term.mask(columns[term.item]) for term in terms]))
