"""What the counts of a run say: the ledger's equations, findings by rule, the batch beside the last version. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.stores.datasets import Dataset
from catalog.stores.runs import Run
from schemas.entry import Entry
from schemas.findings import codes, finding


@dataclass(frozen=True, slots=True)
class Balance:
    """One equation of the ledger: a sum and its parts, and whether they agree."""

    says: str
    total: int
    parts: tuple[tuple[str, int], ...]
    holds: bool


@dataclass(frozen=True, slots=True)
class FindingLine:
    """How often a rule was not met; `next_step` says what the provider does about it."""

    code: str
    says: str
    dimension: str
    severity: str
    rows: int
    next_step: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the batch beside the same of the last version; `change` is a share, `worse` draws the eye."""

    name: str
    last: float | None
    now: float
    share: bool
    change: float | None
    worse: bool


def balances(run: Run) -> tuple[Balance, ...]:
    """Returns the equations that a validated run must meet; none before it is validated."""
    if run.step not in {"validated", "publishing", "published"} and run.state != "held":
        return ()
    if run.state == "held" and run.facts is None:
        return ()
    change = [("新增", run.inserted), ("更新", run.updated), ("未变", run.unchanged)]
    # A front-end table that is replayed as a whole still says row by row what is deleted.
    if (run.facts or {}).get("mode", run.mode) == "change_flag":
        change.append(("删除", run.deleted))
    read = (("合格", run.accepted), ("问题数据", run.quarantined), ("重复", run.duplicates))
    after = (("原有", run.rows_before), ("新增", run.inserted), ("减：删除", -run.deleted))
    found = [_sum("读取", run.extracted, read), _sum("现有行数", run.rows_after, after)]
    # A rollback reads no record: its changes come from an older version.
    return (
        (found[1],) if run.rollback_to is not None else (found[0], _sum("合格", run.accepted, tuple(change)), found[1])
    )


def _sum(says: str, total: int, parts: tuple[tuple[str, int], ...]) -> Balance:
    return Balance(says, total, parts, total == sum(count for _, count in parts))


def finding_lines(run: Run) -> tuple[FindingLine, ...]:
    """Lists the findings of a run, those that keep rows back first, then by how many rows."""
    known = set(codes())
    lines = [_line(code, count, known) for code, count in (run.findings or {}).items()]
    weight = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(lines, key=lambda line: (weight.get(line.severity, 3), -line.rows, line.code)))


def _line(code: str, count: int, known: set[str]) -> FindingLine:
    if code not in known:
        return FindingLine(code, "目录条目自定规则未通过", "", "error", count, "请核对目录条目中的规则")
    kind = finding(code)
    return FindingLine(code, kind.says.replace("{item}", "数据项"), kind.dimension, kind.severity, count, kind.next)


def measures(run: Run, held: Dataset | None, entry: Entry) -> tuple[Measure, ...]:
    """Sets the batch beside the last published snapshot: records, accepted, problem data, null ratios that rose."""
    now, last = run.facts, held.last_facts if held else None
    if now is None or last is None or run.state == "published":
        return ()
    found = [
        _measure("读取记录", last, now, lambda facts: facts["rows"], fewer_is_worse=True),
        _measure("合格行", last, now, lambda facts: facts["accepted"], fewer_is_worse=True),
        _measure("问题数据", last, now, lambda facts: facts["quarantined"]),
        _share("问题数据比例", last, now, lambda facts: facts["quarantined"]),
    ]
    for item in entry.items:
        if item.name in last.get("null_counts", {}) or item.name in now.get("null_counts", {}):
            name = f"{item.title}空值率"
            each = _share(name, last, now, lambda facts, of=item.name: facts["null_counts"].get(of, 0))
            if each.worse:
                found.append(each)
    return tuple(found)


def _measure(
    name: str, last: Mapping[str, Any], now: Mapping[str, Any], of: Any, *, fewer_is_worse: bool = False
) -> Measure:
    before, after = float(of(last)), float(of(now))
    change = (after - before) / before if before else None
    return Measure(name, before, after, False, change, after < before if fewer_is_worse else after > before)


def _share(name: str, last: Mapping[str, Any], now: Mapping[str, Any], of: Any) -> Measure:
    before, after = of(last) / max(last["rows"], 1), of(now) / max(now["rows"], 1)
    return Measure(name, before, after, True, after - before, after > before)
