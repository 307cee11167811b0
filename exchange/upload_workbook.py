"""What is wrong with a file that a department hands in (文件填报), told by place. Makes no run.

A file is checked by the reader and the gate of a sync, under the published plan. Faults hold places, never a value.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.formats import workbook
from connectors.formats.document import Document
from exchange.upload_files import Format, Titled, chosen_headings, lent
from lake.rows import RowCoder
from quality.gate import Gate
from schemas.entry import Attachment, Entry
from schemas.errors import InputError, SourceError
from schemas.findings import finding as kind_of
from schemas.source import ReadRequest

#: Faults that a report names one by one; the others are counted.
SHOWN = 500
_UNPACKED = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault by its place: sheet, row, heading, cell; what is wrong and what mends it. Never a value."""

    sheet: str
    row: int | None
    column: str
    cell: str
    code: str
    severity: str
    says: str
    next_step: str


@dataclass(slots=True)
class Report:
    """What checking a file has found."""

    form: Format
    rows: int = 0
    faulty_rows: int = 0
    duplicates: int = 0
    faults: list[Fault] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Counts what keeps rows from being published."""
        return sum(count for (code, _), count in self.counts.items() if _severity(code) == "error")


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What a file is checked by: entry, plan, the keyed hashes of rows, and what single rows need not meet."""

    entry: Entry
    plan: Mapping[str, Any]
    coder: RowCoder
    now: datetime
    today: date
    waived: frozenset[tuple[bytes, str, str]] = frozenset()


def form_of(name: str, content: bytes) -> Format:
    """Says what kind of file this is by its bytes, not by its name; raises InputError for what cannot be read."""
    if content[:4] == b"PK\x03\x04":
        return _checked_package(content)
    if content[:8] == bytes.fromhex("d0cf11e0a1b11ae1"):
        return "workbook"
    if name.lower().endswith((".csv", ".txt")) and b"\0" not in content[:4096]:
        return "csv"
    raise _not_a_table()


