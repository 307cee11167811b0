"""Use-cases of quality: scores of entries in six dimensions, their trend over runs, and the result of one run.

Counts only: no row and no value is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from catalog.stores import datasets, departments, entries
from catalog.stores import quality as store
from catalog.stores.entries import StoredEntry
from catalog.stores.quality import Judged
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.problem_rows import title_of
from exchange.problems import entry_of_version
from exchange.runs import require_run
from exchange.scope import reach_of, require_department, unknown_entry
from quality.scores import Dimension, Score, accessibility, of_findings, timeliness
from schemas.errors import NotFound
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of
from schemas.rules.book import book

#: Syncs by which 可访问性 is judged, and points of the trend.
LAST, TREND = 10, 30
_ON_DEMAND = "7"


@dataclass(frozen=True, slots=True)
class EntryScore:
    """The present score of one entry."""

    dataset: str
    title: str
    department_code: str
    department_name: str
    run_id: str | None
    total: float | None
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The score that a run had when it was published."""

    run_id: str
    at: datetime | None
    total: float | None
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True, slots=True)
class EntryQuality:
    """An entry's score with what it was computed from, and its trend, oldest first."""

    score: EntryScore
    trend: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One expectation of a run's result; counts are None for a rule about the whole batch."""

    id: str
    expectation: str
    items: str
    says: str
    severity: str
    success: bool
    evaluated: int | None
    missing: int | None
    unexpected: int | None
    share: float | None
    rows: tuple[int, ...]
    observed: Any


@dataclass(frozen=True, slots=True)
class RunResult:
    """The validation result of a run."""

    run_id: str
    dataset: str
    title: str
    success: bool
    rows: int
    bad_rows: int
    evaluated: int
    successful: int
    rules: tuple[RuleResult, ...]
    findings: tuple[tuple[str, str, str, int], ...]


@use_case("quality.show")
def list_scores(hub: Hub, actor: Actor) -> list[EntryScore]:
    """Lists the scores of the published entries that the actor may see, lowest first, those without a score last."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        seen = [each for each in entries.list_all(connection) if each.published_version and reach.sees(each)]
        shown = _scores(hub, connection, seen)
        record(connection, hub, actor, "quality.show", None, row_count=len(shown))
    return sorted(shown, key=lambda each: (each.total is None, each.total or 0.0, each.dataset))


@use_case("quality.entry")
def entry_quality(hub: Hub, actor: Actor, dataset: str) -> EntryQuality:
    """Shows an entry's score, what each dimension was computed from, and the trend; raises NotFound."""
    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        if stored is None or not reach_of(connection, actor).sees(stored):
            raise unknown_entry(connection, dataset)
        [score] = _scores(hub, connection, [stored])
        trend = _trend(connection, stored)
        record(connection, hub, actor, "quality.entry", dataset, entry_code=stored.code)
    return EntryQuality(score, trend)


def _scores(hub: Hub, connection: Connection, seen: Sequence[StoredEntry]) -> list[EntryScore]:
    names = {each.code: each.name for each in departments.list_all(connection)}
    datasets_of = [each.dataset for each in seen]
    judged = store.latest(connection, datasets_of)
    ended: dict[str, list[str]] = {}
    for outcome in store.outcomes(connection, datasets_of, LAST):
        ended.setdefault(outcome.dataset, []).append(outcome.state)
    shown = []
    for stored in seen:
        run, held = judged.get(stored.dataset), datasets.find(connection, stored.dataset)
        age = hub.clock.now() - held.data_time if held and held.data_time else None
        late, very_late = _limits(connection, stored)
        found = _of_run(run) if run else ()
        dimensions = (*found, timeliness(age, late, very_late), accessibility(ended.get(stored.dataset, [])))
        shown.append(
            EntryScore(
                dataset=stored.dataset,
                title=stored.title,
                department_code=stored.provider_code,
                department_name=names.get(stored.provider_code, stored.provider_code),
                run_id=run.run_id if run else None,
                total=Score(dimensions).total if run else None,
                dimensions=dimensions,
            )
        )
    return shown


def _of_run(run: Judged) -> tuple[Dimension, ...]:
    return of_findings(run.plan, run.result, duplicates=run.duplicates, conflicts=run.conflicts)


