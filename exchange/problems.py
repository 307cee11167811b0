"""Use-cases of problem data (问题数据): how much is open and where, the rows themselves, a held batch compared.

The provider's editors and reviewers see their own department's rows in clear, the data administrator masked ones, all
others counts. Each showing is an event with the hashes of the row keys, committed before the first byte.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection

from catalog.stores import datasets, departments, entries, problem_orders, runs, waivers
from catalog.stores import problems as store
from catalog.stores.entries import StoredEntry
from catalog.stores.problems import Filter, Group, RunGroup
from exchange.access import Actor
from exchange.actions.problems import ROW_OWNERS
from exchange.audit import record, record_read, use_case
from exchange.contracts import entry_from
from exchange.held_batches import comparison
from exchange.hub import Hub
from exchange.problem_rows import FoundRow, ProblemRow, RowFinding, Sought, find_rows, title_of, titles_of
from exchange.scope import Reach, reach_of, unknown_entry
from exchange.upload_files import is_upload, takes_uploads
from schemas.entry import Entry
from schemas.errors import Denied, InputError, NotFound
from schemas.findings import codes as known_codes
from schemas.findings import finding as kind_of

__all__ = ["comparison", "groups_of", "list_problems", "show_rows"]

_MOST_PAGES = 10_000
_ORDER_NUMBER = re.compile("[0-9]{1,18}")
_WAIVER_NAMES = {"proposed": "豁免待审定", "granted": "已豁免"}


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """Open problems of one dataset, rule and data item."""

    dataset: str
    title: str
    provider_code: str
    provider_name: str
    code: str
    item: str
    item_title: str
    says: str
    dimension: str
    rows: int
    first_seen: datetime
    last_seen: datetime
    times: int

    @property
    def rule(self) -> str:
        """Names the rule and item as a filter."""
        return f"{self.code}:{self.item}"


@dataclass(frozen=True, slots=True)
class ProblemRun:
    """Open problems by the batch that saw them last."""

    dataset: str
    title: str
    run: str
    problems: int
    rows: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Workbench:
    """The open problems within reach: by rule, by batch, and the values that filters may take."""

    groups: tuple[ProblemGroup, ...]
    runs: tuple[ProblemRun, ...]
    problems: int
    rows: int
    datasets: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]
    sees_rows: bool


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of the problem rows of a dataset; `clear` says whether values are shown as they are.

    `takes_files`: its department uploads files; only then a corrected file is taken.
    """

    dataset: str
    title: str
    provider_name: str
    clear: bool
    takes_files: bool
    mended_where: str
    rows: tuple[ProblemRow, ...]
    groups: tuple[ProblemGroup, ...]
    page: int
    more: bool
    removed: tuple[str, ...]


def read_rule(rule: str | None) -> tuple[str, str | None] | None:
    """Reads a filter `CODE` or `CODE:item`."""
    if not rule or "\0" in rule:
        return None
    code, mark, item = rule.partition(":")
    return code, item if mark else None


def filter_of(rule: str | None, run: str | None = None, order: int | None = None) -> Filter:
    """Returns the filter of a rule, a batch and an order."""
    code, item = read_rule(rule) or (None, None)
    return Filter(code, item, (run or "").replace("\0", "") or None, order)


