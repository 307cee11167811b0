"""Use-cases of freezing a department, an account or a dataset: while it lasts, nothing of theirs is in force."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Connection

from catalog.stores import accounts, departments, entries
from catalog.stores import share_holds as store
from catalog.stores.share_holds import Freeze
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.scope import reach_of
from schemas.errors import Denied, InputError, NotFound, StateError

Kind = Literal["department", "account", "dataset"]
KIND_NAMES: dict[str, str] = {"department": "需求部门", "account": "账号", "dataset": "数据集"}
_SHORTEST, _LONGEST = 4, 500


@dataclass(frozen=True, slots=True)
class FreezeView:
    """A freeze with the name of what is frozen."""

    id: int
    kind: str
    kind_name: str
    target: str
    target_name: str
    reason: str
    frozen_by: str
    frozen_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    lifted_reason: str | None


@use_case("freeze.set")
def freeze(hub: Hub, actor: Actor, kind: Kind, target: str, reason: str) -> FreezeView:
    """Freezes a department (USCC), an account (login) or a dataset, with the reason; binds with this transaction."""
    words = reason_of(reason)
    if kind not in KIND_NAMES:
        raise InputError(
            "不能冻结这种对象", f"可以冻结：{'、'.join(KIND_NAMES.values())}", "请选择", code="FREEZE_KIND"
        )
    with hub.transaction() as connection:
        found = _target(connection, kind, target.strip())
        covered = found is not None and reach_of(connection, actor).covers(found[1])
        if found is not None and not covered:
            record(connection, hub, actor, "freeze.set", found[0], result="denied", error_code="SCOPE")
    if found is None or not covered:
        raise NotFound(f"没有这个{KIND_NAMES[kind]}", "本地区的部门、账号、数据集", "请核对", code="FREEZE_TARGET")
    with hub.transaction() as connection:
        values = {"kind": kind, "target": found[0], "reason": words, "frozen_by": actor.name}
        number = store.freeze(connection, values | {"frozen_at": hub.clock.now()})
        if number is None:
            raise StateError(f"该{KIND_NAMES[kind]}已经冻结", "", "请从冻结列表中查看", code="FROZEN")
        record(connection, hub, actor, "freeze.set", found[0], detail={"kind": kind, "freeze": number})
        return _view(connection, cast(Freeze, store.find_freeze(connection, number)))


def reason_of(reason: str) -> str:
    """Returns a reason without blanks around it; raises InputError when it is missing or too long."""
    words = reason.strip()
    if not _SHORTEST <= len(words) <= _LONGEST:
        raise InputError(f"理由有{len(words)}字", f"{_SHORTEST}至{_LONGEST}字", "请写明理由", code="REASON")
    return words


def _target(connection: Connection, kind: str, target: str) -> tuple[str, str] | None:
    """Finds what is to be frozen: its stored name and its department."""
    if kind == "department":
        department = departments.find(connection, target)
        return None if department is None else (department.code, department.code)
    if kind == "account":
        account = accounts.find_by_login(connection, target)
        return None if account is None else (account.id, account.department_code)
    stored = entries.find(connection, target) or entries.find_by_code(connection, target)
    return None if stored is None else (stored.dataset, stored.provider_code)


@use_case("freeze.lift")
def lift(hub: Hub, actor: Actor, freeze_id: int, reason: str) -> FreezeView:
    """Ends a freeze, with the reason."""
    words = reason_of(reason)
    with hub.transaction() as connection:
        found = store.find_freeze(connection, freeze_id)
        if found is None or not reach_of(connection, actor).covers(_department_of(connection, found)):
            raise NotFound(f"没有冻结 {freeze_id}", "", "请从冻结列表中选择", code="FREEZE_UNKNOWN")
        if found.lifted_at is not None:
            raise StateError("该冻结已经解除", "", "请刷新页面", code="FREEZE_LIFTED")
        store.lift_freeze(connection, freeze_id, actor.name, words, hub.clock.now())
        record(connection, hub, actor, "freeze.lift", found.target, detail={"kind": found.kind, "freeze": freeze_id})
        return _view(connection, cast(Freeze, store.find_freeze(connection, freeze_id)))


def _department_of(connection: Connection, found: Freeze) -> str | None:
    if found.kind == "account":
        account = accounts.find(connection, found.target)
        return account.department_code if account else None
    target = _target(connection, found.kind, found.target)
    return target[1] if target else None


@use_case("freeze.list")
def list_freezes(hub: Hub, actor: Actor, *, open_only: bool = False) -> list[FreezeView]:
    """Lists the freezes within reach, newest first."""
    with hub.transaction() as connection:
        reach = reach_of(connection, actor)
        found = [
            _view(connection, each)
            for each in store.freezes(connection, open_only=open_only)
            if reach.covers(_department_of(connection, each))
        ]
        record(connection, hub, actor, "freeze.list", None, row_count=len(found))
    return found


def _view(connection: Connection, found: Freeze) -> FreezeView:
    name = found.target
    if found.kind == "department":
        department = departments.find(connection, found.target)
        name = department.name if department else name
    elif found.kind == "account":
        account = accounts.find(connection, found.target)
        name = account.login if account else name
    else:
        stored = entries.find(connection, found.target)
        name = stored.title if stored else name
    return FreezeView(
        found.id, found.kind, KIND_NAMES[found.kind], found.target, name, found.reason, found.frozen_by,
        found.frozen_at, found.lifted_by, found.lifted_at, found.lifted_reason,
    )  # fmt: skip


def is_frozen(connection: Connection, actor: Actor, dataset: str) -> bool:
    """Says whether the dataset, the actor's account or his department is frozen now."""
    held = {("dataset", dataset), ("account", actor.account), ("account", actor.name), ("department", actor.department)}
    return any((each.kind, each.target) in held for each in store.freezes(connection, open_only=True))


def refuse_frozen_opening(connection: Connection, actor: Actor, dataset: str) -> None:
    """Raises Denied when what concerns the actor or the dataset is frozen: an emergency opens nothing of it."""
    if is_frozen(connection, actor, dataset):
        raise Denied("该数据集或您的账号已冻结", "冻结期间不能应急查询", "请联系安全管理员", code="FROZEN")
