"""What a request for sharing asks for and what is agreed (domain.md 4.3): content, terms, narrowing. Pure data.

`Terms` are what becomes a grant. Whoever approves may narrow them (items, states, rows, ways, purposes, quota, period)
and never widen them: `widened` names what would be more than before.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from schemas.grants import BULK_WAYS, GrantedItem, Purpose, Quota, RowFilter, Way

Frequency = Literal["once", "on_demand", "real_time", "daily", "weekly", "monthly", "quarterly", "yearly"]
FREQUENCIES: dict[str, str] = {
    "once": "一次性",
    "on_demand": "按需",
    "real_time": "实时",
    "daily": "每日",
    "weekly": "每周",
    "monthly": "每月",
    "quarterly": "每季度",
    "yearly": "每年",
}

#: Why a request may be refused (R-31). `not_shared` is the hub's own, for data of type 3.
REFUSALS: dict[str, str] = {
    "outside_duty": "与履行职责无关",
    "not_necessary": "超出履行职责的必要范围",
    "basis_insufficient": "依据不足",
    "conditions_not_met": "不符合共享条件",
    "security_insufficient": "安全保障措施不足",
    "law_forbids": "法律、行政法规或国务院决定禁止",
    "not_held": "本部门不掌握该数据",
    "not_shared": "属于不予共享的数据",
}

#: Ways that type 1 is answered at once by rule for; every other passes the authority's check of necessity.
AT_ONCE: frozenset[Way] = frozenset({"verify", "lookup"})
#: Ways by which no row leaves, so that an item's state says nothing about plaintext.
_WITHOUT_VALUES: frozenset[Way] = frozenset({"verify"})
_OPENNESS = {"condition": 0, "masked": 1, "plain": 2}
_PLAIN_FROM_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for, or agreed: `ends` is the last day; `starts` None begins with the approval."""

    items: tuple[GrantedItem, ...]
    rows: RowFilter
    purposes: tuple[Purpose, ...]
    ways: tuple[Way, ...]
    ends: date
    starts: date | None = None
    quota: Quota = field(default_factory=Quota)
    minimum_rows: int = 10
    provider_reviews_exports: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """A request as its author fills it in; the entry's version in force is added when it is saved."""

    dataset: str
    terms: Terms
    legal_basis: str = ""
    scenario: str = ""
    service_item: str = ""
    frequency: Frequency = "on_demand"
    region_reason: str = ""
    security: str = ""
    responsible: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """What is wrong with one field of a request, and how to put it right."""

    field: str
    code: str
    says: str
    next_step: str


@cache
def _terms() -> TypeAdapter[Terms]:
    return TypeAdapter(Terms)


@cache
def _content() -> TypeAdapter[Content]:
    return TypeAdapter(Content)


def terms_json(terms: Terms) -> dict[str, Any]:
    """Returns terms as JSON values."""
    return _terms().dump_python(terms, mode="json")  # type: ignore[no-any-return]


def read_terms(values: Any) -> Terms:
    """Reads terms from JSON values; raises pydantic's ValidationError, a ValueError."""
    return _terms().validate_python(values)


def content_json(content: Content) -> dict[str, Any]:
    """Returns a request's content as JSON values."""
    return _content().dump_python(content, mode="json")  # type: ignore[no-any-return]


def read_content(values: Any) -> Content:
    """Reads a request's content from JSON values; raises ValueError."""
    return _content().validate_python(values)


def widened(before: Terms, after: Terms) -> list[str]:
    """Names the parts of `after` that give more than `before`; an empty list is a narrowing or the same."""
    parts = {
        "items": not all(_item_within(before, item) for item in after.items),
        "rows": not rows_within(before.rows, after.rows),
        "purposes": not set(after.purposes) <= set(before.purposes),
        "ways": not set(after.ways) <= set(before.ways),
        "quota": not _quota_within(before.quota, after.quota),
        "period": after.ends > before.ends or not _starts_within(before.starts, after.starts),
        "minimum_rows": after.minimum_rows < before.minimum_rows,
        "provider_reviews_exports": before.provider_reviews_exports and not after.provider_reviews_exports,
    }
    return [part for part, more in parts.items() if more]


def _item_within(before: Terms, item: GrantedItem) -> bool:
    found = next((each for each in before.items if each.name == item.name), None)
    if found is None or _OPENNESS[item.state] > _OPENNESS[found.state]:
        return False
    # Which of two rules leaves more depends on the values; only the one that leaves nothing is surely narrower.
    if found.state == "masked" and item.state == "masked" and item.mask not in (found.mask, "hidden"):
        return False
    both = found.state == item.state == "condition"
    return not both or set(item.comparisons) <= set(found.comparisons)


def rows_within(before: RowFilter, after: RowFilter) -> bool:
    """Says whether one filter gives no row that the other doesn't."""
    if before.region_prefixes:
        if after.region_item != before.region_item or not after.region_prefixes:
            return False
        if not all(any(each.startswith(wide) for wide in before.region_prefixes) for each in after.region_prefixes):
            return False
    return set(before.predicates) <= set(after.predicates)


def _quota_within(before: Quota, after: Quota) -> bool:
    pairs = ((getattr(before, name), getattr(after, name)) for name in Quota.__slots__)
    return all(most is None or (given is not None and given <= most) for most, given in pairs)


def _starts_within(before: date | None, after: date | None) -> bool:
    return before is None or (after is not None and after >= before)


def needs_check(terms: Terms, personal: dict[str, int]) -> bool:
    """Says whether type 1 passes the authority's check: a bulk way, or plaintext S3-S4 of persons.

    `personal` gives the level of each item that is about a person.
    """
    if set(terms.ways) & BULK_WAYS or not set(terms.ways) <= AT_ONCE:
        return True
    if set(terms.ways) <= _WITHOUT_VALUES:
        return False
    return any(item.state == "plain" and personal.get(item.name, 0) >= _PLAIN_FROM_LEVEL for item in terms.items)
