"""The trial load (试加载): a bounded, real validation of what an attachment would read. No row is kept.

Reads some rows through the connector, runs the gate with the entry's own plan, counts. Changes nothing.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from exchange.upload_files import Format, Titled, chosen_headings, lent
from exchange.upload_workbook import columns_missing
from quality.gate import Checked, Gate
from quality.plan import compile_plan, severity_of
from schemas.contract import Contract
from schemas.contract.lint import DirectoryFacts, lint
from schemas.entry import Entry
from schemas.errors import ContractError, InputError, SourceUnreadable
from schemas.findings import codes, finding
from schemas.rules.book import book
from schemas.source import ReadRequest

ROWS = 1000
_SHANGHAI = ZoneInfo("Asia/Shanghai")
#: What a row with a warning alone takes off, beside the whole row that is rejected.
_WARNING_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial load counted. `findings` are codes with items and rows, never values."""

    rows: int
    accepted: int
    rejected: int
    warned: int
    score: float
    needed: float
    findings: tuple[dict[str, Any], ...]

    @property
    def passed(self) -> bool:
        """Says whether the score suffices."""
        return self.score >= self.needed


def try_load(loaded: Contract, url: str | None, now: datetime) -> Trial:
    """Reads at most 1,000 rows and checks them; raises ContractError, SourceError."""
    from connectors import inspect  # noqa: PLC0415 - drivers are slow to import

    entry = loaded.entry
    assert entry.attachment is not None  # noqa: S101 - composed with one
    facts = inspect.describe(entry.attachment, url)
    refuse_columns(loaded, facts.columns)
    batch = inspect.sample(entry.attachment, url, entry.source_columns, ROWS, now)
    if batch is None or batch.num_rows == 0:
        raise SourceUnreadable(
            "试加载没有读到数据", "表或文件中至少有一行", "请核对表，或等有数据后再试", code="TRIAL_EMPTY"
        )
    checked = Gate(compile_plan(entry), now.astimezone(_SHANGHAI).date()).check(batch)
    return _counted(entry, checked)


def try_file(loaded: Contract, content: bytes, form: Format, now: datetime) -> Trial:
    """Checks at most 1,000 rows of a file that the department hands in; raises InputError, SourceError."""
    entry = loaded.entry
    assert entry.attachment is not None  # noqa: S101 - composed with one
    batches: list[pa.RecordBatch] = []
    with lent(entry.attachment, content, form, f"trial-{secrets.token_hex(8)}") as source:
        columns = [column.name for column in source.columns()]
        headings, missing = chosen_headings(entry, set(columns))
        if missing:
            raise columns_missing(missing, columns)
        request = ReadRequest(entry.source_columns, "snapshot", now)
        with Titled(source, headings).read(request) as reading:
            for batch in reading:
                batches.append(batch)
                if sum(each.num_rows for each in batches) >= ROWS:
                    break
    rows = pa.Table.from_batches(batches).slice(0, ROWS).combine_chunks().to_batches() if batches else []
    if not rows:
        raise InputError("文件里没有记录", "至少一条记录", "请填写几条真实的记录后再试", code="TRIAL_EMPTY")
    return _counted(entry, Gate(compile_plan(entry), now.astimezone(_SHANGHAI).date()).check(rows[0]))


def refuse_columns(loaded: Contract, columns: Any) -> None:
    """Raises ContractError (L15) unless the table holds every column that the items read."""
    found = next(result for result in lint(loaded, DirectoryFacts(columns=columns)) if result.id == "L15")
    if not found.passed:
        raise ContractError(found.says, "挂接的表应含有各数据项对应的列", found.next_step, code="L15")


def slower_than_cycle(loaded: Contract) -> str:
    """Says why the schedule is slower than the update cycle (L10); empty where it is not."""
    found = next(result for result in lint(loaded, DirectoryFacts()) if result.id == "L10")
    return "" if found.passed else found.says


def _counted(entry: Entry, checked: Checked) -> Trial:
    again = _same_key(entry, checked)
    bad = pc.or_(checked.bad, again)
    rows, rejected = len(bad), pc.sum(bad).as_py() or 0
    warned = pc.sum(pc.and_(pc.invert(bad), pc.greater(pc.list_value_length(checked.flags), 0))).as_py() or 0
    found = [_told(entry, code, item, count) for (code, item), count in sorted(checked.counts.findings.items())]
    conflicts = pc.sum(again).as_py() or 0
    if conflicts:
        found.append(_told(entry, "KEY_CONFLICT", entry.row_key[0], conflicts))
    score = round(100 * (rows - rejected - _WARNING_WEIGHT * warned) / rows, 1)
    found.sort(key=lambda each: (-each["rows"], each["code"]))
    needed = book().number("ATTACH_SCORE")
    return Trial(rows, rows - rejected, rejected, warned, score, needed, tuple(found))


def _told(entry: Entry, code: str, name: str, rows: int) -> dict[str, Any]:
    titles = {item.name: item.title for item in entry.items}
    title = titles.get(name, name)
    known = code in codes()
    says = finding(code).says.replace("{item}", title) if known else code
    return {
        "code": code, "item": name, "title": title, "severity": severity_of(code) if known else "error",
        "rows": int(rows), "says": says,
    }  # fmt: skip


def _same_key(entry: Entry, checked: Checked) -> pa.BooleanArray:
    """Marks good rows whose row key another row of the sample has; a change table may name a key many times."""
    rows = checked.items.num_rows
    replays = entry.attachment is not None and entry.attachment.mode == "change_flag"
    if not entry.row_key or replays:
        return pa.array([False] * rows)
    table = pa.table([checked.items.column(name) for name in entry.row_key], names=list(entry.row_key))
    table = table.append_column("at", pa.array(range(rows))).filter(pc.invert(checked.bad))
    grouped = table.group_by(list(entry.row_key)).aggregate([("at", "list")])
    several = grouped.filter(pc.greater(pc.list_value_length(grouped["at_list"]), 1))["at_list"]
    marked = set(pc.list_flatten(several).to_pylist())
    return pa.array([at in marked for at in range(rows)])
