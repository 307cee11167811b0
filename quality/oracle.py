"""GX's own engine on normalised data: the gate's oracle in tests, and the fall-back for what the gate does not run.

Imports GX and pandas; nothing that a sync needs imports this module but the fall-back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.core.batch import Batch
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.validator import Validator

from quality import expectations as own
from quality.derived import RECEIVED
from quality.gate import Gate
from quality.normalise.cells import as_text, mask_of, nullify, trimmed
from quality.rows import Rows, Verdict
from quality.suite import configuration
from schemas.errors import HubError

BATCH_ROWS = 100_000
ROW = "_row"
__all__ = ["Disagreement", "Outcome", "compare", "frame", "own", "run", "run_on_rows"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What GX says of one rule: rows looked at, nulls among them, and the record numbers of unexpected rows."""

    id: str
    rows: int
    missing: int
    unexpected: frozenset[int]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A rule on which GX and the gate differ: counts, and up to 20 record numbers that only one of them has."""

    id: str
    says: str
    only_gx: tuple[int, ...] = ()
    only_gate: tuple[int, ...] = ()


def frame(gate: Gate, batch: pa.RecordBatch) -> pd.DataFrame:
    """Normalises a landing batch into the frame that the suite speaks of; unreadable records and deletes are out."""
    rows, whole = gate.normalised(batch)
    columns: dict[str, pd.Series[Any]] = {ROW: pd.Series(np.asarray(batch.column(ROW)))}
    for name, item in gate.items.items():
        columns[name] = series(rows.values(name))
        text = trimmed(as_text(batch.column(item.source)))
        known = mask_of(rows.values(name).is_valid()) | rows.unreadable(name)
        columns[name + RECEIVED] = nullify(text, ~known).to_pandas()
    return pd.DataFrame(columns)[whole].reset_index(drop=True)


def series(values: Any) -> Any:
    """Turns a typed column into a pandas series that GX's engine compares well."""
    kind = values.type
    if pa.types.is_decimal(kind):
        return values.cast(pa.float64()).to_pandas()
    if pa.types.is_date(kind):
        return values.cast(pa.timestamp("ns")).to_pandas()
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("ns", kind.tz)).to_pandas()
    return values.to_pandas()


def run(gate: Gate, data: pd.DataFrame, rules: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Outcome]:
    """Runs the suite of a gate's plan on a frame, COMPLETE, with the record number as row index."""
    rules = list(gate.plan["rules"]) if rules is None else list(rules)
    configurations = [configuration(rule, gate.plan, gate.data_date) for rule in rules]
    results = _validate(data, configurations)
    return {rule["id"]: _outcome(rule["id"], result) for rule, result in zip(rules, results, strict=True)}


def _validate(data: pd.DataFrame, configurations: Sequence[Mapping[str, Any]]) -> list[Any]:
    engine = PandasExecutionEngine()
    validator = Validator(execution_engine=engine, batches=[Batch(data=data)])  # type: ignore[arg-type]
    validator.metrics_calculator.show_progress_bars = False
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": [ROW], "include_unexpected_rows": False}
    results = []
    for each in configurations:
        built = ExpectationConfiguration(type=each["type"], kwargs=dict(each["kwargs"]), meta=dict(each["meta"]))
        (result,) = validator.graph_validate([built], runtime_configuration={"result_format": wanted})
        results.append(result)
    return results


def _outcome(rule: str, result: Any) -> Outcome:
    facts = result.result or {}
    info = result.exception_info or {}
    raised = info.get("raised_exception") or any(
        isinstance(each, dict) and each.get("raised_exception") for each in info.values()
    )
    rows = frozenset(int(each[ROW]) for each in facts.get("unexpected_index_list") or ())
    return Outcome(
        rule, facts.get("element_count", 0), facts.get("missing_count") or 0, rows, str(info) if raised else None
    )


def compare(gate: Gate, batch: pa.RecordBatch) -> list[Disagreement]:
    """Runs gate and GX on the same batch and lists every rule on which they differ."""
    outcomes = run(gate, frame(gate, batch))
    differences = []
    numbers = np.asarray(batch.column(ROW))
    for name, (count, mask) in gate.unexpected(batch).items():
        ours, theirs = {int(number) for number in numbers[mask]}, outcomes[name]
        if theirs.error:
            differences.append(Disagreement(name, f"GX raised: {theirs.error[:2000]}"))
        elif ours != theirs.unexpected:
            only = (tuple(sorted(theirs.unexpected - ours)[:20]), tuple(sorted(ours - theirs.unexpected)[:20]))
            differences.append(Disagreement(name, f"GX {len(theirs.unexpected)}, gate {len(ours)}", *only))
        elif (count.rows, count.missing) != (theirs.rows, theirs.missing):
            says = f"GX looked at {theirs.rows} ({theirs.missing} null), gate at {count.rows} ({count.missing} null)"
            differences.append(Disagreement(name, says))
    return differences


def run_on_rows(expectation: str, kwargs: Mapping[str, Any], rows: Rows) -> Verdict:
    """Runs one column map expectation on GX's engine, 100,000 rows at a time."""
    name = kwargs["column"]
    unexpected = np.zeros(rows.size, dtype=bool)
    arguments = {
        key: value for key, value in kwargs.items() if key not in {"row_condition", "condition_parser", "mostly"}
    }
    whole = pd.DataFrame({ROW: np.arange(rows.size), name: series(rows.values(name))})
    for start in range(0, rows.size, BATCH_ROWS):
        part = whole.iloc[start : start + BATCH_ROWS].reset_index(drop=True)
        (result,) = _validate(part, [{"type": expectation, "kwargs": arguments, "meta": {}}])
        outcome = _outcome(expectation, result)
        if outcome.error:
            # GX's own words may quote values.
            raise HubError(
                f"规则“{expectation}”无法在该数据项上执行", "", "请改正规则后重新校验", code="EXPECTATION_FAILED"
            )
        unexpected[sorted(outcome.unexpected)] = True
    return Verdict(unexpected, rows.null(name))
