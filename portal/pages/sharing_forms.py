"""The forms of a request: what is typed becomes content and terms. Declares no route and decides nothing."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field

from schemas.errors import InputError
from schemas.grants import COMPARISONS, PURPOSES, WAYS, GrantedItem, Predicate, Quota, RowFilter
from schemas.masks import MASKS
from schemas.sharing import FREQUENCIES, REFUSALS, Content, Terms

_Short = Annotated[str, Field(max_length=200)]
_Long = Annotated[str, Field(max_length=5000)]
_SPLIT = re.compile(r"[,，、;；\s]+")
#: States as the form offers them; a condition by equality alone, or by every comparison.
STATES = {
    "": "不申请",
    "plain": "明文",
    "masked": "脱敏",
    "condition": "仅条件（相等）",
    "condition_range": "仅条件（相等与范围）",
}
_BY_EQUALITY = ("=", "in", "is null")
PREDICATE_ROWS = 3


class TermsForm(BaseModel):
    """The part of the form that becomes terms."""

    item: list[_Short] = []
    state: list[_Short] = []
    mask: list[_Short] = []
    held: list[_Short] = []
    region_item: _Short = ""
    regions: _Long = ""
    predicate_item: list[_Short] = []
    predicate_comparison: list[_Short] = []
    predicate_values: list[_Long] = []
    purposes: list[_Short] = []
    ways: list[_Short] = []
    starts: _Short = ""
    ends: _Short = ""
    keys_a_day: _Short = ""
    rows_an_export: _Short = ""
    rows_a_query: _Short = ""
    minimum_rows: _Short = ""
    provider_reviews_exports: _Short = ""

    def terms(self) -> Terms:
        """Returns the terms; raises InputError where a date or number cannot be read."""
        return Terms(
            items=tuple(self._items()),
            rows=RowFilter(self.region_item or None, tuple(_words(self.regions)), tuple(self._predicates())),
            purposes=tuple(self.purposes),  # type: ignore[arg-type]  # the use-case checks them
            ways=tuple(self.ways),  # type: ignore[arg-type]
            starts=_day(self.starts, "开始日期"),
            ends=_day(self.ends, "最后一天") or date.min,
            quota=Quota(
                _number(self.keys_a_day, "每日号码数"),
                _number(self.rows_an_export, "每次导出行数"),
                _number(self.rows_a_query, "每次查询行数"),
            ),
            minimum_rows=_number(self.minimum_rows, "最少主体数") or 10,
            provider_reviews_exports=bool(self.provider_reviews_exports),
        )

    def _items(self) -> list[GrantedItem]:
        found = []
        for name, state, mask, held in zip(self.item, self.state, self.mask, self.held, strict=False):
            if state in ("plain", "masked"):
                found.append(GrantedItem(name, state, (mask or None) if state == "masked" else None))  # type: ignore[arg-type]
            elif state in ("condition", "condition_range"):
                found.append(GrantedItem(name, "condition", None, _comparisons(state, held)))  # type: ignore[arg-type]
        return found

    def _predicates(self) -> list[Predicate]:
        rows = zip(self.predicate_item, self.predicate_comparison, self.predicate_values, strict=False)
        return [Predicate(item, by, _values(values)) for item, by, values in rows if item]  # type: ignore[arg-type]


class RequestForm(TermsForm):
    """The whole form of a request."""

    legal_basis: _Long = ""
    scenario: _Long = ""
    service_item: _Short = ""
    frequency: _Short = "on_demand"
    region_reason: _Long = ""
    security: _Long = ""
    responsible: _Short = ""
    phone: _Short = ""

    def content(self, dataset: str) -> Content:
        """Returns the request's content; raises InputError."""
        names = ("legal_basis", "scenario", "service_item", "region_reason", "security", "responsible", "phone")
        words = {name: getattr(self, name).strip() for name in names}
        if self.frequency not in FREQUENCIES:
            raise InputError("使用频率不认识", "、".join(FREQUENCIES.values()), "请从列表中选择", code="CHOICE")
        return Content(dataset, self.terms(), frequency=self.frequency, **words)  # type: ignore[arg-type]


class CommandForm(TermsForm):
    """The form of a command: opinion, reason, days, and narrower terms where `narrow` is ticked."""

    opinion: _Long = ""
    reason_code: _Short = ""
    days: _Short = ""
    notice: _Long = ""
    narrow: _Short = ""

    def facts(self, name: str, *, narrows: bool) -> dict[str, Any]:
        """Returns what the command's use-case takes beside the request's number."""
        found: dict[str, Any] = {"opinion": self.opinion}
        if name in ("refuse", "refuse_by_authority"):
            found["reason_code"] = self.reason_code
        if name == "ask_extension":
            found["days"] = _number(self.days, "延期的工作日数") or 0
        if name == "revoke":
            found["notice"] = self.notice
        if narrows and self.narrow:
            found["terms"] = self.terms()
        return found


def _comparisons(state: str, held: str) -> tuple[str, ...]:
    """Returns the comparisons of a condition: those that it had where its state is left as it was."""
    had = tuple(each for each in held.split("|") if each in COMPARISONS)
    was = "condition" if set(had) <= set(_BY_EQUALITY) else "condition_range"
    if held and state == was:
        return had
    return COMPARISONS if state == "condition_range" else _BY_EQUALITY


def state_of(item: GrantedItem) -> str:
    """Returns the state of an item as the form offers it."""
    wide = item.state == "condition" and not set(item.comparisons) <= set(_BY_EQUALITY)
    return "condition_range" if wide else item.state


def choices() -> dict[str, Any]:
    """Returns what the fields of both forms choose from."""
    return {
        "states": STATES,
        "all_purposes": PURPOSES,
        "all_ways": WAYS,
        "frequencies": FREQUENCIES,
        "comparisons": COMPARISONS,
        "refusals": {code: says for code, says in REFUSALS.items() if code != "not_shared"},
        "predicate_rows": PREDICATE_ROWS,
        "state_of": state_of,
        "masks": {"": "按数据项种类", **{mask.name: mask.title for mask in MASKS.values()}},
    }


def _values(text: str) -> tuple[str, ...]:
    """Splits as the form says, by 、 alone: a time holds a blank, a text may hold a comma."""
    return tuple(word.strip() for word in text.split("、") if word.strip())


def _words(text: str) -> list[str]:
    return [word for word in _SPLIT.split(text.strip()) if word]


def _day(text: str, what: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{what}的写法不对", "年-月-日，如 2026-01-31", f"请改正{what}", code="DATE") from None


def _number(text: str, what: str) -> int | None:
    digits = text.strip().replace(",", "")
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 12:
        raise InputError(f"{what}不是整数", "不小于1的整数", f"请改正{what}", code="NUMBER")
    return int(digits)
