"""Catalogue lint L1-L15 and the sharing rules R-06, R-07, R-26: may this entry be published? Judges, changes nothing.

What the hub knows beside the contract (other entries, organisations, the attached columns) is handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from croniter import croniter

from schemas import rules
from schemas.contract import Contract
from schemas.contract.lint_attached import lacking_columns
from schemas.contract.lint_sharing import (
    Failure,
    base_items_shared,
    folded,
    open_attribute,
    reason_and_scope,
    refusal_basis,
    share_condition,
)
from schemas.entry import Entry, Item, Severity
from schemas.identifiers import uscc
from schemas.source import SourceColumn


@dataclass(frozen=True, slots=True)
class OtherEntry:
    """What lint needs of another entry of the directory."""

    dataset: str
    title: str
    provider_code: str
    resource_code: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryFacts:
    """What the hub knows beside the contract. None means that the hub holds no such list, and the check passes."""

    information_systems: frozenset[str] = frozenset()
    entries: tuple[OtherEntry, ...] = ()
    organisations: Mapping[str, str] | None = None  # code -> name
    lead_departments: Mapping[str, str] | None = None  # base library -> provider code
    tasks: frozenset[str] | None = None
    columns: Sequence[SourceColumn] | None = field(default=None)


@dataclass(frozen=True, slots=True)
class LintResult:
    """One check of the lint. `says` is Chinese; an `error` that did not pass forbids publication."""

    id: str
    passed: bool
    severity: Severity
    says: str
    next_step: str = ""
    code: str = ""


Check = Callable[[Entry, DirectoryFacts], Failure | None]

#: Kinds of items that name a person or a way to reach one; S1 (open) items of these kinds are bodies' own.
_DIRECT_KINDS = ("name", "address", "mobile", "telephone")
_SEALED_KINDS = ("citizen_id", "identifier")
_LENGTH_FREE_KINDS = ("code", "region", "licence_id")
_FILE_FORMATS = ("1", "2", "4", "5")
#: Documents, pictures, streams and what describes itself have no items of their own (编制指南).
_UNSTRUCTURED = ("1", "4", "5", "6")
_PUBLIC_LEVEL = 1


def lint(contract: Contract, directory: DirectoryFacts) -> list[LintResult]:
    """Runs every check; one result each, in order of ids."""
    return [_result(rule, contract.entry, directory) for rule in _CHECKS]


def refused(results: Sequence[LintResult]) -> list[LintResult]:
    """Lists the results that forbid publication."""
    return [result for result in results if not result.passed and result.severity == "error"]


def _result(rule: tuple[str, Severity, str, Check], entry: Entry, directory: DirectoryFacts) -> LintResult:
    rule_id, severity, title, check = rule
    failure = check(entry, directory)
    if failure is None:
        return LintResult(rule_id, True, severity, title)
    return LintResult(rule_id, False, failure.severity or severity, failure.says, failure.next_step, failure.code)


def _not_a_system(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    if folded(entry.title) in {folded(name) for name in directory.information_systems}:
        return Failure(f"名称“{entry.title}”是信息系统的名称", "请用概括数据内容的名称")
    return None


def _name_is_new(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    for other in directory.entries:
        same_provider = other.provider_code == entry.provider_code and other.dataset != entry.dataset
        if same_provider and folded(other.title) == folded(entry.title):
            return Failure(f"名称“{entry.title}”与本部门目录条目{other.dataset}重复", "请改名，或更新原目录条目")
    return None


def _one_code(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    code = entry.metadata.get("resource_code")
    classes = entry.metadata.get("classification", [])
    if code is None:
        return None
    for other in directory.entries:
        if other.resource_code == code and other.dataset != entry.dataset:
            return Failure(f"信息资源代码已由目录条目{other.dataset}使用", "请删去resource_code，由数桥分配")
    if classes and not any(str(code).startswith(each) for each in classes):
        return Failure("信息资源代码与分类不一致", "代码的前段应以classification中的一个开头")
    return None


def _provider(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    result = uscc(entry.provider_code)
    if not result.ok or result.normalised != entry.provider_code:
        return Failure("provider_code不是有效的统一社会信用代码", "请填写提供部门登记证上的18位代码")
    if directory.organisations is None:
        return None
    name = directory.organisations.get(entry.provider_code)
    if name is None:
        return Failure("提供部门不在机构登记簿中", "请先登记机构，或改正provider_code")
    if folded(name) != folded(entry.provider_name):
        return Failure(f"provider_code登记的名称是“{name}”，与provider_name不同", "请改正其中一个")
    return None


def _abstract(entry: Entry, _: DirectoryFacts) -> Failure | None:
    abstract = str(entry.metadata.get("abstract", ""))
    if not folded(abstract) or folded(abstract) == folded(entry.title):
        return Failure("摘要为空或与名称相同", "请在description.purpose中概括内容或关键数据项")
    return None


def _format_and_mode(entry: Entry, _: DirectoryFacts) -> Failure | None:
    layout, mode = entry.metadata.get("format_category"), entry.metadata.get("share_mode")
    if layout is None or mode is None:
        return Failure("没有写明格式分类或共享方式", "请补上format_category和share_mode", "warning")
    allowed = {"3": ("1", "3"), "7": ("3",)}.get(layout, ("2",) if layout in _FILE_FORMATS else ("1", "2", "3"))
    if mode not in allowed:
        return Failure("格式分类与共享方式不相配", "文件用文件下载；数据库用数据库或服务接口；接口用服务接口")
    if entry.metadata.get("share_mode_category") == "2" and not entry.metadata.get("share_mode_reason"):
        return Failure("不经共享平台而没有写明理由", "请补上share_mode_reason，或改用共享平台方式")
    return None


def _items(entry: Entry, _: DirectoryFacts) -> Failure | None:
    unstructured = entry.metadata.get("format_category") in _UNSTRUCTURED and entry.attachment is None
    if not entry.items and not unstructured:
        return Failure("没有数据项", "结构化数据至少一个数据项")
    seen: dict[str, str] = {}
    for item in entry.items:
        if folded(item.title) in seen:
            return Failure(f"数据项名称“{item.title}”重复", "请改正businessName")
        seen[folded(item.title)] = item.name
        if item.type == "C" and item.length is None and item.kind not in _LENGTH_FREE_KINDS:
            return Failure(f"字符型数据项“{item.title}”没有长度", "请补上maxLength")
    return None


def _cycle(entry: Entry, _: DirectoryFacts) -> Failure | None:
    if entry.schedule is None:
        return None
    limit = timedelta(hours=rules.book().number(f"CYCLE_{entry.update_cycle}_LATE"))
    if _longest_gap(entry.schedule) > limit:
        return Failure("计划比更新周期慢", "请加密schedule，或改正updateCycle")
    return None


def _longest_gap(schedule: str) -> timedelta:
    # A year of months and leap days apart, so that the gap found does not depend on today.
    fires = croniter(schedule, datetime(2027, 1, 1, tzinfo=UTC))
    last: datetime = fires.get_next(datetime)
    longest = timedelta(0)
    for _ in range(60):
        following: datetime = fires.get_next(datetime)
        longest, last = max(longest, following - last), following
    return longest


def _key_items(entry: Entry, _: DirectoryFacts) -> Failure | None:
    for item in entry.items:
        kind = _kind_by_title(item)
        if kind and (item.type != "C" or item.length != 18):
            return Failure(f"数据项“{item.title}”应为字符型18位", "请改正physicalType和maxLength")
        if kind and item.kind not in (kind, "identifier"):
            return Failure(f"数据项“{item.title}”的kind应为{kind}", f"请写kind: {kind}")
    return None


def _kind_by_title(item: Item) -> str | None:
    title = folded(item.title)
    if any(title.endswith(folded(words)) for words in ("公民身份号码", "身份证号", "身份证号码")):  # glossary: as typed
        return "citizen_id"
    return "uscc" if title.endswith("统一社会信用代码") else None


def _levels(entry: Entry, _: DirectoryFacts) -> Failure | None:
    for item in entry.items:
        if item.kind in _SEALED_KINDS and not item.sealed:
            return Failure(f"数据项“{item.title}”含证件号码，应为S4", "请改为classification: S4")
        if item.kind in _DIRECT_KINDS and item.level > _PUBLIC_LEVEL and not item.sealed:
            step = "请加identifying: true；可以开放的，改为S1"
            return Failure(f"数据项“{item.title}”可直接识别个人，应加密存放", step)
    return None


def _not_secret(entry: Entry, _: DirectoryFacts) -> Failure | None:
    if entry.metadata.get("secret_flag") in ("1", "涉密"):
        return Failure("涉密数据不得进入数桥", "请撤回该目录条目，按保密规定办理")
    return None


def _tasks(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    flag, tasks = entry.metadata.get("related_task_flag"), entry.metadata.get("related_tasks", [])
    if flag == "0" and not entry.metadata.get("unrelated_task_reason"):
        return Failure("不关联服务事项而没有写明理由", "请补上unrelated_task_reason")
    if flag == "1" and not tasks:
        return Failure("关联服务事项而没有写明事项", "请补上related_tasks")
    missing = [] if directory.tasks is None else [task for task in tasks if task not in directory.tasks]
    if missing:
        return Failure(f"服务事项“{missing[0]}”不在事项库中", "请改正related_tasks")
    return None


def _attached(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    return None if directory.columns is None else lacking_columns(entry, directory.columns)


def _base_items(entry: Entry, directory: DirectoryFacts) -> Failure | None:
    return base_items_shared(entry, directory.lead_departments)


_CHECKS: tuple[tuple[str, Severity, str, Check], ...] = (
    ("L1", "error", "名称不是信息系统名称", _not_a_system),
    ("L2", "error", "名称在本部门中不重复", _name_is_new),
    ("L3", "error", "信息资源代码一致", _one_code),
    ("L4", "error", "提供部门代码有效且与名称一致", _provider),
    ("L5", "error", "摘要不为空且不同于名称", _abstract),
    ("L6", "error", "格式与共享方式相配", _format_and_mode),
    ("L7", "error", "数据项齐全且名称不重复", _items),
    ("L8", "error", "共享类型与共享条件相配", lambda entry, _: share_condition(entry)),
    ("L9", "error", "开放属性与开放条件相配", lambda entry, _: open_attribute(entry)),
    ("L10", "warning", "更新周期齐全，计划不慢于更新周期", _cycle),
    ("L11", "error", "公民身份号码和统一社会信用代码为字符型18位", _key_items),
    ("L12", "error", "数据项分级齐全，可识别个人的加密存放", _levels),
    ("L13", "error", "不涉密", _not_secret),
    ("L14", "error", "关联服务事项存在或写明理由", _tasks),
    ("L15", "error", "挂接的表含有各数据项", _attached),
    ("R-06", "error", "基础信息项无条件共享", _base_items),
    ("R-07", "error", "不予共享有法定依据", lambda entry, _: refusal_basis(entry)),
    ("R-26", "error", "共享范围、条件和理由写明", lambda entry, _: reason_and_scope(entry)),
)
