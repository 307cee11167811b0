"""An entry in official words for pages and printed sheets: metadata with their names, items, changes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.codes import code_set
from schemas.contract.items import known_code_sets
from schemas.contract.vocabulary import places
from schemas.entry import Entry, Item
from schemas.forms.fields import class_names

#: Names of the national core metadata (编制指南 1272号), in the order of the form.
METADATA_NAMES: dict[str, str] = {
    "classification": "信息资源分类",
    "abstract": "摘要",
    "region_code": "行政区划代码",
    "format_category": "信息资源格式分类",
    "format_type": "信息资源格式类型",
    "format_note": "格式说明",
    "share_condition": "共享条件",
    "share_scope": "共享范围",
    "share_mode_category": "共享方式分类",
    "share_mode": "共享方式类型",
    "share_mode_reason": "不经共享平台的理由",
    "no_share_reason": "不予共享理由",
    "legal_basis": "法定依据",
    "is_open": "是否向社会开放",
    "open_type": "开放类型",
    "open_condition": "开放条件",
    "not_open_reason": "不开放理由",
    "related_codes": "关联资源代码",
    "dept_code": "部门目录代码",
    "base_code": "基础目录代码",
    "theme_code": "主题目录代码",
    "secret_flag": "涉密属性",
    "data_grade": "数据分级",
    "source_system": "所属信息系统",
    "source_dept": "数源部门",
    "responsible_section": "责任处科室",
    "net_type": "提供渠道",
    "gov_use_scene": "应用场景",
    "belong_industry": "所属行业",
    "is_certificate": "是否电子证照",
    "related_task_flag": "是否关联服务事项",
    "related_tasks": "关联服务事项",
    "unrelated_task_reason": "不关联服务事项的理由",
    "contact_name": "联系人",
    "contact_phone": "联系电话",
    "data_volume": "数据存储总量",
    "record_count": "结构化记录数",
}
#: Kept for the provider and the authority: how to reach the person behind an entry.
_INSIDE = frozenset({"contact_name", "contact_phone"})
CYCLES = {
    "1": "实时", "2": "每日", "3": "每周", "4": "每月", "5": "每季度", "6": "每年", "7": "不定期", "8": "每半年",
}  # fmt: skip
SHARE_TYPES = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}
LIBRARIES = {
    "population": "人口", "legal_entity": "法人单位", "geography": "自然资源和空间地理", "credit": "社会信用",
    "licence": "电子证照",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One metadata element: its official name and its value in words."""

    key: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ItemWords:
    """One item as the national template shows it."""

    number: int
    name: str
    title: str
    type: str
    length: str
    required: bool
    key: bool
    subject: str
    code_set: str
    level: str
    sealed: bool
    share: str
    source: str | None


def facts_of(entry: Entry, *, inside: bool) -> list[Fact]:
    """Lists the metadata of an entry in official words."""
    found = [
        Fact("provider_name", "提供部门", entry.provider_name),
        Fact("provider_code", "提供部门代码", entry.provider_code),
        Fact("share_type", "共享类型", SHARE_TYPES.get(entry.share_type, str(entry.share_type))),
        Fact("update_cycle", "更新周期", CYCLES.get(entry.update_cycle, entry.update_cycle)),
    ]
    if entry.base_library:
        found.append(Fact("base_library", "基础库", LIBRARIES.get(entry.base_library, entry.base_library)))
    for key, name in METADATA_NAMES.items():
        value = entry.metadata.get(key)
        if value not in (None, "", (), []) and (inside or key not in _INSIDE):
            found.append(Fact(key, name, _said(key, value)))
    return found


def _said(key: str, value: Any) -> str:
    """Writes a value by the vocabulary's words."""
    if key == "legal_basis":
        return "；".join(_basis(each) for each in value)
    if key == "classification":
        return "、".join(_class(str(each)) for each in (value if isinstance(value, list | tuple) else [value]))
    if isinstance(value, list | tuple):
        return "、".join(str(each) for each in value)
    declared = places()["root_custom"].keys.get(key)
    return declared.values.get(str(value), str(value)) if declared else str(value)


def _class(code: str) -> str:
    """Names a class by the longest beginning of its code that has a name."""
    names = class_names()
    known = next((names[code[:end]] for end in range(len(code), 0, -1) if code[:end] in names), "")
    return f"{known}（{code}）" if known else code


def _basis(basis: Mapping[str, Any]) -> str:
    number = f"（{basis['number']}）" if basis.get("number") else ""
    return f"《{str(basis.get('title', '')).strip('《》')}》{number}{basis.get('article', '')}"


def items_of(entry: Entry, *, inside: bool) -> list[ItemWords]:
    """Lists the items of an entry in official words."""
    return [_item(entry, number, item, inside=inside) for number, item in enumerate(entry.items, 1)]


def _item(entry: Entry, number: int, item: Item, *, inside: bool) -> ItemWords:
    letters = places()["item"].keys["physicalType"].values
    length = "" if item.length is None else f"{item.length},{item.scale}" if item.scale else str(item.length)
    return ItemWords(
        number=number,
        name=item.name,
        title=item.title,
        type=letters.get(item.type, item.type),
        length=length,
        required=item.required,
        key=item.name in entry.row_key,
        subject=item.subject.role if item.subject else "",
        code_set=code_set(item.code_set).title if item.code_set in known_code_sets() else item.code_set or "",
        level=f"S{item.level}",
        sealed=item.sealed,
        share=SHARE_TYPES[max(entry.share_type, item.share_type or 0)],
        source=item.source if inside else None,
    )


def changes_in_words(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the changes of a version in official words: the names of metadata, the names of codes."""
    return [_change(change) for change in changes]


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    place = str(change["place"])
    says = f"{METADATA_NAMES[place]}改变" if place in METADATA_NAMES else change["says"]
    values = {side: _coded(place, change.get(side)) for side in ("before", "after")}
    return dict(change) | {"says": says} | values


def _coded(place: str, value: str | None) -> str | None:
    """Names a code by the words of its place: `share_type`, `items.share_type`, a metadata key."""
    if value is None:
        return None
    field = place.rpartition(".")[2]
    words: Mapping[str, str] = {"update_cycle": CYCLES, "base_library": LIBRARIES}.get(field, {})
    if not words and field in places()["root_custom"].keys:
        words = places()["root_custom"].keys[field].values
    return words.get(value, value)
