"""The gate: every row of a landing batch meets every rule in one pass and carries all of its findings.

Runs from the plan alone (and code sets); pure; keeps counts and row numbers, never a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from quality.checks import CHECKS
from quality.conditions import Condition, columns_of, compile_condition
from quality.counts import FIRST, Counts, RuleCount
from quality.fallback import run_fallback
from quality.findings import Ledger, reader_findings
from quality.normalise import Context, ItemPlan, Normalised, normalise
from quality.normalise.cells import Mask, mask_of
from quality.normalise.shape import none
from quality.plan import FORMAT, severity_of
from quality.rows import Rows, Verdict
from schemas.entry import Severity
from schemas.errors import StateError


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked batch, in row order. `findings`: list<struct<code, severity, item, place>>, empty where there are none;
    `flags`: list<string> of `CODE:item`, warnings only; `bad`: rows with an error."""

    items: pa.RecordBatch
    bad: pa.BooleanArray
    findings: pa.ListArray
    flags: pa.ListArray
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Bound:
    """A rule of the plan, ready to run."""

    id: str
    expectation: str
    kwargs: Mapping[str, Any]
    condition: Condition | None
    codes: Mapping[str, Severity]
    code: str
    severity: Severity
    blamed: str
    items: tuple[str, ...]
    only_key: bool