def _limits(connection: Connection, stored: StoredEntry) -> tuple[timedelta, timedelta]:
    """Returns the ages at which the entry's update cycle calls data late and seriously late."""
    entry = entry_of_version(connection, stored)
    cycle = entry.update_cycle if entry else ""
    known = cycle if f"CYCLE_{cycle}_LATE" in book().rules else _ON_DEMAND
    hours = [book().number(f"CYCLE_{known}_{word}") for word in ("LATE", "VERY_LATE")]
    return timedelta(hours=hours[0]), timedelta(hours=hours[1])


def _trend(connection: Connection, stored: StoredEntry) -> tuple[TrendPoint, ...]:
    """Scores each run as it was when it was published: its data replaced what had grown that old."""
    late, very_late = _limits(connection, stored)
    ended = store.outcomes(connection, [stored.dataset], TREND + LAST)
    points: list[TrendPoint] = []
    before: datetime | None = None
    for run in store.recent(connection, stored.dataset, TREND):
        age = run.data_time - before if run.data_time and before else None
        before = run.data_time or before
        states = [each.state for each in ended if each.number <= run.number][-LAST:]
        dimensions = (*_of_run(run), timeliness(age, late, very_late), accessibility(states))
        points.append(TrendPoint(run.run_id, run.finished_at, Score(dimensions).total, dimensions))
    return tuple(points)


@use_case("sync.result")
def run_result(hub: Hub, actor: Actor, run_id: str) -> RunResult:
    """Shows the validation result of a run: each expectation with its counts and row numbers; raises NotFound."""
    run = require_run(hub, run_id)
    with hub.transaction() as connection:
        stored = entries.find(connection, run.dataset)
    require_department(hub, actor, "sync.result", stored.provider_code if stored else None, run_id)
    with hub.transaction() as connection:
        judged = store.of_run(connection, run_id)
        record(connection, hub, actor, "sync.result", run_id)
    if judged is None:
        raise NotFound(f"批次 {run_id} 没有校验结果", "校验之后才有结果", "请查看批次的状态", code="NO_RESULT")
    result, titles = judged.result, {item["name"]: item["title"] for item in judged.plan["items"]}
    meta, counted = result["meta"], result["statistics"]
    found = [(each["code"], each["item"] or "", each["rows"]) for each in meta["findings"]]
    findings = tuple(
        (code, title_of(item, titles), says_of(code, item, titles), rows)
        for code, item, rows in sorted(found, key=lambda each: -each[2])
    )
    return RunResult(
        run_id=run_id,
        dataset=run.dataset,
        title=stored.title if stored else run.dataset,
        success=result["success"],
        rows=meta["rows"],
        bad_rows=meta["bad_rows"],
        evaluated=counted["evaluated_expectations"],
        successful=counted["successful_expectations"],
        rules=tuple(rule_results(judged.plan, result)),
        findings=findings,
    )


def says_of(code: str, item: str, titles: Mapping[str, str]) -> str:
    """Says a finding in words."""
    return kind_of(code).says.replace("{item}", title_of(item, titles)) if code in known_codes() else code


def rule_results(plan: Mapping[str, Any], result: Mapping[str, Any]) -> list[RuleResult]:
    """Reads the expectations of a result, those that do not hold first."""
    titles = {item["name"]: item["title"] for item in plan["items"]}
    items = {rule["id"]: rule["items"] for rule in (*plan["rules"], *plan["tables"])}
    shown = [_rule(each, items, titles) for each in result["results"]]
    return sorted(shown, key=lambda each: (each.success, -(each.unexpected or 0), each.id))


def _rule(each: Mapping[str, Any], items: Mapping[str, Sequence[str]], titles: Mapping[str, str]) -> RuleResult:
    config, counts = each["expectation_config"], each["result"]
    rule_id, names = config["meta"]["id"], items.get(config["meta"]["id"], ())
    total, missing, unexpected = (counts.get(f"{name}_count") for name in ("element", "missing", "unexpected"))
    looked_at = None if total is None else total - missing
    return RuleResult(
        id=rule_id,
        expectation=config["type"],
        items=title_of(",".join(names), titles) if names else "整批",
        says=says_of(config["meta"]["code"], ",".join(names[:1]), titles),
        severity=config["severity"],
        success=each["success"],
        evaluated=looked_at,
        missing=missing,
        unexpected=unexpected,
        share=None if not looked_at else 1 - unexpected / looked_at,
        rows=tuple(counts.get("partial_unexpected_index_list", ())),
        observed=counts.get("observed_value"),
    )
