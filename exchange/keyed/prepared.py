"""What the calls of a department on a dataset rest on: grants in force, entry, plan, version. Kept for seconds only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from catalog.stores import departments, entries
from catalog.stores import keyed_calls as store
from catalog.stores.keyed_calls import Served
from exchange.access import Actor
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.keyed.why import require_way
from exchange.sharing.grants import emergency, in_force, no_grant
from lake.disclosure import Disclosure
from lake.one_look import comment_of
from lake.rows import RowCoder
from lake.serving import State, state_of
from quality.normalise import ItemPlan
from schemas.entry import Entry
from schemas.errors import Denied
from schemas.grants import PURPOSES, WAYS, Grant, Purpose, Way
from schemas.rules.book import book

_HOUR = 3600
#: Who works under the grants of his department.
_USERS = frozenset({"window", "analyst"})


@dataclass(frozen=True)
class Prepared:
    """One department's view of one dataset. `comment` is the serving table's own word, under which the plans hold."""

    grants: tuple[Grant, ...]
    entry: Entry
    entry_code: str | None
    entry_version: int
    provider_name: str
    served: Served
    comment: str | None
    coder: RowCoder
    items: Mapping[str, ItemPlan]
    plans: dict[str, Disclosure] = field(default_factory=dict)

    @cached_property
    def state(self) -> State | None:
        """What the serving table says of itself, read."""
        return state_of(self.comment)

    @property
    def layout_known(self) -> bool:
        """Says whether anything is served."""
        return self.comment is not None

    def plan(self, grant: Grant) -> Disclosure:
        """Returns the plan of a grant over what is served; call it only when something is."""
        held = self.plans.get(grant.number)
        if held is None or held.grant is not grant:
            assert self.state is not None  # noqa: S101 - layout_known was asked
            held = self.plans[grant.number] = Disclosure.of(grant, self.entry, self.state.layout)
        return held

    @property
    def version(self) -> int:
        """Returns the version that is served."""
        return self.state.version if self.state else 0

    def hours_late(self, now: datetime) -> float | None:
        """Returns by how many hours the data is late by its update cycle; None when it is in time or has no cycle."""
        cycle = self.entry.update_cycle
        moments = [each for each in (self.served.data_time, self.served.declared_at) if each]
        if not moments or f"CYCLE_{cycle}_LATE" not in book().rules:
            return None
        over = (now - max(moments)).total_seconds() / _HOUR - book().number(f"CYCLE_{cycle}_LATE")
        return round(over, 1) if over > 0 else None


def key_of(actor: Actor, dataset: str) -> tuple[str, str, str, str]:
    """Names what is kept of an actor's department and a dataset."""
    return ("prepared", actor.department or "", actor.account or actor.name, dataset)


def prepared(hub: Hub, actor: Actor, dataset: str) -> Prepared:
    """Returns what the actor's calls on a dataset rest on; raises the one refusal for none and not there."""
    return hub.keyed.fresh(key_of(actor, dataset), lambda: _read(hub, actor, dataset))


def _read(hub: Hub, actor: Actor, dataset: str) -> Prepared:
    with hub.transaction() as connection:
        found = _binding(connection, hub, actor, dataset)
        if not found:
            raise no_grant(connection, actor, dataset)
        return _of(connection, hub, dataset, tuple(found))


def _binding(connection: Connection, hub: Hub, actor: Actor, dataset: str) -> list[Grant]:
    """Lists what binds for the actor: the department's grants, or an emergency opening to him."""
    now, found = hub.clock.now(), list[Grant]()
    if actor.roles & _USERS:
        for account in dict.fromkeys((actor.name, actor.account or actor.name)):
            found = in_force(connection, actor.department or "", dataset, now, account=account)
            if not found:
                break
    if not found and "data_admin" in actor.roles:
        opened = emergency(connection, actor, dataset, now)
        found = [opened] if opened else []
    return found


def _of(connection: Connection, hub: Hub, dataset: str, grants: tuple[Grant, ...]) -> Prepared:
    stored = entries.find(connection, dataset)
    assert stored is not None and stored.published_version is not None  # noqa: S101 - a grant in force has both
    version = entries.find_version(connection, dataset, stored.published_version)
    assert version is not None  # noqa: S101
    entry = entry_from(version.contract, dataset)
    # Before the dataset's facts: a version between the two shows as another word when rows are read.
    comment = comment_of(connection, dataset)
    names = {each.code: each.name for each in departments.list_all(connection)}
    facts: Mapping[str, Any] = version.plan or {"items": []}
    return Prepared(
        grants=grants,
        entry=entry,
        entry_code=stored.code,
        entry_version=version.number,
        provider_name=names.get(stored.provider_code, entry.provider_name),
        served=store.served(connection, dataset),
        comment=comment,
        coder=RowCoder(entry, hub.crypto.keys(), hub.crypto.seal()),
        items={each["name"]: ItemPlan.from_json(each) for each in facts["items"]},
    )


def chosen(hub: Hub, actor: Actor, ground: Prepared, way: Way, purpose: Purpose) -> Grant:
    """Returns the oldest grant that gives a way for a purpose now; raises Denied saying which of them is missing."""
    require_way(actor, way)
    now = hub.clock.now()
    found = [each for each in ground.grants if each.in_force(now)]
    by_way = [each for each in found if way in each.ways]
    fitting = [each for each in by_way if purpose in each.purposes]
    if fitting:
        return fitting[0]
    if not found:
        with hub.transaction() as connection:
            raise no_grant(connection, actor, ground.entry.dataset)
    if not by_way:
        ways = "、".join(WAYS[each] for each in WAYS if any(each in grant.ways for grant in found))
        raise Denied(f"授权不含“{WAYS[way]}”", f"已授权：{ways}", "请申请增加共享方式", code="GRANT_WAY")
    purposes = "、".join(PURPOSES[each] for each in PURPOSES if any(each in grant.purposes for grant in by_way))
    raise Denied(
        f"授权不含用途“{PURPOSES[purpose]}”", f"已授权：{purposes}", "请按授权的用途使用", code="GRANT_PURPOSE"
    )
