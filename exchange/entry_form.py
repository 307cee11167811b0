"""Use-cases of the entry form: open it, check it with the lint, save it as draft.

A draft may have faults that the lint names; what no contract can hold (no name, no item type) is not saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from catalog.stores import departments, entries
from catalog.stores.entries import EntryVersion, StoredEntry
from catalog.tables_work import information_systems
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.entry_form_draft import open_version, put_draft, raised
from exchange.entry_form_faults import field_faults, filled, place_of, read_document
from exchange.entry_text import Draft, Row, new_document, read_draft, write_draft
from exchange.entry_text_yaml import write_text
from exchange.hub import Hub
from exchange.scope import Reach, reach_of, require_entry, unknown_entry
from quality.plan import compile_plan
from schemas.contract import Contract
from schemas.contract.document import parse
from schemas.contract.lint import DirectoryFacts, OtherEntry, lint
from schemas.contract.report import Report
from schemas.entry import Entry
from schemas.errors import ContractError, InputError, StateError
from schemas.forms import Form, Option, form, form_for


@dataclass(frozen=True, slots=True)
class LintView:
    """One check of the lint, and the field at which it is shown."""

    id: str
    passed: bool
    severity: str
    says: str
    next_step: str
    place: str


@dataclass(frozen=True, slots=True)
class FormView:
    """The form as one person sees it. `stamp` tells whether somebody else saved in between."""

    form: Form
    values: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]
    dataset: str | None = None
    stamp: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    lint: Sequence[LintView] = ()
    says: Sequence[str] = ()
    departments: Sequence[Option] = ()
    saved: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent."""

    values: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]
    resource_type: str = "table"
    dataset: str | None = None
    stamp: str = ""


@use_case("entry.form")
def open_form(hub: Hub, actor: Actor, dataset: str | None = None, resource_type: str = "table") -> FormView:
    """Opens the form: empty for a new entry, or filled with the newest version of an entry of one's own."""
    if dataset is not None:
        require_entry(hub, actor, "entry.form", dataset)
    with hub.transaction() as connection:
        record(connection, hub, actor, "entry.form", dataset)
        known = _departments(connection, actor)
        if dataset is None:
            return _blank(actor, form(resource_type), known)
        stored, latest = _found(connection, dataset)
    draft = read_draft(_document(latest.contract))
    shown = form_for(draft.values["format_category"])
    return FormView(shown, draft.values, draft.rows, stored.dataset, _stamp(latest), departments=known)


@use_case("entry.check")
def check_form(hub: Hub, actor: Actor, sent: Sent) -> FormView:
    """Judges a form with proposals filled in; changes nothing."""
    if sent.dataset is not None:
        require_entry(hub, actor, "entry.check", sent.dataset)
    with hub.transaction() as connection:
        record(connection, hub, actor, "entry.check", sent.dataset)
        return _judge(connection, actor, sent).view


@use_case("entry.draft")
def save_draft(hub: Hub, actor: Actor, sent: Sent) -> FormView:
    """Saves a form as draft; a form that no contract can hold comes back with its faults, unsaved."""
    if sent.dataset is not None:
        require_entry(hub, actor, "entry.draft", sent.dataset)
    with hub.transaction() as connection:
        judged = _judge(connection, actor, sent)
        if judged.entry is None:
            record(connection, hub, actor, "entry.draft", sent.dataset, result="failure", error_code="CONTRACT")
            return judged.view
        entry = judged.entry
        found = open_version(connection, entry.dataset, provider=entry.provider_code) if sent.dataset else None
        if found is not None and judged.text == found[1].contract:
            record(connection, hub, actor, "entry.draft", entry.dataset, detail={"version": found[1].number})
            return replace(judged.view, saved=True, says=("没有改动",))
        number = put_draft(connection, hub, actor, entry, judged.text, found)
        record(connection, hub, actor, "entry.draft", entry.dataset, detail={"version": number})
    return replace(judged.view, saved=True, dataset=entry.dataset)


@dataclass(frozen=True, slots=True)
class _Judged:
    view: FormView
    entry: Entry | None = None
    text: str = ""


