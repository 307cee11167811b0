"""What is wrong with a request: each field checked against the entry in force, in words. Changes nothing."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.entry import Entry, Item
from schemas.grants import (
    BULK_WAYS,
    COMPARISONS,
    ITEM_STATES,
    PURPOSES,
    WAYS,
    GrantedItem,
    Predicate,
    RowFilter,
    Way,
)
from schemas.masks import MASKS
from schemas.rules.book import book
from schemas.sharing import FREQUENCIES, Content, FieldFinding, Terms

_BODIES = frozenset({"uscc", "org_code", "registration_number"})
_BODY_TYPES = frozenset({"001", "099"})
_KEY_WAYS: frozenset[Way] = frozenset({"lookup", "reuse", "verify", "compare", "interface"})
_SERVICE_ITEM = re.compile(r"[0-9A-Z]{12,36}")
_PHONE = re.compile(r"[0-9()+\- ]{7,20}")
_VALUES = {"is null": (0, 0), "between": (2, 2), "in": (1, 100)}
_LONGEST_VALUE = 100
_LONG, _SHORT = 2000, 50


@dataclass(frozen=True, slots=True)
class Ground:
    """What a request is checked against: the entry in force, the asking department's region prefix, the date."""

    entry: Entry
    region: str
    today: date


def type_of(entry: Entry, names: Iterable[str]) -> int:
    """Returns the effective share type of some items: the strictest of the entry's and theirs."""
    wanted = set(names)
    types = [item.share_type or 0 for item in entry.items if item.name in wanted]
    return max([entry.share_type, *types])


def personal_levels(entry: Entry) -> dict[str, int]:
    """Returns the levels of the items about persons: all but those of a register of bodies' own facts."""
    bodies = bool(entry.subjects) and all(_of_body(item) for item in entry.subjects)
    return {item.name: item.level for item in entry.items if not bodies or item.identifying or _is_person(item)}


def _of_body(item: Item) -> bool:
    return item.kind in _BODIES or (item.subject is not None and item.subject.doc_type in _BODY_TYPES)


def _is_person(item: Item) -> bool:
    return item.kind == "citizen_id" or (item.subject is not None and not _of_body(item))


def findings(content: Content, ground: Ground) -> list[FieldFinding]:
    """Lists what keeps a request from being submitted, field by field."""
    return [
        *_words(content),
        *_items(content.terms, ground.entry),
        *_rows(content, ground),
        *_choices(content),
        *_period(content.terms, ground.today),
        *_quota(content.terms),
    ]


def _wrong(field: str, code: str, says: str, next_step: str) -> FieldFinding:
    return FieldFinding(field, code, says, next_step)


def _words(content: Content) -> Iterator[FieldFinding]:
    for field, title, least, most in (
        ("legal_basis", "法律依据", 4, _LONG),
        ("security", "安全保障措施", 10, _LONG),
        ("responsible", "责任人", 2, _SHORT),
    ):
        given = len(getattr(content, field).strip())
        if not least <= given <= most:
            yield _wrong(field, "FIELD_LENGTH", f"{title}有{given}字，须为{least}至{most}字", f"请写明{title}")
    if not _PHONE.fullmatch(content.phone.strip()):
        yield _wrong("phone", "PHONE", "责任人电话没有填写或写法不对", "请填写7至20位的电话号码")
    code = content.service_item.strip()
    if code and not _SERVICE_ITEM.fullmatch(code):
        yield _wrong(
            "service_item",
            "SERVICE_ITEM",
            "政务服务事项编码的写法不对",
            "12位基本编码、31位实施编码或33位业务办理项编码",
        )
    told = len(content.scenario.strip())
    if not code and not 10 <= told <= _LONG:
        yield _wrong(
            "scenario",
            "SCENARIO",
            f"应用场景有{told}字，没有事项编码的须写10至{_LONG}字",
            "请写明办理什么业务时怎样使用，或填写事项编码",
        )
    if code and told > _LONG:
        yield _wrong("scenario", "FIELD_LENGTH", f"应用场景有{told}字，最多{_LONG}字", "请缩短")