@use_case("problem.list")
def list_problems(
    hub: Hub, actor: Actor, dataset: str | None = None, rule: str | None = None, run: str | None = None
) -> Workbench:
    """Counts the open problems within reach by dataset, rule, data item and batch."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        # Who only uses data counts the problems of the own department's published data as well.
        known = {
            each.dataset: each
            for each in entries.list_all(connection)
            if reach.covers(each.provider_code) or (each.provider_code == actor.department and reach.sees(each))
        }
        chosen = [name for name in known if dataset in {None, "", name}]
        everything = groups_of(connection, known, store.groups(connection, list(known)))
        groups = groups_of(connection, known, store.groups(connection, chosen, filter_of(rule, run)))
        by_run = store.by_run(connection, chosen, filter_of(rule, run))
        record(connection, hub, actor, "problem.list", dataset or None, row_count=sum(each.rows for each in groups))
    return Workbench(
        groups=groups,
        runs=tuple(_run(each, known) for each in by_run),
        problems=sum(each.rows for each in groups),
        rows=sum(each.rows for each in by_run),
        datasets=tuple(dict.fromkeys((each.dataset, each.title) for each in everything)),
        rules=tuple(dict.fromkeys((each.rule, f"{each.says}（{each.code}）") for each in everything)),
        sees_rows=bool(actor.roles & (ROW_OWNERS | {"data_admin", "administrator"})),
    )


def _run(group: RunGroup, known: Mapping[str, StoredEntry]) -> ProblemRun:
    title = known[group.dataset].title
    return ProblemRun(group.dataset, title, group.run, group.problems, group.rows, group.last_seen)


def groups_of(connection: Connection, known: Mapping[str, StoredEntry], found: list[Group]) -> tuple[ProblemGroup, ...]:
    """Puts counted problems into words, with titles of entry, department and items."""
    names = {each.code: each.name for each in departments.list_all(connection)}
    read = {name: entry_of_version(connection, known[name]) for name in {each.dataset for each in found}}
    shown = []
    for group in found:
        stored, entry = known[group.dataset], read[group.dataset]
        kind = kind_of(group.code) if group.code in known_codes() else None
        title = title_of(group.item, titles_of(entry) if entry else {})
        shown.append(
            ProblemGroup(
                dataset=group.dataset,
                title=stored.title,
                provider_code=stored.provider_code,
                provider_name=names.get(stored.provider_code, stored.provider_code),
                code=group.code,
                item=group.item,
                item_title=title,
                says=kind.says.replace("{item}", title) if kind else group.code,
                dimension=kind.dimension if kind else "",
                rows=group.rows,
                first_seen=group.first_seen,
                last_seen=group.last_seen,
                times=group.times,
            )
        )
    return tuple(shown)


def entry_of_version(connection: Connection, stored: StoredEntry) -> Entry | None:
    """Returns the entry as published, or as drafted last."""
    version = entries.find_version(connection, stored.dataset, stored.published_version or 0)
    version = version or entries.latest_version(connection, stored.dataset)
    return entry_from(version.contract, stored.dataset) if version else None


@use_case("problem.rows")
def show_rows(
    hub: Hub, actor: Actor, dataset: str, rule: str | None = None, within: str | None = None, page: int = 1
) -> RowPage:
    """Shows the rejected rows of a dataset as received beside as normalised; `within` is a batch or `order-<number>`.

    Without `within` they are the rows with open problems, from the batch that saw each last. Raises Denied, NotFound.
    """
    if not 1 <= page <= _MOST_PAGES:
        raise InputError(f"没有第 {page} 页", "页码从 1 起", "请从第一页看起", code="PAGE")
    stored, clear = sight_of(hub, actor, "problem.rows", dataset)
    with hub.transaction() as connection:
        sought = sought_in(connection, stored, rule, within)
        entry = entry_of_version(connection, stored)
        groups = groups_of(connection, {dataset: stored}, store.groups(connection, [dataset]))
        department = {each.code: each.name for each in departments.list_all(connection)}.get(stored.provider_code, "")
    found = find_rows(hub, sought, read_rule(rule), page, clear=clear)
    record_read(
        hub,
        actor,
        "problem.rows",
        dataset,
        entry_code=stored.code,
        row_count=len(found.rows),
        subject_key_hashes=[each.key.hex() for each in found.rows if each.key is not None],
        detail={"clear": clear, "page": page, "runs": sorted({each.row.run_id for each in found.rows})},
    )
    with hub.transaction() as connection:
        rows = _with_problems(connection, dataset, found.rows)
    takes_files = entry is not None and takes_uploads(hub.settings.var, entry)
    facts = (dataset, stored.title, department, clear, takes_files, _mended_where(entry))
    return RowPage(*facts, rows, groups, page, found.more, found.removed)


def _mended_where(entry: Entry | None) -> str:
    """Says where a faulty row is mended: the hub changes no row of a department's."""
    if entry is None or entry.attachment is None:
        return "请在来源系统更正"
    if is_upload(entry.attachment, entry.dataset):
        return "来源是部门上传的文件，请更正后重新上传"
    if entry.attachment.connector == "file":
        return "来源是文件，请由来源系统重新导出更正后的文件"
    return "来源是数据库表，请在来源系统更正"


