"""Do the values that a caller sends agree with the row? Read as the gate reads them; no value is ever given back.

`张 三` and `张三`, a 15- and an 18-digit number, `2020-6-1` and `2020年06月01日` are the same. A masked item compares
as its masked value; a condition-only item only where the grant lists equality.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from exchange.keyed.prepared import Prepared
from lake.disclosure import Disclosure
from quality.normalise import Context, ItemPlan, normalise
from schemas.codes import code_set
from schemas.errors import Denied, InputError
from schemas.masks import mask_value

_BLANKS = re.compile(r"\s+")
_DOTS = re.compile("[•‧・．.●]")
#: Kinds whose writing varies though the value is one.
_FREE = frozenset({"name", "address", "text", "telephone", "mobile", "capital"})
_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a sent value that is not of its item's kind; it agrees with nothing."""


UNREADABLE = Unreadable()


@dataclass(frozen=True)
class Matcher:
    """Compares sent values with the rows of one plan."""

    ground: Prepared
    plan: Disclosure
    now: datetime

    @cached_property
    def allowed(self) -> tuple[str, ...]:
        """The items that may be verified."""
        conditions = [name for name, item in self.plan.conditions.items() if "=" in item.comparisons]
        return (*self.plan.readable, *conditions)

    def require(self, names: Sequence[str]) -> None:
        """Raises Denied for an item that may not be verified; whether there is such an item is not told."""
        wrong = [name for name in names if name not in self.allowed]
        if wrong:
            titles = "、".join(f"{self.ground.entry.item(name).title}（{name}）" for name in self.allowed) or "无"
            raise Denied(
                "要核对的数据项不在授权内", f"可核对：{titles}", "请只发送授权的数据项", code="ITEM_NOT_GRANTED"
            )
        if not names:
            raise InputError("没有要核对的数据项", "至少一项", "请写明数据项和值", code="VERIFY_ITEMS")

    def read(self, name: str, texts: Sequence[str | None]) -> list[Any]:
        """Reads sent texts as the gate would: None where empty, UNREADABLE for what is not of the kind."""
        item = self.ground.items[name]
        sets = {item.code_set: code_set(item.code_set)} if item.code_set else {}
        context = Context(self.now.astimezone(_SHANGHAI).date(), sets, self._doc_types(item, len(texts)))
        found = normalise(pa.array(list(texts), pa.string()), item, context)
        out: list[Any] = [self._folded(name, value) for value in found.values.to_pylist()]
        if found.unreadable is not None:
            for at, wrong in enumerate(found.unreadable.tolist()):
                out[at] = UNREADABLE if wrong else out[at]
        return out

    @staticmethod
    def _doc_types(item: ItemPlan, rows: int) -> dict[str, pa.Array]:
        return {item.name: pa.nulls(rows, pa.string())} if item.kind == "identifier" else {}

    def _folded(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip()
            if self.ground.items[name].kind in _FREE:
                value = _BLANKS.sub("", _DOTS.sub("·", unicodedata.normalize("NFKC", value))).casefold()
        item = self.plan.readable.get(name)
        return mask_value(item.mask, value) if item is not None and item.mask is not None else value

    def rows(self, granted: pa.RecordBatch, names: Sequence[str]) -> list[Mapping[str, Any]]:
        """Opens the wanted items of granted rows for comparing, never for giving."""
        opened = self.ground.coder.decode(granted, self.plan.layout, list(names))
        return [{name: self._folded(name, row[name]) for name in names} for row in opened.to_pylist()]


def differing(sent: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names the items that differ: none when one row agrees in all, else those of the row that agrees in most."""
    found = [[name for name, value in sent.items() if value != row[name]] for row in rows]
    return min(found, key=len)
