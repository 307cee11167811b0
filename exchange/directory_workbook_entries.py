"""One entry of a workbook → a contract's document: over what is registered, or new with what is missing proposed.

A cell that says what the export says changes nothing; another is read and written. Pure: whose entry it is and which
one is registered is handed in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from exchange.directory_workbook_cells import Values, cells_of, read_cell
from exchange.directory_workbook_rows import Fault, RawEntry, RawRow
from exchange.entry_form_faults import fill_items, filled, place_of, read_document
from exchange.entry_text import WAS, Draft, new_document, read_draft, write_draft
from schemas.contract.lint_sharing import folded
from schemas.entry import Entry
from schemas.errors import InputError
from schemas.forms import form_for
from schemas.forms.workbook import Column, fold, layout

#: How files, databases and services are shared when nobody said.
_MODE_OF_FORMAT = {"3": "1", "7": "3"}
_FASTEST_FIRST = "12345867"
#: What an emptied cell does not empty: no contract is without it.
_KEPT = {"title", "name", "type", "kind", "level", "dataset", "version", "abstract", "update_cycle", "share_type"}
_BASIS = re.compile(
    r"《(?P<title>[^》]{2,100})》\s*(?:[（(](?P<number>[^）)]{2,60})[）)])?[^第]{0,40}(?P<article>第[一二三四五六七八九十百零\d]+条[^，。；,;]{0,30})?"
)


@cache
def _headings() -> dict[str, Column]:
    return {each.id: each for each in layout().columns}


@dataclass(frozen=True)
class Registered:
    """What is registered under an entry's name or code: its document, and the code that its export shows."""

    dataset: str
    document: dict[str, Any]
    code: str


