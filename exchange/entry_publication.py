"""What an entry must be to be submitted or put in force: lint L1-L15, R-06, R-07, R-22, R-25, R-26; and how it is."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from catalog.stores import departments
from catalog.stores import entries as store
from catalog.stores.entries import EntryVersion, State, StoredEntry
from catalog.tables_work import information_systems
from exchange.codes import issue_code
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.search_words import refresh_words
from schemas.contract import Contract
from schemas.contract.lint import DirectoryFacts, LintResult, OtherEntry, lint, refused
from schemas.contract.lint_sharing import BASE_CLASSES, base_libraries
from schemas.entry import Entry
from schemas.errors import ContractError

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_CONDITIONAL = 2
#: What 《政务数据共享条例》 wants an entry to state (R-22), beside what no contract is without.
_STATED = {
    "classification": "信息资源分类",
    "format_category": "格式",
    "share_mode": "共享方式",
    "is_open": "开放属性",
}
#: Uses that 《政务信息资源共享管理暂行办法》 Art. 12 names; a condition that binds the use to one of them is approved.
_APPROVED_USES = ("行政依据", "工作参考", "数据校核", "业务协同")
#: What no condition may ask for (R-25, and sharing is free of charge, R-01).
_OBSTACLES = ("收费", "付费", "有偿", "费用", "对等交换", "领导批准", "领导同意", "另行协商", "视情况", "酌情")


def put_in_force(
    hub: Hub,
    connection: Connection,
    stored: StoredEntry,
    loaded: Contract,
    version: EntryVersion,
    plan: dict[str, Any],
) -> str:
    """Puts a version in force and returns the entry's code: lint, compiled suite, code, date.

    Compiling a suite loads GX, which no sync does.
    """
    from quality.suite import compile_suite  # noqa: PLC0415 - imports GX, 3-10 s

    entry, now = loaded.entry, hub.clock.now()
    refuse_lint(entry, lint(loaded, _others(connection, entry)), "发布")
    suite = compile_suite(entry)
    code = stored.code or issue_code(connection, entry)
    facts = {"plan": plan, "suite": suite, "state": State.PUBLISHED, "published_at": now}
    store.update_version(connection, stored.dataset, version.number, **facts)
    store.update_entry(
        connection,
        stored.dataset,
        code=code,
        title=entry.title,
        provider_code=entry.provider_code,
        state=State.PUBLISHED,
        published_version=version.number,
        publish_date=now.astimezone(_SHANGHAI).date(),
        updated_at=now,
    )
    refresh_words(connection, stored.dataset)
    return code


def refuse_lint(entry: Entry, results: Sequence[LintResult], act: str) -> None:
    """Raises ContractError naming each check that forbids the act, and its mend."""
    failed = refused(results)
    if failed:
        says = "；".join(f"{result.id} {result.says}" for result in failed)
        steps = "；".join(dict.fromkeys(result.next_step for result in failed if result.next_step))
        raise ContractError(f"目录条目 {entry.dataset} 不能{act}：{says}", "", steps, code=failed[0].code or "LINT")


def check_submission(connection: Connection, loaded: Contract) -> list[LintResult]:
    """Runs every check that a submission must pass, with what the hub knows of the whole directory."""
    known = _others(connection, loaded.entry)
    systems = connection.execute(select(information_systems.c.name)).scalars()
    facts = DirectoryFacts(
        information_systems=frozenset(systems),
        entries=known.entries,
        organisations={each.code: each.name for each in departments.list_all(connection)},
        lead_departments=_leads(connection, loaded.entry),
    )
    return [*lint(loaded, facts), _profile(loaded.entry), _condition(connection, loaded.entry)]


def _others(connection: Connection, entry: Entry) -> DirectoryFacts:
    others = tuple(
        OtherEntry(each.dataset, each.title, each.provider_code, each.code)
        for each in store.list_all(connection)
        if each.dataset != entry.dataset and each.state not in (State.REVOKED, State.DELETED)
    )
    return DirectoryFacts(entries=others)


def _leads(connection: Connection, entry: Entry) -> dict[str, str]:
    """Names the lead department of each of the entry's base libraries: who published in it first (一数一源, R-02)."""
    leads: dict[str, str] = {}
    for library in base_libraries(entry):
        found = [
            stored
            for words in (library, *(code for code, name in BASE_CLASSES.items() if name == library))
            for stored, text in store.in_force_containing(connection, words)
            if library in base_libraries(entry_from(text, stored.dataset))
        ]
        if found:
            leads[library] = min(found, key=lambda each: (each.publish_date, each.dataset)).provider_code
    return leads


def _profile(entry: Entry) -> LintResult:
    """R-22: the entry says all that the regulation wants of one; what the contract itself demands is there already."""
    missing = [title for name, title in _STATED.items() if not entry.metadata.get(name)]
    if not entry.items and not entry.metadata.get("data_grade"):
        missing.append("数据分级")
    if not missing:
        return LintResult("R-22", True, "error", "目录要素齐全")
    return LintResult("R-22", False, "error", f"没有写明{'、'.join(missing)}", "请补齐目录要素", "ELEMENTS_MISSING")


def _condition(connection: Connection, entry: Entry) -> LintResult:
    """R-25: a condition is one that the authority approved before or that binds the use, or it cites its basis."""
    condition = str(entry.metadata.get("share_condition", "")).strip()
    obstacle = next((words for words in _OBSTACLES if words in condition), None)
    if obstacle is not None:
        says = f"共享条件含有自行增设的条件“{obstacle}”"
        return LintResult(
            "R-25", False, "error", says, "请删去该条件；共享条件只限定用途和范围", "CONDITION_NOT_ALLOWED"
        )
    approved = (
        entry.share_type != _CONDITIONAL
        or any(use in condition for use in _APPROVED_USES)
        or bool(entry.metadata.get("legal_basis"))
        or _is_in_force(connection, condition)
    )
    if approved:
        return LintResult("R-25", True, "error", "共享条件没有自行增设")
    step = "请写明用途（行政依据、工作参考、数据校核、业务协同），或采用目录中已核定的条件，或在legal_basis中写明依据"
    return LintResult("R-25", False, "error", "共享条件没有经过核定，也没有依据", step, "CONDITION_NOT_APPROVED")


def _is_in_force(connection: Connection, condition: str) -> bool:
    """Says whether an entry in force has the same condition; only texts that contain its beginning are read."""
    found = store.in_force_containing(connection, condition[:20])
    read = (entry_from(text, stored.dataset) for stored, text in found)
    return any(str(entry.metadata.get("share_condition", "")).strip() == condition for entry in read)
