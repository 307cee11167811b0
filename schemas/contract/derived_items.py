"""Derived items (派生数据项) judged beside the items that they are computed from."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.contract.report import Path, Report, listed, shown
from schemas.entry import DERIVED_FROM, Attachment, Item, beneath

_PERSONAL_FROM, _INSIDE = 3, 2


def check_derived(
    report: Report, items: Sequence[Item], row_key: Sequence[str], attachment: Attachment | None, properties: Any
) -> None:
    """Reports derived items without an item beneath, of a key, too open, or ageing where nobody reads them again."""
    places = _places(properties)
    for item in items:
        if not item.derived or item.name not in places:
            continue
        at, below = places[item.name], beneath(items, item)
        if below is None:
            report.add(
                (*at, "physicalName"), "CONTRACT_REFERENCE",
                f"没有数据项以所需的kind读取来源列“{shown(item.source)}”",
                f"须有一个数据项以{listed(DERIVED_FROM[item.kind])}读取该列",
                "请登记所依据的数据项，或改正physicalName",
            )  # fmt: skip
            continue
        _check_role(report, at, item, row_key)
        _check_level(report, at, item, below)
        if item.kind == "age_band" and attachment is not None and attachment.mode == "change_flag":
            got = "增量(标志位)的行不再变化时，年龄段不会更新"
            report.add((*at, "customProperties"), "CONTRACT_VALUE", got, "全量，或增量(时间戳)", "请改用birth_year")


def _places(properties: Any) -> dict[str, Path]:
    given: Sequence[Any] = properties if isinstance(properties, list) else []
    return {
        str(each.get("name")): ("schema", 0, "properties", index)
        for index, each in enumerate(given)
        if isinstance(each, Mapping)
    }


def _check_role(report: Report, at: Path, item: Item, row_key: Sequence[str]) -> None:
    if item.required or item.subject or item.name in row_key:
        got = f"派生数据项“{shown(item.title)}”被设为必填、主键或主体标识"
        report.add((*at, "name"), "CONTRACT_VALUE", got, "由所依据的数据项承担", "请从派生数据项中删去")


def _check_level(report: Report, at: Path, item: Item, below: Item) -> None:
    if below.level >= _PERSONAL_FROM and item.level < _INSIDE:
        got = f"由S{below.level}的“{shown(below.title)}”派生的数据项定为S{item.level}"
        report.add((*at, "classification"), "CONTRACT_VALUE", got, "S2至S4", "请提高派生数据项的级别")
