"""What a grant gives: which items in which state, which rows, for what, how, how much and how long.

One grant is what one approved request made (domain.md 4.3, R-12, R-15, R-34). The rewriter reads it for SQL, look-ups,
files and subscriptions alike, so that every way out gives the same. Pure data; decides nothing about people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: 共享方式: how the data leaves. The first five are the operations by key.
Way = Literal["lookup", "reuse", "verify", "compare", "subscription", "query", "file", "interface"]
WAYS: Mapping[Way, str] = {
    "lookup": "调用",
    "reuse": "复用",
    "verify": "核对",
    "compare": "比对",
    "subscription": "订阅推送",
    "query": "在线查询",
    "file": "文件下载",
    "interface": "接口",
}
#: Ways that give rows by the thousand; they pass the authority's check of necessity even for type 1.
BULK_WAYS: frozenset[Way] = frozenset({"compare", "subscription", "query", "file"})

#: 使用用途 (R-12).
Purpose = Literal["basis", "reference", "checking", "collaboration"]
PURPOSES: Mapping[Purpose, str] = {
    "basis": "行政依据",
    "reference": "工作参考",
    "checking": "数据校核",
    "collaboration": "业务协同",
}

#: 明文 is given as it is; 脱敏 compares, groups and sorts as its masked value; 仅条件 never leaves, and may be used in
#: joins and in the listed comparisons only.
ItemState = Literal["plain", "masked", "condition"]
ITEM_STATES: Mapping[ItemState, str] = {"plain": "明文", "masked": "脱敏", "condition": "仅条件"}

Comparison = Literal["=", "<>", "<", "<=", ">", ">=", "in", "between", "is null"]
COMPARISONS: tuple[Comparison, ...] = ("=", "<>", "<", "<=", ">", ">=", "in", "between", "is null")


@dataclass(frozen=True, slots=True)
class GrantedItem:
    """One item of the entry. `mask` names a masking rule (schemas/masks.py) when masked, None for the item's default;
    `comparisons` lists what a condition-only item may be compared by (an equality join is always among them)."""

    name: str
    state: ItemState
    mask: str | None = None
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Predicate:
    """One approved condition on the rows: an item, a comparison and its values as texts in the item's own notation."""

    item: str
    comparison: Comparison
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows: the region item begins with one of the prefixes, and every predicate is met. Empty: all rows."""

    region_item: str | None = None
    region_prefixes: tuple[str, ...] = ()
    predicates: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """Upper limits; None is none. A key is one subject asked for; `rows_an_export` and `rows_a_query` cut nothing off:
    more than that is refused, or goes to approval where the way has one."""

    keys_a_day: int | None = None
    rows_an_export: int | None = None
    rows_a_query: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant as it binds at one moment. `number` is its public number; `consumer` a department's USCC.

    `minimum_rows` is the least number of distinct subjects (row keys where there is no subject) that a group or an
    answer must rest on when a condition-only item takes part. Moments are aware UTC; `valid_until` is exclusive.
    `provider_reviews_exports`: an export that needs approval needs the provider's too.
    """

    number: str
    dataset: str
    consumer: str
    items: tuple[GrantedItem, ...]
    rows: RowFilter
    purposes: tuple[Purpose, ...]
    ways: tuple[Way, ...]
    valid_from: datetime
    valid_until: datetime
    quota: Quota = Quota()
    minimum_rows: int = 10
    entry_version: int = 1
    request: str | None = None
    provider_reviews_exports: bool = False

    def item(self, name: str) -> GrantedItem | None:
        """Returns what is granted of an item, None when nothing is."""
        return next((item for item in self.items if item.name == name), None)

    def readable(self) -> tuple[str, ...]:
        """Names the items that may leave, plain or masked, in the grant's order."""
        return tuple(item.name for item in self.items if item.state != "condition")

    def in_force(self, at: datetime) -> bool:
        """Says whether the period covers a moment."""
        return self.valid_from <= at < self.valid_until
