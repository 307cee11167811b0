"""Use-cases of contract files: import an ODCS file as draft, export an entry as one.

What is exported follows the published JSON schema of ODCS; importing it again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores.entries import EntryVersion, StoredEntry
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.connections import adopt_connection, require_source
from exchange.directory_workbook import FileView
from exchange.directory_workbook_register import document_of
from exchange.entry_form_draft import open_version, put_draft
from exchange.entry_text_yaml import write_text
from exchange.hub import Hub
from exchange.scope import reach_of, require_department, unknown_entry
from schemas import contract
from schemas.contract.items import LOGICAL_OF_LETTER
from schemas.errors import InputError

YAML = "application/yaml"


@dataclass(frozen=True, slots=True)
class ContractView:
    """What became of an imported contract. `what`: new, changed or unchanged."""

    dataset: str
    title: str
    version: int
    what: str


@use_case("entry.import")
def import_contract(hub: Hub, actor: Actor, name: str, text: str) -> ContractView:
    """Registers a contract file as draft of an entry of one's own; a wrong file is refused line by line."""
    loaded = contract.load(text, name[:80])
    entry = loaded.entry
    require_department(hub, actor, "entry.import", entry.provider_code, entry.dataset)
    with hub.transaction() as connection:
        same = _same(connection, entry.dataset, loaded.document)
        if same is not None:
            record(connection, hub, actor, "entry.import", entry.dataset, detail={"version": same.number})
            return ContractView(entry.dataset, entry.title, same.number, "unchanged")
    require_source(entry, hub, actor, "entry.import")
    with hub.transaction() as connection:
        if entry.provider_code not in {each.code for each in departments.list_all(connection)}:
            got = f"提供部门 {entry.provider_code} 没有登记"
            raise InputError(got, "提供部门须先登记", "请先登记部门，或改正 provider_code", code="DEPARTMENT_UNKNOWN")
        found = open_version(connection, entry.dataset, provider=entry.provider_code)
        number = put_draft(connection, hub, actor, entry, loaded.text, found)
        adopt_connection(connection, actor, entry)
        record(connection, hub, actor, "entry.import", entry.dataset, detail={"version": number})
    return ContractView(entry.dataset, entry.title, number, "changed" if found else "new")


def _same(connection: Connection, dataset: str, document: Mapping[str, Any]) -> EntryVersion | None:
    """Finds the newest version or the one in force when the document says the same."""
    stored = entries.find(connection, dataset)
    if stored is None:
        return None
    numbered = entries.find_version(connection, dataset, stored.published_version or 0)
    wanted = portable(document)
    for version in (entries.latest_version(connection, dataset), numbered):
        if version is not None and portable(document_of(version.contract)) == wanted:
            return version
    return None


@use_case("entry.export")
def export_contract(hub: Hub, actor: Actor, dataset: str) -> FileView:
    """Writes an entry as ODCS file: the newest version for its department, the one in force for others."""
    with hub.transaction() as connection:
        stored = entries.find(connection, dataset)
        version = _visible(connection, actor, stored) if stored else None
        if version is None:
            raise unknown_entry(connection, dataset)
        record(connection, hub, actor, "entry.export", dataset, detail={"version": version.number})
    document = document_of(version.contract)
    made = portable(document)
    text = version.contract if made == document else write_text(made)
    return FileView(f"{dataset}.odcs.yaml", text.encode(), YAML)


def _visible(connection: Connection, actor: Actor, stored: StoredEntry) -> EntryVersion | None:
    reach = reach_of(connection, actor)
    if reach.covers(stored.provider_code):
        return entries.latest_version(connection, stored.dataset)
    if reach.sees(stored):
        return entries.find_version(connection, stored.dataset, stored.published_version or 0)
    return None


def portable(node: Any) -> Any:
    """Returns the document with the logicalType that the hub derives from the letter: the JSON schema asks for it."""
    if isinstance(node, Mapping):
        made = {name: portable(value) for name, value in node.items()}
        logical = LOGICAL_OF_LETTER.get(str(made.get("physicalType")))
        return made if logical is None or "logicalType" in made else made | {"logicalType": logical}
    return [portable(each) for each in node] if isinstance(node, list) else node


def decoded(content: bytes, name: str) -> str:
    """Returns the text of an uploaded contract file."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        got = f"文件“{name[:80]}”不是UTF-8文字"
        raise InputError(got, "ODCS 文件为UTF-8编码的YAML", "请另存为UTF-8后导入", code="CONTRACT_YAML") from None