class Gate:
    """Checks landing batches by a plan. Cheap to build; picklable by (plan, data_date)."""

    def __init__(self, plan: Mapping[str, Any], data_date: date) -> None:
        if plan.get("format") != FORMAT:
            raise StateError("校验计划的格式版本不符", f"格式{FORMAT}", "请重新发布该目录条目", code="PLAN_FORMAT")
        self.plan = plan
        self.data_date = data_date
        self.items = {facts["name"]: ItemPlan.from_json(facts) for facts in plan["items"]}
        self._key = frozenset(plan["row_key"])
        self._code_sets = _code_sets(self.items.values())
        self._rules = [self._bound(rule) for rule in plan["rules"]]
        self._claimed = {
            (item, code): severity
            for rule in self._rules
            for code, severity in rule.codes.items()
            for item in [rule.blamed]
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return Gate, (self.plan, self.data_date)

    def _bound(self, rule: Mapping[str, Any]) -> _Bound:
        check = CHECKS.get(rule["expectation"])
        kwargs = rule["kwargs"] if check is None or check.bind is None else check.bind(rule["kwargs"], self.items)
        condition = rule["kwargs"].get("row_condition")
        read = {*rule["items"], *columns_of(condition)}
        return _Bound(
            id=rule["id"],
            expectation=rule["expectation"],
            kwargs=kwargs,
            condition=compile_condition(condition, self.items),
            codes=rule["codes"],
            code=rule["code"],
            severity=rule["severity"],
            blamed=rule["items"][0],
            items=tuple(rule["items"]),
            only_key=read <= self._key,
        )

    def check(self, batch: pa.RecordBatch) -> Checked:
        """Normalises and checks one landing batch (docs/architecture.md, Landing)."""
        if isinstance(batch, pa.Table):
            batch = batch.combine_chunks().to_batches()[0] if batch.num_rows else _empty(batch)
        ledger = Ledger(batch.num_rows)
        broken = reader_findings(batch, self.items.values(), ledger)
        deletes = _deletes(batch)
        rows = self._rows(batch, broken)
        counts = Counts(rows=rows.size, unreadable=int(broken.sum()), deletes=int((deletes & ~broken).sum()))
        whole = ~(broken | deletes)
        keyed = ~broken
        for rule in self._rules:
            self._run(rule, rows, (keyed if rule.only_key else whole), ledger, counts)
        self._unclaimed(rows, whole, keyed, ledger)
        counts.nulls.update({name: int((rows.null(name) & whole).sum()) for name in self.items})
        items = pa.RecordBatch.from_arrays([rows.values(name) for name in self.items], names=list(self.items))
        bad, findings, flags = ledger.arrays(batch)
        counts.bad = int(bad.sum())
        counts.findings.update(ledger.totals())
        return Checked(items, pa.array(bad), findings, flags, counts)

    def normalised(self, batch: pa.RecordBatch) -> tuple[Rows, Mask]:
        """Normalises a batch; also marks the rows that every rule looks at. For the oracle."""
        broken = reader_findings(batch, self.items.values(), Ledger(batch.num_rows))
        return self._rows(batch, broken), ~(broken | _deletes(batch))

    def unexpected(self, batch: pa.RecordBatch) -> dict[str, tuple[RuleCount, Mask]]:
        """Gives each rule's counts and unexpected rows, deletes left out. For the oracle."""
        rows, whole = self.normalised(batch)
        ledger = Ledger(batch.num_rows)
        outcome = {}
        for rule in self._rules:
            verdict, considered = self._verdict(rule, rows, whole)
            outcome[rule.id] = (_counted(verdict, considered, ledger), verdict.unexpected & considered)
        return outcome

    def _rows(self, batch: pa.RecordBatch, broken: Mask) -> Rows:
        columns: dict[str, Normalised] = {}
        doc_types: dict[str, pa.Array] = {}
        later = [item for item in self.items.values() if item.doc_type_item]
        for item in (*(each for each in self.items.values() if not each.doc_type_item), *later):
            if item.doc_type_item and item.doc_type_item in columns:
                doc_types[item.name] = columns[item.doc_type_item].values
            column = _column(batch, item.source, broken)
            columns[item.name] = normalise(column, item, Context(self.data_date, self._code_sets, doc_types))
        return Rows(batch.num_rows, self.items, columns, self.data_date, self._code_sets)

    def _verdict(self, rule: _Bound, rows: Rows, considered: Mask) -> tuple[Verdict, Mask]:
        check = CHECKS.get(rule.expectation)
        verdict = check.run(rows, rule.kwargs) if check else run_fallback(rule.expectation, rule.kwargs, rows)
        if rule.condition is not None:
            considered = considered & rule.condition(rows)
        return verdict, considered

    def _run(self, rule: _Bound, rows: Rows, considered: Mask, ledger: Ledger, counts: Counts) -> None:
        verdict, considered = self._verdict(rule, rows, considered)
        counts.rules[rule.id] = _counted(verdict, considered, ledger)
        masks = {rule.code: verdict.unexpected} if verdict.codes is None else verdict.codes
        readable = _readable(rows, rule)
        for code, mask in masks.items():
            here = mask & considered if readable is None else mask & considered & readable
            if code in verdict.escalated:
                ledger.add(here & verdict.escalated[code], code, rule.severity, rule.blamed)
            ledger.add(here, code, rule.codes.get(code) or severity_of(code), rule.blamed)

    def _unclaimed(self, rows: Rows, whole: Mask, keyed: Mask, ledger: Ledger) -> None:
        """Reports what normalising found and no rule speaks of."""
        for name in self.items:
            for code, mask in rows.marks(name).items():
                if (name, code) not in self._claimed:
                    ledger.add(mask & (keyed if name in self._key else whole), code, severity_of(code), name)


def _readable(rows: Rows, rule: _Bound) -> Mask | None:
    """A value that could not be read has its own finding; it is not called missing or unequal as well."""
    if rule.expectation == "expect_column_values_to_be_readable" or rule.code == "KEY_MISSING":
        return None
    unreadable = [mask for name in rule.items if (mask := rows.columns[name].unreadable) is not None]
    return ~np.logical_or.reduce(unreadable) if unreadable else None


def _counted(verdict: Verdict, considered: Mask, ledger: Ledger) -> RuleCount:
    unexpected = verdict.unexpected & considered
    count = RuleCount(rows=int(considered.sum()), missing=int((verdict.missing & considered).sum()))
    if unexpected.any():
        places = np.flatnonzero(unexpected)
        count.unexpected = len(places)
        count.first = ledger.row_numbers(places[:FIRST])
    return count


def _column(batch: pa.RecordBatch, source: str, broken: Mask) -> pa.Array:
    at = batch.schema.get_field_index(source)
    if at < 0:
        return pa.nulls(batch.num_rows)
    column = batch.column(at)
    if not broken.any():
        return column
    return pa.compute.if_else(pa.array(broken), pa.scalar(None, column.type), column)


def _deletes(batch: pa.RecordBatch) -> Mask:
    at = batch.schema.get_field_index("_op")
    if at < 0 or batch.column(at).null_count == batch.num_rows:
        return none(batch.num_rows)
    return mask_of(pa.compute.equal(batch.column(at), "D"))


def _code_sets(items: Any) -> dict[str, Any]:
    wanted = {item.code_set for item in items if item.code_set}
    if not wanted:
        return {}
    from schemas.codes import code_set  # noqa: PLC0415 - reads data files, only where an item needs them

    return {name: code_set(name) for name in sorted(wanted)}


def _empty(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in table.schema], schema=table.schema)