def _items(terms: Terms, entry: Entry) -> Iterator[FieldFinding]:
    if not terms.items:
        yield _wrong("items", "ITEMS_EMPTY", "没有选择数据项", "请选择履行职责所必需的数据项")
    known = {item.name: item for item in entry.items}
    seen: set[str] = set()
    for item in terms.items:
        if item.name not in known:
            yield _wrong("items", "ITEM_UNKNOWN", f"目录条目中没有数据项“{item.name[:40]}”", "请从该条目的数据项中选择")
        elif item.name in seen:
            yield _wrong("items", "ITEM_TWICE", f"数据项“{known[item.name].title}”选了两次", "请保留一次")
        elif item.state not in ITEM_STATES:
            yield _wrong(
                "items", "ITEM_STATE", f"“{known[item.name].title}”的使用方式不认识", "、".join(ITEM_STATES.values())
            )
        else:
            yield from _comparisons(item, known[item.name])
            yield from _mask(item, known[item.name])
        seen.add(item.name)
    if terms.items and all(item.state == "condition" for item in terms.items) and "verify" not in terms.ways:
        yield _wrong(
            "items", "ITEMS_ALL_CONDITIONS", "所选数据项都仅作条件，查询不会有结果", "请至少选择一个明文或脱敏的数据项"
        )


def _comparisons(item: GrantedItem, known: Item) -> Iterator[FieldFinding]:
    if item.state != "condition" and item.comparisons:
        yield _wrong("items", "ITEM_COMPARISONS", f"“{known.title}”不是仅条件，不须列出比较方式", "请去掉比较方式")
    if not set(item.comparisons) <= set(COMPARISONS):
        yield _wrong("items", "ITEM_COMPARISONS", f"“{known.title}”的比较方式不认识", "、".join(COMPARISONS))


def _mask(item: GrantedItem, known: Item) -> Iterator[FieldFinding]:
    if item.mask is not None and item.state != "masked":
        yield _wrong("items", "ITEM_MASK", f"“{known.title}”不是脱敏，不须指定脱敏规则", "请去掉脱敏规则")
    elif item.mask is not None and item.mask not in MASKS:
        yield _wrong(
            "items",
            "ITEM_MASK",
            f"“{known.title}”的脱敏规则“{item.mask[:40]}”不存在",
            "不指定（按数据项种类），或选择：" + "、".join(f"{each.title} {each.name}" for each in MASKS.values()),
        )


def _rows(content: Content, ground: Ground) -> Iterator[FieldFinding]:
    entry, rows = ground.entry, content.terms.rows
    regional = [item for item in entry.items if item.kind == "region"]
    if rows.region_prefixes or rows.region_item:
        yield from _region_item(rows, regional)
    if any(not re.fullmatch(r"[0-9]{2,12}", prefix) for prefix in rows.region_prefixes):
        yield _wrong("rows", "REGION_PREFIX", "行政区划前缀须为2至12位数字", "请改正，如 6204")
    justified = len(content.region_reason.strip()) >= 10
    inside = bool(rows.region_prefixes) and all(each.startswith(ground.region) for each in rows.region_prefixes)
    if regional and ground.region and not inside and not justified:
        yield _wrong(
            "region_reason", "REGION_WIDER", f"申请的范围超出本地区（{ground.region}），没有写明理由",
            "请限定在本地区，或用不少于10个字写明为什么需要其他地区的数据",
        )  # fmt: skip
    for predicate in rows.predicates:
        yield from _predicate(predicate, entry)


def _region_item(rows: RowFilter, regional: list[Item]) -> Iterator[FieldFinding]:
    names = [item.name for item in regional]
    if not names:
        yield _wrong("rows", "REGION_ITEM", "该条目没有行政区划的数据项，不能按地区限定", "请去掉地区范围")
    elif rows.region_item not in names:
        yield _wrong(
            "rows", "REGION_ITEM", "没有指明按哪个数据项限定地区", f"可用：{'、'.join(each.title for each in regional)}"
        )
    elif not rows.region_prefixes:
        yield _wrong("rows", "REGION_PREFIX", "选了限定地区的数据项，没有写行政区划前缀", "请填写，如 6204")