def _checked_package(content: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            infos = package.infolist()
    except zipfile.BadZipFile:
        raise _not_a_table() from None
    names = {info.filename.lower() for info in infos}
    if any(name.endswith("vbaproject.bin") for name in names):
        raise InputError(
            "工作簿含有宏", "只接收不含宏的 .xlsx、.xls 或 .csv", "请另存为 .xlsx 后再上传", code="UPLOAD_MACRO"
        )
    if sum(info.file_size for info in infos) > _UNPACKED:
        raise InputError(
            "工作簿展开后过大", "展开后不超过 512 MB", "请改存为 CSV，或分次以增量方式上传", code="UPLOAD_SIZE"
        )
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise _not_a_table()
    return "workbook"


def _not_a_table() -> InputError:
    return InputError(
        "文件不是工作簿，也不是 CSV",
        "可上传 .xlsx、.xls、.ods 或 .csv",
        "请下载数据模板，填写后上传",
        code="UPLOAD_FORMAT",
    )


def check_file(rules: Rulebook, attachment: Attachment, content: bytes, form: Format, upload_id: str) -> Report:
    """Reads and checks a file as a sync would; raises InputError, SourceError when it cannot be read at all."""
    report = Report(form)
    with lent(attachment, content, form, upload_id) as source:
        columns = [column.name for column in source.columns()]
        headings, missing = chosen_headings(rules.entry, set(columns))
        if missing:
            raise columns_missing(missing, columns)
        request = ReadRequest(rules.entry.source_columns, "snapshot", rules.now)
        place = _Places(rules.entry, headings)
        keys = _Keys(rules)
        gate = Gate(rules.plan, rules.today)
        with Titled(source, headings).read(request) as reading:
            for batch in reading:
                report.rows += batch.num_rows
                _check_batch(batch, gate, rules, report, (place, keys))
    if not report.rows:
        raise InputError("文件里没有记录", "至少一条记录", "本期没有变化的，请申报“本期无更新”", code="UPLOAD_EMPTY")
    report.duplicates = keys.duplicates
    _add_conflicts(report, rules.entry, keys, place)
    if form == "workbook" and report.faults:
        _add_cells(report, attachment, content)
    return report


def columns_missing(missing: Sequence[str], there: Sequence[str]) -> InputError:
    """Makes the error of a file that lacks data items."""
    others = "、".join(there[:30])
    return InputError(
        f"第 1 行缺少数据项：{'、'.join(missing)}",
        f"文件第 1 行现有：{others}",
        "请使用该条目的数据模板，不要改动第 1 行的名称",
        code="UPLOAD_COLUMNS",
    )


class _Places:
    """Turns the reader's places (`表!12`, `表!C12`, a line number) and item names into what a person looks for."""

    def __init__(self, entry: Entry, headings: Mapping[str, str]) -> None:
        self._columns = {item.name: headings[item.source] for item in entry.items}
        self._titles = {item.name: item.title for item in entry.items}

    def fault(self, code: str, item: str, place: str | None, severity: str) -> Fault:
        """Makes the fault of a finding."""
        sheet, _, at = (place or "").rpartition("!")
        digits = at.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        row = int(digits) if digits.isdigit() else None
        names = [name for name in item.split(",") if name]
        title = "、".join(self._titles.get(name, name) for name in names) or "该行"
        column = "、".join(dict.fromkeys(self._columns.get(name, "") for name in names))
        try:
            says, next_step = kind_of(code).says.replace("{item}", title), kind_of(code).next
        except KeyError:
            says, next_step = f"{title}不符合规则 {code}", "请核对后更正"
        return Fault(sheet, row, column, at if at != digits else "", code, severity, says, next_step)


class _Keys:
    """The row keys of a file by keyed hash: which are there twice, with the same or with another content."""

    def __init__(self, rules: Rulebook) -> None:
        self._coder = rules.coder
        self._ordered = rules.entry.order_item is not None
        self._keyed = bool(rules.entry.row_key)
        self._first: dict[bytes, tuple[int, str | None]] = {}
        self.duplicates = 0
        self.conflicts: list[str | None] = []

    def hashes(self, items: pa.RecordBatch) -> list[bytes | None]:
        """Returns the key hash of each row."""
        found: list[bytes | None] = self._coder.key_hashes(items).to_pylist()
        return found

    def look_at(self, hashes: Sequence[bytes | None], items: pa.RecordBatch, places: Sequence[str | None]) -> None:
        """Notes the keys of good rows."""
        if not self._keyed or self._ordered:
            return
        rows = zip(*(column.to_pylist() for column in items.columns), strict=True)
        for key, row, place in zip(hashes, rows, places, strict=True):
            if key is None:
                continue
            content = hash(row)
            first, where = self._first.setdefault(key, (content, place))
            if first != content:
                self.conflicts += [each for each in (where, place) if each not in self.conflicts[-1:]]
            elif where != place:
                self.duplicates += 1


def _check_batch(
    batch: pa.RecordBatch, gate: Gate, rules: Rulebook, report: Report, helpers: tuple[_Places, _Keys]
) -> None:
    place, keys = helpers
    checked = gate.check(batch)
    hashes = keys.hashes(checked.items)
    at = batch.schema.get_field_index("_place")
    places = batch.column(at).to_pylist() if at >= 0 else [None] * batch.num_rows
    good = pc.invert(checked.bad)
    keep = good.to_pylist()
    kept = [number for number, right in enumerate(keep) if right]
    keys.look_at([hashes[n] for n in kept], checked.items.filter(good), [places[n] for n in kept])
    for number, found in enumerate(checked.findings.to_pylist()):
        wrong = False
        for each in found or ():
            item = each["item"] or ""
            if each["severity"] == "info" or (hashes[number], each["code"], item) in rules.waived:
                continue
            wrong |= each["severity"] == "error"
            _add(report, place.fault(each["code"], item, each["place"] or places[number], each["severity"]))
        report.faulty_rows += wrong


def _add(report: Report, fault: Fault) -> None:
    at = (fault.code, fault.column)
    report.counts[at] = report.counts.get(at, 0) + 1
    if len(report.faults) < SHOWN:
        report.faults.append(fault)


def _add_conflicts(report: Report, entry: Entry, keys: _Keys, place: _Places) -> None:
    places = list(dict.fromkeys(keys.conflicts))
    report.faulty_rows += len(places)
    for each in places:
        _add(report, place.fault("KEY_CONFLICT", ",".join(entry.row_key), each, "error"))


def _add_cells(report: Report, attachment: Attachment, content: bytes) -> None:
    """Names the cell of each fault that is about one column."""
    try:
        letters = workbook.letters(Document("填报文件", lambda: io.BytesIO(content)), attachment)
    except SourceError:  # it was readable a moment ago; a place without its letter is still a place
        return
    report.faults = [
        Fault(
            each.sheet, each.row, each.column, each.cell or f"{letters[each.column]}{each.row}", each.code,
            each.severity, each.says, each.next_step,
        ) if each.column in letters and each.row else each
        for each in report.faults
    ]  # fmt: skip


def _severity(code: str) -> str:
    try:
        return kind_of(code).severity
    except KeyError:
        return "error"
