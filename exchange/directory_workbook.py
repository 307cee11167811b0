"""Use-cases of the directory's workbook: import one whole or not at all, export a department's, print it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.directory_workbook_entries import Written
from exchange.directory_workbook_register import Register, document_of, shown_code
from exchange.directory_workbook_rows import Fault, read_directory
from exchange.directory_workbook_write import Listed, write_workbook
from exchange.entry_form_draft import put_draft
from exchange.entry_text import Draft, Row, read_draft
from exchange.entry_text_yaml import write_text
from exchange.hub import Hub
from exchange.scope import Reach, reach_of
from schemas.errors import NotFound
from schemas.forms import form_for

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_REFUSED_TYPE = "3"


@dataclass(frozen=True, slots=True)
class ImportedEntry:
    """One entry of an imported workbook. `what`: new, changed or unchanged."""

    dataset: str
    title: str
    items: int
    what: str
    row: str
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ImportView:
    """What became of a workbook; with faults nothing was imported."""

    name: str
    applied: bool
    entries: Sequence[ImportedEntry] = ()
    faults: Sequence[Fault] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FileView:
    """A file to hand out."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class PrintedEntry:
    """An entry as it is printed: sections of labelled values, and the table of its items."""

    dataset: str
    title: str
    code: str
    provider: str
    sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    heads: Sequence[str]
    items: Sequence[Sequence[str]]


@use_case("directory.import")
def import_workbook(hub: Hub, actor: Actor, name: str, content: bytes, *, check_only: bool = False) -> ImportView:
    """Imports a directory's workbook as drafts: all of its entries, or with any fault none."""
    found = read_directory(content, name)
    notes = [f"没有采用的栏目：{'、'.join(found.unknown[:20])}"] if found.unknown else []
    with hub.transaction() as connection:
        known = Register(connection, actor)
        written = [known.write(raw, found.faults) for raw in found.entries]
        opened = [(each, known.open(each)) for each in written if each.changed]
        faults = [*found.faults, *(fault for each in written for fault in each.faults)]
        faults.sort(key=lambda fault: (fault.sheet, fault.row, fault.column))
        applied = not faults and not check_only
        for each, version in opened if applied else ():
            if each.entry is not None:
                put_draft(connection, hub, actor, each.entry, write_text(each.document), version)
        detail = {"entries": len(written), "changed": len(opened), "faults": len(faults), "checked": check_only}
        result = "failure" if faults else "success"
        record(connection, hub, actor, "directory.import", None, row_count=len(written), result=result, detail=detail)
    return ImportView(name, applied, tuple(map(_said, written)), tuple(faults), tuple(notes))


def _said(each: Written) -> ImportedEntry:
    what = "new" if each.base is None else "changed" if each.changed else "unchanged"
    items = len(each.document["schema"][0].get("properties") or ())
    place = f"{each.raw.first.sheet}!{each.raw.first.number}"
    dataset, title = str(each.document.get("id") or ""), str(each.document.get("name") or "")
    return ImportedEntry(dataset, title, items, what, place, tuple(each.notes))


@use_case("directory.export")
def export_directory(
    hub: Hub, actor: Actor, department: str | None = None, *, sharing: bool = False, drafts: bool = True
) -> FileView:
    """Writes a department's full directory, or its sharing directory without what is not shared (type 3)."""
    with hub.transaction() as connection:
        name, found = _listed(connection, actor, department, drafts=drafts)
        listed = [
            Listed(draft, shown_code(stored, draft), items)
            for stored, draft in found
            if (items := _items(draft, sharing=sharing)) is not None
        ]
        kind = "sharing" if sharing else "full"
        detail = {"department": department, "kind": kind}
        record(connection, hub, actor, "directory.export", None, row_count=len(listed), detail=detail)
    title = f"{name}政务数据共享目录" if sharing else f"{name}政务数据目录"
    return FileView(f"{title}.xlsx", write_workbook(kind, title, listed), EXCEL)


def template() -> FileView:
    """Returns the empty template."""
    return FileView("政务数据目录模板.xlsx", write_workbook("full", "政务数据目录", []), EXCEL)


def _items(draft: Draft, *, sharing: bool) -> tuple[Row, ...] | None:
    """Returns the items that a directory lists; None where the entry stays out."""
    rows = draft.rows["items"]
    if not sharing:
        return rows
    if draft.values["share_type"] == _REFUSED_TYPE:
        return None
    shared = tuple(row for row in rows if row["share_type"] != _REFUSED_TYPE)
    return shared if shared or not rows else None


def _listed(
    connection: Connection, actor: Actor, department: str | None, *, drafts: bool
) -> tuple[str, list[tuple[StoredEntry, Draft]]]:
    """Lists the entries that the actor may see, of a department or of all, by code and name."""
    reach = reach_of(connection, actor)
    named = {each.code: each.name for each in departments.list_all(connection)}
    if department is not None and department not in named:
        raise NotFound("没有登记该部门", "部门以统一社会信用代码登记", "请从部门列表中选择", code="DEPARTMENT_UNKNOWN")
    found = []
    for stored in entries.list_all(connection):
        wanted = department in (None, stored.provider_code) and stored.state not in (State.REVOKED, State.DELETED)
        version = _shown_version(connection, stored, reach, drafts=drafts) if wanted and reach.sees(stored) else None
        if version is not None:
            found.append((stored, read_draft(document_of(version.contract))))
    found.sort(key=lambda each: (shown_code(*each), each[0].dataset))
    return named[department] if department else "", found


def _shown_version(connection: Connection, stored: StoredEntry, reach: Reach, *, drafts: bool) -> EntryVersion | None:
    """Returns the newest version for those it belongs to, the one in force for all others."""
    if drafts and reach.covers(stored.provider_code):
        return entries.latest_version(connection, stored.dataset)
    return entries.find_version(connection, stored.dataset, stored.published_version or 0)


@use_case("directory.print")
def print_directory(
    hub: Hub, actor: Actor, department: str | None = None, dataset: str | None = None
) -> Sequence[PrintedEntry]:
    """Returns entries as they are printed: of a department, or one."""
    with hub.transaction() as connection:
        _, found = _listed(connection, actor, department, drafts=True)
        wanted = [each for each in found if dataset in (None, each[0].dataset)]
        if dataset is not None and not wanted:
            raise NotFound("没有这个目录条目", "", "请从目录中选择", code="DATASET_UNKNOWN")
        record(connection, hub, actor, "directory.print", dataset, row_count=len(wanted))
    return tuple(_printed(stored, draft) for stored, draft in wanted)


def _printed(stored: StoredEntry, draft: Draft) -> PrintedEntry:
    shown = form_for(draft.values["format_category"])
    facts, items, heads = [], [], []
    for section in shown.sections:
        if section.rows == "items":
            heads = [each.label for each in section.fields]
            items = [[each.says(row.get(each.name, "")) for each in section.fields] for row in draft.rows["items"]]
        elif not section.rows:
            lines = [(each.label, each.says(draft.values.get(each.name, ""))) for each in section.fields]
            facts.append((section.title, [line for line in lines if line[1]]))
    used = [place for place in range(len(heads)) if any(row[place] for row in items)]
    return PrintedEntry(
        stored.dataset,
        draft.values["title"],
        shown_code(stored, draft),
        draft.values["provider_name"],
        facts,
        [heads[place] for place in used],
        [[row[place] for place in used] for row in items],
    )
