"""What the form of a request shows of its entry: items to choose from, conditions, the own region."""

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.entries import seen_entry
from exchange.hub import Hub
from exchange.sharing.checking import type_of
from exchange.sharing.grounds import entry_in_force, ground_of
from exchange.sharing.requests import department_of
from schemas.codes import code_set


@dataclass(frozen=True, slots=True)
class FormItem:
    """An item that may be asked for, with its effective share type."""

    name: str
    title: str
    level: int
    share_type: int
    share_name: str
    sealed: bool
    regional: bool


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The entry as the form shows it; `region` is the prefix of the asking department's region."""

    dataset: str
    title: str
    code: str | None
    provider_name: str
    condition: str
    region: str
    items: Sequence[FormItem]


@use_case("share.form")
def form_of(hub: Hub, actor: Actor, dataset: str) -> RequestForm:
    """Shows what may be asked of an entry, by dataset name or code; raises NotFound, StateError."""
    names = code_set("share_type").codes
    with hub.transaction() as connection:
        stored = seen_entry(connection, actor, dataset)
        entry = entry_in_force(connection, stored.dataset).entry
        region = ground_of(connection, hub, entry, department_of(actor)).region
        record(connection, hub, actor, "share.form", stored.dataset, entry_code=stored.code)
    items = []
    for item in entry.items:
        share = type_of(entry, [item.name])
        name = names[str(share)]
        items.append(FormItem(item.name, item.title, item.level, share, name, item.sealed, item.kind == "region"))
    condition = str(entry.metadata.get("share_condition") or "")
    return RequestForm(stored.dataset, stored.title, stored.code, entry.provider_name, condition, region, items)