def sight_of(hub: Hub, actor: Actor, action: str, dataset: str) -> tuple[StoredEntry, bool]:
    """Returns the entry and whether the actor sees its rows in clear; raises Denied, after recording it."""
    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        reach = reach_of(connection, actor)
        if stored is None or not reach.sees(stored):
            raise unknown_entry(connection, dataset)
        sight = sees(actor, reach, stored.provider_code)
        if sight is None:
            record(connection, hub, actor, action, dataset, result="denied", error_code="SCOPE")
    if sight is None:
        raise Denied("该数据集的问题数据属于其他部门", "只能查看本部门的问题数据", "请联系数据管理员", code="SCOPE")
    return stored, sight == "clear"


def sees(actor: Actor, reach: Reach, provider_code: str) -> str | None:
    """Says how the actor sees the rows of a department: `clear`, `masked`, or not at all (None)."""
    if actor.roles & ROW_OWNERS and actor.department == provider_code:
        return "clear"
    if actor.roles & {"data_admin", "administrator"} and reach.covers(provider_code):
        return "masked"
    return None


def sought_in(connection: Connection, stored: StoredEntry, rule: str | None, within: str | None) -> list[Sought]:
    """Says in which batches the rows are, and which of their rows; raises NotFound."""
    order = order_number(within)
    if within and order is None:
        run = runs.find(connection, within.replace("\0", ""))
        if run is None or run.dataset != stored.dataset:
            raise NotFound(f"该数据集没有批次 {within[:40]}", "", "请从问题数据页选择批次", code="RUN_UNKNOWN")
        return [Sought(run)]
    held = datasets.find(connection, stored.dataset)
    which, newest = filter_of(rule, None, order), held.last_run if held else None
    names = [each.run for each in store.by_run(connection, [stored.dataset], which)]
    found = []
    for name in dict.fromkeys([*([newest] if newest and order is None else []), *names]):
        run = runs.find(connection, name)
        # What the newest batch rejected is open without exception, and holds the rows whose key could not be read too.
        all_of_it = name == newest and order is None
        keys = None if all_of_it else store.keys_of_run(connection, stored.dataset, name, which)
        if run is not None:
            found.append(Sought(run, None if keys is None else pa.array(keys, pa.binary())))
    return found


def order_number(within: str | None) -> int | None:
    """Reads `order-<number>`."""
    kind, _, number = (within or "").partition("-")
    return int(number) if kind == "order" and _ORDER_NUMBER.fullmatch(number) else None


def _with_problems(connection: Connection, dataset: str, rows: tuple[FoundRow, ...]) -> tuple[ProblemRow, ...]:
    """Adds the open problem, its order and its waiver to each finding."""
    keys = [each.key for each in rows if each.key is not None]
    open_ones = {(p.key_hash, p.code, p.item): p for p in store.of_keys(connection, dataset, keys)}
    orders = problem_orders.orders_of(connection, [each.id for each in open_ones.values()])
    waived = {(w.key_hash, w.code, w.item): w.state for w in waivers.of_keys(connection, dataset, keys)}

    def known(key: bytes | None, found: RowFinding) -> RowFinding:
        place = (key or b"", found.code, found.item)
        problem, state = open_ones.get(place), _WAIVER_NAMES.get(waived.get(place, ""))
        if problem is None:
            return replace(found, waiver=state)
        return replace(
            found,
            problem=problem.id,
            times=problem.times,
            first_seen=problem.first_seen,
            order=orders.get(problem.id),
            waiver=state,
        )

    return tuple(replace(each.row, findings=tuple(known(each.key, f) for f in each.row.findings)) for each in rows)
