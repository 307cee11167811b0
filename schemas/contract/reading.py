"""A parsed contract → Entry. Checks what its parts say of each other; single values are judged by vocabulary.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas import rules
from schemas.contract.attachment import check_schedule, read_attachment
from schemas.contract.derived_items import check_derived
from schemas.contract.expectations import read_rules
from schemas.contract.items import RESERVED, read_item
from schemas.contract.options import option_rules
from schemas.contract.report import Path, Report, listed, shown, suggestion
from schemas.contract.vocabulary import kept, places, read, read_custom
from schemas.entry import Entry, Item, Rule, Thresholds

_ORDER_TYPES = "DTIN"
_NOT_METADATA = ("baseLibrary", "orderItem", "appendOnly", "thresholds", "provider_name", "provider_code", "share_type")
_THRESHOLD_FIELDS = {
    "rejectRatio": "reject_ratio",
    "fewerRows": "fewer_rows",
    "nullRatioPoints": "null_ratio_points",
    "minimumRows": "minimum_rows",
    "freshnessHours": "freshness_hours",
}


def read_entry(report: Report, data: Any) -> Entry | None:
    """Reads the entry; None when the report has an error."""
    root = read(report, (), data, "root")
    description = read(report, ("description",), root.get("description", {}), "description")
    custom, where = read_custom(report, ("customProperties",), root.get("customProperties"), "root_custom")
    _check_legal_basis(report, where, custom)
    table = _table(report, root.get("schema"))
    items = _items(report, table.get("properties"))
    by_name = {item.name: item for item in items}
    row_key = _row_key(report, table.get("properties"), by_name, custom)
    rules_read = _rules(report, table, by_name)
    order_item = _order_item(report, custom, where, by_name)
    sla = _sla(report, root.get("slaProperties"))
    attachment = read_attachment(report, root.get("servers"), table.get("physicalName"), row_key)
    check_derived(report, items, row_key, attachment, table.get("properties"))
    thresholds = _thresholds(report, where, custom)
    _check_dataset(report, root, table)
    if report.broken:
        return None
    return Entry(
        dataset=root["id"],
        title=root["name"],
        version=root["version"],
        provider_name=custom["provider_name"],
        provider_code=custom["provider_code"],
        items=items,
        row_key=row_key,
        rules=tuple(rules_read),
        attachment=attachment,
        thresholds=thresholds,
        update_cycle=sla["updateCycle"],
        schedule=sla.get("schedule"),
        share_type=int(custom["share_type"]),
        order_item=order_item,
        base_library=custom.get("baseLibrary"),
        metadata=_metadata(root, description, custom),
    )


def _table(report: Report, tables: Any) -> dict[str, Any]:
    if not isinstance(tables, list) or not tables:
        report.add(("schema",), "CONTRACT_KEY_MISSING", "schema中没有表", "有且只有一个", "请写出数据集的表")
        return {}
    if len(tables) > 1:
        report.add(
            ("schema", 1),
            "CONTRACT_VALUE",
            f"schema中有{len(tables)}个表",
            "有且只有一个",
            "请一个数据集写一个目录条目",
        )
    return read(report, ("schema", 0), tables[0], "table")


def _items(report: Report, properties: Any) -> tuple[Item, ...]:
    items: list[Item] = []
    names: dict[str, str] = {}
    readings: set[tuple[str, str, str]] = set()
    for index, element in enumerate(properties if isinstance(properties, list) else []):
        at: Path = ("schema", 0, "properties", index)
        item = read_item(report, at, element)
        if item is None:
            continue
        if item.name in names:
            got = f"数据项“{shown(item.name)}”重复"
            report.add((*at, "name"), "CONTRACT_ITEM_DUPLICATE", got, "数据项的名字各不相同", "请改名或删去其中一个")
            continue
        reading = (item.source, item.kind, item.type)
        if reading in readings:
            got = f"来源列“{shown(item.source)}”被两个数据项以同一kind读取"
            allowed = "同一来源列可读成不同kind的数据项"
            report.add((*at, "physicalName"), "CONTRACT_SOURCE_TWICE", got, allowed, "请改正来源列或删去其中一个")
        names[item.name] = item.title
        readings.add(reading)
        items.append(item)
    _check_between_items(report, items, properties)
    return tuple(items)


def _check_between_items(report: Report, items: Sequence[Item], properties: Any) -> None:
    by_name = {item.name: item for item in items}
    subjects = {f"s_{item.name}" for item in items if item.subject}
    for index, element in enumerate(properties if isinstance(properties, list) else []):
        at: Path = ("schema", 0, "properties", index)
        name = element.get("name") if isinstance(element, Mapping) else None
        item = by_name.get(name) if isinstance(name, str) else None
        if item is None or report.marked((*at, "name")):
            continue
        if item.name in subjects:
            got = f"“{item.name}”与主体标识的散列列同名"
            report.add((*at, "name"), "CONTRACT_VALUE", got, "不与“s_”加主体数据项同名", "请换一个名字")
        by = item.subject.doc_type_item if item.subject else None
        if by and by not in by_name:
            got = f"subjectTypeItem指向不存在的数据项“{shown(by)}”"
            step = suggestion(by, by_name, "请改为已有的数据项")
            report.add((*at, "customProperties"), "CONTRACT_REFERENCE", got, f"数据项：{listed(by_name)}", step)


def _row_key(report: Report, properties: Any, items: Mapping[str, Item], custom: Mapping[str, Any]) -> tuple[str, ...]:
    keyed: list[tuple[int, str]] = []
    at: Path = ("schema", 0, "properties")
    for index, element in enumerate(properties if isinstance(properties, list) else []):
        if not isinstance(element, Mapping):
            continue
        if element.get("primaryKey") is True and str(element.get("name")) in items:
            keyed.append((_position(element) or len(keyed) + 1, element["name"]))
        elif _position(element) and element.get("primaryKey") is not True:
            got = "有primaryKeyPosition而没有primaryKey: true"
            report.add((*at, index, "primaryKeyPosition"), "CONTRACT_VALUE", got, "两者同时有", "请补上或删去")
    positions = [position for position, _ in keyed]
    if sorted(positions) != list(range(1, len(keyed) + 1)):
        report.add(at, "CONTRACT_VALUE", "primaryKeyPosition重复或不连续", "从1起，依次加1", "请改正主键的次序")
    _check_append_only(report, at, bool(keyed), custom)
    return tuple(name for _, name in sorted(keyed))


def _position(element: Mapping[str, Any]) -> int:
    position = element.get("primaryKeyPosition")
    return position if isinstance(position, int) and not isinstance(position, bool) and position > 0 else 0


def _check_append_only(report: Report, at: Path, keyed: bool, custom: Mapping[str, Any]) -> None:
    append_only = custom.get("appendOnly", False)
    if keyed and append_only:
        report.add(at, "CONTRACT_VALUE", "appendOnly: true而有主键", "只追加的数据没有主键", "请删去其中一个")
    if not keyed and not append_only:
        report.warn(
            at, "CONTRACT_ROW_KEY", "没有数据项标为主键，按只追加的数据处理", "primaryKey: true或appendOnly: true",
            "请标出主键；确为只追加的，请写明appendOnly: true",
        )  # fmt: skip


def _rules(report: Report, table: Mapping[str, Any], items: Mapping[str, Item]) -> list[Rule]:
    at: Path = ("schema", 0)
    found = read_rules(report, (*at, "quality"), table.get("quality"), items, None)
    properties = table.get("properties")
    for index, element in enumerate(properties if isinstance(properties, list) else []):
        here = (*at, "properties", index)
        name = element.get("name") if isinstance(element, Mapping) else None
        if not isinstance(name, str) or name not in items:
            continue
        found += option_rules(report, (*here, "logicalTypeOptions"), items[name])
        found += read_rules(report, (*here, "quality"), element.get("quality"), items, name)
    return _with_own_ids(found)


def _with_own_ids(found: list[Rule]) -> list[Rule]:
    taken: dict[str, int] = {}
    unique: list[Rule] = []
    for rule in found:
        taken[rule.id] = taken.get(rule.id, 0) + 1
        unique.append(rule if taken[rule.id] == 1 else replace(rule, id=f"{rule.id}.{taken[rule.id]}"))
    return unique


def _order_item(
    report: Report, custom: Mapping[str, Any], where: Mapping[str, Path], items: Mapping[str, Item]
) -> str | None:
    name = custom.get("orderItem")
    if name is None:
        return None
    if name not in items:
        got = f"orderItem指向不存在的数据项“{shown(name)}”"
        step = suggestion(name, items, "请改为已有的数据项")
        report.add(where["orderItem"], "CONTRACT_REFERENCE", got, f"数据项：{listed(items)}", step)
    elif items[name].type not in _ORDER_TYPES:
        got = f"orderItem“{shown(name)}”不能比较先后"
        report.add(where["orderItem"], "CONTRACT_VALUE", got, "类型D、T、I、N", "请改用更新时间或序号")
    return str(name)


def _sla(report: Report, listing: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    keys = places()["update_cycle"].keys
    named: set[str] = set()
    for index, element in enumerate(listing if isinstance(listing, list) else []):
        at: Path = ("slaProperties", index)
        facts = read(report, at, element, "sla")
        name = facts.get("property")
        if name in named:
            report.add(at, "CONTRACT_KEY_DUPLICATE", f"“{name}”重复", "", "请删去其中一个")
        if name is None or "value" not in facts:
            continue
        named.add(name)
        values[name] = kept(report, (*at, "value"), keys[name], facts["value"])
        if name == "schedule" and values[name]:
            check_schedule(report, (*at, "value"), values[name])
    if "updateCycle" not in named:
        got, allowed = "没有更新周期", "property: updateCycle，value为1至8"
        report.add(("slaProperties", "updateCycle"), "CONTRACT_KEY_MISSING", got, allowed, "请补上更新周期")
    return values


def _thresholds(report: Report, where: Mapping[str, Path], custom: Mapping[str, Any]) -> Thresholds:
    given = read(report, where["thresholds"], custom["thresholds"], "thresholds") if "thresholds" in custom else {}
    defaults = {
        "reject_ratio": float(rules.value("THRESHOLD_REJECT_RATIO")),
        "fewer_rows": float(rules.value("THRESHOLD_FEWER_ROWS")),
        "null_ratio_points": float(rules.value("THRESHOLD_NULL_RATIO_POINTS")),
    }
    return Thresholds(**{**defaults, **{_THRESHOLD_FIELDS[name]: value for name, value in given.items()}})


def _check_legal_basis(report: Report, where: Mapping[str, Path], custom: Mapping[str, Any]) -> None:
    for index, element in enumerate(custom.get("legal_basis", [])):
        read(report, (*where["legal_basis"], index), element, "legal_basis")


def _check_dataset(report: Report, root: Mapping[str, Any], table: Mapping[str, Any]) -> None:
    dataset, name = root.get("id"), table.get("name")
    if dataset and name and dataset != name:
        got = f"表名“{shown(name)}”与id“{dataset}”不同"
        report.add(("schema", 0, "name"), "CONTRACT_VALUE", got, "schema的name等于id", "请改为相同")
    if dataset and (dataset.endswith("__changes") or "__side_" in dataset or dataset in RESERVED):
        report.add(("id",), "CONTRACT_VALUE", f"“{dataset}”是数桥自用的名字", "其他名字", "请换一个名字")


def _metadata(root: Mapping[str, Any], description: Mapping[str, Any], custom: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in custom.items() if name not in _NOT_METADATA}
    facts |= {"abstract": description["purpose"], "status": root.get("status"), "tags": root.get("tags")}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in facts.items() if value is not None
    }
