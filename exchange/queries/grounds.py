"""On what ground a statement may run: each dataset's grant, version and plan. Opens no row, records nothing.

A grant serves when it binds now, gives the way `query`, and names the purpose. Of several the newest is tried first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, product
from typing import Any, cast

from sqlalchemy import Connection

from catalog.stores import datasets, entries, share_holds
from catalog.stores.datasets import Version
from exchange.access import Actor
from exchange.contracts import entry_from
from exchange.entries import moment_of
from exchange.hub import Hub
from exchange.sharing.checking import personal_levels
from exchange.sharing.grants import emergency, in_force, no_grant
from lake.analysis import Granted
from lake.disclosure import Disclosure
from lake.rewrite import Rewritten, rewrite
from lake.rows import RowCoder
from lake.statement import datasets_named
from lake.table import LakeTable
from schemas.entry import Entry
from schemas.errors import Denied, HubError, InputError, NotFound, QueryError, StateError
from schemas.grants import PURPOSES, WAYS, Grant, Purpose
from schemas.rules.book import book

_MOST_CHOICES = 8
_MOST_VERSIONS = 2**31
_PERSONAL_FROM = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """One dataset of a statement: the grant it is read under, and the version."""

    grant: Grant
    entry: Entry
    provider: str
    version: Version
    current: bool
    granted: Granted

    def late(self, now: datetime) -> bool:
        """Says whether the version's data are older than the update cycle allows (更新延迟)."""
        limit = timedelta(hours=book().number(f"CYCLE_{self.entry.update_cycle}_LATE"))
        moment = self.version.data_time or self.version.published_at
        return now - moment > limit


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that a statement reads, and the statement as it will run."""

    purpose: Purpose
    rewritten: Rewritten
    of: Mapping[str, Ground]

    @property
    def views(self) -> dict[str, Granted]:
        """What the statement runs over."""
        return {name: ground.granted for name, ground in self.of.items()}

    @property
    def rows_a_query(self) -> int | None:
        """The smallest number of rows that a result may have."""
        given = [each.grant.quota.rows_a_query for each in self.of.values()]
        return min((each for each in given if each is not None), default=None)

    def facts(self, now: datetime) -> dict[str, Any]:
        """What is kept of a run beside its text: it holds no value."""
        return {"datasets": [self._facts(name, ground, now) for name, ground in self.of.items()]}

    def _facts(self, name: str, ground: Ground, now: datetime) -> dict[str, Any]:
        time, grant = ground.version.data_time, ground.grant
        used = [*self.rewritten.columns.get(name, ()), *self.rewritten.hidden.get(name, ())]
        return {
            "dataset": name, "title": ground.entry.title, "provider": ground.provider, "grant": grant.number,
            "counted": grant.request is not None, "version": ground.version.version, "current": ground.current,
            "late": ground.late(now), "data_time": time.isoformat() if time else None,
            "items": sorted({each for each in used if grant.item(each)}), "open_items": self._open_items(name, ground),
            "rows_an_export": grant.quota.rows_an_export, "provider_reviews": grant.provider_reviews_exports,
        }  # fmt: skip

    def _open_items(self, name: str, ground: Ground) -> list[str]:
        """Names the plain S3-S4 items of persons that may be in the result; a counting statement gives none."""
        readable, levels = ground.granted.plan.readable, personal_levels(ground.entry)
        if self.rewritten.counting:
            return []
        plain = [each for each in self.rewritten.columns.get(name, ()) if each in readable and not readable[each].mask]
        return [each for each in plain if levels.get(each, 0) >= _PERSONAL_FROM]


def grounds_of(
    hub: Hub, connection: Connection, actor: Actor, sql: str, purpose: str, as_of: str | None = None
) -> Grounds:
    """Checks a statement against the grants that bind; raises QueryError, Denied, NotFound, InputError."""
    if purpose not in PURPOSES:
        raise InputError("没有这种使用用途", "、".join(PURPOSES), "请选择申请时批准的用途", code="PURPOSE")
    chosen = cast(Purpose, purpose)
    names = datasets_named(sql)
    if as_of and as_of.isdecimal() and len(names) > 1:
        raise InputError("多个数据集不能用同一个版本号", "请用时间指定历史版本", "", code="AS_OF")
    choices = [[(name, grant) for grant in serving(connection, hub, actor, name, chosen)] for name in names]
    refused: QueryError | None = None
    for choice in islice(product(*choices), _MOST_CHOICES):
        of = {name: _ground(hub, connection, grant, as_of) for name, grant in choice}
        try:
            rewritten = rewrite(sql, {name: each.granted.plan for name, each in of.items()})
        except QueryError as error:
            refused = refused or error
            continue
        if rewritten.counting and not all(each.current for each in of.values()):
            # Two versions that differ by one known person, asked for in turn, would give his hidden values away.
            raise InputError(
                "语句用到仅条件的数据项，不能查询历史版本", "当前版本", "请去掉历史版本后重试", code="AS_OF"
            )
        return Grounds(chosen, rewritten, of)
    raise refused or QueryError("语句没有引用数据集", "", "请在 FROM 中写明数据集", code="QUERY_NAME")


def serving(connection: Connection, hub: Hub, actor: Actor, dataset: str, purpose: Purpose) -> Sequence[Grant]:
    """Lists the grants that a query for a purpose may use, newest first; raises Denied or NotFound when none does."""
    found = binding(connection, hub, actor, dataset)
    by_way = [grant for grant in found if "query" in grant.ways]
    serve = [grant for grant in by_way if purpose in grant.purposes]
    if serve:
        return serve
    if not found:
        raise no_grant(connection, actor, dataset)
    if not by_way:
        ways = dict.fromkeys(WAYS[way] for grant in found for way in grant.ways)
        raise Denied(
            f"数据集 {dataset} 的授权不含“{WAYS['query']}”", f"已授权的共享方式：{'、'.join(ways)}",
            "请按已授权的方式使用，或另行申请", code="GRANT_WAY",
        )  # fmt: skip
    purposes = dict.fromkeys(PURPOSES[each] for grant in by_way for each in grant.purposes)
    raise Denied(
        f"数据集 {dataset} 的授权不含用途“{PURPOSES[purpose]}”", f"已授权的用途：{'、'.join(purposes)}",
        "请如实选择用途，或另行申请", code="GRANT_PURPOSE",
    )  # fmt: skip


def binding(connection: Connection, hub: Hub, actor: Actor, dataset: str) -> list[Grant]:
    """Lists what binds for the actor now, newest first: the department's grants, or an emergency opening to him."""
    now = hub.clock.now()
    found: list[Grant] = []
    if actor.department is not None and "analyst" in actor.roles:
        found = in_force(connection, actor.department, dataset, now, account=actor.account)
    if not found and "data_admin" in actor.roles:
        opened = emergency(connection, actor, dataset, now)
        found = [opened] if opened else []
    return found[::-1]


