"""What is registered while a workbook is imported: whose entry a row is, which entry it means, whether it is open."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores.departments import Department
from catalog.stores.entries import EntryVersion, State, StoredEntry
from exchange.access import Actor
from exchange.directory_workbook_entries import Registered, Written, write_entry
from exchange.directory_workbook_rows import Fault, RawEntry, RawRow
from exchange.entry_form_draft import open_version, raised
from exchange.entry_text import Draft, read_draft
from exchange.scope import reach_of
from schemas.contract.document import parse
from schemas.contract.lint_sharing import folded
from schemas.contract.report import Report
from schemas.errors import HubError, InputError
from schemas.forms.workbook import fold

Opened = tuple[StoredEntry, EntryVersion]
_USCC_LENGTH = 18
_GONE = (State.REVOKED, State.DELETED)


def document_of(text: str) -> dict[str, Any]:
    """Returns the plain document of a stored contract."""
    parsed = parse(text, Report())
    if parsed is None or not isinstance(parsed.data, dict):
        raise InputError("登记的内容不能读取", "", "请用 ODCS 文件重新导入", code="CONTRACT")
    return parsed.data


def shown_code(stored: StoredEntry, draft: Draft) -> str:
    """Returns the code that exports show: the hub's own, else the department's old one."""
    return stored.code or draft.values["dept_code"]


class Register:
    """The registered departments and entries, as one import sees them."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        self._connection = connection
        self._reach = reach_of(connection, actor)
        self._departments = {each.code: each for each in departments.list_all(connection)}
        self._own = self._departments.get(actor.department or "")
        self._stored = {each.dataset: each for each in entries.list_all(connection)}
        self._taken = set(self._stored)
        self._seen: dict[str, int] = {}

    def write(self, raw: RawEntry, faults: list[Fault]) -> Written:
        """Writes one entry of the workbook over what is registered of it."""
        found: list[Fault] = []
        provider, says = self._provider(raw, found)
        stored = self._meant(raw, provider, found)
        facts = {"provider_code": provider.code, "provider_name": provider.name} if provider else {}
        if stored is not None and provider is not None:
            made = self._over(raw, stored, facts)
        else:
            made = write_entry(raw, None, facts, self._taken)
        dataset = str(made.document.get("id") or "")
        self._taken.add(dataset)
        if dataset in self._seen:
            got = f"与第{self._seen[dataset]}行是同一个目录条目（{dataset}）"
            found.append(raw.fault(raw.first, "title", got, "请合并到一处，或改名"))
        self._seen.setdefault(dataset, raw.first.number)
        made.notes += says
        if found:  # whose entry it is comes first; what follows from not knowing it is not listed
            made.faults = [*found, *(each for each in made.faults if each.column)]
        return made

    def _over(self, raw: RawEntry, stored: StoredEntry, facts: dict[str, str]) -> Written:
        latest = entries.latest_version(self._connection, stored.dataset)
        in_force = entries.find_version(self._connection, stored.dataset, stored.published_version or 0)
        versions = [each for each in (latest, in_force) if each is not None]
        made = [write_entry(raw, self._registered(stored, each), facts, self._taken) for each in versions]
        unchanged = next((each for each in made if not each.changed and not each.faults), None)
        if unchanged is None and in_force is not None and made[0].entry is not None:
            number = raised(made[0].entry.version, in_force.contract_version)
            made[0].document["version"], made[0].entry = number, replace(made[0].entry, version=number)
        return unchanged or made[0]

    @staticmethod
    def _registered(stored: StoredEntry, version: EntryVersion) -> Registered:
        document = document_of(version.contract)
        return Registered(stored.dataset, document, shown_code(stored, read_draft(document)))

    def open(self, made: Written) -> Opened | None:
        """Opens the entry for writing; one that is under review is a fault."""
        dataset, raw = str(made.document.get("id") or ""), made.raw
        if made.base is None or made.entry is None:
            return None
        try:
            return open_version(self._connection, dataset, provider=made.entry.provider_code)
        except HubError as error:
            made.faults.append(raw.fault(raw.first, "title", error.got, error.next_step))
            return None

    def _provider(self, raw: RawEntry, faults: list[Fault]) -> tuple[Department | None, list[str]]:
        """Finds the provider by code, else by name, else takes the account's department."""
        code, row = raw.cell("provider_code")
        name, name_row = raw.cell("provider")
        code = code.strip().upper()
        if code and self._own and code not in self._departments and len(fold(code)) != _USCC_LENGTH:
            # Directories older than the social credit code have an organisation code or a number of the city's own.
            provider, says = self._named(raw, name, name_row, faults)
            return provider, [*says, f"提供方代码“{code[:18]}”不是统一社会信用代码，按登记的写"]
        if not code:
            return self._named(raw, name, name_row, faults)
        found = self._departments.get(code)
        if found is None:
            mend = "请改为本部门的统一社会信用代码，或留空" if self._own else "请先登记部门"
            faults.append(raw.fault(row, "provider_code", f"提供方代码“{code[:18]}”没有登记", mend))
            return None, []
        return self._within(raw, found, name, row, faults)

    def _named(self, raw: RawEntry, name: str, row: RawRow, faults: list[Fault]) -> tuple[Department | None, list[str]]:
        """Finds the provider by its name, else takes the account's department."""
        found = next((each for each in self._departments.values() if _called(each, name)), self._own)
        if found is None:
            mend = "请填写已登记部门的名称或统一社会信用代码"
            faults.append(raw.fault(row, "provider", f"提供方“{name[:30]}”没有登记", mend))
            return None, []
        return self._within(raw, found, name, row, faults)

    def _within(
        self, raw: RawEntry, found: Department, name: str, row: RawRow, faults: list[Fault]
    ) -> tuple[Department | None, list[str]]:
        if not self._reach.covers(found.code):
            mend = "只能导入本部门的目录，请删去其他部门的行"
            faults.append(raw.fault(row, "provider", f"提供方“{found.name}”不是本部门", mend))
            return None, []
        if name and not _called(found, name):
            return found, [f"提供方“{name[:30]}”按登记名称写为“{found.name}”"]
        return found, []

    def _meant(self, raw: RawEntry, provider: Department | None, faults: list[Fault]) -> StoredEntry | None:
        """Finds the registered entry that the workbook means: by dataset, by code, by name."""
        if provider is None:
            return None
        dataset, row = raw.cell("dataset")
        if dataset in self._stored:
            stored = self._stored[dataset]
            if stored.provider_code != provider.code or stored.state in _GONE:
                faults.append(raw.fault(row, "dataset", f"数据集名称 {dataset} 已被使用", "请换一个名称，或留空"))
                return None
            return stored
        code, _ = raw.cell("code")
        title = folded(raw.first.cells["title"])
        own = [each for each in self._stored.values() if each.provider_code == provider.code]
        open_ones = [each for each in own if each.state not in _GONE]
        by_code = next((each for each in open_ones if code and each.code == code), None)
        return by_code or next((each for each in open_ones if folded(each.title) == title), None)


def _called(department: Department, name: str) -> bool:
    names = [each for each in (department.name, department.short_name) if each]
    return bool(name.strip()) and folded(name) in {folded(each) for each in names}
