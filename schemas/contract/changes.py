"""What changed between two versions of an entry, field by field: compatible or breaking for those who use the data."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from schemas.entry import Entry, Item

#: Letter -> letters that hold everything it held.
_WIDER = {"C": "M", "I": "NB", "F": "B", "N": "", "Y": "", "D": ""}
#: Update cycles from the fastest to the slowest.
_CYCLES = ("1", "2", "3", "4", "5", "8", "6", "7")
_TITLES = {
    "title": "名称", "provider_name": "提供部门", "provider_code": "提供部门代码", "row_key": "主键",
    "update_cycle": "更新周期", "schedule": "计划", "share_type": "共享类型", "order_item": "先后次序数据项",
    "base_library": "基础库", "attachment": "挂接", "thresholds": "阈值", "source": "来源列", "type": "类型",
    "kind": "种类", "length": "长度", "scale": "小数位数", "length_unit": "长度单位", "required": "必填",
    "code_set": "代码集", "level": "分级", "identifying": "可识别个人", "subject": "主体标识",
    "null_tokens": "空值写法", "open_end": "长期有效", "facts": "说明",
}  # fmt: skip
_ENTRY_FIELDS = (
    "title", "provider_name", "provider_code", "row_key", "update_cycle", "schedule", "share_type", "order_item",
    "base_library", "attachment", "thresholds",
)  # fmt: skip
_ITEM_BREAKING = ("kind", "length_unit", "required", "code_set", "identifying", "subject")


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `place` is `field` or `item.field`; `before` or `after` is None where there was or is nothing."""

    place: str
    before: Any
    after: Any
    compatible: bool
    says: str


def changes(old: Entry, new: Entry) -> list[Change]:
    """Lists what changed from `old` to `new`: entry, items, rules, metadata."""
    return [*_entry_changes(old, new), *_item_changes(old, new), *_rule_changes(old, new), *_metadata_changes(old, new)]


def breaking(found: list[Change]) -> list[Change]:
    """Lists the changes that those who use the data must be told of beforehand."""
    return [change for change in found if not change.compatible]


def _entry_changes(old: Entry, new: Entry) -> Iterator[Change]:
    for name in _ENTRY_FIELDS:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change(name, before, after, _entry_compatible(name, before, after), f"{_TITLES[name]}改变")


def _entry_compatible(name: str, before: Any, after: Any) -> bool:
    if name == "share_type":
        return bool(after < before)
    if name == "update_cycle":
        return _CYCLES.index(after) < _CYCLES.index(before)
    return name != "row_key"


def _item_changes(old: Entry, new: Entry) -> Iterator[Change]:
    before = {item.name: item for item in old.items}
    after = {item.name: item for item in new.items}
    for name, item in before.items():
        if name not in after:
            yield Change(name, item.title, None, False, f"删去数据项“{item.title}”")
        else:
            yield from _field_changes(item, after[name])
    for name, item in after.items():
        if name not in before:
            word = "必填" if item.required else "选填"
            yield Change(name, None, item.title, not item.required, f"增加{word}数据项“{item.title}”")


def _field_changes(old: Item, new: Item) -> Iterator[Change]:
    for field in fields(Item):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            title = "名称" if field.name == "title" else _TITLES.get(field.name, field.name)
            says = f"数据项“{new.title}”的{title}改变"
            compatible = _item_compatible(field.name, before, after)
            yield Change(f"{new.name}.{field.name}", before, after, compatible, says)


def _item_compatible(name: str, before: Any, after: Any) -> bool:
    if name == "type":
        return after in _WIDER.get(before, "")
    if name in ("length", "scale"):
        return after is None or (before is not None and after > before)
    if name == "level":
        return bool(after < before)
    if name == "share_type":
        return (after or 0) < (before or 0)
    return name not in _ITEM_BREAKING


def _rule_changes(old: Entry, new: Entry) -> Iterator[Change]:
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    for name in sorted(before.keys() | after.keys()):
        was, is_ = before.get(name), after.get(name)
        if was != is_:
            word = "增加" if was is None else "删去" if is_ is None else "修改"
            yield Change(f"quality.{name}", was, is_, True, f"{word}规则{name}")


def _metadata_changes(old: Entry, new: Entry) -> Iterator[Change]:
    for name in sorted(old.metadata.keys() | new.metadata.keys()):
        before, after = old.metadata.get(name), new.metadata.get(name)
        if before != after:
            yield Change(name, before, after, True, f"元数据{name}改变")