def still_binds(connection: Connection, hub: Hub, actor: Actor, facts: Mapping[str, Any]) -> HubError | None:
    """Returns why a result may no longer be read: one of its grants ended, was frozen, or its version recalled."""
    for each in facts["datasets"]:
        numbers = {grant.number for grant in binding(connection, hub, actor, each["dataset"])}
        if each["grant"] not in numbers or recalled(connection, each["dataset"], each["version"]):
            return no_grant(connection, actor, each["dataset"])
    return None


def recalled(connection: Connection, dataset: str, version: int) -> bool:
    """Says whether a version is recalled."""
    return any(
        each.dataset == dataset and each.version == version and each.lifted_at is None
        for each, _ in share_holds.list_recalls(connection)
    )


def _ground(hub: Hub, connection: Connection, grant: Grant, as_of: str | None) -> Ground:
    held, stored = datasets.find(connection, grant.dataset), entries.find(connection, grant.dataset)
    if held is None or stored is None or not held.current_version:
        raise StateError(
            f"数据集 {grant.dataset} 尚未提供数据", "已同步并发布的数据集", "请等提供部门供数", code="NOT_PUBLISHED"
        )
    version = _version(connection, grant, held.current_version, as_of)
    contract = entries.find_version(connection, grant.dataset, version.entry_version)
    assert contract is not None  # noqa: S101 - a version was made under it
    entry = entry_from(contract.contract, grant.dataset)
    table = LakeTable(hub.settings.lake_root, grant.dataset, version.delta_version)
    layout = table.layout
    assert layout is not None  # noqa: S101 - a published version has one
    coder = RowCoder(entry, hub.crypto.keys(), hub.crypto.seal())
    granted = Granted(table, Disclosure.of(grant, entry, layout), coder)
    return Ground(grant, entry, stored.provider_code, version, version.version == held.current_version, granted)


def _version(connection: Connection, grant: Grant, current: int, as_of: str | None) -> Version:
    """Returns the version asked for; one that was replaced before the grant began is as one that is not there."""
    if not as_of:
        found = datasets.find_version(connection, grant.dataset, current)
    elif as_of.isdecimal():
        number = int(as_of)
        found = datasets.find_version(connection, grant.dataset, number) if number < _MOST_VERSIONS else None
    else:
        found = datasets.version_at(connection, grant.dataset, _moment(as_of))
    after = datasets.find_version(connection, grant.dataset, found.version + 1) if found else None
    outside = after is not None and after.published_at <= grant.valid_from
    if found is None or outside or recalled(connection, grant.dataset, found.version):
        raise NotFound(
            "授权期内没有该时间或版本号的数据",
            "授权生效以来的版本，已召回的除外",
            "请改用当前版本",
            code="VERSION_UNKNOWN",
        )
    return found


def _moment(as_of: str) -> datetime:
    try:
        return moment_of(as_of)
    except ValueError:
        raise InputError(
            "历史版本的写法不对", "版本号（如 3）或时间（如 2026-11-22T08:00）", "请改正后重试", code="AS_OF"
        ) from None
