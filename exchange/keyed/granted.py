"""Use-case behind the window's pages: the datasets that a department may use by key, with what may be asked of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.stores import entries
from catalog.stores import grants as grant_store
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed.clients import CLIENT_WAYS
from exchange.keyed.prepared import Prepared, prepared
from schemas.errors import HubError
from schemas.grants import PURPOSES, WAYS, Grant


@dataclass(frozen=True, slots=True)
class GrantedItemView:
    """An item that may be verified."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class GrantedDataset:
    """A dataset that may be used by key: ways, purposes and items of all its grants in force."""

    dataset: str
    title: str
    provider_name: str
    ways: Sequence[tuple[str, str]]
    purposes: Sequence[tuple[str, str]]
    items: Sequence[GrantedItemView]


@use_case("keyed.granted")
def list_granted(hub: Hub, actor: Actor) -> list[GrantedDataset]:
    """Lists the datasets that the actor's department may use by key now."""
    with hub.transaction() as connection:
        found = grant_store.list_of(connection, {actor.department or ""}, state="active")
        datasets = sorted({each.dataset for each in found if each.consumer == actor.department})
        known = [each for each in datasets if entries.find(connection, each) is not None]
        record(connection, hub, actor, "keyed.granted", None, row_count=len(known))
    out = []
    for dataset in known:
        try:
            ground = prepared(hub, actor, dataset)
        except HubError:  # frozen, recalled or over: it is not there for now
            continue
        grants = [
            each for each in ground.grants if each.in_force(hub.clock.now()) and set(each.ways) & set(CLIENT_WAYS)
        ]
        if grants:
            out.append(_view(ground, grants))
    return out


def _view(ground: Prepared, grants: Sequence[Grant]) -> GrantedDataset:
    ways = [
        (way, name) for way, name in WAYS.items() if way in CLIENT_WAYS and any(way in each.ways for each in grants)
    ]
    purposes = [(code, name) for code, name in PURPOSES.items() if any(code in each.purposes for each in grants)]
    names = {
        item.name for each in grants for item in each.items if item.state != "condition" or "=" in item.comparisons
    }
    items = [GrantedItemView(item.name, item.title) for item in ground.entry.items if item.name in names]
    entry = ground.entry
    return GrantedDataset(entry.dataset, entry.title, ground.provider_name, ways, purposes, items)
