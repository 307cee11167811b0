"""Quality in the six dimensions of GB/T 36344-2018, computed from what a run has counted. Pure: reads no row, no clock.

A dimension's figure is the share of what was evaluated that conforms (A/B of the standard), in points of 100; a
dimension of which nothing was evaluated has no score and does not enter the total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of

#: In the order of the standard. The first four come from findings, the others from time and delivery.
DIMENSIONS = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")
_OF_FINDINGS = DIMENSIONS[:4]
_HUNDRED = 100.0
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Dimension:
    """The score of one dimension (None: nothing to evaluate) and what it was computed from."""

    name: str
    score: float | None
    evaluated: int
    failing: int
    basis: str


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of a batch or an entry; the total is the mean of the dimensions that have one."""

    dimensions: tuple[Dimension, ...]

    @property
    def total(self) -> float | None:
        """Returns the mean, None when no dimension has a score."""
        found = [each.score for each in self.dimensions if each.score is not None]
        return round(sum(found) / len(found), 1) if found else None


def of_findings(
    plan: Mapping[str, Any], result: Mapping[str, Any], *, duplicates: int = 0, conflicts: int = 0
) -> tuple[Dimension, ...]:
    """Scores the dimensions that findings speak of; duplicates count against 准确性, key conflicts against 一致性.

    Evaluated are the values that a rule looked at, once for each item and dimension; failing are those with a finding.
    """
    rows = int(result["meta"]["rows"])
    evaluated = _evaluated(plan, result, rows)
    failing = _failing(plan, result, evaluated, rows)
    if rows:
        evaluated["准确性", "重复记录"] = evaluated["一致性", "主键"] = rows
        failing["准确性", "重复记录"], failing["一致性", "主键"] = duplicates, conflicts
    titles = {item["name"]: item["title"] for item in plan["items"]}
    return tuple(_dimension(name, evaluated, failing, titles) for name in _OF_FINDINGS)


def _evaluated(plan: Mapping[str, Any], result: Mapping[str, Any], rows: int) -> dict[tuple[str, str], int]:
    counted = {each["expectation_config"]["meta"]["id"]: each["result"] for each in result["results"]}
    found: dict[tuple[str, str], int] = {}
    for rule in plan["rules"]:
        count = counted.get(rule["id"], {})
        looked_at = count.get("element_count", rows) - count.get("missing_count", 0)
        for code in rule["codes"]:
            place = (_dimension_of(code), rule["items"][0])
            found[place] = max(found.get(place, 0), looked_at)
    return found


def _failing(
    plan: Mapping[str, Any], result: Mapping[str, Any], evaluated: dict[tuple[str, str], int], rows: int
) -> dict[tuple[str, str], int]:
    severities = {(rule["items"][0], code): said for rule in plan["rules"] for code, said in rule["codes"].items()}
    found: dict[tuple[str, str], int] = {}
    for each in result["meta"]["findings"]:
        code, item = each["code"], each["item"] or ""
        if severities.get((item, code), kind_of(code).severity if code in known_codes() else "error") == "info":
            continue
        place = (_dimension_of(code), item)
        most = evaluated.setdefault(place, rows)
        found[place] = min(found.get(place, 0) + each["rows"], most)
    return found


def _dimension_of(code: str) -> str:
    return kind_of(code).dimension if code in known_codes() else "准确性"


def _dimension(
    name: str,
    evaluated: Mapping[tuple[str, str], int],
    failing: Mapping[tuple[str, str], int],
    titles: Mapping[str, str],
) -> Dimension:
    all_of_it = sum(count for (dimension, _), count in evaluated.items() if dimension == name)
    wrong = sum(count for (dimension, _), count in failing.items() if dimension == name)
    if not all_of_it:
        return Dimension(name, None, 0, 0, "没有这一维度的规则，或没有数据")
    worst = sorted(
        ((count, item) for (dimension, item), count in failing.items() if dimension == name and count),
        key=lambda each: (-each[0], each[1]),
    )
    basis = f"评价 {all_of_it:,} 个值，不符合 {wrong:,} 个"
    if worst:
        named = "、".join(f"{titles.get(item, item) or '整行'} {count:,}" for count, item in worst[:_SHOWN])
        basis += f"：{named}{'等' if len(worst) > _SHOWN else ''}"
    return Dimension(name, _points(1 - wrong / all_of_it), all_of_it, wrong, basis)


def timeliness(age: timedelta | None, late: timedelta, very_late: timedelta) -> Dimension:
    """Scores 时效性: in full up to the age at which the update cycle calls data late, nothing at seriously late."""
    if age is None:
        return Dimension("时效性", None, 0, 0, "还没有数据时间")
    over = (age - late) / (very_late - late) if very_late > late else float(age > late)
    share = 1 - min(max(over, 0.0), 1.0)
    basis = f"数据距评价时 {_span(age)}，按更新周期超过 {_span(late)} 为延迟、{_span(very_late)} 为严重延迟"
    return Dimension("时效性", _points(share), 1, int(share < 1), basis)


def accessibility(outcomes: Sequence[str]) -> Dimension:
    """Scores 可访问性: the share of the last syncs that could be delivered when they were due."""
    if not outcomes:
        return Dimension("可访问性", None, 0, 0, "还没有结束的同步")
    done = sum(outcome == "published" for outcome in outcomes)
    basis = f"最近 {len(outcomes)} 次同步中 {done} 次发布"
    return Dimension("可访问性", _points(done / len(outcomes)), len(outcomes), len(outcomes) - done, basis)


def _points(share: float) -> float:
    # A single wrong value of many must not read as a full score.
    return round(_HUNDRED * share, 1) if share in {0.0, 1.0} else min(max(round(_HUNDRED * share, 1), 0.1), 99.9)


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} 小时" if hours < 96 else f"{hours / 24:.0f} 天"
