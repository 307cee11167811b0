"""Dataset checks: the batch against the entry's thresholds and the last version. Pass, or hold (暂缓发布).

Compares counts; reads no row. An increment is not a small snapshot: only a snapshot can shrink, and only a snapshot has
null ratios comparable with the last one's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quality.counts import Counts
from quality.results import holds
from quality.tables import observed
from schemas.entry import Entry, Mode

#: Below this many records a share says nothing: one wrong row of three is no broken delivery.
SMALLEST_SHARE = 20


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """The counts of one batch. `rows` are the records read, `data_time` the newest data of it (aware UTC)."""

    rows: int
    accepted: int
    quarantined: int
    duplicates: int
    null_counts: Mapping[str, int] = field(default_factory=dict)
    data_time: datetime | None = None
    mode: Mode | None = None  # None: the mode of the entry's attachment
    now: datetime | None = None  # when the batch was checked, for freshness
    deletes: int = 0  # change_flag: records that only delete
    again: int = 0  # increments overlap: records that an earlier one has read and judged,
    again_bad: int = 0  # and how many of them are problem data

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "BatchFacts":
        """Reads the facts back from a run."""
        times = {name: _time(facts.get(name)) for name in ("data_time", "now")}
        return cls(**{**facts, **times})

    def as_json(self) -> dict[str, Any]:
        """Writes the facts for a run."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        times = {name: facts[name].isoformat() if facts[name] else None for name in ("data_time", "now")}
        return {**facts, "null_counts": dict(self.null_counts), **times}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One dataset check: a batch with a failed required one is held. `notes` are Chinese sentences."""

    name: str
    description: str
    required: bool
    success: bool
    notes: tuple[str, ...]


def check_dataset(entry: Entry, facts: BatchFacts, last: BatchFacts | None) -> list[CheckResult]:
    """Checks a batch as a whole; `last` is the last published snapshot's facts, None for the first version."""
    mode = facts.mode or (entry.attachment.mode if entry.attachment else "snapshot")
    results = [_rejected(entry, facts, mode), _minimum(entry, facts, mode)]
    if mode == "snapshot":
        results += [_volume(entry, facts, last), _nulls(entry, facts, last)]
    results.append(_fresh(entry, facts))
    return [result for result in results if result is not None]


def check_rules(plan: Mapping[str, Any], counts: Counts) -> list[CheckResult]:
    """Checks what the contract's rules say of the batch: `mostly` of each map rule, and the table rules."""
    results = []
    for rule in plan["rules"]:
        count = counts.rules.get(rule["id"])
        if count is None or rule["mostly"] >= 1.0:
            continue
        passed = 1 - count.unexpected / max(count.rows - count.missing, 1)
        notes = f"规则{rule['id']}：{passed:.2%}的行符合，要求不少于{rule['mostly']:.2%}"
        required = rule["severity"] == "error"
        results.append(
            CheckResult(f"mostly.{rule['id']}", "符合规则的行的比例", required, holds(rule, count), (notes,))
        )
    for rule in plan["tables"]:
        value, success = observed(rule, counts, plan)
        notes = f"规则{rule['id']}（{rule['expectation']}）：实际为{value:g}"
        results.append(
            CheckResult(f"table.{rule['id']}", "整批数据的规则", rule["severity"] == "error", success, (notes,))
        )
    return results


def _rejected(entry: Entry, facts: BatchFacts, mode: Mode) -> CheckResult:
    limit = entry.thresholds.reject_ratio
    # What was let go once must not hold every increment that reads it again.
    rows, bad = facts.rows - facts.again, facts.quarantined - facts.again_bad
    ratio = bad / rows if rows else 0.0
    enough = rows >= SMALLEST_SHARE
    # A whole table of which nothing is good is a wrong file, however short; an increment of one bad row is a day.
    nothing_good = mode == "snapshot" and facts.quarantined > 0 and facts.accepted == 0
    success = ratio <= limit or (not enough and not nothing_good)
    notes = f"读取{rows}条，问题数据{bad}条，占{ratio:.2%}，上限{limit:.2%}"
    if facts.again:
        notes += f"（另有{facts.again}条是重复读取的，不计）"
    if success and ratio > limit:
        notes += f"；不足{SMALLEST_SHARE}条，不按比例判断"
    return CheckResult("reject_ratio", "问题数据的比例", True, success, (notes,))


def _minimum(entry: Entry, facts: BatchFacts, mode: Mode) -> CheckResult | None:
    floor = entry.thresholds.minimum_rows
    if mode != "snapshot":
        return None
    kept = facts.accepted
    if floor is None:
        return CheckResult("minimum_rows", "最少行数", False, True, (f"合格{kept}行，未设最少行数",))
    return CheckResult("minimum_rows", "最少行数", True, kept >= floor, (f"合格{kept}行，最少{floor}行",))


def _volume(entry: Entry, facts: BatchFacts, last: BatchFacts | None) -> CheckResult:
    limit = entry.thresholds.fewer_rows
    description = "行数与上一版本相比"
    if last is None or last.rows == 0:
        return CheckResult("volume", description, True, True, (f"读取{facts.rows}条，没有上一版本可比",))
    fewer = (_distinct(last) - _distinct(facts)) / max(_distinct(last), 1)
    notes = f"读取{_distinct(facts)}条，上一版本{_distinct(last)}条，{_change(fewer)}，允许减少{limit:.2%}"
    return CheckResult("volume", description, True, fewer <= limit, (notes,))


def _distinct(facts: BatchFacts) -> int:
    return facts.rows - facts.duplicates


def _change(fewer: float) -> str:
    return f"减少{fewer:.2%}" if fewer > 0 else f"增加{-fewer:.2%}"


def _nulls(entry: Entry, facts: BatchFacts, last: BatchFacts | None) -> CheckResult:
    limit = entry.thresholds.null_ratio_points
    if last is None or min(facts.rows, last.rows) < SMALLEST_SHARE:
        return CheckResult("null_ratio", "空值率与上一版本相比", True, True, ("没有足够的行可比",))
    worse = []
    for item in entry.items:
        if item.name not in last.null_counts:
            continue
        now, before = facts.null_counts.get(item.name, 0) / facts.rows, last.null_counts[item.name] / last.rows
        if now - before > limit:
            worse.append(f"{item.title}空值率由{before:.2%}升至{now:.2%}")
    notes = tuple(worse) or (f"各数据项空值率上升均不超过{100 * limit:g}个百分点",)
    return CheckResult("null_ratio", "空值率与上一版本相比", True, not worse, notes)


def _fresh(entry: Entry, facts: BatchFacts) -> CheckResult | None:
    limit = entry.thresholds.freshness_hours
    if limit is None or facts.now is None:
        return None
    description = "数据的新旧"
    if facts.data_time is None:
        return CheckResult("freshness", description, False, True, ("数据没有时间，不判断新旧",))
    hours = (facts.now - facts.data_time).total_seconds() / 3600
    notes = f"最新数据距今{hours:.1f}小时，上限{limit:g}小时"
    return CheckResult("freshness", description, True, hours <= limit, (notes,))


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