def _judge(connection: Connection, actor: Actor, sent: Sent) -> _Judged:
    known = _departments(connection, actor)
    stored, latest = _found(connection, sent.dataset) if sent.dataset else (None, None)
    if latest is not None and sent.stamp and sent.stamp != _stamp(latest):
        raise StateError("打开表单后，他人已修改了该目录条目", "", "请重新打开表单，再改", code="ENTRY_CHANGED")
    shown = form(sent.resource_type)
    others = entries.list_all(connection)
    given = Draft({**sent.values, **_provider(sent, stored, actor, known)}, {k: tuple(v) for k, v in sent.rows.items()})
    draft, says = filled(shown, given, {each.dataset for each in others})
    base = _document(latest.contract) if latest else new_document()
    document = write_draft(base, draft)
    if stored is not None and stored.published_version is not None and document != base:
        in_force = entries.find_version(connection, stored.dataset, stored.published_version)
        document["version"] = raised(str(document.get("version")), in_force.contract_version if in_force else "")
    faults = field_faults(shown, draft) | _own_faults(connection, actor, draft, sent, others)
    entry, problems = read_document(document)
    for path, problem in problems:
        if problem.severity == "error":
            place = place_of(document, path, problem)
            if place not in faults:
                faults[place] = "；".join(filter(None, (problem.got, problem.allowed, problem.next_step)))
    view = FormView(
        shown, draft.values, draft.rows, sent.dataset, sent.stamp, faults, says=says, departments=known, checked=True
    )
    if entry is None or faults.keys() & {"dataset", "provider_code"}:
        return _Judged(view)
    text = latest.contract if latest and document == base else write_text(document)
    checks = _lint(connection, shown, Contract(entry, document, text), others)
    return _Judged(replace(view, lint=(*checks, *_compiled(entry))), entry, text)


def _provider(sent: Sent, stored: StoredEntry | None, actor: Actor, known: Sequence[Option]) -> dict[str, str]:
    """Returns the provider: an entry's own stays; a new one gets the account's, or the chosen one within reach."""
    chosen = sent.values.get("provider_code", "").strip()
    code = stored.provider_code if stored else chosen or actor.department or ""
    name = next((each.name for each in known if each.code == code), "")
    return {"provider_code": code} | ({"provider_name": name} if name else {})


def _own_faults(
    connection: Connection, actor: Actor, draft: Draft, sent: Sent, others: Sequence[StoredEntry]
) -> dict[str, str]:
    dataset, provider = draft.values["dataset"], draft.values["provider_code"]
    if sent.dataset and dataset != sent.dataset:
        return {"dataset": f"已登记的数据集名称不能修改，应为 {sent.dataset}"}
    if not sent.dataset and any(each.dataset == dataset for each in others):
        return {"dataset": f"数据集名称 {dataset} 已被使用，请换一个"}
    if not reach_of(connection, actor).covers(provider) or not draft.values.get("provider_name"):
        return {"provider_code": "只能为本部门编制目录，请从列表中选择已登记的部门"}
    return {}


def _lint(connection: Connection, shown: Form, loaded: Contract, others: Sequence[StoredEntry]) -> list[LintView]:
    facts = DirectoryFacts(
        information_systems=frozenset(connection.scalars(select(information_systems.c.name))),
        entries=tuple(
            OtherEntry(each.dataset, each.title, each.provider_code, each.code)
            for each in others
            if each.dataset != loaded.entry.dataset
        ),
        organisations={each.code: each.name for each in departments.list_all(connection)},
    )
    found = []
    for each in lint(loaded, facts):
        place = shown.lint.get(each.id, "")
        place = _item_place(loaded.entry, each.says) or place if place == "items" else place
        found.append(LintView(each.id, each.passed, each.severity, each.says, each.next_step, place))
    return found


def _item_place(entry: Entry, says: str) -> str:
    """Finds the row of the item that a finding quotes."""
    return next((f"items-{n}-title" for n, each in enumerate(entry.items) if f"“{each.title}”" in says), "")


def _compiled(entry: Entry) -> list[LintView]:
    try:
        compile_plan(entry)
    except ContractError as error:
        return [LintView("规则", False, "error", error.got, error.next_step, "items")]
    return []


def _departments(connection: Connection, actor: Actor) -> list[Option]:
    reach: Reach = reach_of(connection, actor)
    return [Option(each.code, each.name) for each in departments.list_all(connection) if reach.covers(each.code)]


def _blank(actor: Actor, shown: Form, known: Sequence[Option]) -> FormView:
    values = {each.name: each.default for each in shown.fields} | dict(shown.defaults)
    own = actor.department or (known[0].code if len(known) == 1 else "")
    values["provider_code"] = own
    return FormView(shown, values, {"items": (), "legal_basis": ()}, departments=known)


def _found(connection: Connection, dataset: str) -> tuple[StoredEntry, EntryVersion]:
    stored = entries.find(connection, dataset)
    latest = entries.latest_version(connection, dataset) if stored else None
    if stored is None or latest is None:
        raise unknown_entry(connection, dataset)
    return stored, latest


def _document(text: str) -> dict[str, Any]:
    parsed = parse(text, Report())
    if parsed is None or not isinstance(parsed.data, dict):
        raise InputError("登记的内容不能读取", "", "请用 ODCS 文件重新导入", code="CONTRACT")
    return parsed.data


def _stamp(version: EntryVersion) -> str:
    return f"{version.number}.{sha256(version.contract.encode()).hexdigest()[:16]}"
