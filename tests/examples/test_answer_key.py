"""The answer key agrees with the gate row by row: every planted row found as expected, no clean row touched."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from examples import city
from examples.planting import Answer, Plan, Planter
from examples.registry import TABLES
from examples.tables import AS_ERROR, AS_NUMBER, Frame, Sizes
from quality.gate import Checked, Gate
from quality.plan import compile_plan
from schemas.contract import load
from schemas.entry import Entry

#: What only the reader or the uniqueness pass can see.
ELSEWHERE = {"ROW_RAGGED", "ROW_ENCODING", "KEY_CONFLICT", "CELL_NUMBER_AS_ID", "CELL_ERROR", "OPERATION_UNKNOWN"}
_FINDINGS = pa.list_(pa.struct([("code", pa.string()), ("column", pa.string()), ("place", pa.string())]))


def landed(entry: Entry, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """Makes the landing batch that a connector would give."""
    rows = batch.num_rows
    types = {column.name: column.sql for column in TABLES[entry.dataset].columns}
    flags = batch.column("cd_operation").to_pylist() if entry.dataset == "death" else [None] * rows
    made: dict[str, Any] = {
        "_row": pa.array(np.arange(first, first + rows)),
        "_place": pa.nulls(rows, pa.string()),
        "_raw": pa.nulls(rows, pa.binary()),
        "_findings": pa.nulls(rows, _FINDINGS),
        "_op": pa.array([flag if flag in {"I", "U", "D"} else None for flag in flags], pa.string()),
        "_time": pa.nulls(rows, pa.timestamp("us", "UTC")),
    }
    for name in entry.source_columns:
        values = [value and value.lstrip(AS_NUMBER + AS_ERROR) for value in batch.column(name).to_pylist()]
        if types[name] == "timestamp":
            moments = [value and datetime.fromisoformat(value) for value in values]
            made[name] = pa.array(moments, pa.timestamp("us"))
        else:
            made[name] = pa.array(values, pa.string())
    return pa.RecordBatch.from_pydict(made)


def faults(answer: Answer | None, got: set[tuple[str, str]], bad: bool) -> list[str]:
    """Lists how the gate's answer for one row differs from the key."""
    if answer is None:
        return [f"clean row: {code}:{item}" for code, item in got]
    wanted = {(found.code, found.item) for found in answer.findings if found.code not in ELSEWHERE}
    said = [f"{answer.kind}: missing {want}" for want in wanted - got]
    if "*" not in answer.may:
        said += [f"{answer.kind}: unexplained {code}" for code in got - wanted if code[0] not in answer.may]
    if bad and answer.disposition != "quarantine":
        said.append(f"{answer.kind}: rejected")
    if not bad and answer.disposition == "quarantine" and not {found.code for found in answer.findings} & ELSEWHERE:
        said.append(f"{answer.kind}: not rejected")
    return said


def tidied_wrongly(answer: Answer, checked: Checked, place: int) -> list[str]:
    """Lists items of an untidy row that were not normalised to the clean value."""
    said = []
    for item, value in answer.normalised.items():
        got = checked.items.column(item)[place].as_py()
        same = f"{got:%Y%m%d}" == (value or "").replace("-", "") if isinstance(got, date) else got == value
        if not same:
            said.append(f"{answer.kind}: {item} not normalised")
    return said


@pytest.mark.parametrize("dataset", list(TABLES))
def test_gate_and_key_agree(dataset: str) -> None:
    """Each kind at least five times, some rows with three: the gate finds exactly what the key says."""
    plan = Plan(min_per_kind=5)
    sizes = city.enlarged(Sizes(), plan)
    entry = load(city.CONTRACTS[dataset].read_text("utf-8"), dataset).entry
    gate = Gate(compile_plan(entry), datetime(2026, 11, 22, tzinfo=UTC).date())
    said: list[str] = []
    first = 1
    for batch, answers in Planter(Frame(7, sizes), TABLES[dataset], sizes.of(dataset), plan).stretches():
        checked = gate.check(landed(entry, batch, first))
        by_place = {answer.record - first: answer for answer in answers}
        bad, findings = checked.bad.to_pylist(), checked.findings.to_pylist()
        for place, listed in enumerate(findings):
            got = {(found["code"], found["item"] or "") for found in listed if found["severity"] != "info"}
            answer = by_place.get(place)
            said += faults(answer, got, bad[place])
            if answer and not bad[place]:
                said += tidied_wrongly(answer, checked, place)
        first += batch.num_rows
    assert said == []
