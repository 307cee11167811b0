"""What a request stands on: the entry in force, the share type of its items, and the way that it takes."""

from dataclasses import dataclass

from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import entries as entry_store
from catalog.stores import share_requests as store
from catalog.stores.entries import State, StoredEntry
from catalog.stores.share_requests import StoredRequest
from exchange.contracts import entry_from
from exchange.hub import Hub
from exchange.sessions import region_prefix
from exchange.sharing.checking import Ground, findings, personal_levels, type_of
from exchange.sharing.table import Stage
from exchange.tasks import today
from schemas.entry import Entry
from schemas.errors import InputError, StateError
from schemas.sharing import Content, FieldFinding, Terms, needs_check, widened

_PARTS = {
    "items": "数据项", "rows": "行范围", "purposes": "使用用途", "ways": "共享方式", "quota": "限额",
    "period": "使用期限", "minimum_rows": "最少主体数",
    "provider_reviews_exports": "导出须提供部门审核",
}  # fmt: skip
_SHAREABLE = (State.PUBLISHED, State.REVOKE_REJECTED)


@dataclass(frozen=True, slots=True)
class InForce:
    """The entry as it is in force."""

    stored: StoredEntry
    version: int
    entry: Entry


def entry_in_force(connection: Connection, dataset: str) -> InForce:
    """Returns the entry's version in force; raises StateError when none may be asked for."""
    stored = entry_store.find(connection, dataset)
    if stored is None or stored.state not in _SHAREABLE or stored.published_version is None:
        raise StateError(
            "该目录条目没有发布，或正在撤销", "只能申请已发布的目录条目", "请从目录中选择", code="ENTRY_NOT_PUBLISHED"
        )
    version = entry_store.find_version(connection, dataset, stored.published_version)
    assert version is not None  # noqa: S101 - a published version is never removed
    return InForce(stored, stored.published_version, entry_from(version.contract, dataset))


def ground_of(connection: Connection, hub: Hub, entry: Entry, consumer: str) -> Ground:
    """Returns what a department's request is checked against."""
    department = departments.find(connection, consumer)
    return Ground(entry, region_prefix(department.region_code if department else None), today(hub))


def refuse_findings(found: list[FieldFinding], what: str) -> None:
    """Raises InputError that names every finding, with its field."""
    if found:
        says = "；".join(each.says for each in found[:20])
        raise InputError(
            f"申请有{len(found)}处须改正，不能{what}：{says}", "", found[0].next_step, code="REQUEST_FINDINGS"
        )


def way_of(entry: Entry, terms: Terms) -> tuple[int, Stage]:
    """Returns the effective share type and where a sent request goes: by rule at once, or to the first check."""
    share_type = type_of(entry, (item.name for item in terms.items))
    if share_type == 1:
        return 1, Stage.NECESSITY if needs_check(terms, personal_levels(entry)) else Stage.SUPPLY
    return share_type, Stage.COMPLIANCE if share_type == 2 else Stage.REFUSED


def provider_stage(connection: Connection, provider: str) -> Stage:
    """Returns the first step of the provider's review."""
    return Stage.PROVIDER_FIRST if store.review_steps(connection, provider) == 2 else Stage.PROVIDER_FINAL


def refuse_widened(before: Terms, after: Terms) -> None:
    """Raises InputError when terms give more than those before."""
    more = widened(before, after)
    if more:
        raise InputError(
            f"批准的内容超出申请：{'、'.join(_PARTS[part] for part in more)}",
            "审核时可以缩小范围，不能扩大",
            "请按申请的范围或更小的范围办理；需要更多的，由需求部门另行申请",
            code="TERMS_WIDENED",
        )


def refuse_changed_entry(connection: Connection, hub: Hub, request: StoredRequest, content: Content) -> InForce:
    """Returns the entry in force; raises StateError when it no longer carries what is to be granted."""
    in_force = entry_in_force(connection, request.dataset)
    found = findings(content, ground_of(connection, hub, in_force.entry, request.consumer))
    raised = type_of(in_force.entry, (item.name for item in content.terms.items)) > request.share_type
    if found or raised:
        says = "；".join(each.says for each in found[:5]) or "共享类型已改为更严"
        raise StateError(
            f"目录条目或期限已有变化：{says}", "须与现行的目录条目相符", "请退回补正，由需求部门按现行条目修改",
            code="REQUEST_OUTDATED",
        )  # fmt: skip
    return in_force