def _predicate(predicate: Predicate, entry: Entry) -> Iterator[FieldFinding]:
    item = next((each for each in entry.items if each.name == predicate.item), None)
    if item is None:
        yield _wrong(
            "rows", "ITEM_UNKNOWN", f"行范围中的数据项“{predicate.item[:40]}”不存在", "请从该条目的数据项中选择"
        )
        return
    if item.sealed:
        yield _wrong(
            "rows", "PREDICATE_PERSONAL", f"“{item.title}”能识别个人，不能写进行范围", "请改用不能识别个人的数据项"
        )
        return
    least, most = _VALUES.get(predicate.comparison, (1, 1))
    if predicate.comparison not in COMPARISONS or not least <= len(predicate.values) <= most:
        yield _wrong(
            "rows",
            "PREDICATE",
            f"“{item.title}”的条件不完整",
            f"比较方式：{'、'.join(COMPARISONS)}；值的个数要与之相符",
        )
    if any(not value or len(value) > _LONGEST_VALUE for value in predicate.values):
        yield _wrong("rows", "PREDICATE", f"“{item.title}”的条件值为空或太长", f"1至{_LONGEST_VALUE}个字符")


def _choices(content: Content) -> Iterator[FieldFinding]:
    for field, title, chosen, known in (
        ("purposes", "使用用途", content.terms.purposes, PURPOSES),
        ("ways", "共享方式", content.terms.ways, WAYS),
    ):
        if not chosen:
            yield _wrong(field, "CHOICE_EMPTY", f"没有选择{title}", f"可选：{'、'.join(known.values())}")
        elif not set(chosen) <= set(known) or len(set(chosen)) != len(chosen):
            yield _wrong(field, "CHOICE", f"{title}不认识或重复", f"可选：{'、'.join(known.values())}")
    if content.frequency not in FREQUENCIES:
        yield _wrong("frequency", "CHOICE", "使用频率不认识", f"可选：{'、'.join(FREQUENCIES.values())}")


def _period(terms: Terms, today: date) -> Iterator[FieldFinding]:
    longest = int(book().number("GRANT_LONGEST"))
    first = max(terms.starts or today, today)
    if terms.ends < first:
        yield _wrong("period", "PERIOD_PAST", "使用期限的最后一天已过，或早于开始的一天", "请选择今天以后的日期")
    elif terms.ends - first > timedelta(days=longest):
        yield _wrong("period", "PERIOD_LONG", f"使用期限超过{longest}天", "请缩短，到期前可以再申请")


def _quota(terms: Terms) -> Iterator[FieldFinding]:
    quota, ways = terms.quota, set(terms.ways)
    for title, given, rule, needed in (
        ("每日查询的号码数", quota.keys_a_day, "KEYS_A_DAY", bool(ways & _KEY_WAYS)),
        ("每次导出的行数", quota.rows_an_export, "ROWS_AN_EXPORT", bool(ways & (BULK_WAYS - {"compare"}))),
    ):
        most = int(book().number(rule))
        if given is None and needed:
            yield _wrong("quota", "QUOTA_MISSING", f"没有填写{title}", f"请填写1至{most}")
        elif given is not None and not 1 <= given <= most:
            yield _wrong("quota", "QUOTA", f"{title}须为1至{most}", "请按实际需要填写")
    if quota.rows_a_query is not None and quota.rows_a_query < 1:
        yield _wrong("quota", "QUOTA", "每次查询的行数须大于0", "请改正")
    least = int(book().number("SMALLEST_CELL"))
    if terms.minimum_rows < least:
        yield _wrong(
            "quota", "MINIMUM_ROWS", f"仅条件的数据项参与时，结果至少须基于{least}个主体", f"请填写不小于{least}的数"
        )