@dataclass
class Written:
    """An entry as the workbook wants it."""

    raw: RawEntry
    document: dict[str, Any]
    base: dict[str, Any] | None = None
    entry: Entry | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Says whether anything differs from what is registered."""
        return self.base is None or self.document != self.base


def write_entry(raw: RawEntry, base: Registered | None, provider: Mapping[str, str], taken: set[str]) -> Written:
    """Writes an entry of the workbook; its faults have the place of their cell."""
    document = base.document if base else new_document()
    made = Written(raw, document, base.document if base else None)
    was = read_draft(document)
    code = base.code if base else ""
    values = {**_entry_values(made, was, code, new=base is None), **provider}
    rows, sources = _item_rows(made, was, code)
    if base is None:
        values = _proposed(made, values)
        draft, says = filled(form_for(values.get("format_category", "")), Draft(values, {"items": tuple(rows)}), taken)
        draft = _with_basis(draft)
        made.notes += says
    else:
        draft = Draft({**was.values, **values}, {"items": fill_items(rows)})
    made.document = write_draft(document, draft, keep_missing=raw.keeps_missing)
    if made.changed:
        made.entry = _read(made, sources)
    return made


def _entry_values(made: Written, was: Draft, code: str, *, new: bool) -> Values:
    """Reads the columns that stand once an entry; rows that disagree are a fault, but for the share type."""
    found: Values = {}
    old = cells_of(was, {}, code)
    for column in layout().columns:
        if column.of != "entry" or column.id not in made.raw.letters or column.codec == "provider":
            continue
        text, row = _said(made, column)
        if column.id == "share_type":
            found |= _share_type(made, was, new=new)
            continue
        if column.codec == "code":
            found |= _code(made, text, code, row, new=new)
        elif text != old[column.id].strip() and not (not new and column.split and _same_split(column, text, was)):
            found |= _read_cell(made, column, text, row, new=new)
    return found


def _said(made: Written, column: Column) -> tuple[str, RawRow]:
    """Returns what an entry's rows say of a column: of one voice, but for what may differ by item.

    A condition belongs to the share type beside it; the update cycle is that of the fastest item (编制指南).
    """
    raw = made.raw
    if column.id == "share_condition":
        widest = min((code for row in raw.rows if (code := _row_share_type(made, row))), default="")
        raw = replace(raw, rows=[row for row in raw.rows if _row_share_type(made, row) in ("", widest)] or raw.rows)
    text, row = raw.cell(column.id)
    if column.id == "update_cycle":
        cycles = {cycle: each for each in raw.rows if (cycle := column.choice(each.cells.get(column.id, "")))}
        fastest = next((code for code in _FASTEST_FIRST if code in cycles), "")
        if len(cycles) > 1 and fastest:
            row = cycles[fastest]
            made.notes.append("更新周期按更新最快的数据项")
            return row.cells[column.id], row
    if column.id != "share_type":
        _disagreeing(made, raw, column, text)
    return text, row


def _same_split(column: Column, text: str, was: Draft) -> bool:
    each = column.fields[0]
    return (column.choice(text) if column.codec == "choice" else text) == was.values.get(each.name, "")


def _disagreeing(made: Written, raw: RawEntry, column: Column, text: str) -> None:
    for row in raw.rows:
        other = row.cells.get(column.id, "")
        if other and fold(other) != fold(text):
            got = f"同一目录条目的“{column.heading}”前后不一致（“{text[:20]}”与“{other[:20]}”）"
            made.faults.append(made.raw.fault(row, column.id, got, "请改为相同，或按不同的名称分成两个条目"))
            return


def _code(made: Written, text: str, code: str, row: RawRow, *, new: bool) -> Values:
    if not text or text == code.strip():
        return {}
    if new or not code:
        return {"dept_code": text[:64]}
    made.faults.append(made.raw.fault(row, "code", f"代码与已登记的 {code} 不同", "请删去代码，代码由数桥分配"))
    return {}


def _read_cell(made: Written, column: Column, text: str, row: RawRow, *, new: bool) -> Values:
    if not text:
        return {} if new else {each.name: "" for each in column.fields if each.name not in _KEPT}
    try:
        read = read_cell(column, text)
        if not read and column.id == "classification" and fold(text) not in {"", "/", "-", "无"}:
            made.notes.append(f"没有读出分类“{text[:30]}”，请在条目中选择")
        return read
    except InputError as error:
        made.faults.append(made.raw.fault(row, column.id, error.got, error.next_step))
        return {}


def _share_type(made: Written, was: Draft, *, new: bool) -> Values:
    """Returns the entry's type: the widest of its rows; rows that are shared less keep their own (see _item_rows)."""
    types = [code for row in made.raw.rows if (code := _row_share_type(made, row))]
    if not types or (not new and set(types) == {was.values["share_type"]}):
        return {}
    return {"share_type": min(types)}


def _row_share_type(made: Written, row: RawRow) -> str:
    text = row.cells.get("share_type", "")
    if not text:
        return ""
    code = _headings()["share_type"].choice(text)
    if code is None:
        fault = made.raw.fault(
            row, "share_type", f"“{text[:30]}”不是共享类型", "请填写：1 无条件共享、2 有条件共享、3 不予共享"
        )
        if not any(each.got == fault.got for each in made.faults):  # once an entry, not once a row
            made.faults.append(fault)
    return code or ""


def _item_rows(made: Written, was: Draft, code: str) -> tuple[list[Values], list[RawRow]]:
    """Reads the rows of items over the registered ones of the same name."""
    by_name = {row["name"]: row for row in was.rows["items"]}
    by_title = {folded(row["title"]): row for row in was.rows["items"]}
    types = [_row_share_type(made, row) for row in made.raw.rows]
    widest = min((each for each in types if each), default="")
    rows: list[Values] = []
    sources: list[RawRow] = []
    seen: dict[str, int] = {}
    for raw, share_type in zip(made.raw.rows, types, strict=True):
        title = raw.cells.get("item", "")
        if not title:
            _lost_item(made, raw)
            continue
        key = folded(title)
        if key in seen:
            got = f"数据项“{title[:30]}”与第{seen[key]}行重复"
            made.faults.append(made.raw.fault(raw, "item", got, "请改名，或删去其中一行"))
            continue
        seen[key] = raw.number
        old = by_name.get(raw.cells.get("name", "")) or by_title.get(key)
        row = _item_row(made, raw, old, was, code)
        if share_type and share_type > widest:
            row["share_type"] = share_type
            if share_type == "3":
                row.setdefault("no_share_reason", raw.cells.get("share_condition", "")[:256])
        rows.append(row)
        sources.append(raw)
    return rows, sources


