"""The sharing and opening rules of the lint (R-06, R-07, R-26). Judges the entry alone."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.entry import Entry, Severity

UNCONDITIONAL, CONDITIONAL, REFUSED = 1, 2, 3
_PURPOSES = ("行政依据", "工作参考", "数据校核", "业务协同")
_EMPTY_CONDITIONS = ("", "无", "无条件", "无条件共享", "有条件", "有条件共享", "按规定", "按需")
#: Classes of base libraries that R-06 names (51号 Art. 10): social credit is not among them.
BASE_CLASSES = {"101": "population", "102": "legal_entity", "103": "geography", "105": "licence"}
_CENTRAL = ("党中央", "中共中央", "国务院")
_OPEN_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a check did not pass; `severity` None takes the check's own."""

    says: str
    next_step: str
    severity: Severity | None = None
    code: str = ""


def folded(text: str) -> str:
    """Folds a name for comparison: NFKC, case, without punctuation and blanks."""
    kept = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char)[0] in "LN")
    return "".join(kept).casefold()


def share_condition(entry: Entry) -> Failure | None:
    """L8: the condition fits the share type."""
    condition = folded(str(entry.metadata.get("share_condition", "")))
    if entry.share_type == UNCONDITIONAL:
        allowed = ("", "无", "无条件", "无条件共享")
        if condition not in allowed and not any(purpose in condition for purpose in _PURPOSES):
            step = "请写“无条件”，或用途：行政依据、工作参考、数据校核、业务协同"
            return Failure("无条件共享而写了共享条件", step)
    if entry.share_type == CONDITIONAL and condition in _EMPTY_CONDITIONS:
        return Failure("有条件共享而没有具体的共享条件", "请在share_condition中写明具体条件")
    for item in entry.items:
        if item.share_type == REFUSED and entry.share_type != REFUSED and not item.facts.get("no_share_reason"):
            return Failure(f"数据项“{item.title}”不予共享而没有理由", "请补上noShareReason，写明法律、行政法规及条款")
    return None


def open_attribute(entry: Entry) -> Failure | None:
    """L9: the opening attribute is given and fits its condition and the items' levels."""
    flag = entry.metadata.get("is_open")
    if flag is None:
        return Failure("没有写明是否向社会开放", "请补上is_open: 0或1", "warning")
    if flag == "1" and not entry.metadata.get("open_condition"):
        return Failure("向社会开放而没有开放条件", "请补上open_condition")
    closed = [item.title for item in entry.items if item.level > _OPEN_LEVEL]
    if flag == "1" and closed:
        return Failure(f"数据项“{closed[0]}”高于S1，不得向社会开放", "请改为is_open: 0，或删去该数据项")
    return None


def base_libraries(entry: Entry) -> list[str]:
    """Lists the base libraries that an entry belongs to, by its own word or by its classification."""
    classes = entry.metadata.get("classification", [])
    named = [BASE_CLASSES.get(each[:3]) for each in classes]
    return list(dict.fromkeys(each for each in (entry.base_library, *named) if each))


def base_items_shared(entry: Entry, lead_departments: Mapping[str, str] | None) -> Failure | None:
    """R-06: base items are shared unconditionally, and only the lead department compiles a base library.

    In a base library an item is a base item unless it is said to be one of business.
    """
    libraries = base_libraries(entry)
    if any(each in BASE_CLASSES.values() for each in libraries):
        for item in entry.items:
            kind = item.facts.get("item_kind")
            if kind != "business" and max(entry.share_type, item.share_type or 0) != UNCONDITIONAL:
                step = "请改为share_type: 1；不是基础信息项的，请写明itemKind: business，或另立条目"
                return Failure(f"基础信息项“{item.title}”应当无条件共享", step)
    leads = lead_departments or {}
    if any(leads.get(each, entry.provider_code) != entry.provider_code for each in libraries):
        return Failure("基础信息目录由牵头部门编制", "请由该基础库的牵头部门提交")
    return None


def refusal_basis(entry: Entry) -> Failure | None:
    """R-07: not sharing needs a structured basis in law, administrative regulation or central policy."""
    if entry.share_type != REFUSED:
        return None
    basis: list[Mapping[str, Any]] = entry.metadata.get("legal_basis", [])
    step = "请补上legal_basis：title（法律、行政法规或国务院决定）、number、article"
    if not basis:
        return Failure("不予共享而没有法定依据", step, code="SHARE_BASIS_MISSING")
    reason = entry.metadata.get("no_share_reason")
    if reason in ("3", "4"):
        says = "“涉及敏感信息”或“其他”不能作为不予共享的理由"
        return Failure(says, "请引用法律、行政法规，或改为有条件共享", code="SHARE_BASIS_MISSING")
    issuers = [str(each.get("issuer", "")) for each in basis]
    if reason == "2" and not any(issuer.startswith(_CENTRAL) for issuer in issuers):
        says = "政策文件须由党中央、国务院印发才能作为不予共享的依据"
        return Failure(says, "请在legal_basis中写明issuer，或改引法律、行政法规", code="SHARE_BASIS_MISSING")
    return None


def reason_and_scope(entry: Entry) -> Failure | None:
    """R-26: conditional entries list scope and condition, refused ones the reason."""
    if entry.share_type == CONDITIONAL and not entry.metadata.get("share_scope"):
        return Failure("有条件共享而没有共享范围", "请在share_scope中写明可共享的部门和用途")
    if entry.share_type == REFUSED and not entry.metadata.get("no_share_reason"):
        return Failure("不予共享而没有理由分类", "请补上no_share_reason")
    return None
