"""Use-case of the conformance report (合规报告): per department and batch, each rule with its counts, as a workbook.

Rules are those of the directory (L), of sharing (R) and of the gate. Counts only; codes are written as text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores import quality as store
from catalog.stores.entries import EntryVersion, StoredEntry
from catalog.stores.quality import Judged
from exchange import spreadsheets
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.entry_publication import check_submission
from exchange.hub import Hub
from exchange.quality_scores import rule_results
from exchange.runs import require_run
from exchange.scope import reach_of, require_department
from schemas import contract
from schemas.errors import InputError

_SEVERITIES = {"error": "错误", "warning": "提示", "info": "信息"}


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of one entry and batch; counts are None for rules about the entry itself."""

    department_code: str
    department_name: str
    dataset: str
    title: str
    resource_code: str
    run_id: str
    kind: str
    rule: str
    says: str
    severity: str
    evaluated: int | None
    failing: int | None
    conforms: bool


#: Headings of the workbook, in the order of the fields of Line.
_HEADINGS = (
    "提供部门代码",
    "提供部门",
    "数据集",
    "名称",
    "资源代码",
    "批次",
    "规则类别",
    "规则编号",
    "内容",
    "级别",
    "评价数",
    "不符合数",
    "结论",
)


@dataclass(frozen=True, slots=True)
class Report:
    """A conformance report."""

    name: str
    lines: tuple[Line, ...]

    @property
    def failing(self) -> int:
        """Counts the rules that do not hold."""
        return sum(not line.conforms for line in self.lines)


@use_case("quality.report")
def report(hub: Hub, actor: Actor, department: str | None = None, run: str | None = None) -> Report:
    """Reports the rules of a department's entries with their newest batches, or of one batch; raises Denied."""
    given = require_run(hub, run) if run else None
    if given is not None:
        with hub.transaction() as connection:
            stored = entries.find(connection, given.dataset)
        require_department(hub, actor, "quality.report", stored.provider_code if stored else None, run)
    else:
        _refuse_everything(hub, actor, department)
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        lines = []
        for stored, version in _chosen(connection, department, given.dataset if given else None):
            if reach.covers(stored.provider_code):
                lines += _lines(connection, stored, version, given.run_id if given else None)
        scope = run or department or ""
        record(connection, hub, actor, "quality.report", scope or None, row_count=len(lines))
    return Report(f"合规报告{'-' + scope if scope else ''}-{hub.clock.now():%Y%m%d}.xlsx", tuple(lines))


def _refuse_everything(hub: Hub, actor: Actor, department: str | None) -> None:
    """Raises InputError without a department, Denied for one out of reach: the rules of all entries are too many."""
    if not department:
        raise InputError(
            "没有选择部门或批次", "合规报告按提供部门或批次出具", "请选择提供部门或批次", code="REPORT_SCOPE"
        )
    require_department(hub, actor, "quality.report", department, department[:18])


def _chosen(
    connection: Connection, department: str | None, dataset: str | None
) -> Iterator[tuple[StoredEntry, EntryVersion]]:
    for stored, version in entries.published(connection):
        if dataset in {None, stored.dataset} and (dataset or department in {None, "", stored.provider_code}):
            yield stored, version


def _lines(connection: Connection, stored: StoredEntry, version: EntryVersion, run_id: str | None) -> list[Line]:
    name = {each.code: each.name for each in departments.list_all(connection)}.get(stored.provider_code, "")
    judged = (
        store.of_run(connection, run_id) if run_id else store.latest(connection, [stored.dataset]).get(stored.dataset)
    )
    facts = {
        "department_code": stored.provider_code,
        "department_name": name,
        "dataset": stored.dataset,
        "title": stored.title,
        "resource_code": stored.code or "",
    }
    return [*_of_entry(connection, stored, version, facts), *(_of_run(judged, facts) if judged else ())]


def _of_entry(
    connection: Connection, stored: StoredEntry, version: EntryVersion, facts: Mapping[str, str]
) -> Iterator[Line]:
    for each in check_submission(connection, contract.load(version.contract, stored.dataset)):
        kind = "共享规则" if each.id.startswith("R") else "目录规则"
        severity = _SEVERITIES[each.severity]
        yield Line(**facts, run_id="", kind=kind, rule=each.id, says=each.says, severity=severity,
                   evaluated=None, failing=None, conforms=each.passed)  # fmt: skip


def _of_run(judged: Judged, facts: Mapping[str, str]) -> Iterator[Line]:
    for each in rule_results(judged.plan, judged.result):
        yield Line(**facts, run_id=judged.run_id, kind="数据规则", rule=each.id, says=each.says,
                   severity=_SEVERITIES.get(each.severity, each.severity), evaluated=each.evaluated,
                   failing=each.unexpected, conforms=each.success and not each.unexpected)  # fmt: skip


def as_workbook(found: Report) -> bytes:
    """Writes a report as a workbook: codes as text, no cell that a table program takes for a formula."""
    return spreadsheets.as_workbook("合规报告", _HEADINGS, map(_cells, found.lines))


def _cells(line: Line) -> list[spreadsheets.Cell]:
    *before, conforms = (getattr(line, field.name) for field in fields(Line))
    return [*before, "符合" if conforms else "不符合"]