def _lost_item(made: Written, raw: RawRow) -> None:
    """An item's row without the item's name is a fault; an entry's row without items is none."""
    said = [each.id for each in layout().columns if each.of == "item" and raw.cells.get(each.id)]
    if said:
        made.faults.append(made.raw.fault(raw, "item", "没有信息项名称", "请填写名称，或删去该行"))


def _item_row(made: Written, raw: RawRow, old: Mapping[str, str] | None, was: Draft, code: str) -> Values:
    row: Values = dict(old) if old else {WAS: ""}
    shown = cells_of(was, old, code) if old else {}
    for column in layout().columns:
        if column.of != "item" or column.id not in made.raw.letters:
            continue
        text = raw.cells.get(column.id, "")
        if text != shown.get(column.id, "").strip():
            row |= _read_cell(made, column, text, raw, new=old is None)
    return row


def _proposed(made: Written, values: Values) -> Values:
    """Proposes what the template leaves open."""
    made_values = dict(values)
    if not values.get("update_cycle") and not _faulty(made, "update_cycle"):
        made_values["update_cycle"] = "7"
        made.notes.append("没有更新周期，暂按“不定期”")
    if not values.get("share_type") and not _faulty(made, "share_type"):
        made.notes.append("没有共享类型，暂按“无条件共享”")
    if not values.get("is_open"):
        made.notes.append("没有写明是否开放，暂按“不开放”")
    if not values.get("format_category"):
        made_values["format_category"] = "3"
        made.notes.append("没有格式，暂按“数据库”")
    made_values["share_mode"] = values.get("share_mode") or _MODE_OF_FORMAT.get(made_values["format_category"], "2")
    return made_values


def _faulty(made: Written, column: str) -> bool:
    letters = made.raw.letters.get(column)
    return any(fault.column == letters for fault in made.faults)


def _with_basis(draft: Draft) -> Draft:
    """Reads the law that a refusal cites in its condition."""
    values = dict(draft.values)
    found = _BASIS.search(values.get("share_condition", ""))
    if values.get("share_type") != "3" or not found or not found["article"]:
        return draft
    values["no_share_reason"] = values.get("no_share_reason") or "1"
    basis = {name: found[name] or "" for name in ("title", "number", "article")}
    return Draft(values, {**draft.rows, "legal_basis": (basis,)})


def _read(made: Written, sources: list[RawRow]) -> Entry | None:
    """Reads the document; what no contract can hold is a fault at its cell."""
    entry, problems = read_document(made.document)
    for path, problem in problems:
        if problem.severity != "error":
            continue
        place = place_of(made.document, path, problem)
        row, name = made.raw.first, place
        found = re.fullmatch(r"items-(\d+)-(.+)", place)
        if found:
            name = found[2]
            row = sources[int(found[1])] if int(found[1]) < len(sources) else row
        column = _column_of(name, "item" if found else "entry")
        mend = "；".join(filter(None, (problem.allowed, problem.next_step)))
        fault = made.raw.fault(row, column, problem.got, mend)
        if not any(each.row == fault.row and each.column == fault.column for each in made.faults):
            made.faults.append(fault)
    return entry


def _column_of(name: str, of: str) -> str:
    return next((each.id for each in layout().columns if each.of == of and name in {f.name for f in each.fields}), "")
