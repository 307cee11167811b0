"""A contract's properties → items (数据项). Judges one item; reading.py judges items together."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from schemas.codes import code_set, code_set_ids
from schemas.contract.report import Path, Report, listed, shown, suggestion
from schemas.contract.vocabulary import read, read_custom
from schemas.entry import DERIVED_FROM, Item, Kind, Subject

KINDS: tuple[str, ...] = get_args(Kind)

#: National type letter -> kinds that make sense of it; the first is taken when the contract names none.
KINDS_OF_LETTER: dict[str, tuple[str, ...]] = {
    "C": (
        "text", "name", "address", "citizen_id", "uscc", "org_code", "registration_number", "licence_id", "identifier",
        "code", "region", "capital_currency", "mobile", "telephone",
        *DERIVED_FROM,
    ),
    "M": ("text", "name", "address"),
    "N": ("decimal", "integer", "capital"),
    "Y": ("amount",),
    "D": ("date",),
    "T": ("datetime",),
    "L": ("bool",),
    "G": ("binary",),
    "B": ("decimal",),
    "I": ("integer",),
    "F": ("decimal",),
}  # fmt: skip
LOGICAL_OF_LETTER = {
    "C": "string", "M": "string", "G": "string", "N": "number", "Y": "number", "B": "number", "F": "number",
    "D": "date", "T": "timestamp", "L": "boolean", "I": "integer",
}  # fmt: skip
#: Kinds whose every value has one length, so that the contract need not give it.
FIXED_LENGTH = {
    "citizen_id": 18, "uscc": 18, "org_code": 9, "registration_number": 15, "mobile": 11, "birth_year": 4,
    "age_band": 5, "sex_of": 1, "county_of": 6, "city_of": 6, "province_of": 6,
}  # fmt: skip
IDENTIFIER_KINDS = ("citizen_id", "uscc", "identifier")
_SUBJECT_TYPES = {"citizen_id": ("111", "551", "552", "553"), "uscc": ("001",)}
_REGION_SETS = ("gbt2260_any", "gbt2260_current")

#: Columns of the lake, change, staging and serving tables.
RESERVED = frozenset(
    {"row", "key_hash", "digest", "op", "time", "flags", "sealed", "bucket", "version", "stale_since", "why", "run_id"}
)

#: Columns that the reading adds to those of the source (docs/architecture.md, Landing).
LANDING = frozenset({"_row", "_place", "_raw", "_findings", "_op", "_time"})


def read_item(report: Report, at: Path, element: Any) -> Item | None:
    """Reads one property; None where it has too little to be an item."""
    facts = read(report, at, element, "item")
    custom, where = read_custom(report, (*at, "customProperties"), facts.get("customProperties"), "item_custom")
    letter = facts.get("physicalType")
    if "name" not in facts or letter is None:
        return None
    options = read(report, (*at, "logicalTypeOptions"), facts.get("logicalTypeOptions", {}), "item_options")
    kind = _kind(report, at, letter, custom, where)
    _check_logical(report, at, facts, letter)
    _check_name(report, at, facts["name"])
    if facts.get("physicalName") in LANDING:
        got, allowed = f"来源列“{facts['physicalName']}”与数桥自用的列同名", f"保留的名字：{listed(sorted(LANDING))}"
        report.add((*at, "physicalName"), "CONTRACT_VALUE", got, allowed, "请提供部门以视图给该列换一个名字")
    item = Item(
        name=facts["name"],
        source=facts.get("physicalName", facts["name"]),
        title=facts.get("businessName", facts["name"]),
        type=letter,
        kind=cast("Kind", kind),
        length=custom.get("precision") or options.get("maxLength") or FIXED_LENGTH.get(kind),
        scale=custom.get("scale"),
        length_unit=custom.get("lengthUnit", "char"),
        required=facts.get("required", False),
        code_set=custom.get("codeSet"),
        level=int(facts.get("classification", "S4")[1]),
        identifying=custom.get("identifying", False),
        subject=_subject(report, at, kind, custom, where),
        null_tokens=custom.get("nullTokens"),
        open_end=custom.get("openEnd", False),
        share_type=int(custom["shareType"]) if "shareType" in custom else None,
        facts=_facts(facts, custom, options),
    )
    _check_item(report, at, item, custom, where)
    return item


def _kind(report: Report, at: Path, letter: str, custom: Mapping[str, Any], where: Mapping[str, Path]) -> str:
    allowed = KINDS_OF_LETTER[letter]
    kind = custom.get("kind")
    if kind is None:
        return allowed[0]
    if kind not in allowed:
        report.add(
            where["kind"], "CONTRACT_VALUE", f"类型{letter}与kind“{kind}”不相配",
            f"类型{letter}可用：{listed(allowed)}", "请改正physicalType或kind",
        )  # fmt: skip
    return str(kind)


def _check_logical(report: Report, at: Path, facts: Mapping[str, Any], letter: str) -> None:
    logical = facts.get("logicalType")
    if logical and logical != LOGICAL_OF_LETTER[letter]:
        report.add(
            (*at, "logicalType"), "CONTRACT_VALUE", f"logicalType“{logical}”与类型{letter}不一致",
            f"类型{letter}对应{LOGICAL_OF_LETTER[letter]}", "请改正其中一个",
        )  # fmt: skip


def _check_name(report: Report, at: Path, name: str) -> None:
    if name in RESERVED:
        allowed = f"保留的名字：{listed(sorted(RESERVED))}"
        report.add((*at, "name"), "CONTRACT_VALUE", f"“{name}”是数桥自用的列名", allowed, "请换一个名字")


def _subject(
    report: Report, at: Path, kind: str, custom: Mapping[str, Any], where: Mapping[str, Path]
) -> Subject | None:
    role, fixed, by_item = (custom.get(name) for name in ("subjectRole", "subjectType", "subjectTypeItem"))
    if not (role or fixed or by_item):
        if kind == "identifier":
            _miss(report, at, "identifier要说明证件类型", "subjectRole和subjectTypeItem（或subjectType）")
        return None
    if not role:
        _miss(report, at, "缺少subjectRole", "本人、配偶、法定代表人、持证主体等")
    if bool(fixed) == bool(by_item):
        _miss(
            report, at, "subjectType与subjectTypeItem要有且只有一个", "固定类型写subjectType，逐行不同写subjectTypeItem"
        )
    elif kind not in IDENTIFIER_KINDS:
        report.add(
            where.get("subjectType", where.get("subjectTypeItem", at)), "CONTRACT_VALUE", f"kind“{kind}”不能作主体标识",
            f"可用：{listed(IDENTIFIER_KINDS)}", "请改正kind，或删去subject各项",
        )  # fmt: skip
    elif kind in _SUBJECT_TYPES and fixed and fixed not in _SUBJECT_TYPES[kind]:
        report.add(
            where.get("subjectType", where.get("subjectTypeItem", at)), "CONTRACT_VALUE",
            f"kind“{kind}”的证件类型不对", f"可用：{listed(_SUBJECT_TYPES[kind])}", "请改正，或用kind: identifier",
        )  # fmt: skip
    elif fixed and fixed not in doc_types():
        report.add(
            where["subjectType"], "CONTRACT_CODE_SET", f"没有证件类型“{fixed}”",
            f"证件类型：{listed(doc_types())}", "请改正",
        )  # fmt: skip
    return Subject(role or "", fixed, by_item)


def _miss(report: Report, at: Path, got: str, allowed: str) -> None:
    report.add((*at, "customProperties"), "CONTRACT_KEY_MISSING", got, allowed, "请补全customProperties")


def _facts(facts: Mapping[str, Any], custom: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"description": facts.get("description"), "no_share_reason": custom.get("noShareReason")}
    kept |= {"item_kind": custom.get("itemKind"), "source_dept": custom.get("sourceDept")}
    kept |= {"min_length": options.get("minLength"), "pattern": options.get("pattern")}
    kept |= {"minimum": options.get("minimum"), "maximum": options.get("maximum")}
    return {name: value for name, value in kept.items() if value is not None}


def _check_item(report: Report, at: Path, item: Item, custom: Mapping[str, Any], where: Mapping[str, Path]) -> None:
    if item.kind in ("code", "region"):
        _check_code_set(report, at, item, where)
    elif item.code_set:
        report.add(
            where["codeSet"], "CONTRACT_VALUE", f"kind“{item.kind}”不用代码集", "code或region", "请改kind或删去codeSet"
        )
    if item.open_end and item.type not in "DT":
        report.add(where["openEnd"], "CONTRACT_VALUE", "openEnd只用于日期", "类型D或T", "请删去openEnd")
    if item.type == "C" and item.length is None and item.kind not in ("code", "region", "licence_id"):
        got = "字符型数据项没有长度"
        report.add(
            (*at, "logicalTypeOptions"),
            "CONTRACT_KEY_MISSING",
            got,
            "应有maxLength",
            "请补上logicalTypeOptions.maxLength",
        )
    for name, letters in (("precision", "NY"), ("scale", "NY"), ("lengthUnit", "CM")):
        if name in custom and item.type not in letters:
            report.add(
                where[name],
                "CONTRACT_VALUE",
                f"{name}不用于类型{item.type}",
                f"类型{'、'.join(letters)}",
                f"请删去{name}",
            )
    if item.type in "NY" and item.scale and item.length and item.scale > item.length:
        report.add(where["scale"], "CONTRACT_VALUE", "小数位数大于总位数", "scale不大于precision", "请改正")


def _check_code_set(report: Report, at: Path, item: Item, where: Mapping[str, Path]) -> None:
    known = known_code_sets()
    if item.code_set is None:
        got = f"kind“{item.kind}”没有codeSet"
        report.add((*at, "customProperties"), "CONTRACT_KEY_MISSING", got, f"代码集：{listed(known)}", "请补上codeSet")
    elif item.kind == "region" and item.code_set not in _REGION_SETS:
        step = suggestion(item.code_set, _REGION_SETS, "请改正")
        got = f"“{shown(item.code_set)}”不是行政区划代码集"
        report.add(where["codeSet"], "CONTRACT_CODE_SET", got, f"代码集：{listed(_REGION_SETS)}", step)
    elif item.code_set not in known:
        step = suggestion(item.code_set, known, "请改用已有的代码集，或先登记代码集")
        got = f"没有代码集“{shown(item.code_set)}”"
        report.add(where["codeSet"], "CONTRACT_CODE_SET", got, f"代码集：{listed(known)}", step)


def doc_types() -> tuple[str, ...]:
    """Lists the codes of document and holder types."""
    return tuple(code_set("holder_code_type").codes)


def known_code_sets() -> tuple[str, ...]:
    """Lists the ids of the code sets that the hub holds."""
    return tuple(sorted({*code_set_ids(), *_REGION_SETS}))
